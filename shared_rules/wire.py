"""Values to JSON bytes: the one place that knows how times look and in which order keys come."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

__all__ = ["day", "instant", "local_instant", "to_json"]


def to_json(value: Any) -> bytes:
    """Return compact UTF-8 JSON, not ASCII-escaped, keys in the order of the value."""
    return orjson.dumps(value)


def instant(moment: datetime | None) -> str | None:
    """Return an aware datetime as `YYYY-MM-DDTHH:MM:SS.mmmZ` in UTC; None stays None."""
    if moment is None:
        return None
    # Not by strftime: its %Y has fewer than four digits before the year 1000.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def local_instant(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Return an aware datetime in `zone`, with offset and no fraction: `2026-11-23T02:00:00+09:00`."""
    return None if moment is None else moment.astimezone(zone).isoformat(timespec="seconds")


def day(value: date | None) -> str | None:
    """Return `YYYY-MM-DD`; None stays None."""
    return None if value is None else value.isoformat()
