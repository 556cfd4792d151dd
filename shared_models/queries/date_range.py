"""A range of instants as conditions of a statement."""

from datetime import datetime

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from shared_rules.date_range import DateRange

__all__ = ["within"]


def within(column: InstrumentedAttribute[datetime], span: DateRange) -> list[ColumnElement[bool]]:
    """The conditions a range sets, none where it is open."""
    from_start = [] if span.start is None else [column >= span.start]
    return from_start if span.end is None else [*from_start, column < span.end]
