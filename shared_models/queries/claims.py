"""Statements about ticks: what is due, what the owner claims of it, what a runner starts and how it ends."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Dialect,
    Select,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    literal_column,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import Insert, ReturningUpdate
from sqlalchemy.types import TypeDecorator

from shared_models.base import Base
from shared_models.execution import JobExecution
from shared_models.job import Job, JobSchedule
from shared_models.queries.ids import NewId, each_of, start_of_ids
from shared_models.scheduler import SchedulerLease

__all__ = [
    "advanced",
    "due",
    "due_ids",
    "ended",
    "first_due",
    "jobs_to_run",
    "lost_runs",
    "open_runs",
    "orphans_unscheduled",
    "own_runs",
    "started",
    "tick_added",
    "waiting",
]


class _AsStored(TypeDecorator[Any]):
    """JSON, or the text as it is where SQLite was made to store what is none: that job fails, and no other."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        parse = super().result_processor(dialect, coltype)

        def read(value: Any) -> Any:
            try:
                return parse(value) if parse else value
            except ValueError:
                return value

        return read


class _Addresses(_AsStored):
    """The texts of a list; none where something else is stored."""

    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str]:
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


_LOST_AT_ONCE = 20
# Literal, so that SQLite sees that the partial indexes apply.
_CLAIMED: ColumnElement[str] = literal_column("'claimed'")
_RUNNING: ColumnElement[str] = literal_column("'running'")


def first_due() -> Select[datetime | None]:
    """When the next job is due; not min(), which would ask PostgreSQL about rows without a next run as well."""
    return (
        select(JobSchedule.next_run_at)
        .where(JobSchedule.next_run_at.is_not(None))
        .order_by(JobSchedule.next_run_at)
        .limit(1)
    )


def due(now: datetime, limit: int, only: str | None = None) -> Select[*tuple[Any, ...]]:
    """Jobs that are due, the longest first, as groups of those whose ticks are the same; `ids` are joined by commas.

    Grouped by the database: of thousands that are due on one minute Python sees a few rows. `only` is the id of one job.
    """
    longest = select(JobSchedule.job_id, JobSchedule.next_run_at, JobSchedule.every_s).where(
        JobSchedule.next_run_at <= now
    )
    if only is not None:
        longest = longest.where(JobSchedule.job_id == only)
    first = longest.order_by(JobSchedule.next_run_at, JobSchedule.job_id).limit(limit).subquery()
    same = (Job.cron_expression, Job.end_date, Job.is_active, first.c.next_run_at, first.c.every_s)
    return (
        select(*same, func.aggregate_strings(first.c.job_id, ",").label("ids"))
        .join(Job, Job.id == first.c.job_id)
        .group_by(*same)
        .order_by(first.c.next_run_at)
    )


def due_ids(now: datetime, limit: int) -> Select[str]:
    """The jobs of `due`, without a look at what their rows hold."""
    return (
        select(JobSchedule.job_id)
        .where(JobSchedule.next_run_at <= now)
        .order_by(JobSchedule.next_run_at, JobSchedule.job_id)
        .limit(limit)
    )


def orphans_unscheduled(now: datetime) -> Update:
    """Take the next run from schedules without a job: where SQLite's foreign keys were off when it was deleted."""
    return (
        update(JobSchedule)
        .where(JobSchedule.next_run_at <= now, ~exists().where(Job.id == JobSchedule.job_id))
        .values(next_run_at=None)
        .execution_options(synchronize_session=False)
    )


def open_runs(dialect: str, job_ids: Collection[str]) -> Select[str, int]:
    """How many runs of each of these jobs wait or run; jobs without any are left out."""
    return (
        select(JobExecution.job_id, func.count())
        .where(JobExecution.phase.in_([_CLAIMED, _RUNNING]), JobExecution.job_id.in_(each_of(dialect, job_ids)))
        .group_by(JobExecution.job_id)
    )


def tick_added(dialect: str, job_ids: Collection[str], columns: Mapping[str, Any]) -> Insert:
    """Add one row with these columns for each of the jobs; a tick that is there already stays as it is."""
    names = (Job.github_owner, Job.github_repo, Job.github_workflow_name)
    github = and_(*(func.nullif(name, "").is_not(None) for name in names))
    workflow = case(
        (Job.github_workflow_name.regexp_match(r"\.ya?ml$"), Job.github_workflow_name),
        else_=Job.github_workflow_name + ".yml",
    )
    rows = select(
        NewId(start_of_ids()),
        Job.id,
        case((github, "github_actions"), else_="webhook"),
        case((github, Job.github_owner + "/" + Job.github_repo + "/" + workflow), else_=Job.target_url),
        *(literal(value, JobExecution.__table__.c[name].type) for name, value in columns.items()),
    ).where(Job.id.in_(each_of(dialect, job_ids)))
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(JobExecution).from_select(["id", "job_id", "execution_type", "target", *columns], rows)
    return statement.on_conflict_do_nothing(index_elements=["job_id", "scheduled_for"])


def advanced(dialect: str, job_ids: Collection[str], next_run_at: datetime | None) -> Update:
    """Move the next run of the jobs on. An edit cannot come between: writers are serialised."""
    return update(JobSchedule).where(JobSchedule.job_id.in_(each_of(dialect, job_ids))).values(next_run_at=next_run_at)


@cache
def waiting() -> Select[str]:
    """A claimed tick, if there is any: asked before a transaction is opened for it."""
    return select(JobExecution.id).where(JobExecution.phase == _CLAIMED).limit(1)


def started(
    process: str,
    epoch: int | None,
    stack: str,
    *,
    limit: int,
    one_at_a_time: bool,
    now: datetime,
    deadline: datetime,
) -> ReturningUpdate[*tuple[Any, ...]]:
    """Start the oldest claimed ticks by compare-and-set: returned are those that are this process's to run.

    `epoch` is the owner's. None is a worker that pulls beside others, on PostgreSQL: it takes what the present owner of
    its stack claimed and no other worker is taking. `one_at_a_time` leaves a tick while a run of its job is open.
    """
    mine = JobExecution.claim_epoch == (_epoch_of(stack) if epoch is None else epoch)
    waiting = select(JobExecution.id).where(JobExecution.phase == _CLAIMED, mine)
    if one_at_a_time:
        waiting = waiting.where(_first_of_its_job())
    waiting = waiting.order_by(JobExecution.scheduled_for).limit(limit)
    if epoch is None:
        waiting = waiting.with_for_update(skip_locked=True)
    return (
        update(JobExecution)
        .where(JobExecution.id.in_(waiting), JobExecution.phase == _CLAIMED, mine)
        .values(phase="running", started_at=now, claimed_by=process, deadline_at=deadline)
        .returning(
            JobExecution.id,
            JobExecution.job_id,
            JobExecution.scheduled_for,
            JobExecution.execution_type,
            JobExecution.target,
        )
        .execution_options(synchronize_session=False)
    )


def jobs_to_run(job_ids: Collection[str]) -> Select[*tuple[Any, ...]]:
    """What a run and its messages need of a job."""
    return select(
        Job.id,
        Job.name,
        Job.target_url,
        Job.github_owner,
        Job.github_repo,
        Job.github_workflow_name,
        type_coerce(Job.job_metadata, _AsStored()).label("job_metadata"),
        Job.enable_email_notifications,
        type_coerce(Job.notification_emails, _Addresses()).label("notification_emails"),
        Job.notify_on_success,
        Job.pic_team,
    ).where(Job.id.in_(job_ids))


def own_runs(process: str, ids: Collection[str]) -> Select[str]:
    """Those of the runs that this process may end: also one that was given up as lost meanwhile."""
    return select(JobExecution.id).where(
        JobExecution.id.in_(ids), JobExecution.claimed_by == process, JobExecution.phase.in_(("running", "unknown"))
    )


def ended() -> Update:
    """End runs: parameter `run` and the columns of an end."""
    table = Base.metadata.tables[JobExecution.__tablename__]
    return update(table).where(table.c.id == bindparam("run"))


def lost_runs(living: Iterable[str], now: datetime, unclaimed_before: datetime) -> Select[*tuple[Any, ...]]:
    """Runs past their deadline whose process is none of the living; runs by hand, which name none, begun before a time.

    Some of them, if there are many: everybody is told of each, and nobody else writes meanwhile.
    """
    over = func.coalesce(JobExecution.deadline_at, JobExecution.started_at) < now
    of_the_dead = JobExecution.claimed_by.not_in(list(living)) & over
    by_hand = JobExecution.claimed_by.is_(None) & (JobExecution.started_at < unclaimed_before)
    return (
        select(
            JobExecution.id,
            JobExecution.job_id,
            JobExecution.scheduled_for,
            JobExecution.started_at,
            JobExecution.execution_type,
            JobExecution.target,
            JobExecution.claimed_by,
        )
        .where(JobExecution.phase == _RUNNING, of_the_dead | by_hand)
        .limit(_LOST_AT_ONCE)
    )


def _epoch_of(stack: str) -> ColumnElement[int]:
    return (
        select(SchedulerLease.epoch)
        .where(SchedulerLease.owner_stack == stack, SchedulerLease.desired_stack == stack)
        .scalar_subquery()
    )


def _first_of_its_job() -> ColumnElement[bool]:
    other = aliased(JobExecution)
    earlier = (other.phase == _CLAIMED) & (other.scheduled_for < JobExecution.scheduled_for)
    return ~exists().where(
        other.job_id == JobExecution.job_id, other.phase.in_([_CLAIMED, _RUNNING]), (other.phase == _RUNNING) | earlier
    )
