"""How soon the owner knows of an edit that another process has committed, and how soon it acts on it; beside a floor.

Run: .venv/bin/python -m benchmarks.scheduler_edits [--edits 300]
Known: APScheduler in the owner looks at its schedule anew. Claimed: a job that an edit made due is claimed and committed.
The floor is a process that does nothing but notice: the database's own counter each 25 ms, or LISTEN.
"""

import argparse
import multiprocessing
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import psycopg
from sqlalchemy import update

from benchmarks.scheduler_ground import (
    Ground,
    Owner,
    grounds,
    percentile,
    progress,
    target,
    watch_claims,
    watch_wakes,
)
from scheduler.lease import transaction
from shared_models import JobSchedule

JOBS = 1_000
GOALS_MS = {"sqlite": 60, "postgresql": 10}
LOOK_S = 0.025
PATIENCE_S = 2.0
# Before the scheduler's own duties, whatever the time of day, or nearly so.
SOON = timedelta(minutes=20)


def edit(ground: Ground, number: int, at: datetime) -> float:
    """Let one job be due at that time; return the monotonic time after the commit."""
    changed = {"next_run_at": at, "schedule_rev": JobSchedule.schedule_rev + 1}
    job = f"10000000-0000-4000-8000-{number % JOBS:012d}"
    with transaction(ground.engine) as connection:
        connection.execute(update(JobSchedule).where(JobSchedule.job_id == job).values(changed))
    return time.monotonic()


def notice(kind: str, where: str, driver: Connection) -> None:
    """Send the time of each write that is noticed."""
    driver.send("ready")
    with suppress(BrokenPipeError, KeyboardInterrupt):
        if kind == "postgresql":
            listener = psycopg.connect(where, autocommit=True)
            listener.execute("LISTEN scheduler")
            for _ in listener.notifies():
                driver.send(time.monotonic())
        looker = sqlite3.connect(where, isolation_level=None)
        last = looker.execute("PRAGMA data_version").fetchone()
        while True:
            now = looker.execute("PRAGMA data_version").fetchone()
            if now != last:
                driver.send(time.monotonic())
                last = now
            time.sleep(LOOK_S)


class Noticer:
    """A process that only notices."""

    def __init__(self, ground: Ground) -> None:
        context = multiprocessing.get_context("spawn")
        self.said, theirs = context.Pipe()
        url = ground.engine.url
        where = (
            str(url.database)
            if ground.kind == "sqlite"
            else url.set(drivername="postgresql").render_as_string(hide_password=False)
        )
        self._process = context.Process(target=notice, args=(ground.kind, where, theirs), daemon=True)
        self._process.start()
        self.said.recv()
        time.sleep(0.3)

    def received(self, wait_s: float = 0.0) -> list[Any]:
        found = []
        while self.said.poll(0 if found else wait_s):
            found.append(self.said.recv())
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def measure(ground: Ground, edits: int, at: Callable[[int], datetime], hearer: Any, name: str) -> list[float]:
    """Return in milliseconds how long after each commit `hearer` heard of it."""
    chance = random.Random(7)
    found = []
    for number in range(edits):
        progress(f"{ground.kind}, {name}: edit {number + 1} of {edits}")
        time.sleep(chance.uniform(0.05, 0.12))
        hearer.received()
        committed = edit(ground, number, at(number))
        heard = hearer.received(wait_s=PATIENCE_S)
        if not heard:
            raise SystemExit(f"{ground.kind}, {name}: edit {number + 1} was not heard of within {PATIENCE_S:g} s")
        found.append(max(0.0, heard[0] - committed) * 1e3)
    return found


def show(kind: str, name: str, found: list[float], beside: str) -> None:
    progress("")
    middle, high = percentile(found, 50), percentile(found, 99)
    print(
        f"  {kind:11} {name:9} p50 {middle:6.1f} ms   p99 {high:6.1f} ms   max {max(found):6.1f} ms   {beside}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon the owner knows of an edit.")
    parser.add_argument("--edits", type=int, default=300)
    edits = parser.parse_args().edits
    print(f"From the commit of an edit by another process, {edits} edits of {JOBS:,} jobs")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with target() as url, grounds() as each:
        for ground in each:
            ground.add_jobs(JOBS, url, "0 0 1 1 *", tomorrow)
            noticer = Noticer(ground)
            show(ground.kind, "noticed", measure(ground, edits, earlier(tomorrow), noticer, "noticed"), "the floor")
            noticer.close()
            with Owner(ground, watch_wakes) as owner:
                ground.wait_until_owned()
                time.sleep(1)
                found = measure(ground, edits, earlier(datetime.now(UTC) + SOON), owner, "known")
                show(ground.kind, "known", found, f"goal p99 {GOALS_MS[ground.kind]} ms")
            with Owner(ground, watch_claims) as owner:
                ground.wait_until_owned()
                time.sleep(1)
                found = measure(ground, edits, lambda _: datetime.now(UTC), owner, "claimed")
                show(ground.kind, "claimed", found, "the claim's own transaction included")


def earlier(start: datetime) -> Callable[[int], datetime]:
    """Return times each of which comes before all that were given before: the schedule's first entry changes."""
    return lambda number: start - timedelta(seconds=number)


if __name__ == "__main__":
    main()
