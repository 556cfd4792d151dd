"""What a scheduler costs that has nothing to do: processor time of the owner and of a standby, with many jobs in the table.

Run: .venv/bin/python -m benchmarks.scheduler_idle [--jobs 100000] [--seconds 20]
The floor is a process that imports the same and sleeps. Beside it stock APScheduler with its own SQLAlchemy job store and
a hundredth of the jobs: adding more takes it minutes. Linux only, as processor time is read from /proc.
"""

import argparse
import logging
import multiprocessing
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.gateway_ground import processor_us
from benchmarks.scheduler_ground import Ground, Owner, grounds, progress, target, watch_nothing

GOAL = 1.0
SETTLE_S = 3.0


def sleep(driver: Connection) -> None:
    driver.send("ready")
    driver.recv()


def stock(jobs: int, driver: Connection) -> None:
    """Have stock APScheduler keep so many jobs, due tomorrow."""
    logging.disable()
    scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url="sqlite://")}, timezone="UTC")
    scheduler.start(paused=True)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for _ in range(jobs):
        scheduler.add_job(time.time, "interval", hours=1, start_date=tomorrow)
    scheduler.resume()
    driver.send("ready")
    driver.recv()


class Other:
    """A process that is no scheduler of ours."""

    def __init__(self, work: object, *arguments: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._said, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(*arguments, theirs), daemon=True)
        self._process.start()
        self._said.recv()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def __enter__(self) -> "Other":
        return self

    def __exit__(self, *_: object) -> None:
        self._said.send("end")
        self._process.join(5)


def percent(pids: dict[str, int], seconds: float) -> dict[str, float]:
    """Return by name how much of one processor each process uses."""
    time.sleep(SETTLE_S)
    before = {name: processor_us([pid]) for name, pid in pids.items()}
    time.sleep(seconds)
    return {name: (processor_us([pid]) - before[name]) / seconds / 1e4 for name, pid in pids.items()}


def memory_mb(pid: int) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def measure(ground: Ground, seconds: float) -> None:
    with ExitStack() as running:
        owner = running.enter_context(Owner(ground, watch_nothing))
        ground.wait_until_owned()
        standby = running.enter_context(Owner(ground, watch_nothing))
        pids = {"owner": owner.pid, "standby": standby.pid}
        progress(f"{ground.kind}: idle for {seconds:g} s")
        used = percent(pids, seconds)
        progress("")
        for name, pid in pids.items():
            figures = f"{used[name]:5.2f} % of a processor, {memory_mb(pid):4.0f} MB"
            print(f"  {ground.kind:11} {name:8} {figures}   goal {GOAL:g} %", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What an idle scheduler costs.")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    print(f"Nothing due, {options.jobs:,} active jobs, over {options.seconds:g} s")
    with target() as url, grounds() as each:
        for ground in each:
            progress(f"{ground.kind}: adding {options.jobs:,} jobs")
            ground.add_jobs(options.jobs, url, "0 0 1 1 *", datetime.now(UTC) + timedelta(days=1))
            measure(ground, options.seconds)
    few = options.jobs // 100
    with Other(sleep) as asleep, Other(stock, few) as rival:
        used = percent({"asleep": asleep.pid, "stock": rival.pid}, options.seconds)
        print(f"  a process that sleeps: {used['asleep']:.2f} %, {memory_mb(asleep.pid):.0f} MB; the floor")
        print(f"  stock APScheduler with {few:,} jobs: {used['stock']:.2f} %, {memory_mb(rival.pid):.0f} MB")


if __name__ == "__main__":
    main()
