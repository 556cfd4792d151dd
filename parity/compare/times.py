"""Points in time, dates and times of day as texts write them: when it is and in which format. No clock is read here."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

__all__ = ["TIME_PATTERN", "Moment", "epoch_unit", "names_a_time", "read_time"]

# Without groups, for use inside longer patterns; `read_time` has the last word.
TIME_PATTERN = (
    r"(?<!\d)\d{4}[-/]\d\d[-/]\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?))?)?(?!\d)"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)?(?: (?:GMT|UTC|[+-]\d{4}))?"
)

_PARTS = re.compile(
    r"(?P<year>\d{4})(?P<dash>[-/])(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"(?:(?P<gap>[Tt ])(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:(?P<point>[.,])(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone> ?(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?))?)?"
)
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(Z?)")
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(:[0-5]\d(?:\.(\d{1,9}))?)?")
_OFFSET = re.compile(r" ?([+-])(\d\d):?(\d\d)?")
_PRECISION = {0: "s", 3: "ms", 6: "us", 9: "ns"}
_TIME_KEY = re.compile(
    r"(?:_at|_on|_time|_ts|At|On|Time|Ts)$|^(?:ts|time|timestamp|date|iat|exp|nbf|auth_time|created|updated|modified|expires"
    r"|reset|deadline)$|timestamp|expires|epoch",
    re.IGNORECASE,
)
_UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as a text gives it. `at_s` are epoch seconds (without a zone: as UTC; a time of day: since midnight).

    `family` is time, date or clock; `format` says how it is written: `iso,ms,+09:00`. `zone_form` is the format with any
    offset put as `+hh:mm`. `precise` means that it has fractions of a second.
    """

    family: str
    at_s: float
    format: str
    zone_form: str
    precise: bool = False


@lru_cache(8192)
def read_time(text: str) -> Moment | None:
    """Return the time that a whole text says, or None. ISO 8601 with its usual variants, HTTP dates, dates, times of day."""
    if not 5 <= len(text) <= 40:
        return None
    if text[0].isdigit():
        if match := _PARTS.fullmatch(text):
            return _iso(match)
        if match := _BASIC.fullmatch(text):
            return _moment(tuple(int(part) for part in match.groups()[:6]), 0.0, f"basic,s,{match[7] or 'none'}")
        if match := _CLOCK.fullmatch(text):
            hour, minute, *rest = text.split(":")
            seconds = int(hour) * 3600 + int(minute) * 60 + (float(rest[0]) if rest else 0.0)
            form = "min" if match[1] is None else _precision(match[2])
            return Moment("clock", seconds, form, form, bool(match[2]))
        return None
    return _http(text) if text[3:5] == ", " and text[5].isdigit() else None


def epoch_unit(value: float, key: str, now_s: float) -> str:
    """Return "s", "ms", "us" or "ns" for a number that is a time since 1970, "" for any other.

    It must lie between 2001 and 2100, under a key that names a time or within two days of `now_s`.
    """
    if value < 1e9:
        return ""
    for unit, factor in _UNITS:
        seconds = value / factor
        if 1e9 <= seconds < 4.1e9:
            return unit if names_a_time(key) or (now_s and abs(seconds - now_s) < 172_800) else ""
    return ""


@lru_cache(4096)
def names_a_time(key: str) -> bool:
    """Say whether a key speaks of a point in time: `created_at`, `exp`, `lastSeenAt`."""
    return _TIME_KEY.search(key) is not None


def _iso(match: re.Match[str]) -> Moment | None:
    dash = "" if match["dash"] == "-" else ",slash"
    if match["hour"] is None:
        day = _moment((int(match["year"]), int(match["month"]), int(match["day"])), 0.0, f"iso{dash}", family="date")
        return day and Moment("date", day.at_s, day.format, day.zone_form)
    zone, offset_s = _zone(match["zone"] or "")
    precision = "min" if match["second"] is None else _precision(match["fraction"])
    gap = {"T": "", "t": ",t", " ": ",space"}[match["gap"]]
    comma = ",comma" if match["point"] == "," else ""
    numbers = (match["year"], match["month"], match["day"], match["hour"], match["minute"], match["second"] or "0")
    fraction = float(f"0.{match['fraction']}") if match["fraction"] else 0.0
    found = _moment(
        tuple(map(int, numbers)),
        fraction - offset_s,
        f"iso,{precision},{zone}{gap}{comma}{dash}",
        bool(match["fraction"]),
    )
    form = "+hh:mm" if offset_s or zone.startswith(("+", "-")) else zone
    return found and Moment("time", found.at_s, found.format, found.format.replace(zone, form, 1), found.precise)


def _moment(
    parts: tuple[int, ...], more_s: float, form: str, precise: bool = False, family: str = "time"
) -> Moment | None:
    try:
        at = datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    return Moment(family, at.timestamp() + more_s, form, form, precise)


def _http(text: str) -> Moment | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    zone = text.rsplit(" ", 1)[1]
    form = f"http,{'none' if ':' in zone else zone}"
    return Moment("time", (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp(), form, form)


def _zone(text: str) -> tuple[str, float]:
    if not text:
        return "none", 0.0
    match = _OFFSET.fullmatch(text)
    if match is None:
        return text, 0.0
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    return text, -float(seconds) if match[1] == "-" else float(seconds)


def _precision(fraction: str | None) -> str:
    digits = len(fraction or "")
    return _PRECISION.get(digits, f"{digits} digits")
