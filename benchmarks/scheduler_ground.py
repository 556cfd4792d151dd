"""Databases with many jobs, a target that costs next to nothing, and schedulers as processes, for the benchmarks."""

import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from typing import Any

import structlog
from sqlalchemy import Engine, delete, func, insert, select, update

from scheduler import points
from scheduler.lease import transaction
from scheduler.runtime import Runtime
from scheduler.services import build_services
from shared_models import Job, JobExecution, JobSchedule, SchedulerLease
from shared_models.engine import sync_engine
from shared_rules.settings import load_settings
from tests.contract import stacks, world

__all__ = [
    "Ground",
    "Owner",
    "grounds",
    "percentile",
    "progress",
    "target",
    "watch_claims",
    "watch_nothing",
    "watch_wakes",
]

_context = multiprocessing.get_context("spawn")
_ROWS = 5_000


def progress(text: str) -> None:
    """Show one line of progress on a terminal, over the last one."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def percentile(values: Sequence[float], rank: int) -> float:
    return quantiles(values, n=100, method="inclusive")[rank - 1]


@contextmanager
def target() -> Iterator[str]:
    """Yield the URL of a server that answers a small document at once."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.tiny_stack", str(port)])
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/1"
    finally:
        server.terminate()
        server.wait()


class Ground:
    """One migrated database; the modern stack is the wanted one."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url
        self.engine: Engine = sync_engine(url)
        world.reset(self.engine)
        with transaction(self.engine) as connection:
            connection.execute(update(SchedulerLease).values(desired_stack="modern"))

    def add_jobs(self, count: int, target_url: str, cron: str, next_run_at: datetime) -> None:
        """Add active jobs, in place of those that were there."""
        with transaction(self.engine) as connection:
            for model in (JobExecution, JobSchedule, Job):
                connection.execute(delete(model))
        for start in range(0, count, _ROWS):
            numbers = range(start, min(count, start + _ROWS))
            with transaction(self.engine) as connection:
                connection.execute(insert(Job), [_job(number, target_url, cron) for number in numbers])
                schedules = [{"job_id": _id(number), "next_run_at": next_run_at} for number in numbers]
                connection.execute(insert(JobSchedule), schedules)

    def make_due(self, at: datetime) -> None:
        """Let all jobs be due at that time, as an edit of each would."""
        revision = JobSchedule.schedule_rev + 1
        with transaction(self.engine) as connection:
            connection.execute(update(JobSchedule).values(next_run_at=at, schedule_rev=revision))

    def count(self, phase: str) -> int:
        with self.engine.connect() as connection:
            found = select(func.count()).select_from(JobExecution).where(JobExecution.phase == phase)
            return connection.scalars(found).one()

    def wait_until_owned(self) -> None:
        while True:
            with self.engine.connect() as connection:
                if connection.scalars(select(SchedulerLease.owner_process)).one():
                    return
            time.sleep(0.02)


@contextmanager
def grounds(kinds: Sequence[str] = stacks.DATABASES) -> Iterator[Iterator[Ground]]:
    """Yield an iterator over a ground on each kind of database, made one after the other."""

    def each() -> Iterator[Ground]:
        for kind in kinds:
            with stacks.database_url(kind) as url:
                ground = Ground(kind, url)
                yield ground
                ground.engine.dispose()

    yield each()


class Owner:
    """A scheduler as a process of its own, which owns or stands by. `watch` runs in it and may send to `said`."""

    def __init__(self, ground: Ground, watch: Callable[[Runtime, Connection], None], **settings: Any) -> None:
        self.said, theirs = _context.Pipe()
        self._process = _context.Process(target=_live, args=(ground.url, settings, watch, theirs), daemon=True)
        self._process.start()
        self.said.recv()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def received(self, wait_s: float = 0.0) -> list[Any]:
        """Return what came since the last time."""
        found = []
        while self.said.poll(0 if found else wait_s):
            found.append(self.said.recv())
        return found

    def close(self) -> None:
        self.said.send("end")
        self._process.join(20)

    def __enter__(self) -> "Owner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _live(url: str, settings: dict[str, Any], watch: Callable[[Runtime, Connection], None], driver: Connection) -> None:
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        chosen = load_settings(database_url=url, jwt_secret_key=stacks.SECRET, var_dir=Path(folder), **settings)
        services = build_services(chosen)
        runtime = Runtime(services, url, "modern")
        watch(runtime, driver)
        runtime.start()
        driver.send(os.getpid())
        driver.recv()
        runtime.stop(drain_s=1)
        services.close()


def watch_nothing(_runtime: Runtime, _driver: Connection) -> None:
    pass


def watch_claims(_runtime: Runtime, driver: Connection) -> None:
    """Say the time, of this machine's one monotonic clock, of each committed claim."""

    def reached(point: str) -> None:
        if point == "claim.committed":
            driver.send(time.monotonic())

    points.listen(reached)


def watch_wakes(runtime: Runtime, driver: Connection) -> None:
    """Say when APScheduler learns that its schedule has changed."""
    wakeup = runtime.apscheduler.wakeup

    def woken() -> None:
        driver.send(time.monotonic())
        wakeup()

    runtime.apscheduler.wakeup = woken


def _id(number: int) -> str:
    return f"10000000-0000-4000-8000-{number:012d}"


def _job(number: int, target_url: str, cron: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": _id(number),
        "name": f"Job {number}",
        "cron_expression": cron,
        "target_url": target_url,
        "job_metadata": {},
        "category": "general",
        "end_date": date(2099, 12, 31),
        "notification_emails": [],
        "is_active": True,
        "created_at": now,
        "updated_at": now,
    }
