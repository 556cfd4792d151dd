"""The jobs table as APScheduler's job store: whatever either stack commits is in APScheduler with the commit.

There is nothing to synchronise and no mirror that could drift. A job is read when it is asked for; what is due is
claimed, which leaves APScheduler itself nothing to submit and nothing to move on.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent  # type: ignore[import-untyped]
from apscheduler.job import Job as ScheduledJob  # type: ignore[import-untyped]
from apscheduler.jobstores.base import BaseJobStore  # type: ignore[import-untyped]
from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]
from sqlalchemy import Select, select

from scheduler.claims import Claims
from scheduler.lease import NotOwner
from shared_models.job import Job, JobSchedule
from shared_rules.ticks import next_tick

__all__ = ["JobsTableStore", "TableTrigger", "run_by_row"]

_RETRY_S: Final = 0.2
_log = structlog.get_logger(__name__)


class TableTrigger(BaseTrigger):  # type: ignore[misc]
    """When a job of the table fires, by the one implementation of cron that previews and claims use as well."""

    def __init__(self, job: Any, zone: ZoneInfo) -> None:
        self._job = job
        self._zone = zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return next_tick(self._job, self._zone, max(now, previous_fire_time or now))

    def __str__(self) -> str:
        return f"cron[{self._job.cron_expression} {self._zone.key}]"


class JobsTableStore(BaseJobStore):  # type: ignore[misc]
    """`on_claimed` hears of claimed runs and of messages to send, `on_lost` that this process does not own any more."""

    def __init__(self, claims: Claims, on_claimed: Callable[[], None], on_lost: Callable[[], None]) -> None:
        super().__init__()
        self._claims = claims
        self._on_claimed = on_claimed
        self._on_lost = on_lost

    def get_due_jobs(self, now: datetime) -> list[ScheduledJob]:
        """Claim what is due. Return none: the runs are in the table, and the executor takes them from there."""
        try:
            claimed = self._claims.claim_due()
        except NotOwner:
            self._on_lost()
        except Exception as error:
            _log.warning("scheduler.claim_failed", error=type(error).__name__)
            # Something may have been claimed before.
            self._on_claimed()
            raise
        else:
            if claimed.phases or claimed.messages:
                self._on_claimed()
            for job_id, at in claimed.not_run:
                self._scheduler._dispatch_event(JobExecutionEvent(EVENT_JOB_MISSED, job_id, self._alias, at))
        return []

    def get_next_run_time(self) -> datetime | None:
        """When to look again: at the next due tick, or soon where the database does not answer."""
        try:
            return self._claims.next_look()
        except Exception as error:
            # Whatever it is: raised here it would end APScheduler's thread.
            _log.warning("scheduler.next_due_unknown", error=type(error).__name__)
            return datetime.now(UTC) + timedelta(seconds=_RETRY_S)

    def lookup_job(self, job_id: str) -> ScheduledJob | None:
        found = self._jobs(_scheduled().where(Job.id == job_id))
        return found[0] if found else None

    def get_all_jobs(self) -> list[ScheduledJob]:
        return self._jobs(_scheduled().order_by(JobSchedule.next_run_at, Job.id))

    def add_job(self, job: ScheduledJob) -> NoReturn:
        raise _read_only()

    def update_job(self, job: ScheduledJob) -> NoReturn:
        raise _read_only()

    def remove_job(self, job_id: str) -> NoReturn:
        raise _read_only()

    def remove_all_jobs(self) -> NoReturn:
        raise _read_only()

    def _jobs(self, statement: Select[*tuple[Any, ...]]) -> list[ScheduledJob]:
        with self._claims.engine.connect() as connection:
            rows: Sequence[Any] = connection.execute(statement).all()
        return [self._job(row) for row in rows]

    def _job(self, row: Any) -> ScheduledJob:
        job = ScheduledJob.__new__(ScheduledJob)
        job.__setstate__(
            {
                "version": 1,
                "id": row.id,
                "name": row.name,
                "func": f"{run_by_row.__module__}:{run_by_row.__name__}",
                "args": (row.id,),
                "kwargs": {},
                "trigger": TableTrigger(row, self._claims.zone),
                "executor": "default",
                "misfire_grace_time": None,
                "coalesce": False,
                "max_instances": 1,
                "next_run_time": row.next_run_at.astimezone(self._claims.zone),
            }
        )
        # As every job store of APScheduler does.
        job._scheduler = self._scheduler
        job._jobstore_alias = self._alias
        return job


def run_by_row(_job_id: str) -> NoReturn:
    """What a job of the store calls, which nobody does: a run begins as a row."""
    raise _read_only()


def _read_only() -> TypeError:
    return TypeError("The jobs table is the schedule: jobs are created, changed, run and deleted through the API.")


def _scheduled() -> Select[*tuple[Any, ...]]:
    """Jobs that have a next run; a disabled or finished one is not scheduled."""
    return (
        select(
            Job.id,
            Job.name,
            Job.cron_expression,
            Job.end_date,
            Job.is_active,
            JobSchedule.next_run_at,
            JobSchedule.every_s,
        )
        .join(JobSchedule, JobSchedule.job_id == Job.id)
        .where(Job.is_active, JobSchedule.next_run_at.is_not(None))
    )
