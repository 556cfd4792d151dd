"""Statements about who runs the scheduler and what it has to do. Ages are by the database's clock, never by a process's."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.sql.dml import UpdateBase

from shared_models.job import Job, JobSchedule
from shared_models.notification import Notification
from shared_models.queries.clock import SecondsSince
from shared_models.scheduler import SchedulerHandover, SchedulerLease
from shared_models.user import User
from shared_rules.maintenance import Resync
from shared_rules.policy import Role

__all__ = [
    "active_admin_ids",
    "job_timetable",
    "lease",
    "newest_handover",
    "resync_writes",
    "scheduled_jobs",
]


def lease() -> Select[SchedulerLease, float | None]:
    """The one row of flag and lease, and how many seconds ago its owner last beat; no row on a database without one."""
    return select(SchedulerLease, SecondsSince(SchedulerLease.beat_at))


def scheduled_jobs() -> Select[int, datetime | None]:
    """How many active jobs have a next run, and when the first of them is."""
    return (
        select(func.count(), func.min(JobSchedule.next_run_at))
        .select_from(JobSchedule)
        .join(Job, Job.id == JobSchedule.job_id)
        .where(Job.is_active, JobSchedule.next_run_at.is_not(None))
    )


def newest_handover() -> Select[SchedulerHandover]:
    return select(SchedulerHandover).order_by(SchedulerHandover.requested_at.desc(), SchedulerHandover.id).limit(1)


def job_timetable() -> Select[*tuple[Any, ...]]:
    """Of every job what decides its next run, what its owner is told, and its schedule (None where there is none yet).

    A schedule in seconds, for tests, is left alone: the cron expression does not say when it runs next.
    """
    return (
        select(
            Job.id,
            Job.name,
            Job.cron_expression,
            Job.end_date,
            Job.pic_team,
            Job.created_by,
            Job.is_active,
            JobSchedule.next_run_at,
            JobSchedule.schedule_rev,
        )
        .outerjoin(JobSchedule, JobSchedule.job_id == Job.id)
        .where(JobSchedule.every_s.is_(None))
        .order_by(Job.id)
    )


def active_admin_ids() -> Select[str]:
    return select(User.id).where(User.role == Role.ADMIN, User.is_active).order_by(User.id)


def resync_writes(
    plan: Resync, admin_ids: Sequence[str], now: datetime
) -> Iterator[tuple[UpdateBase, list[dict[str, Any]]]]:
    """Yield what a resync writes: statements, each with the rows to execute it for, never none."""
    writes: list[tuple[UpdateBase, list[dict[str, Any]]]] = [
        (update(Job), plan.pauses(now)),
        (insert(JobSchedule), [run.columns for run in plan.new]),
        (update(JobSchedule), [run.columns for run in plan.changed]),
        (insert(Notification), plan.notices(admin_ids, now)),
    ]
    yield from ((statement, rows) for statement, rows in writes if rows)
