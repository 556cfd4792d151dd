"""Statements about jobs by the thousand."""

from collections.abc import Collection

from sqlalchemy import Insert, Select, insert, select

from shared_models.base import Base
from shared_models.job import Job

__all__ = ["names_among", "rows_added"]

# Databases take some ten thousand parameters a statement, and are slow with a fraction of them.
_MAX_PARAMETERS = 1_000


def names_among(names: Collection[str]) -> Select[str]:
    """Return the jobs' names that are in `names`; for many `names` those of all jobs, whoever asks must look."""
    found = select(Job.name)
    return found if len(names) > _MAX_PARAMETERS else found.where(Job.name.in_(names))


def rows_added(model: type[Base]) -> Insert:
    """Insert rows given by the table's column names. The ORM would take them by attribute, and ten times as long."""
    return insert(Base.metadata.tables[model.__tablename__])
