"""Whether fire times are right: a million of them in ten zones against a walk that looks at every minute; and what one costs.

Run: .venv/bin/python -m benchmarks.cron_fires [fires]
cronsim alone, which walks the calendar for us, is held against the same walk. Exit 1 if one of our fires is wrong.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, takewhile
from random import Random
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from shared_rules import cron
from shared_rules.cron import InvalidCron, next_fire, next_fires, parse_cron
from tests.rules.cron_oracle import Line, Walk, random_line

ZONES = (
    *("America/New_York", "Europe/London", "Asia/Tokyo", "Europe/Helsinki", "Australia/Lord_Howe"),
    *("America/Santiago", "America/Havana", "Asia/Beirut", "Africa/Cairo", "Pacific/Apia"),
)
NAMED = (
    *("0 2 * * *", "*/5 * * * *", "0 0 1 * *", "0 9-17 * * mon-fri", "30 2 * * *", "0 0 * * sun", "15 1,2,3 * * *"),
    *("0 */2 * * *", "45 23 * * *", "30 0 * * *", "0 0 13 * fri", "0 0 */2 * mon", "10 * * * *", "0 12 29 2 *"),
)
START, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)
MOST_OF_ONE = 20_000
SHOWN = 5


@dataclass
class Tally:
    """What was compared, and the first difference of each expression that has one."""

    fires: int = 0
    expressions: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def compare(self, where: str, expected: list[datetime], fires: Callable[[], Iterator[datetime]]) -> None:
        begin = time.process_time()
        actual = list(takewhile(lambda fire: fire < END, (fire.astimezone(UTC) for fire in fires())))[
            : len(expected) + 1
        ]
        self.seconds += time.process_time() - begin
        self.fires += len(expected)
        self.expressions += 1
        if actual != expected:
            missing, extra = sorted({*expected} - {*actual}), sorted({*actual} - {*expected})
            first = [f"{sign}{found[0]:%Y-%m-%d %H:%MZ}" for sign, found in (("-", missing), ("+", extra)) if found]
            self.wrong.append(f"{where}: {len(missing)} missing, {len(extra)} too many, first {' '.join(first)}")

    def __str__(self) -> str:
        each = self.seconds / max(self.fires, 1) * 1e6
        return (
            f"{self.fires:,} fires of {self.expressions:,} expressions, {len(self.wrong)} wrong, {each:.1f} us a fire"
        )


def by_cronsim(expression: str, zone: ZoneInfo) -> Iterator[datetime]:
    try:
        yield from CronSim(expression, (START - timedelta(microseconds=1)).astimezone(zone))
    except CronSimError as error:
        print(f"  cronsim refuses {expression}: {error}")


def expressions(random: Random) -> Iterator[str]:
    """Yield the named ones, then random ones that can fire, half of them at hours in which clocks change."""
    drawn = (random_line(random, near_midnight=random.random() < 0.5) for _ in iter(int, 1))
    for text in chain(NAMED, drawn):
        try:
            yield parse_cron(text)
        except InvalidCron:
            continue


def in_zone(name: str, wanted: int, ours: Tally, theirs: Tally) -> None:
    zone = ZoneInfo(name)
    walk = Walk(zone, START, END)
    done = ours.fires
    for text in expressions(Random(name)):
        expected = walk.fires(Line.read(text))
        # A fire each minute says little and costs a lot.
        if len(expected) <= MOST_OF_ONE:
            after = START - timedelta(microseconds=1)
            ours.compare(
                f"{name} {text}",
                expected,
                lambda: iter(next_fires(text, zone, after, len(expected) + 1)),  # noqa: B023
            )
            theirs.compare(f"{name} {text}", expected, lambda: by_cronsim(text, zone))  # noqa: B023
        if ours.fires - done >= wanted:
            return


def us_per_call(calls: list[Callable[[], object]]) -> float:
    begin = time.process_time()
    for call in calls:
        call()
    return (time.process_time() - begin) / len(calls) * 1e6


def cost() -> None:
    """Print what `next_fire` takes when it has to search, when it remembers, and what cronsim alone takes for one."""
    zone, random = ZoneInfo("Asia/Tokyo"), Random(1)
    texts = [text for text, _ in zip(expressions(random), range(2_000), strict=False)]
    calls: list[Callable[[], object]] = [lambda text=text: next_fire(text, zone, START) for text in texts]
    cron._known.clear()
    searched, remembered = us_per_call(calls), us_per_call(calls)
    alone = us_per_call([lambda text=text: next(CronSim(text, START.astimezone(zone))) for text in texts])
    print(
        f"next_fire: {searched:.1f} us searched, {remembered:.2f} us remembered; a new CronSim and its first fire {alone:.1f} us"
    )


def main(arguments: list[str]) -> int:
    wanted = int(arguments[0]) if arguments else 1_000_000
    ours, theirs = Tally(), Tally()
    for name in ZONES:
        in_zone(name, -(-wanted // len(ZONES)), ours, theirs)
        print(f"{name}: {ours.fires:,} fires so far, {len(ours.wrong)} expressions wrong", flush=True)
    print(f"\nours    {ours}\ncronsim {theirs}")
    for title, tally in (("ours", ours), ("cronsim", theirs)):
        for line in tally.wrong[:SHOWN]:
            print(f"  {title}: {line}")
    cost()
    return 1 if ours.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
