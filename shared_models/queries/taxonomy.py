"""Statements about categories and PIC teams; both have the same shape."""

from typing import TypeVar

from sqlalchemy import Select, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningUpdate

from shared_models.category import JobCategory
from shared_models.job import Job
from shared_models.team import PicTeam

__all__ = ["jobs_follow_slug", "row_by_id", "rows", "slug_taken"]

Row = TypeVar("Row", JobCategory, PicTeam)


def rows(model: type[Row], *, include_inactive: bool) -> Select[Row]:
    statement = select(model)
    return statement if include_inactive else statement.where(model.is_active)


def row_by_id(model: type[Row], row_id: str) -> Select[Row]:
    return select(model).where(model.id == row_id)


def slug_taken(model: type[Row], slug: str, *, but: str | None = None) -> Select[bool]:
    """Whether another row than `but` has the slug."""
    other = select(model.id).where(model.slug == slug)
    return select(exists(other if but is None else other.where(model.id != but)))


def jobs_follow_slug(model: type[Row], old: str, new: str) -> ReturningUpdate[str]:
    """Move the jobs of a category or team to its new slug; returns their ids."""
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
    column = Job.category if model is JobCategory else Job.pic_team
    return update(Job).where(column == old).values({column: new}).returning(Job.id)
