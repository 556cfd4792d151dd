"""The scheduler of this process, really running, for tests: over a database of the test's own, with sinks as the world.

with place.owning("modern") as runtime:
    job = place.add_job(due=True)
    place.sinks.http.wait_for(1)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from apscheduler.schedulers.base import STATE_RUNNING
from sqlalchemy import Engine, insert, select, update

from scheduler.lease import transaction
from scheduler.runtime import Runtime
from scheduler.services import build_services
from shared_models import (
    Base,
    Job,
    JobExecution,
    JobSchedule,
    OutboxMessage,
    SchedulerHandover,
    SchedulerLease,
    new_id,
)
from shared_models.engine import sync_engine
from tests.contract import stacks, world
from tests.ops.waiting import wait_for

__all__ = ["LONG_AGO", "NEVER", "Place"]

NEVER = "0 0 1 1 *"
"""Fires on New Year's Day: never while a test runs, but at midnight of that day."""

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_DRAIN_S = 5.0


@dataclass(frozen=True)
class Place:
    """A database with the world's people in it, and where everything goes that schedulers send."""

    url: str
    engine: Engine
    sinks: stacks.Sinks

    @classmethod
    @contextmanager
    def open(cls, url: str, sinks: stacks.Sinks) -> Iterator[Self]:
        """Yield the place on a migrated database, made the world again."""
        engine = sync_engine(url)
        world.reset(engine)
        sinks.clear()
        yield cls(url, engine, sinks)
        engine.dispose()

    @contextmanager
    def running(self, stack: str = "modern", **settings: Any) -> Iterator[Runtime]:
        """Yield a scheduler of that stack, started; whether it owns is the lease's affair."""
        chosen = stacks.settings_for(self.url, self.sinks, **({"scheduler_enabled": True} | settings))
        services = build_services(chosen)
        runtime = Runtime(services, self.url, stack)
        runtime.start()
        try:
            yield runtime
        finally:
            runtime.stop(_DRAIN_S)
            services.close()

    @contextmanager
    def owning(self, stack: str = "modern", **settings: Any) -> Iterator[Runtime]:
        """Yield a scheduler of that stack, which is the wanted one, when it owns."""
        self.want(stack)
        with self.running(stack, **settings) as runtime:
            self.wait_until_owner(runtime)
            yield runtime

    def want(self, stack: str) -> None:
        """Set the flag."""
        with transaction(self.engine) as connection:
            connection.execute(update(SchedulerLease).values(desired_stack=stack))

    def hand_over(self, to: str) -> str:
        """Plan a handover and set the flag, in the one transaction that this takes; return the handover's id."""
        handover = new_id()
        with transaction(self.engine) as connection:
            wanted = connection.scalars(select(SchedulerLease.desired_stack)).one()
            now = datetime.now(UTC)
            planned = {"id": handover, "from_stack": wanted, "to_stack": to, "requested_at": now}
            connection.execute(insert(SchedulerHandover), [planned])
            connection.execute(update(SchedulerLease).values(desired_stack=to))
        return handover

    def wait_until_owner(self, runtime: Runtime) -> None:
        def owns() -> bool:
            return self.lease().owner_process == runtime.process and runtime.apscheduler.state == STATE_RUNNING

        wait_for(f"{runtime.process} owns", owns)

    def lease(self) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(*SchedulerLease.__table__.c)).one()

    def add_job(
        self,
        path: str = "/hook",
        *,
        due: bool | datetime = False,
        every_s: float | None = None,
        cron: str = NEVER,
        **columns: Any,
    ) -> str:
        """Add a webhook job of the person called user; return its id. `due`: since then, or since just now."""
        row = {
            "id": new_id(),
            "name": f"Job {new_id()[:8]}",
            "cron_expression": cron,
            "target_url": self.sinks.http.url + path,
            "job_metadata": {},
            "category": "general",
            "end_date": date(2099, 12, 31),
            "pic_team": "core",
            "notification_emails": [],
            "created_by": world.user_id("user"),
            "is_active": True,
            "created_at": world.CREATED,
            "updated_at": world.CREATED,
        } | columns
        at = datetime.now(UTC) if due is True else due or None
        later = datetime.now(UTC) + timedelta(days=1)
        schedule = {"job_id": row["id"], "next_run_at": at or later, "schedule_rev": 1, "every_s": every_s}
        with transaction(self.engine) as connection:
            connection.execute(insert(Job), [row])
            connection.execute(insert(JobSchedule), [schedule])
        return str(row["id"])

    def make_due(self, job_id: str, at: datetime | None = None) -> datetime:
        """Let the job be due at that time, or now, as an edit does; return when."""
        at = at or datetime.now(UTC)
        revision = JobSchedule.schedule_rev + 1
        with transaction(self.engine) as connection:
            schedule = update(JobSchedule).where(JobSchedule.job_id == job_id)
            connection.execute(schedule.values(next_run_at=at, schedule_rev=revision))
        return at

    def change(self, model: type[Base], key: Any, value: Any, **columns: Any) -> None:
        """Set columns of the rows in which `key`, a column, has that value."""
        with transaction(self.engine) as connection:
            connection.execute(update(model).where(key == value).values(columns))

    def add(self, model: type[Base], *rows: dict[str, Any]) -> None:
        with transaction(self.engine) as connection:
            connection.execute(insert(model), list(rows))

    def rows(self, model: type[Base]) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(*model.__table__.c).order_by(*model.__table__.primary_key)))

    def runs(self, job_id: str) -> list[Any]:
        """Return the rows of the job's ticks and runs, the earliest first."""
        found = [row for row in self.rows(JobExecution) if row.job_id == job_id]
        return sorted(found, key=lambda row: row.scheduled_for or row.started_at)

    def phases(self, job_id: str) -> list[str]:
        return [row.phase for row in self.runs(job_id)]

    def next_run(self, job_id: str) -> datetime | None:
        (found,) = [row.next_run_at for row in self.rows(JobSchedule) if row.job_id == job_id]
        at: datetime | None = found
        return at

    def wait_for_phases(self, job_id: str, *phases: str) -> list[Any]:
        """Return the job's rows as soon as they have these phases, in the order of their times."""
        wait_for(f"runs {phases}", lambda: self.phases(job_id) == list(phases))
        return self.runs(job_id)

    def wait_until_sent(self) -> None:
        """Wait until no message is owed to anybody."""
        wait_for("all messages sent", lambda: all(row.phase == "sent" for row in self.rows(OutboxMessage)))
