"""Statements about jobs and their schedules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ScalarSelect, Select, exists, select

from shared_models.category import JobCategory
from shared_models.execution import JobExecution, ran
from shared_models.job import Job
from shared_models.team import PicTeam

__all__ = ["choices", "job_by_id", "job_rows", "job_sketches", "last_run_of", "name_taken"]

Row = TypeVar("Row", JobCategory, PicTeam)


def job_by_id(job_id: str) -> Select[Job]:
    return select(Job).where(Job.id == job_id)


def job_rows(ids: Sequence[str] | None = None) -> Select[*tuple[Any, ...]]:
    """Every column of all jobs, or of a few of them, and `last_execution_at`; in no order.

    Plain rows, not objects: a list of a thousand costs half.
    """
    columns = (attribute.class_attribute for attribute in Job.__mapper__.column_attrs)
    statement = select(*columns, _last_run().label("last_execution_at"))
    return statement if ids is None else statement.where(Job.id.in_(ids))


def job_sketches() -> Select[*tuple[Any, ...]]:
    """Of all jobs the columns that decide which ones a list shows, and in which order."""
    return select(
        Job.id,
        Job.name,
        Job.cron_expression,
        Job.category,
        Job.pic_team,
        Job.end_date,
        Job.is_active,
        Job.created_at,
    )


def last_run_of(job_id: str) -> Select[datetime]:
    return _runs().where(JobExecution.job_id == job_id)


def name_taken(name: str, *, but: str | None = None) -> Select[bool]:
    """Whether another job than `but` has exactly this name."""
    other = select(Job.id).where(Job.name == name)
    return select(exists(other if but is None else other.where(Job.id != but)))


def choices(model: type[Row]) -> Select[str, str, bool]:
    """Slug, name and `is_active` of every category or team."""
    return select(model.slug, model.name, model.is_active)


def _runs() -> Select[datetime]:
    # Newest first and one row, not max(): the index on (job_id, started_at) then ends the search at once.
    newest = JobExecution.started_at.desc()
    return select(JobExecution.started_at).where(ran()).order_by(newest).limit(1)


def _last_run() -> ScalarSelect[datetime]:
    return _runs().where(JobExecution.job_id == Job.id).correlate(Job).scalar_subquery()
