"""A database with jobs, a target, and processes of both stacks on it: what the proof breaks, and then has judged.

with Ground(url, folder) as ground:
    ground.start("legacy", "legacy", "modern", "modern")
    ground.flip("legacy")
    ground.add_jobs([1.0] * 20)
    ...                              # flips, traps, kills
    history = ground.settle()
"""

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from sqlalchemy import Connection, insert, select, text, update

from shared_models import Job, JobSchedule, SchedulerHandover, SchedulerLease
from shared_models.engine import WRITES, sync_engine
from shared_models.migrate import upgrade
from tests.contract.stacks import SECRET, postgres
from tests.scheduler.proof import expected, witness
from tests.scheduler.proof.effects import Sink
from tests.scheduler.proof.history import Active, Fault, History, Schedule
from tests.scheduler.proof.mutants import MUTANTS
from tests.scheduler.proof.process import Orders, Process, Trap

STACKS = ("legacy", "modern")
OTHER = {"legacy": "modern", "modern": "legacy"}
TTL_S = 0.8
PAUSE_S = 2.5 * TTL_S
_LOOK_S = 0.01
_SOON = timedelta(seconds=0.2)
_AHEAD = timedelta(days=800)


@contextmanager
def stores(kind: str) -> Iterator[Callable[[], str]]:
    """Yield a maker of URLs of fresh migrated databases of one kind, cheap to make, gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="proof-")))
        if kind == "sqlite":
            first = folder / "first.db"
            upgrade(f"sqlite:///{first}")
            yield lambda: _copied(first, folder)
        else:
            server = stack.enter_context(postgres(folder))
            upgrade(server)
            yield lambda: _cloned(server)


def _copied(first: Path, folder: Path) -> str:
    copy = folder / f"{uuid.uuid4().hex}.db"
    shutil.copy(first, copy)
    return f"sqlite:///{copy}"


def _cloned(server: str) -> str:
    name = f"proof_{uuid.uuid4().hex}"
    engine = sync_engine(server.replace("/postgres?", "/template1?"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE postgres"))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


class Ground:
    """Settings are fields of Settings; policies and the TTL count, and every tick runs unless they say otherwise."""

    def __init__(self, url: str, folder: Path, *, sink: Sink | None = None, mutant: str = "", **settings: Any) -> None:
        self.url = url
        self.folder = folder
        self.mutant = mutant
        self.engine = sync_engine(url)
        self.sink = sink or Sink(folder)
        self.processes: list[Process] = []
        self.gone: list[Process] = []
        self._active: list[tuple[str, Schedule, datetime]] = []
        self._settings = {
            "database_url": url,
            "jwt_secret_key": SECRET,
            "var_dir": folder,
            "scheduler_lease_ttl_s": TTL_S,
            "scheduler_catch_up": "all",
            "scheduler_overlap": "allow",
            "scheduler_run_timeout_s": 1,
            **settings,
        }
        self._tender = threading.Thread(target=self._tend, daemon=True)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        with self._writing() as connection:
            connection.execute(text("DELETE FROM scheduler_lease"))
            connection.execute(insert(SchedulerLease).values(id=1, desired_stack="none", epoch=0, beat=0, ttl_s=TTL_S))
        if self.mutant and MUTANTS[self.mutant].drops_key:
            witness.drop_unique_key(self.engine)
        witness.install(self.engine)
        self.sink.__enter__()
        self._tender.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._tender.join()
        for process in [*self.processes, *self.gone]:
            process.close()
        self.sink.__exit__()
        self.engine.dispose()

    def start(self, *stacks: str, trap: Trap | None = None) -> list[Process]:
        """Start processes of these stacks; return them when they run."""
        started = [
            Process(Orders(stack, self._settings, self.folder / "processes.log", self.mutant, trap)) for stack in stacks
        ]
        for process in started:
            process.wait_until_ready()
        self.processes += started
        return started

    def replace_the_dead(self) -> None:
        """Start a process for each that is gone, as a server's manager does."""
        dead = [process for process in self.processes if not process.is_alive]
        self.processes = [process for process in self.processes if process not in dead]
        for process in dead:
            process.take_note()
        self.gone += dead
        self.start(*(process.orders.stack for process in dead))

    def flip(self, stack: str) -> None:
        """Move the flag, in the one transaction a planned handover takes."""
        with self._writing() as connection:
            wanted = connection.scalars(select(SchedulerLease.desired_stack)).one()
            connection.execute(
                insert(SchedulerHandover).values(
                    id=str(uuid.uuid4()), from_stack=wanted, to_stack=stack, requested_at=datetime.now(UTC)
                )
            )
            connection.execute(update(SchedulerLease).values(desired_stack=stack))

    def owner(self) -> Process | None:
        """Return the process that the lease names, if it is one of those that live."""
        with self.engine.connect() as connection:
            name = connection.scalars(select(SchedulerLease.owner_process)).one()
        return next((process for process in self.processes if process.name == name and process.is_alive), None)

    def wait_for_owner(self, stack: str, timeout_s: float = 10, other_than: Process | None = None) -> Process | None:
        """Return the owner as soon as it is one of that stack and goes on; None after the time."""
        found: list[Process] = []

        def looks() -> bool:
            owner = self.owner()
            if owner and owner is not other_than and owner.orders.stack == stack and not owner.stopped:
                found.append(owner)
            return bool(found)

        wait_until(looks, timeout_s)
        return found[0] if found else None

    def add_jobs(self, periods_s: Sequence[float]) -> None:
        """Add a job for each period, with a call to the sink, due from now on."""
        self._add([Schedule(every_s=period) for period in periods_s], datetime.now(UTC))

    def add_overdue_cron_jobs(self, lines: Sequence[str], zone: str, since: datetime) -> None:
        """Add jobs of these crontab lines that nobody has looked after since then."""
        self._add([Schedule(cron=line, zone=zone) for line in lines], since)

    def _add(self, schedules: Sequence[Schedule], after: datetime) -> None:
        now = datetime.now(UTC)
        jobs, rows = [], []
        for schedule in schedules:
            job_id = str(uuid.uuid4())
            first = _first_tick(schedule, after)
            jobs.append(_job(job_id, schedule, self.sink.url, now))
            rows.append({"job_id": job_id, "next_run_at": first, "schedule_rev": 1, "every_s": schedule.every_s})
            self._active.append((job_id, schedule, after))
        with self._writing() as connection:
            connection.execute(insert(Job), jobs)
            connection.execute(insert(JobSchedule), rows)

    def set_back(self, by_s: float) -> None:
        """Have every schedule at an earlier tick again, as a restored backup would."""
        with self._writing() as connection:
            for job_id, schedule, _ in self._active:
                now = connection.scalar(select(JobSchedule.next_run_at).where(JobSchedule.job_id == job_id))
                earlier = _first_tick(schedule, now - timedelta(seconds=by_s))
                connection.execute(update(JobSchedule).where(JobSchedule.job_id == job_id).values(next_run_at=earlier))

    def caught_up(self) -> bool:
        """Tell whether nothing waits that should have been claimed or started by now."""
        with self.engine.connect() as connection:
            overdue = self._due(connection, datetime.now(UTC) - _SOON)
            waits = connection.execute(text("SELECT 1 FROM job_executions WHERE phase = 'claimed' LIMIT 1")).first()
        return not overdue and waits is None

    def settle(self, timeout_s: float = 10) -> History:
        """End the jobs at a moment at which nothing is due, let all runs end, take the flag away, and read all of it."""
        until = self._end_jobs(timeout_s)
        wait_until(lambda: not self._open_runs(), timeout_s)
        self.flip("none")
        wait_until(self._nobody_owns, timeout_s)
        ended = datetime.now(UTC)
        wait_until(lambda: not any(process.stopped for process in self.processes), timeout_s)
        for process in self.processes:
            if process.is_alive:
                process.end()
        for process in self.processes:
            process.join(timeout_s)
        return self._history(until, ended)

    def faults(self) -> list[Fault]:
        return [fault for process in [*self.processes, *self.gone] for fault in process.faults]

    def _history(self, until: datetime, ended: datetime) -> History:
        with self.engine.connect() as connection:
            lease, writes = witness.read_log(connection)
            rows = witness.read_rows(connection)
        active = [Active(job_id, schedule, after, until) for job_id, schedule, after in self._active]
        return History(active, lease, writes, rows, self.sink.calls(), ended, self.faults())

    def _end_jobs(self, timeout_s: float) -> datetime:
        ends = time.monotonic() + timeout_s
        while True:
            with self._writing() as connection:
                now = datetime.now(UTC)
                if not self._due(connection, now) or time.monotonic() > ends:
                    connection.execute(update(Job).values(is_active=False))
                    connection.execute(
                        update(JobSchedule).values(next_run_at=None, schedule_rev=JobSchedule.schedule_rev + 1)
                    )
                    return now
            time.sleep(0.01)

    def _due(self, connection: Connection, now: datetime) -> bool:
        found = select(JobSchedule.job_id).where(JobSchedule.next_run_at <= now).limit(1)
        return connection.execute(found).first() is not None

    def _open_runs(self) -> bool:
        with self.engine.connect() as connection:
            found = text("SELECT 1 FROM job_executions WHERE phase IN ('claimed', 'running') LIMIT 1")
            return connection.execute(found).first() is not None

    def _nobody_owns(self) -> bool:
        with self.engine.connect() as connection:
            return connection.scalars(select(SchedulerLease.owner_process)).one() is None

    def _tend(self) -> None:
        """Take note of traps that were sprung, and let what was stopped go on: a stopped owner may block every writer."""
        while not self._over.wait(_LOOK_S):
            for process in list(self.processes):
                process.take_note()
                process.resume_after(PAUSE_S)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**WRITES) as connection, connection.begin():
            yield connection


def wait_until(comes_true: Callable[[], bool], timeout_s: float) -> bool:
    """Tell whether it came true in time."""
    ends = time.monotonic() + timeout_s
    while not comes_true():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


def _first_tick(schedule: Schedule, after: datetime) -> datetime:
    span = timedelta(seconds=schedule.every_s) if schedule.every_s else timedelta(days=32)
    return expected.ticks(schedule, after, after + span)[0]


def _job(job_id: str, schedule: Schedule, target: str, now: datetime) -> dict[str, Any]:
    return {
        "id": job_id,
        "name": f"proof {job_id}",
        "cron_expression": schedule.cron or "0 0 1 1 *",
        "target_url": target,
        "job_metadata": {},
        "category": "general",
        "end_date": (now + _AHEAD).date(),
        "notification_emails": [],
        "is_active": True,
        "created_at": now,
        "updated_at": now,
    }
