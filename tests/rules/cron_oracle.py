"""What a crontab line means, told a second time and in the slowest way: walk the clock minute by minute and look.

Shares no code with `shared_rules/cron.py` nor with the library behind it, so that the two can disagree.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
LIMITS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
NAMES = {name: number for number, name in [*enumerate(MONTHS, 1), *enumerate(WEEKDAYS)]}


@dataclass(frozen=True)
class Line:
    """A valid crontab line, read by asking of every number whether it is meant."""

    minutes: list[int]
    hours: list[int]
    days: list[int]
    months: list[int]
    weekdays: list[int]
    follows_clock: bool
    either_day: bool

    @classmethod
    def read(cls, text: str) -> "Line":
        words = [without_names(word).split(",") for word in text.split()]
        meant = [
            [number for number in range(low, high + 1) if any(is_meant(number, item, low) for item in word)]
            for word, (low, high) in zip(words, LIMITS, strict=True)
        ]
        starred = [word[0] == "*" for word in text.split()]
        return cls(*meant, follows_clock=starred[0] or starred[1], either_day=not starred[2] and not starred[4])

    def is_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month = day.day in self.days
        # isoweekday counts Sunday as 7, crontab takes 0 as well
        in_week = day.isoweekday() in self.weekdays or (day.isoweekday() == 7 and 0 in self.weekdays)
        return in_month or in_week if self.either_day else in_month and in_week

    @property
    def times(self) -> list[int]:
        """Minutes of the day, ascending."""
        return [60 * hour + minute for hour in self.hours for minute in self.minutes]


def without_names(word: str) -> str:
    word = word.lower()
    for name, number in NAMES.items():
        word = word.replace(name, str(number))
    return word


def is_meant(number: int, item: str, low: int) -> bool:
    span, *step = item.split("/")
    if span != "*":
        low, high = int(span.split("-")[0]), int(span.split("-")[-1])
        if not low <= number <= high:
            return False
    return (number - low) % int(step[0] if step else 1) == 0


class Walk:
    """Every minute a zone's clock showed from `start` to `end` (both UTC): when first, when again, and what it jumped over."""

    def __init__(self, zone: ZoneInfo, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self.first: dict[date, dict[int, datetime]] = defaultdict(dict)
        self.again: dict[date, dict[int, datetime]] = defaultdict(dict)
        self.jumped: dict[date, dict[int, datetime]] = defaultdict(dict)
        latest = start.astimezone(zone).replace(tzinfo=None) - MINUTE
        now = start
        while now < end:
            shown = now.astimezone(zone).replace(tzinfo=None)
            table = self.again if shown <= latest else self.first
            table[shown.date()][shown.hour * 60 + shown.minute] = now
            while latest + MINUTE < shown:
                latest += MINUTE
                self.jumped[latest.date()][latest.hour * 60 + latest.minute] = now
            latest = max(latest, shown)
            now += MINUTE

    def fires(self, line: Line) -> list[datetime]:
        """Every instant the line fires, in UTC, ascending."""
        tables = [self.first, self.again if line.follows_clock else self.jumped]
        found = {
            shown[time]
            for table in tables
            for day, shown in table.items()
            if line.is_on(day)
            for time in line.times
            if time in shown
        }
        return sorted(found)


def clock_changes(zone: ZoneInfo, first_year: int, last_year: int) -> list[datetime]:
    """Every instant (UTC) at which the zone's offset changes in those years."""
    changes = []
    now = datetime(first_year, 1, 1, tzinfo=UTC)
    while now.year <= last_year:
        later = now + timedelta(hours=6)
        if now.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            change = now
            while change.astimezone(zone).utcoffset() == now.astimezone(zone).utcoffset():
                change += MINUTE
            changes.append(change)
        now = later
    return changes


def random_line(random: Random, near_midnight: bool = False) -> str:
    """A line of any shape the syntax has. `near_midnight` keeps to hours and days where clocks change."""
    words = [random_word(random, low, high) for low, high in LIMITS]
    if near_midnight:
        words[1] = random.choice(["*", "*/2", "0", "1", "2", "3", "0-3", "23,0-2", "1-3", random_word(random, 0, 23)])
        words[2:] = random.choice([["*"] * 3, ["*"] * 3, ["*", "*", words[4]], [words[2], "*", "*"], words[2:]])
    return " ".join(words)


def random_word(random: Random, low: int, high: int) -> str:
    if random.random() < 0.25:
        return "*"
    return ",".join(random_item(random, low, high) for _ in range(random.choice([1, 1, 1, 2, 3])))


def random_item(random: Random, low: int, high: int) -> str:
    shape = random.choice(["one", "one", "one", "range", "range", "stepped range", "stepped star", "star"])
    if shape == "star":
        return "*" if random.random() < 0.2 else "*/1"
    if shape == "stepped star":
        return f"*/{random.randint(1, high - low)}"
    start = random.randint(low, high)
    if shape == "one":
        return dressed(random, start, high)
    end = random.randint(start, high)
    span = f"{dressed(random, start, high)}-{dressed(random, end, high)}"
    return f"{span}/{random.randint(1, end - start)}" if shape == "stepped range" and end > start else span


def dressed(random: Random, number: int, high: int) -> str:
    """A number as people write it: plain, with a leading zero, or by name in any case."""
    names = {12: ["", *MONTHS], 7: WEEKDAYS}.get(high, [])
    if number < len(names) and random.random() < 0.5:
        return "".join(random.choice([letter, letter.upper()]) for letter in names[number])
    return f"{number:02d}" if random.random() < 0.1 else str(number)
