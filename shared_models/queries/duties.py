"""Statements of the scheduler's own duties: which are due, whom they concern, and what they change."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from sqlalchemy import Delete, Select, Update, delete, func, literal_column, select, update
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningUpdate

from shared_models.execution import JobExecution, ran
from shared_models.job import Job, JobSchedule
from shared_models.notification import Notification
from shared_models.preferences import UserNotificationPreferences
from shared_models.queries.date_range import within
from shared_models.scheduler import SchedulerDuty
from shared_models.user import User
from shared_rules.date_range import DateRange

__all__ = [
    "due",
    "duties",
    "ends_of_users_who_want",
    "jobs_ending",
    "jobs_over",
    "jobs_told_of",
    "next_due",
    "paused",
    "rescheduled",
    "runs_of_users_who_want",
    "ticks_not_run_removed",
    "unscheduled",
    "users_who_want",
]


def duties() -> Select[str, str, datetime]:
    """Every duty's name and zone, and when it is due."""
    return select(SchedulerDuty.name, SchedulerDuty.zone, SchedulerDuty.next_run_at)


def due(now: datetime) -> Select[str, datetime]:
    return select(SchedulerDuty.name, SchedulerDuty.next_run_at).where(SchedulerDuty.next_run_at <= now)


def next_due(names: Collection[str]) -> Select[datetime]:
    """When the first of these duties is due; no row before any owner knew them."""
    in_order = select(SchedulerDuty.next_run_at).where(SchedulerDuty.name.in_(names))
    return in_order.order_by(SchedulerDuty.next_run_at).limit(1)


def rescheduled(name: str, zone: str, next_run_at: datetime) -> Update:
    return update(SchedulerDuty).where(SchedulerDuty.name == name).values(zone=zone, next_run_at=next_run_at)


def jobs_over(today: date, limit: int) -> Select[str]:
    """Up to `limit` active jobs past their end date; `today` is in the scheduler zone."""
    return select(Job.id).where(Job.is_active, Job.end_date < today).limit(limit)


def paused(job_ids: Collection[str], today: date, now: datetime) -> ReturningUpdate[*tuple[Any, ...]]:
    """Make jobs inactive that are over. Returned are those that were active, with what people are told of them."""
    return (
        update(Job)
        .where(Job.id.in_(job_ids), Job.is_active, Job.end_date < today)
        .values(is_active=False, updated_at=now)
        .returning(Job.id, Job.name, Job.end_date, Job.pic_team, Job.created_by)
        .execution_options(synchronize_session=False)
    )


def unscheduled(job_ids: Collection[str]) -> Update:
    """Take the next run from these jobs, as a new revision of their schedules."""
    return (
        update(JobSchedule)
        .where(JobSchedule.job_id.in_(job_ids))
        .values(next_run_at=None, schedule_rev=JobSchedule.schedule_rev + 1)
        .execution_options(synchronize_session=False)
    )


def jobs_ending(first: date, last: date) -> Select[*tuple[Any, ...]]:
    """Active jobs whose end date is in these days, both inclusive, the next end first."""
    return (
        select(Job.id, Job.name, Job.end_date, Job.pic_team, Job.created_by)
        .where(Job.is_active, Job.end_date.between(first, last))
        .order_by(Job.end_date, Job.name)
    )


def jobs_told_of(user_id: str, title: str, since: datetime) -> Select[str | None]:
    """The jobs of which this user got a notification of this title since then."""
    return select(Notification.related_job_id).where(
        Notification.user_id == user_id, Notification.created_at >= since, Notification.title == title
    )


def users_who_want(preference: str) -> Select[*tuple[Any, ...]]:
    """Id and address of every active user with this notification preference, a column's name, switched on."""
    return _wanting(preference, User.id, User.email)


def runs_of_users_who_want(preference: str, range: DateRange) -> Select[*tuple[Any, ...]]:
    """Of their jobs that ran in the range, by when a run began: `created_by, name, runs, failures`."""
    failures = func.count().filter(JobExecution.status == "failed")
    return (
        select(Job.created_by, Job.name, func.count().label("runs"), failures.label("failures"))
        .join(JobExecution, JobExecution.job_id == Job.id)
        .where(Job.created_by.in_(_wanting(preference, User.id)), ran(), *within(JobExecution.started_at, range))
        .group_by(Job.id)
    )


def ends_of_users_who_want(preference: str, first: date, last: date) -> Select[*tuple[Any, ...]]:
    """Their active jobs that end in these days, both inclusive: `created_by, name, end_date`."""
    return select(Job.created_by, Job.name, Job.end_date).where(
        Job.created_by.in_(_wanting(preference, User.id)), Job.is_active, Job.end_date.between(first, last)
    )


def ticks_not_run_removed(until: datetime, limit: int) -> Delete:
    """Remove up to `limit` ticks that were not run, of before `until`, the oldest first."""
    old = (
        select(JobExecution.id)
        .where(JobExecution.phase.in_([literal_column("'missed'"), literal_column("'skipped'")]))
        .where(JobExecution.scheduled_for < until)
        .order_by(JobExecution.scheduled_for)
        .limit(limit)
    )
    return delete(JobExecution).where(JobExecution.id.in_(old))


def _wanting(preference: str, *columns: InstrumentedAttribute[str]) -> Select[*tuple[Any, ...]]:
    return (
        select(*columns)
        .join(UserNotificationPreferences, UserNotificationPreferences.user_id == User.id)
        .where(User.is_active, getattr(UserNotificationPreferences, preference))
    )
