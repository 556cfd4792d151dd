"""A database, the commands on it in this process, and puppets: threads that behave like a process of a stack's scheduler."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text, update

from changeover import cli
from scheduler.lease import transaction
from scheduler.nodes import asked_at, facts_of, fires_digest
from shared_models import Job, JobExecution, JobSchedule, SchedulerHandover, SchedulerLease
from shared_models.engine import sync_engine
from shared_models.queries import lease as queries
from shared_models.queries.clock import DatabaseNow
from shared_models.scheduler import SchedulerNode
from shared_rules.settings import Settings
from tests.contract import world
from tests.ops.ground import environment_of_a_copy

__all__ = ["Ground", "Puppet", "Said", "on_ground"]

_POLL_S = 0.01


@dataclass(frozen=True)
class Said:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Puppet:
    """Beats, answers what it is asked, lets the lease go when another stack is wanted, and takes it when its own is.

    `fires` is answered in place of the digest; what is told not to happen does not.
    """

    engine: Engine
    stack: str
    number: int = 1
    fires: str = ""
    facts: Mapping[str, Any] | None = None
    answers: bool = True
    acquires: bool = True
    lets_go: bool = True
    answered: int = 0

    def __post_init__(self) -> None:
        self.process = f"{self.stack}:here:{self.number}:ab"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> "Puppet":
        facts = facts_of(Settings(), 0.0) | dict(self.facts or {})
        with transaction(self.engine) as connection:
            connection.execute(queries.node_written(self.engine.dialect.name, self.process, self.stack, facts))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._stopped.wait(_POLL_S):
            with self.engine.connect() as connection:
                seen = connection.execute(queries.seen(self.process)).one()
            if seen.asked and self.answers:
                self._answer(seen.asked)
            self._take_or_leave(seen)
            with transaction(self.engine) as connection:
                connection.execute(queries.node_beats(self.process))

    def _answer(self, asked: str) -> None:
        with self.engine.connect() as connection:
            fires = self.fires or fires_digest(connection, Settings().zone, asked_at(asked))
        with transaction(self.engine) as connection:
            connection.execute(queries.node_answered(self.process, asked, fires))
        self.answered += 1

    def _take_or_leave(self, seen: Any) -> None:
        mine, wanted = seen.owner_process == self.process, seen.desired_stack == self.stack
        with transaction(self.engine) as connection:
            if mine and wanted:
                connection.execute(queries.fence(self.process, self.stack, seen.epoch))
            elif mine and self.lets_go:
                connection.execute(queries.release(self.process, seen.epoch))
                self._complete(connection, "none", None)
            elif wanted and seen.owner_process is None and self.acquires:
                won = connection.execute(queries.acquire(self.process, self.stack, seen.epoch, seen.beat, 5.0)).first()
                self._complete(connection, self.stack, won.epoch if won else None)

    def _complete(self, connection: Any, to: str, epoch: int | None) -> None:
        planned = connection.execute(queries.handover_to(to)).first()
        if planned:
            connection.execute(queries.handover_completed(planned.id, epoch, 12.5))
            connection.execute(queries.handover_counted(planned.id, 3, 1))


@dataclass(frozen=True)
class Ground:
    """The database and the commands. `stack` puts a puppet on it."""

    engine: Engine
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    stack: ExitStack

    def run(self, *arguments: str) -> Said:
        """Run `changeover scheduler` with these arguments."""
        with self.patch.context() as here, pytest.raises(SystemExit) as ended:
            here.setattr("sys.argv", ["changeover", "scheduler", *arguments])
            here.chdir(Path.cwd())
            cli.main()
        said = self.capture.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    def puppet(self, stack: str, **how: Any) -> Puppet:
        return self.stack.enter_context(Puppet(self.engine, stack, **how))

    def owned_by(self, process: str, *, age_s: float = 0.0, wanted: str = "", epoch: int = 7) -> None:
        """Write an owner that beat so many seconds ago by the database's clock."""
        stack = process.partition(":")[0]
        with transaction(self.engine) as connection:
            owner = {"owner_stack": stack, "owner_process": process, "epoch": epoch, "acquired_at": DatabaseNow()}
            lease = update(SchedulerLease).values(desired_stack=wanted or stack, beat_at=DatabaseNow(), **owner)
            connection.execute(lease)
            self._older(connection, "scheduler_lease", age_s)

    def died(self, process: str, *, age_s: float) -> None:
        """Write a process that showed life so many seconds ago."""
        with transaction(self.engine) as connection:
            facts, stack = facts_of(Settings(), 0.0), process.partition(":")[0]
            connection.execute(queries.node_written(self.engine.dialect.name, process, stack, facts))
            self._older(connection, "scheduler_nodes", age_s)

    def want(self, stack: str) -> None:
        with transaction(self.engine) as connection:
            connection.execute(update(SchedulerLease).values(desired_stack=stack))

    def job(self, name: str, cron: str = "0 3 * * *", next_run_at: datetime | None = None) -> str:
        """Add a webhook job and its schedule; return its id."""
        columns = {"cron_expression": cron, "target_url": "http://127.0.0.1/x", "category": "general"}
        stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
        with transaction(self.engine) as connection:
            rows = insert(Job).values(
                id=f"job-{name}", name=name, end_date=date(2099, 1, 1), notification_emails=[], **columns, **stamps
            )
            connection.execute(rows)
            connection.execute(insert(JobSchedule).values(job_id=f"job-{name}", next_run_at=next_run_at))
        return f"job-{name}"

    def tick(self, job: str, at: datetime, phase: str, reason: str | None = None, **more: Any) -> None:
        columns = {"status": phase, "trigger_type": "scheduled", "execution_type": "webhook", "started_at": at}
        with transaction(self.engine) as connection:
            row = {"id": f"{job}-{at:%d%H%M%S}", "job_id": job, "scheduled_for": at, "phase": phase}
            connection.execute(insert(JobExecution).values(**row, **columns, skip_reason=reason, **more))

    def lease(self) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(*SchedulerLease.__table__.c)).one()

    def handovers(self) -> list[Any]:
        with self.engine.connect() as connection:
            order = SchedulerHandover.__table__.c.requested_at
            return list(connection.execute(select(*SchedulerHandover.__table__.c).order_by(order)))

    def rows(self, *columns: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]

    def nodes(self) -> list[tuple[Any, ...]]:
        return self.rows(SchedulerNode.process)

    def until(self, what: str, ask: Any) -> None:
        deadline = time.monotonic() + 10
        while not ask():
            assert time.monotonic() < deadline, what
            time.sleep(0.01)

    def _older(self, connection: Any, table: str, age_s: float) -> None:
        past = {
            "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', :past || ' seconds')",
            "postgresql": "clock_timestamp() + CAST(:past AS double precision) * interval '1 second'",
        }[self.engine.dialect.name]
        connection.execute(text(f"UPDATE {table} SET beat_at = {past}"), {"past": -age_s})


@contextmanager
def on_ground(
    url: str, var_dir: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> Iterator[Ground]:
    """Yield the ground on a migrated database, with known people, no jobs, and no puppet."""
    for name, value in environment_of_a_copy(var_dir, DATABASE_URL=url, JWT_SECRET_KEY="x" * 40).items():
        patch.setenv(name, value)
    engine = sync_engine(url)
    world.reset(engine)
    with ExitStack() as stack:
        yield Ground(engine, patch, capture, stack)
    engine.dispose()
