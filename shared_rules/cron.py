"""Cron: what an expression means, in words and in instants. Previews ask here, and so does whatever fires.

The dialect is standard crontab and nothing else. cronsim walks the calendar, but it takes more than that (`L`, `#`,
`5/10`, seconds), so every expression is read here first, and every refusal is worded here. cronsim sees wall-clock
times only: its own arithmetic across a clock change goes wrong in zones that shift by 30 minutes or at midnight.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

# The package has annotations but no py.typed marker.
from cron_descriptor import Options, get_description  # type: ignore[import-untyped]
from cronsim import CronSim

from shared_rules.errors import BadRequest

__all__ = ["InvalidCron", "describe", "next_fire", "next_fire_within", "next_fires", "parse_cron"]

_LONGEST = 100
_REMEMBERED = 20_000
_MINUTE = timedelta(minutes=1)
# No zone has put its clocks back by more in this century.
_LONGEST_SHIFT = timedelta(hours=3)


class InvalidCron(BadRequest):
    """400 `Invalid cron expression`; `reason` is one sentence for the person who typed it."""

    def __init__(self, reason: str) -> None:
        super().__init__("Invalid cron expression", reason)
        self.reason = reason


@dataclass(frozen=True)
class _Field:
    """One of the five fields; the first of `names` stands for `first`."""

    title: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return f"{self.first}-{self.last}" + (f" or {self.names[0]}-{self.names[-1]}" if self.names else "")

    def values(self, text: str) -> set[int]:
        """Return every number the field stands for; Sunday may be there as 0, as 7, or as both."""
        items = text.split(",")
        if "" in items:
            raise self._refusal(text, f"has an empty item in its list; every item must be {self.allowed}.")
        return {number for item in items for number in self._item(item)}

    def _item(self, text: str) -> range:
        base, slash, step = text.partition("/")
        if slash and base != "*" and "-" not in base:
            raise self._refusal(text, f"has a step without a range; use */n or a-b/n within {self.allowed}.")
        numbers = self._span(base)
        if not slash:
            return numbers
        widest = numbers[-1] - numbers[0]
        if widest == 0:
            raise self._refusal(text, f"has a step but only one value; use {numbers[0]} alone.")
        if not _is_number(step) or not 1 <= int(step) <= widest:
            raise self._refusal(text, f"has a step that is not a number 1-{widest}.")
        return numbers[:: int(step)]

    def _span(self, text: str) -> range:
        if text == "*":
            return range(self.first, self.last + 1)
        low, dash, high = text.partition("-")
        if not dash:
            return range(self._number(text), self._number(text) + 1)
        if not low or not high or "-" in high or "*" in text:
            raise self._refusal(text, f"is not a range a-b within {self.allowed}.")
        start, end = self._number(low), self._number(high)
        if start > end:
            ends_on_sunday = end == 0 and self.last == 7
            hint = f"that ends on Sunday is {low}-7." if ends_on_sunday else f"goes up within {self.allowed}."
            raise self._refusal(text, f"runs backwards; a range {hint}")
        return range(start, end + 1)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.first + self.names.index(text.lower())
        if not _is_number(text):
            raise self._refusal(text, f"is not {self.allowed}.")
        if not self.first <= int(text) <= self.last:
            raise self._refusal(text, f"is out of range {self.first}-{self.last}.")
        return int(text)

    def _refusal(self, text: str, says: str) -> InvalidCron:
        return InvalidCron(f'{self.title} "{text}" {says}')


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS = (
    _Field("Minute", 0, 59),
    _Field("Hour", 0, 23),
    _Field("Day", 1, 31),
    _Field("Month", 1, 12, _MONTHS),
    _Field("Weekday", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)


def parse_cron(text: object) -> str:
    """Return the expression trimmed, with single blanks, case as sent; any white space is a blank.

    Raise `InvalidCron`, and nothing else, on whatever is no crontab expression that can fire; None counts as missing.
    """
    if text is None:
        raise InvalidCron("Cron expression is required.")
    if not isinstance(text, str):
        raise InvalidCron("Cron expression must be a string.")
    expression = " ".join(text.split())
    if not expression:
        raise InvalidCron("Cron expression is required.")
    # Before the memo, which would otherwise keep whatever size a request may have.
    if len(expression) > _LONGEST:
        raise InvalidCron(f"Cron expression must be at most {_LONGEST} characters.")
    if reason := _reason_against(expression):
        raise InvalidCron(reason)
    return expression


def describe(expression: str) -> str:
    """Return a valid expression in English: "At 02:00 AM" for `0 2 * * *`."""
    return _description(parse_cron(expression))


def next_fire(expression: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first fire strictly after `after`, which may be in any zone; the answer is in `zone`.

    Remembered per expression and zone until it passes, so asking again for a list of jobs costs a look-up each.
    On a clock change a fixed time inside a skipped hour fires once, at the first instant after it; inside a repeated
    hour once, the first time. If minute or hour starts with `*` the wall clock decides: nothing in a skipped hour, both
    passes of a repeated one. Raise `InvalidCron` as `parse_cron` does.
    """
    asked = _in_utc(after)
    known = _known.get((expression, zone))
    if known is None or not known.asked <= asked < known.fire:
        known = _Known(asked, next(_fires(parse_cron(expression), zone, asked)))
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[expression, zone] = known
    return known.fire.astimezone(zone)


def next_fire_within(expression: str, zone: ZoneInfo, after: datetime, end_date: date | None) -> datetime | None:
    """Return the next fire, or None when it lies after `end_date`, a whole day in `zone`; no end date means no end."""
    fire = next_fire(expression, zone, after)
    return fire if end_date is None or fire.date() <= end_date else None


def next_fires(expression: str, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` fires strictly after `after`, ascending, in `zone`; none for a count below 1."""
    fires = _fires(parse_cron(expression), zone, _in_utc(after))
    return [fire.astimezone(zone) for fire in islice(fires, max(count, 0))]


class _Known(NamedTuple):
    """A question and its answer, in UTC: times of one zone compare by wall clock, wrong in a repeated hour."""

    asked: datetime
    fire: datetime


# Every step on it is one dict operation on a finished value, so threads need no lock.
_known: dict[tuple[str, ZoneInfo], _Known] = {}


@lru_cache(maxsize=_REMEMBERED)
def _reason_against(expression: str) -> str | None:
    """Return why the expression is refused, None when it is fine. Takes single blanks for granted."""
    texts = expression.split(" ")
    if len(texts) != len(_FIELDS):
        return "Cron expression must have exactly 5 fields (minute hour day month day-of-week)."
    try:
        _, _, days, months, _ = (field.values(text) for field, text in zip(_FIELDS, texts, strict=True))
    except InvalidCron as refusal:
        return refusal.reason
    # A weekday that starts with * narrows the day further, any other one fires by itself.
    if texts[4].startswith("*") and min(days) > max(monthrange(2000, month)[1] for month in months):
        return "This expression never fires."
    return None


def _fires(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield every fire after `after` in UTC, ascending, each instant once."""
    wall = after.astimezone(zone).replace(tzinfo=None)
    if _offset(after + _LONGEST_SHIFT, zone) < _offset(after, zone):
        # The clocks go back soon: wall times that have passed come once more.
        wall -= _LONGEST_SHIFT
    minute, hour, *_ = expression.split(" ")
    follows_clock = minute.startswith("*") or hour.startswith("*")
    walls = CronSim(expression, wall)
    for fire in _by_wall_clock(walls, zone) if follows_clock else _once_each(walls, zone):
        if fire > after:
            after = fire
            yield fire


def _once_each(walls: Iterator[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    for wall in walls:
        there = wall
        while not (instants := _instants(there, zone)):
            there += _MINUTE
        yield instants[0]


def _by_wall_clock(walls: Iterator[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """Yield every instant at which the clock shows one of `walls`, a repeated hour pass by pass."""
    second_pass: list[datetime] = []
    for wall in walls:
        instants = _instants(wall, zone)
        if second_pass and instants and second_pass[0] < instants[0]:
            yield from second_pass
            second_pass.clear()
        yield from instants[:1]
        second_pass += instants[1:]


def _instants(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return in UTC when the clock shows `wall`: never in a skipped hour, twice in a repeated one, else once."""
    first, second = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
    before, later = first.utcoffset() or timedelta(), second.utcoffset() or timedelta()
    if before == later:
        return [first.astimezone(UTC)]
    return [first.astimezone(UTC), second.astimezone(UTC)] if before > later else []


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} names no zone")
    return moment.astimezone(UTC)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


@lru_cache(maxsize=1_000)
def _description(expression: str) -> str:
    texts = expression.split(" ")
    either_day = not texts[2].startswith("*") and not texts[4].startswith("*")
    plain = [_plain(field, text) for field, text in zip(_FIELDS, texts, strict=True)]
    if either_day:
        plain[4] = _listed(_FIELDS[4], texts[4])
    description: str = get_description(" ".join(plain), Options(locale_code="en_US"))
    # The library tells "or" by the text of the day field alone, and only where the weekday is a list or a single one.
    return description if either_day else description.replace(", or on ", ", only on ")


def _plain(field: _Field, text: str) -> str:
    """Return the field without what the library misreads: leading zeros, `*` or a step in a list, Sunday twice."""
    numbers = field.values(text)
    if text.startswith("*") and len(numbers) > field.last - field.first:
        return "*"
    if ("," in text and ("*" in text or "/" in text)) or (field.last == 7 and {0, 7} <= numbers):
        return _listed(field, text)
    return re.sub(r"\b0+(?=\d)", "", text)


def _listed(field: _Field, text: str) -> str:
    numbers = field.values(text)
    return ",".join(map(str, sorted({number % 7 for number in numbers} if field.last == 7 else numbers)))
