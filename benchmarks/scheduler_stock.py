"""What APScheduler loses and doubles when it is set up the usual way, under the load and faults of `scheduler_handovers`.

Run: .venv/bin/python -m benchmarks.scheduler_stock [--faults 20] [--ticks 2000] [--resync-s 5] [--seed 5]
The usual way: each worker process has a BackgroundScheduler, APScheduler's own defaults, jobs read from a table. A lock
file with the owner's process id lets one worker start it; it is tried once, when a worker starts, and the file of a dead
process is removed first. The jobs are added again every --resync-s, so that edits are seen. The other stack gets the
scheduler by a restart: the setting is changed, the old stack's workers are ended, the new one's are started.
"""

import argparse
import http.client
import logging
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from tests.scheduler.proof import expected
from tests.scheduler.proof.effects import Sink
from tests.scheduler.proof.history import Effect, Schedule

__all__ = ["PERIODS_S", "RATE", "report", "show"]

PERIODS_S = [1.0] * 40 + [1.25] * 40 + [2.5] * 70
RATE = sum(1 / period for period in PERIODS_S)
WORKERS = 2
PAUSE_S = 2.0
CALL_S = 5
_context = multiprocessing.get_context("forkserver")


def show(text: str) -> None:
    """Show one line of progress on a terminal, over the last one."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Outcome:
    """Ticks there had to be, those without a call, calls too many, and how late the others came."""

    expected: int
    lost: int
    doubled: int
    late_s: Sequence[float]
    leaderless: int


class PidFile:
    """The lock file as it is usually written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def acquire(self) -> bool:
        if self.path.exists() and not self._owner_lives():
            self.path.unlink(missing_ok=True)
        try:
            file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        os.write(file, str(os.getpid()).encode())
        os.close(file)
        return True

    def release(self) -> None:
        self.path.unlink(missing_ok=True)

    def owner(self) -> int | None:
        try:
            return int(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _owner_lives(self) -> bool:
        pid = self.owner()
        try:
            os.kill(pid or 0, 0)
        except ProcessLookupError:
            return False
        return pid is not None


def work(folder: Path, url: str, resync_s: float) -> None:
    """One worker of the stack that has the scheduler."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lock = PidFile(folder / "scheduler.lock")
    logging.disable()
    if not lock.acquire():
        ended.wait()
        return
    scheduler = BackgroundScheduler(timezone="UTC")
    load_jobs(scheduler, folder, url)
    scheduler.start()
    while not ended.wait(resync_s):
        load_jobs(scheduler, folder, url)
    scheduler.shutdown(wait=True)
    lock.release()


def load_jobs(scheduler: BackgroundScheduler, folder: Path, url: str) -> None:
    with sqlite3.connect(folder / "jobs.db") as database:
        rows = database.execute("SELECT id, every_s FROM jobs").fetchall()
    for job_id, every_s in rows:
        trigger = IntervalTrigger(seconds=every_s, start_date=expected.ORIGIN, timezone="UTC")
        # It takes whole seconds only.
        trigger.interval = timedelta(seconds=every_s)
        trigger.interval_length = every_s
        scheduler.add_job(call, trigger, args=(url, job_id, every_s), id=job_id, replace_existing=True)


def call(url: str, job_id: str, every_s: float) -> None:
    """Call the target. A job is not told its scheduled time, so the key is the last tick before now."""
    tick = expected.by_dividing(every_s, datetime.now(UTC) - timedelta(seconds=every_s), datetime.now(UTC))[-1]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=CALL_S)
    connection.request(
        "GET", "/", headers={"Idempotency-Key": key_of(job_id, tick), "X-Execution-Id": str(os.getpid())}
    )
    connection.getresponse().read()
    connection.close()


def key_of(job_id: str, tick: datetime) -> str:
    return f"{job_id}:{tick.timestamp():.3f}"


class Stock:
    """The workers of the stack whose turn it is."""

    def __init__(self, folder: Path, url: str, resync_s: float) -> None:
        self.folder, self.url, self.resync_s = folder, url, resync_s
        self.workers = [self._start() for _ in range(WORKERS)]

    def _start(self) -> multiprocessing.process.BaseProcess:
        worker = _context.Process(target=work, args=(self.folder, self.url, self.resync_s), daemon=True)
        worker.start()
        return worker

    def leader(self) -> int | None:
        """Return the process id in the lock file, if it is one of a worker that lives."""
        pid = PidFile(self.folder / "scheduler.lock").owner()
        return pid if any(worker.pid == pid and worker.is_alive() for worker in self.workers) else None

    def hand_over(self) -> None:
        """End these workers and start the other stack's, as a deployment with the changed setting does."""
        self.close()
        self.workers = [self._start() for _ in range(WORKERS)]

    def replace_the_dead(self) -> None:
        """Start a worker for each that is gone, as its manager does."""
        self.workers = [worker if worker.is_alive() else self._start() for worker in self.workers]

    def close(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.join()


def break_it(stock: Stock, how: str) -> None:
    leader = stock.leader()
    if how == "flip" or leader is None:
        stock.hand_over()
    elif how == "stop":
        os.kill(leader, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        os.kill(leader, signal.SIGCONT)
    elif how == "crash":
        for worker in stock.workers:
            worker.kill()
        for worker in stock.workers:
            worker.join()
        stock.replace_the_dead()
    else:
        os.kill(leader, signal.SIGKILL if how == "kill" else signal.SIGTERM)
        while stock.leader() == leader:
            time.sleep(0.05)
        stock.replace_the_dead()


def measure(faults: int, ticks: int, resync_s: float, seed: int) -> Outcome:
    """Run the load for so many ticks, with so many faults spread over it."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        with sqlite3.connect(folder / "jobs.db") as database:
            database.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, every_s REAL)")
            database.executemany("INSERT INTO jobs VALUES (?, ?)", [(f"job-{n}", p) for n, p in enumerate(PERIODS_S)])
        with Sink(folder) as sink:
            stock = Stock(folder, sink.url, resync_s)
            time.sleep(2)
            began, leaderless = datetime.now(UTC), 0
            for number in range(faults):
                time.sleep(
                    max(0.0, (number + 1) * ticks / RATE / (faults + 1) - (datetime.now(UTC) - began).total_seconds())
                )
                leaderless += stock.leader() is None
                how = chance.choice(["flip", "flip", "flip", "kill", "stop", "term", "crash"])
                show(f"stock: {number + 1} of {faults} faults, {how}")
                break_it(stock, how)
            time.sleep(max(0.0, ticks / RATE - (datetime.now(UTC) - began).total_seconds()))
            ended = datetime.now(UTC)
            time.sleep(2)
            stock.close()
            return judge(sink.calls(), began, ended, leaderless)


def judge(calls: Sequence[Effect], began: datetime, ended: datetime, leaderless: int) -> Outcome:
    ticks = {
        key_of(f"job-{number}", tick): tick
        for number, period in enumerate(PERIODS_S)
        for tick in expected.ticks(Schedule(every_s=period), began, ended)
    }
    arrived = Counter(effect.key for effect in calls if effect.key in ticks)
    late_s = [(effect.at - ticks[effect.key]).total_seconds() for effect in calls if effect.key in ticks]
    return Outcome(len(ticks), len(ticks) - len(arrived), sum(arrived.values()) - len(arrived), late_s, leaderless)


def report(faults: int, ticks: int, resync_s: float, seed: int) -> None:
    """Measure and print."""
    outcome = measure(faults, ticks, resync_s, seed)
    show("")
    cuts = quantiles(outcome.late_s, n=100)
    print(f"Stock APScheduler, one a worker behind a lock file: {faults} handovers and faults, seed {seed}")
    print(f"  ticks expected    {outcome.expected:7,}")
    print(f"  lost              {outcome.lost:7,}   {outcome.lost / outcome.expected:.2%}")
    print(f"  doubled effects   {outcome.doubled:7,}")
    print(
        f"  late p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms, longest {max(outcome.late_s) * 1e3:.0f} ms"
    )
    print(f"  times nobody led when the next fault was due: {outcome.leaderless} of {faults}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Stock APScheduler behind a lock file, under load and faults.")
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--ticks", type=int, default=2_000)
    parser.add_argument("--resync-s", type=float, default=5)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    report(options.faults, options.ticks, options.resync_s, options.seed)


if __name__ == "__main__":
    main()
