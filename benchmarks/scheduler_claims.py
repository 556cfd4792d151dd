"""How late the last of many jobs is claimed that are due at one moment; beside a floor and beside stock APScheduler.

Run: .venv/bin/python -m benchmarks.scheduler_claims [--jobs 10000] [--rounds 5]
The scheduler is a process of its own that calls a real target meanwhile. The floor does the same writes by the bare
driver in one process that does nothing else; APScheduler keeps nothing and calls an empty function.
"""

import argparse
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import psycopg
from apscheduler.events import EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.scheduler_ground import Ground, Owner, grounds, progress, target, watch_claims

BATCH = 500
AHEAD_S = 3.0
GOALS_MS = {"sqlite": 250, "postgresql": 500}
CRON = "* * * * *"
TIMES = "%Y-%m-%d %H:%M:%S.%f"


def ours(ground: Ground, jobs: int, target_url: str) -> float:
    """Return how many seconds after the moment the last claim was committed."""
    ground.add_jobs(jobs, target_url, CRON, datetime.now(UTC) + timedelta(days=1))
    with Owner(ground, watch_claims) as owner:
        ground.wait_until_owned()
        due = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
        moment = time.monotonic() + AHEAD_S
        ground.make_due(due)
        if time.monotonic() > moment - 0.5:
            raise SystemExit("the jobs were due before the scheduler could know; this machine is too busy")
        commits: list[float] = []
        while len(commits) < -(-jobs // BATCH):
            commits += owner.received(wait_s=30)
    # A look that finds nothing more may follow.
    return commits[-(-jobs // BATCH) - 1] - moment


def floor(ground: Ground, jobs: int, target_url: str) -> float:
    """Return the seconds of the same writes by the bare driver."""
    now = datetime.now(UTC)
    ground.add_jobs(jobs, target_url, CRON, now)
    connection: Any
    if ground.kind == "sqlite":
        connection = sqlite3.connect(ground.engine.url.database, isolation_level=None)
        connection.execute("PRAGMA synchronous=NORMAL")
        mark, begin = "?", "BEGIN IMMEDIATE"
    else:
        connection = psycopg.connect(ground.engine.url.set(drivername="postgresql").render_as_string(), autocommit=True)
        mark, begin = "%s", "BEGIN"
    began = time.perf_counter()
    cursor = connection.cursor()
    while claim(cursor, mark, begin, now):
        pass
    took = time.perf_counter() - began
    connection.close()
    return took


def claim(cursor: Any, mark: str, begin: str, now: datetime) -> bool:
    def sql(text: str) -> str:
        return text.replace("?", mark)

    at = now.strftime(TIMES) if mark == "?" else now
    later = now + timedelta(minutes=1)
    cursor.execute(begin)
    cursor.execute("UPDATE scheduler_lease SET beat = beat + 1 WHERE id = 1")
    due = "SELECT job_id FROM job_schedule WHERE next_run_at <= ? ORDER BY next_run_at LIMIT 500"
    cursor.execute(sql(due), (at,))
    ids = [row[0] for row in cursor.fetchall()]
    cursor.executemany(
        sql(
            "INSERT INTO job_executions (id, job_id, status, trigger_type, started_at, execution_type, phase, scheduled_for)"
            " VALUES (?, ?, 'running', 'scheduled', ?, 'webhook', 'claimed', ?) ON CONFLICT DO NOTHING"
        ),
        [(str(uuid.uuid4()), job, at, at) for job in ids],
    )
    following = later.strftime(TIMES) if mark == "?" else later
    cursor.executemany(
        sql("UPDATE job_schedule SET next_run_at = ? WHERE job_id = ?"), [(following, job) for job in ids]
    )
    cursor.execute("COMMIT")
    return len(ids) == BATCH


def stock(jobs: int) -> tuple[float, int]:
    """Return how late stock APScheduler submits the last job, and how many it drops by its own defaults."""
    late: list[float] = []
    missed: list[str] = []
    done = threading.Event()
    scheduler = BackgroundScheduler(timezone="UTC")
    due = datetime.now(UTC) + timedelta(seconds=AHEAD_S + jobs / 2_000)

    def run() -> None:
        late.append((datetime.now(UTC) - due).total_seconds())
        if len(late) + len(missed) == jobs:
            done.set()

    scheduler.add_listener(lambda event: missed.append(event.job_id), EVENT_JOB_MISSED)
    for _ in range(jobs):
        scheduler.add_job(run, "interval", minutes=1, start_date=due)
    scheduler.start()
    done.wait(AHEAD_S + jobs / 2_000 + 20)
    scheduler.shutdown(wait=False)
    return max(late, default=float("nan")), len(missed)


def rounds_of(measure: Callable[[], float], rounds: int, name: str) -> list[float]:
    found = []
    for number in range(rounds):
        progress(f"{name}: round {number + 1} of {rounds}")
        found.append(measure() * 1e3)
    return found


def show(name: str, found: list[float], beside: str) -> None:
    progress("")
    print(f"  {name:34} {median(found):7.0f} ms ({min(found):.0f} to {max(found):.0f})   {beside}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="How late the last of many jobs is claimed.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{options.jobs:,} jobs due at one moment: until the last is claimed, median of {options.rounds} (range)")
    with target() as url, grounds() as each:
        for ground in each:
            bare = rounds_of(lambda: floor(ground, options.jobs, url), options.rounds, "floor")  # noqa: B023
            show(f"{ground.kind}, bare driver", bare, "the floor: the same writes and nothing else")
            found = rounds_of(lambda: ours(ground, options.jobs, url), options.rounds, "ours")  # noqa: B023
            beside = f"{median(found) / median(bare):.1f} times the floor; goal {GOALS_MS[ground.kind]} ms"
            show(f"{ground.kind}, this scheduler", found, beside)
    late, missed = stock(options.jobs)
    show("stock APScheduler, nothing kept", [late * 1e3], f"{missed:,} of {options.jobs:,} dropped as too late")


if __name__ == "__main__":
    main()
