"""The range of instants a list or a count is about, read from the query parameters `from` and `to`.

A bound is a day or an instant in the form of RFC 3339, here with optional seconds and an optional offset, and nothing else:

    bound   = date [ "T" time [ offset ] ]
    date    = YYYY-MM-DD             a day there is, of the years 0001 to 9999
    time    = HH:MM [ :SS [ .f ] ]   00:00 to 23:59:59; any number of digits, those after the sixth are dropped
    offset  = "Z" | +HH:MM | -HH:MM  00:00 to 23:59; none means UTC

Digits are ASCII, T and Z are capitals. Blanks around a bound do not count, and a bound of blanks is none. What Python's own
`fromisoformat` takes besides (weeks, ordinal days, basic formats, other separators, decimal commas) is unreadable, and
so is an instant that lies outside the years 0001 to 9999 in UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from shared_rules import wire
from shared_rules.errors import BadRequest
from shared_rules.query import Query

__all__ = ["DateRange", "read_date_range"]

_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
_OFFSET = r"Z|(?P<sign>[+-])(?P<off_hours>[01]\d|2[0-3]):(?P<off_minutes>[0-5]\d)"
_BOUND = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)(?P<time>T{_TIME}(?:{_OFFSET})?)?", re.ASCII)
_LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class DateRange:
    """From `start`, inclusive, to `end`, exclusive: aware UTC, None where open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def echo(self) -> dict[str, str | None]:
        """`{"from": "2026-11-15T00:00:00.000Z", "to": null}`"""
        return {"from": wire.instant(self.start), "to": wire.instant(self.end)}


def read_date_range(query: Query) -> DateRange:
    """Return the range asked for; a day as `to` counts as a whole.

    Raise Invalid date for a `from`, then for a `to` that is unreadable, then Invalid date range unless `from` is earlier.
    """
    start = _bound(query.trimmed("from"), whole_day=False)
    end = _bound(query.trimmed("to"), whole_day=True)
    if start is not None and end is not None and start >= end:
        raise BadRequest("Invalid date range", '"from" must be earlier than "to".')
    return DateRange(start, end)


def _bound(text: str | None, *, whole_day: bool) -> datetime | None:
    if text is None:
        return None
    parts = _BOUND.fullmatch(text)
    if parts is None:
        raise _invalid_date()
    try:
        instant = _instant(parts)
    except (ValueError, OverflowError):
        raise _invalid_date() from None
    return _next_midnight(instant) if whole_day and parts["time"] is None else instant


def _instant(parts: re.Match[str]) -> datetime:
    """Return the instant of a bound; raise ValueError or OverflowError when there is no such day, time or year."""
    year, month, day, hour, minute, second = (
        int(parts[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    microsecond = int((parts["fraction"] or "").ljust(6, "0")[:6])
    return datetime(year, month, day, hour, minute, second, microsecond, _zone(parts)).astimezone(UTC)


def _zone(parts: re.Match[str]) -> timezone:
    if parts["sign"] is None:
        return UTC
    offset = timedelta(hours=int(parts["off_hours"]), minutes=int(parts["off_minutes"]))
    return timezone(-offset if parts["sign"] == "-" else offset)


def _next_midnight(midnight: datetime) -> datetime:
    """Return the end of a day; the last day there is ends with its last microsecond."""
    return midnight + timedelta(days=1) if midnight.date() < _LAST_INSTANT.date() else _LAST_INSTANT


def _invalid_date() -> BadRequest:
    return BadRequest("Invalid date", "Invalid date")
