"""Which ticks a schedule has, told by two oracles each that share no code; it is an error if they ever differ.

Seconds: a walk by addition alone, and a division. Crontab lines: the minute-by-minute walk of the cron tests, and cronsim.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from tests.rules.cron_oracle import MINUTE, Line, Walk
from tests.scheduler.proof.history import Schedule

ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class OraclesDiffer(Exception):
    """Both cannot be right, so nothing can be judged by them."""


@lru_cache(maxsize=10_000)
def ticks(schedule: Schedule, after: datetime, until: datetime) -> tuple[datetime, ...]:
    """Return every tick in (after, until], in UTC, ascending."""
    if schedule.every_s is not None:
        first, second = by_walking(schedule.every_s, after, until), by_dividing(schedule.every_s, after, until)
    else:
        first, second = by_looking(schedule, after, until), by_cronsim(schedule, after, until)
    if first != second:
        odd = sorted(set(first) ^ set(second))
        raise OraclesDiffer(f"{schedule}: {len(odd)} ticks, the first {odd[0]}")
    return tuple(first)


def by_walking(every_s: float, after: datetime, until: datetime) -> list[datetime]:
    """Add up strides, the longest first, until the next one would go past `after`; then step by step."""
    strides = [timedelta(seconds=every_s)]
    while ORIGIN + strides[-1] <= after:
        strides.append(strides[-1] + strides[-1])
    now = ORIGIN
    for stride in reversed(strides):
        if now + stride <= after:
            now += stride
    found = []
    while (now := now + strides[0]) <= until:
        found.append(now)
    return found


def by_dividing(every_s: float, after: datetime, until: datetime) -> list[datetime]:
    period = Fraction(round(every_s * 1_000_000))
    first = (after - ORIGIN) // MICROSECOND // period + 1
    last = (until - ORIGIN) // MICROSECOND // period
    return [ORIGIN + int(number * period) * MICROSECOND for number in range(first, last + 1)]


def by_looking(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    start = after.astimezone(UTC).replace(second=0, microsecond=0) - MINUTE
    walk = Walk(ZoneInfo(schedule.zone), start, until + MINUTE)
    return [fire for fire in walk.fires(Line.read(schedule.cron)) if after < fire <= until]


def by_cronsim(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    return list(_cronsim(schedule, after, until))


def _cronsim(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    for fire in CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.zone))):
        if fire > until:
            return
        yield fire.astimezone(UTC)
