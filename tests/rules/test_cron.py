import sys
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from random import Random
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest

from shared_rules import cron
from shared_rules.cron import InvalidCron, describe, next_fire, next_fire_within, next_fires, parse_cron
from tests.rules.cron_oracle import Line, Walk, clock_changes, random_line

TOKYO = ZoneInfo("Asia/Tokyo")
CHANGING_ZONES = [
    "America/New_York",
    "Europe/London",
    "Europe/Helsinki",
    "Australia/Lord_Howe",
    "America/Santiago",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Cairo",
]
REQUIRED = "Cron expression is required."
FIVE_FIELDS = "Cron expression must have exactly 5 fields (minute hour day month day-of-week)."
NEVER = "This expression never fires."


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cron, "_known", {})


# What is refused, and in which words

REFUSED_WHOLE = [
    (None, REQUIRED),
    ("", REQUIRED),
    (" \t ", REQUIRED),
    ("\u3000", REQUIRED),
    (5, "Cron expression must be a string."),
    (True, "Cron expression must be a string."),
    (["0 2 * * *"], "Cron expression must be a string."),
    ({"cron": "* * * * *"}, "Cron expression must be a string."),
    (b"0 2 * * *", "Cron expression must be a string."),
    ("*", FIVE_FIELDS),
    ("* * * *", FIVE_FIELDS),
    ("* * * * * *", FIVE_FIELDS),
    ("0 0 2 * * * 2027", FIVE_FIELDS),
    ("@daily", FIVE_FIELDS),
    ("@reboot", FIVE_FIELDS),
    ("every day at two", FIVE_FIELDS),
    ("0 2 * * * # nightly", FIVE_FIELDS),
    ("1, 2 * * * *", FIVE_FIELDS),
    ("TZ=UTC 0 2 * * *", FIVE_FIELDS),
    ("0 2 * * " + "1," * 46 + "1", "Cron expression must be at most 100 characters."),
    ("9" * 1_000_000, "Cron expression must be at most 100 characters."),
    ("0 0 30 2 *", NEVER),
    ("0 0 31 2 *", NEVER),
    ("0 0 30,31 feb *", NEVER),
    ("* * 31 4 *", NEVER),
    ("* * 31 4,6,sep,11 *", NEVER),
    ("0 0 30-31 2 */2", NEVER),
    ("0 0 30 2 *,1", NEVER),
]
REFUSED_FIELDS = [
    ("60 * * * *", 'Minute "60" is out of range 0-59.'),
    ("0 24 * * *", 'Hour "24" is out of range 0-23.'),
    ("0 0 0 * *", 'Day "0" is out of range 1-31.'),
    ("0 0 32 * *", 'Day "32" is out of range 1-31.'),
    ("0 0 * 0 *", 'Month "0" is out of range 1-12.'),
    ("0 0 * 13 *", 'Month "13" is out of range 1-12.'),
    ("0 0 * * 8", 'Weekday "8" is out of range 0-7.'),
    ("0,15,75 * * * *", 'Minute "75" is out of range 0-59.'),
    ("50-70 * * * *", 'Minute "70" is out of range 0-59.'),
    ("* 0-24 * * *", 'Hour "24" is out of range 0-23.'),
    ("0 0 0-5 * *", 'Day "0" is out of range 1-31.'),
    ("0 0 * jan-13 *", 'Month "13" is out of range 1-12.'),
    ("0 0 * * 5-8/2", 'Weekday "8" is out of range 0-7.'),
    ("99999999999999999999999999 * * * *", 'Minute "99999999999999999999999999" is out of range 0-59.'),
    ("060 * * * *", 'Minute "060" is out of range 0-59.'),
    ("x * * * *", 'Minute "x" is not 0-59.'),
    ("every day at two o'clock", 'Minute "every" is not 0-59.'),
    ("* noon * * *", 'Hour "noon" is not 0-23.'),
    ("0 0 first * *", 'Day "first" is not 1-31.'),
    ("0 0 * foo *", 'Month "foo" is not 1-12 or jan-dec.'),
    ("0 0 * * foo", 'Weekday "foo" is not 0-7 or sun-sat.'),
    ("0 0 * * monday", 'Weekday "monday" is not 0-7 or sun-sat.'),
    ("0 0 * january *", 'Month "january" is not 1-12 or jan-dec.'),
    ("0 0 * mon *", 'Month "mon" is not 1-12 or jan-dec.'),
    ("0 0 * * jan", 'Weekday "jan" is not 0-7 or sun-sat.'),
    ("jan * * * *", 'Minute "jan" is not 0-59.'),
    ("0 0 mon * *", 'Day "mon" is not 1-31.'),
    ("5.0 * * * *", 'Minute "5.0" is not 0-59.'),
    ("+5 * * * *", 'Minute "+5" is not 0-59.'),
    ("1e1 * * * *", 'Minute "1e1" is not 0-59.'),
    ("0x10 * * * *", 'Minute "0x10" is not 0-59.'),
    ("1_0 * * * *", 'Minute "1_0" is not 0-59.'),
    ("５ * * * *", 'Minute "５" is not 0-59.'),
    ("² * * * *", 'Minute "²" is not 0-59.'),
    ("٣ * * * *", 'Minute "٣" is not 0-59.'),
    ("0 0 * * ſun", 'Weekday "ſun" is not 0-7 or sun-sat.'),
    ("＊ * * * *", 'Minute "＊" is not 0-59.'),
    ("** * * * *", 'Minute "**" is not 0-59.'),
    ("*5 * * * *", 'Minute "*5" is not 0-59.'),
    ('" * * * *', 'Minute """ is not 0-59.'),
    ("0 0 ? * *", 'Day "?" is not 1-31.'),
    ("0 0 * * ?", 'Weekday "?" is not 0-7 or sun-sat.'),
    ("0 0 L * *", 'Day "L" is not 1-31.'),
    ("0 0 LW * *", 'Day "LW" is not 1-31.'),
    ("0 0 15W * *", 'Day "15W" is not 1-31.'),
    ("0 0 * * 5L", 'Weekday "5L" is not 0-7 or sun-sat.'),
    ("0 0 * * 1#2", 'Weekday "1#2" is not 0-7 or sun-sat.'),
    ("H * * * *", 'Minute "H" is not 0-59.'),
    ("R * * * *", 'Minute "R" is not 0-59.'),
    ("~ * * * *", 'Minute "~" is not 0-59.'),
    ("0~30 * * * *", 'Minute "0~30" is not 0-59.'),
    ("-5 * * * *", 'Minute "-5" is not a range a-b within 0-59.'),
    ("5- * * * *", 'Minute "5-" is not a range a-b within 0-59.'),
    ("- * * * *", 'Minute "-" is not a range a-b within 0-59.'),
    ("1-2-3 * * * *", 'Minute "1-2-3" is not a range a-b within 0-59.'),
    ("1--3 * * * *", 'Minute "1--3" is not a range a-b within 0-59.'),
    ("*-5 * * * *", 'Minute "*-5" is not a range a-b within 0-59.'),
    ("0 0 * jan- *", 'Month "jan-" is not a range a-b within 1-12 or jan-dec.'),
    ("1-x * * * *", 'Minute "x" is not 0-59.'),
    ("30-10 * * * *", 'Minute "30-10" runs backwards; a range goes up within 0-59.'),
    ("0 22-6 * * *", 'Hour "22-6" runs backwards; a range goes up within 0-23.'),
    ("0 0 20-10/2 * *", 'Day "20-10" runs backwards; a range goes up within 1-31.'),
    ("0 0 * nov-feb *", 'Month "nov-feb" runs backwards; a range goes up within 1-12 or jan-dec.'),
    ("0 0 * * fri-mon", 'Weekday "fri-mon" runs backwards; a range goes up within 0-7 or sun-sat.'),
    ("0 0 * * 7-1", 'Weekday "7-1" runs backwards; a range goes up within 0-7 or sun-sat.'),
    ("0 0 * * fri-sun", 'Weekday "fri-sun" runs backwards; a range that ends on Sunday is fri-7.'),
    ("0 0 * * 1-0", 'Weekday "1-0" runs backwards; a range that ends on Sunday is 1-7.'),
    ("*/0 * * * *", 'Minute "*/0" has a step that is not a number 1-59.'),
    ("*/60 * * * *", 'Minute "*/60" has a step that is not a number 1-59.'),
    ("0 */24 * * *", 'Hour "*/24" has a step that is not a number 1-23.'),
    ("0 0 */31 * *", 'Day "*/31" has a step that is not a number 1-30.'),
    ("0 0 * */12 *", 'Month "*/12" has a step that is not a number 1-11.'),
    ("0 0 * * */8", 'Weekday "*/8" has a step that is not a number 1-7.'),
    ("10-20/11 * * * *", 'Minute "10-20/11" has a step that is not a number 1-10.'),
    ("0 0 * * mon-fri/5", 'Weekday "mon-fri/5" has a step that is not a number 1-4.'),
    ("*/ * * * *", 'Minute "*/" has a step that is not a number 1-59.'),
    ("*/x * * * *", 'Minute "*/x" has a step that is not a number 1-59.'),
    ("*/-5 * * * *", 'Minute "*/-5" has a step that is not a number 1-59.'),
    ("*/5/2 * * * *", 'Minute "*/5/2" has a step that is not a number 1-59.'),
    ("*//5 * * * *", 'Minute "*//5" has a step that is not a number 1-59.'),
    ("0 0 * */feb *", 'Month "*/feb" has a step that is not a number 1-11.'),
    ("*/５ * * * *", 'Minute "*/５" has a step that is not a number 1-59.'),
    ("*/2.5 * * * *", 'Minute "*/2.5" has a step that is not a number 1-59.'),
    ("5/10 * * * *", 'Minute "5/10" has a step without a range; use */n or a-b/n within 0-59.'),
    ("0/15 * * * *", 'Minute "0/15" has a step without a range; use */n or a-b/n within 0-59.'),
    ("/5 * * * *", 'Minute "/5" has a step without a range; use */n or a-b/n within 0-59.'),
    ("/ * * * *", 'Minute "/" has a step without a range; use */n or a-b/n within 0-59.'),
    ("0 0 * * mon/2", 'Weekday "mon/2" has a step without a range; use */n or a-b/n within 0-7 or sun-sat.'),
    ("5-5/1 * * * *", 'Minute "5-5/1" has a step but only one value; use 5 alone.'),
    ("0 0 * * tue-tue/2", 'Weekday "tue-tue/2" has a step but only one value; use 2 alone.'),
    ("1,,2 * * * *", 'Minute "1,,2" has an empty item in its list; every item must be 0-59.'),
    (", * * * *", 'Minute "," has an empty item in its list; every item must be 0-59.'),
    (",1 * * * *", 'Minute ",1" has an empty item in its list; every item must be 0-59.'),
    ("0 0 * * mon,", 'Weekday "mon," has an empty item in its list; every item must be 0-7 or sun-sat.'),
    ("1;2 * * * *", 'Minute "1;2" is not 0-59.'),
    ("61 25 * * *", 'Minute "61" is out of range 0-59.'),
    ("0 25 * * x", 'Hour "25" is out of range 0-23.'),
    ("60,x,5/1 * * * *", 'Minute "60" is out of range 0-59.'),
    ("0 0 30 2 8", 'Weekday "8" is out of range 0-7.'),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED_WHOLE + REFUSED_FIELDS, ids=lambda value: repr(value)[:40])
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(text: object, reason: str) -> None:
    with pytest.raises(InvalidCron) as refused:
        parse_cron(text)

    assert refused.value.reason == reason
    assert refused.value.body == {"error": "Invalid cron expression", "message": reason}
    assert refused.value.status == 400


def test_a_refusal_stays_the_same_when_it_is_remembered() -> None:
    reasons = []
    for _ in range(3):
        with pytest.raises(InvalidCron) as refused:
            parse_cron("60 * * * *")
        reasons.append(refused.value)

    assert len({id(refusal) for refusal in reasons}) == 3
    assert {refusal.reason for refusal in reasons} == {'Minute "60" is out of range 0-59.'}


@pytest.mark.parametrize("ask", [describe, lambda text: next_fire(text, TOKYO, at("2027-01-01T00:00Z"))])
def test_an_invalid_expression_is_refused_by_every_question(ask: object) -> None:
    with pytest.raises(InvalidCron, match="out of range 0-59"):
        ask("60 * * * *")


# What is accepted, and when it fires


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 2 * * *", "0 2 * * *"),
        ("  0   2 * *\t*  ", "0 2 * * *"),
        ("\n0 2 * * *\r\n", "0 2 * * *"),
        ("0\u30002 *\u00a0* *", "0 2 * * *"),
        ("0 0 * Jan-MAR mOn,FRI", "0 0 * Jan-MAR mOn,FRI"),
        ("00 07 01 01 *", "00 07 01 01 *"),
        ("0 0 * * " + "1," * 45 + "1", "0 0 * * " + "1," * 45 + "1"),
        ("0 0" + " " * 200 + "* * *", "0 0 * * *"),
    ],
    ids=[
        "plain",
        "blanks and tabs",
        "line ends",
        "wide blanks",
        "case kept",
        "zeros kept",
        "99 long",
        "blanks past 100",
    ],
)
def test_an_accepted_expression_comes_back_trimmed_with_single_blanks(text: str, expected: str) -> None:
    assert parse_cron(text) == expected


@pytest.mark.parametrize(
    ("expression", "fires"),
    [
        ("0 2 * * *", ["01-02T02:00", "01-03T02:00", "01-04T02:00"]),
        ("*/59 * * * *", ["01-01T12:59", "01-01T13:00", "01-01T13:59"]),
        ("* * * * *", ["01-01T12:01", "01-01T12:02", "01-01T12:03"]),
        ("10-20/10 12 * * *", ["01-01T12:10", "01-01T12:20", "01-02T12:10"]),
        ("5,*/30 12 * * *", ["01-01T12:05", "01-01T12:30", "01-02T12:00"]),
        ("0,20-22,40-44/2 12 1 1 *", ["01-01T12:20", "01-01T12:21", "01-01T12:22", "01-01T12:40"]),
        ("0 */23 * * *", ["01-01T23:00", "01-02T00:00", "01-02T23:00"]),
        ("0 0 * * 0", ["01-03T00:00", "01-10T00:00"]),
        ("0 0 * * 7", ["01-03T00:00", "01-10T00:00"]),
        ("0 0 * * sUn", ["01-03T00:00", "01-10T00:00"]),
        ("0 0 * * 5-7", ["01-02T00:00", "01-03T00:00", "01-08T00:00"]),
        ("0 0 * * fri-7/2", ["01-03T00:00", "01-08T00:00", "01-10T00:00"]),
        ("0 0 * * 6-7", ["01-02T00:00", "01-03T00:00", "01-09T00:00"]),
        ("0 0 * * 1-7/6", ["01-03T00:00", "01-04T00:00", "01-10T00:00"]),
        ("0 0 * * */7", ["01-03T00:00", "01-10T00:00"]),
        ("0 0 * * mon,wed-thu", ["01-04T00:00", "01-06T00:00", "01-07T00:00"]),
        ("0 0 * * 5-5", ["01-08T00:00", "01-15T00:00"]),
        ("0 0 1 FEB,dec *", ["02-01T00:00", "12-01T00:00"]),
        ("0 0 31 * *", ["01-31T00:00", "03-31T00:00", "05-31T00:00"]),
        ("0 0 13 * 5", ["01-08T00:00", "01-13T00:00", "01-15T00:00"]),
        ("0 0 30 2 1", ["02-01T00:00", "02-08T00:00"]),
        ("0 0 */2 * 1", ["01-11T00:00", "01-25T00:00", "02-01T00:00"]),
        ("0 0 13 * */5", ["06-13T00:00", "08-13T00:00"]),
        ("0 0 *,13 * 1", ["01-04T00:00", "01-11T00:00"]),
        ("0 0 13,* * 1", ["01-02T00:00", "01-03T00:00"]),
        ("0 0 1-31 * 1", ["01-02T00:00", "01-03T00:00"]),
        ("000 0002 * 001-01 *", ["01-02T02:00", "01-03T02:00"]),
    ],
)
def test_an_expression_fires_as_crontab_says(expression: str, fires: list[str]) -> None:
    expected = [at(f"2027-{fire}+09:00") for fire in fires]
    # 1 January 2027 is a Friday.
    actual = next_fires(expression, TOKYO, at("2027-01-01T12:00+09:00"), len(fires))

    assert actual == expected
    assert all(fire.tzinfo is TOKYO for fire in actual)


def test_leap_day_fires_across_the_year_2100() -> None:
    fires = next_fires("0 0 29 2 *", TOKYO, at("2095-01-01T00:00Z"), 3)

    assert [fire.date() for fire in fires] == [date(2096, 2, 29), date(2104, 2, 29), date(2108, 2, 29)]


def test_a_leap_day_on_one_weekday_only_is_found() -> None:
    assert next_fire("0 0 29 2 */7", TOKYO, at("2060-03-01T00:00Z")).date() == date(2088, 2, 29)


@pytest.mark.parametrize(("count", "expected"), [(-1, 0), (0, 0), (1, 1), (20, 20)])
def test_as_many_fires_as_asked_for(count: int, expected: int) -> None:
    assert len(next_fires("0 2 * * *", TOKYO, at("2027-01-01T00:00Z"), count)) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2027-01-01T01:59:59.999999+09:00", "2027-01-01T02:00+09:00"),
        ("2027-01-01T02:00:00+09:00", "2027-01-02T02:00+09:00"),
        ("2027-01-01T02:00:00.000001+09:00", "2027-01-02T02:00+09:00"),
        ("2026-12-31T16:59:59Z", "2027-01-01T02:00+09:00"),
        ("2026-12-31T17:00:00Z", "2027-01-02T02:00+09:00"),
        ("2026-12-31T12:00:00-05:00", "2027-01-02T02:00+09:00"),
    ],
)
def test_the_next_fire_is_strictly_after(after: str, expected: str) -> None:
    assert next_fire("0 2 * * *", TOKYO, at(after)) == at(expected)
    assert next_fires("0 2 * * *", TOKYO, at(after), 1) == [at(expected)]


def test_a_moment_without_a_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="names no zone"):
        next_fire("0 2 * * *", TOKYO, datetime(2027, 1, 1))


@pytest.mark.parametrize(
    ("end_date", "expected"),
    [
        (None, at("2027-01-02T23:59+09:00")),
        (date(2027, 1, 3), at("2027-01-02T23:59+09:00")),
        (date(2027, 1, 2), at("2027-01-02T23:59+09:00")),
        (date(2027, 1, 1), None),
    ],
    ids=["no end", "ends later", "ends that day", "ended before"],
)
def test_a_job_may_run_until_the_end_of_its_last_day(end_date: date | None, expected: datetime | None) -> None:
    assert next_fire_within("59 23 * * *", TOKYO, at("2027-01-01T23:59+09:00"), end_date) == expected


def test_the_last_day_is_that_of_the_zone() -> None:
    # 08:30 in Tokyo is still the day before in UTC.
    assert next_fire_within("30 8 2 1 *", TOKYO, at("2027-01-01T00:00Z"), date(2027, 1, 1)) is None


# In words


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 2 * * *", "At 02:00 AM"),
        ("30 14 * * *", "At 02:30 PM"),
        ("05 02 07 01 *", "At 02:05 AM, on day 7 of the month, only in January"),
        ("* * * * *", "Every minute"),
        ("*,5 */1 * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("5,*/20 * * * *", "At 0, 5, 20, and 40 minutes past the hour"),
        ("0 9-17 * * mon-FRI", "At 0 minutes past the hour, between 09:00 AM and 05:59 PM, Monday through Friday"),
        ("0 0 * * 7", "At 12:00 AM, only on Sunday"),
        ("0 0 * * 07", "At 12:00 AM, only on Sunday"),
        ("0 0 * * sun,7", "At 12:00 AM, only on Sunday"),
        ("0 0 * * */7", "At 12:00 AM, only on Sunday"),
        ("0 0 * * fri-7", "At 12:00 AM, Friday through Sunday"),
        ("0 0 * * 1,3,5-7/2", "At 12:00 AM, only on Sunday, Monday, Wednesday, and Friday"),
        ("0 0 * * 1,*/3", "At 12:00 AM, only on Sunday, Monday, Wednesday, and Saturday"),
        ("0 0 * jan,mar-may *", "At 12:00 AM, only in January and March through May"),
        ("0 0 * *,3 *", "At 12:00 AM"),
        ("0 0 * jan,*/6 *", "At 12:00 AM, only in January and July"),
        ("0 0 1 * 1", "At 12:00 AM, on day 1 of the month, or on Monday"),
        ("0 0 1 * 1-2", "At 12:00 AM, on day 1 of the month, or on Monday and Tuesday"),
        ("0 0 */2 * 1", "At 12:00 AM, every 2 days, only on Monday"),
    ],
)
def test_a_description_reads_as_the_expression_fires(expression: str, expected: str) -> None:
    assert describe(expression) == expected


def test_every_valid_expression_has_a_description() -> None:
    random = Random(7)
    described = [describe(line) for line in (random_line(random) for _ in range(2_000)) if is_valid(line)]

    assert len(described) > 1_950
    assert not [text for text in described if "An error occurred" in text or "*" in text or "  " in text]


def is_valid(line: str) -> bool:
    try:
        parse_cron(line)
    except InvalidCron:
        return False
    return True


# Against the oracle: a whole year in Tokyo


@pytest.fixture(scope="module")
def tokyo_2028() -> Walk:
    """A leap year, so that 29 February is in it."""
    return Walk(TOKYO, at("2028-01-01T00:00+09:00").astimezone(UTC), at("2029-01-01T00:00+09:00").astimezone(UTC))


def fires_between(expression: str, zone: ZoneInfo, start: datetime, end: datetime, about: int) -> list[datetime]:
    """What cron.py fires in [start, end), in UTC; `about` is how many to expect, two more are asked for."""
    fires = next_fires(expression, zone, start - timedelta(microseconds=1), about + 2)
    return [fire.astimezone(UTC) for fire in fires if fire.astimezone(UTC) < end]


def random_lines(seed: int, count: int, walk: Walk, fewest: int, most: int) -> Iterator[str]:
    """Lines that fire between `fewest` and `most` times in the walk: nearly every random one fires many thousand times."""
    random = Random(seed)
    while count:
        text = random_line(random)
        line = Line.read(text)
        if fewest <= sum(map(line.is_on, walk.first)) * len(line.times) <= most:
            count -= 1
            yield text


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 15))])
def test_a_hundred_random_expressions_fire_exactly_as_a_walk_through_the_year(seed: int, tokyo_2028: Walk) -> None:
    for text in random_lines(seed, 100, tokyo_2028, fewest=1, most=1_000):
        expected = tokyo_2028.fires(Line.read(text))
        actual = fires_between(text, TOKYO, tokyo_2028.start, tokyo_2028.end, len(expected))

        assert actual == expected, text


def test_expressions_that_fire_all_day_match_a_walk_through_the_year(tokyo_2028: Walk) -> None:
    for text in [*random_lines(99, 12, tokyo_2028, fewest=1_001, most=20_000), "*/7 * * * *"]:
        expected = tokyo_2028.fires(Line.read(text))
        actual = fires_between(text, TOKYO, tokyo_2028.start, tokyo_2028.end, len(expected))

        assert actual == expected, text


def test_only_what_no_day_of_28_years_matches_is_said_to_never_fire() -> None:
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(28 * 366)]
    random = Random(11)
    for _ in range(600):
        day, month, weekday = (
            random.choice(["29", "30", "31", "30-31", "29,31", "*/29"]),
            random.choice(["2", "feb", "4", "2,4", "apr-jun", "*/2", "9,11", "2-2"]),
            random.choice(["*", "*", "*/2", "*/7", "*,3", "1", "5-7"]),
        )
        text = f"0 0 {day} {month} {weekday}"
        line = Line.read(text)

        assert is_valid(text) == any(line.is_on(day) for day in days), text


# Against the oracle: days on which clocks change


def around(change: datetime, zone: ZoneInfo) -> Walk:
    return Walk(zone, change - timedelta(hours=30), change + timedelta(hours=30))


@pytest.mark.parametrize("name", CHANGING_ZONES)
def test_random_expressions_match_a_walk_through_every_change_of_clocks(name: str) -> None:
    zone = ZoneInfo(name)
    walks = [around(change, zone) for change in clock_changes(zone, 2021, 2027)]
    random = Random(name)
    lines = [text for text in (random_line(random, near_midnight=True) for _ in range(330)) if is_valid(text)]
    for number, text in enumerate(lines):
        walk = walks[number % len(walks)]
        expected = walk.fires(Line.read(text))

        assert fires_between(text, zone, walk.start, walk.end, len(expected)) == expected, text
        assert_right_wherever_asked(text, zone, walk, expected, random)

    assert len(walks) >= 8
    assert len(lines) > 300


def assert_right_wherever_asked(
    text: str, zone: ZoneInfo, walk: Walk, expected: list[datetime], random: Random
) -> None:
    """`next_fire` gives the walk's next from any moment, in any order of asking, also from within a repeated hour."""
    middle = walk.start + (walk.end - walk.start) / 2
    for _ in range(6):
        moment = middle + timedelta(seconds=random.uniform(-3 * 3600, 3 * 3600))
        position = bisect_right(expected, moment)
        fire = next_fire(text, zone, moment.astimezone(zone)).astimezone(UTC)
        if position < len(expected):
            assert fire == expected[position], (text, moment)
        else:
            assert fire >= walk.end, (text, moment)


@pytest.mark.parametrize(
    ("zone", "expression", "after", "fires"),
    [
        (
            "America/New_York",
            "30 2 * * *",
            "2027-03-13T02:00-05:00",
            ["2027-03-13T02:30-05:00", "2027-03-14T03:00-04:00", "2027-03-15T02:30-04:00"],
        ),
        (
            "America/New_York",
            "0,30 2 * * *",
            "2027-03-14T01:00-05:00",
            ["2027-03-14T03:00-04:00", "2027-03-15T02:00-04:00"],
        ),
        (
            "America/New_York",
            "30 2,3 * * *",
            "2027-03-14T01:00-05:00",
            ["2027-03-14T03:00-04:00", "2027-03-14T03:30-04:00"],
        ),
        (
            "America/New_York",
            "*/30 2 * * *",
            "2027-03-14T01:00-05:00",
            ["2027-03-15T02:00-04:00", "2027-03-15T02:30-04:00"],
        ),
        ("America/New_York", "0 */2 * * *", "2027-03-14T00:00-05:00", ["2027-03-14T04:00-04:00"]),
        (
            "America/New_York",
            "0 0 * * *",
            "2027-03-14T12:00-04:00",
            ["2027-03-15T00:00-04:00", "2027-03-16T00:00-04:00"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2027-11-07T00:00-04:00",
            ["2027-11-07T01:30-04:00", "2027-11-08T01:30-05:00"],
        ),
        ("America/New_York", "30 1 * * *", "2027-11-07T01:10-05:00", ["2027-11-08T01:30-05:00"]),
        (
            "America/New_York",
            "*/30 1 * * *",
            "2027-11-07T00:00-04:00",
            ["2027-11-07T01:00-04:00", "2027-11-07T01:30-04:00", "2027-11-07T01:00-05:00", "2027-11-07T01:30-05:00"],
        ),
        (
            "America/New_York",
            "15 * * * *",
            "2027-11-07T01:20-04:00",
            ["2027-11-07T01:15-05:00", "2027-11-07T02:15-05:00"],
        ),
        ("Europe/London", "0 0 1 * *", "2027-03-28T12:00+01:00", ["2027-04-01T00:00+01:00"]),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2027-10-02T12:00+10:30",
            ["2027-10-03T02:30+11:00", "2027-10-04T02:15+11:00"],
        ),
        ("Australia/Lord_Howe", "0 */3 * * *", "2027-10-03T00:00+10:30", ["2027-10-03T03:00+11:00"]),
        (
            "Australia/Lord_Howe",
            "45 * * * *",
            "2027-04-04T01:00+11:00",
            ["2027-04-04T01:45+11:00", "2027-04-04T01:45+10:30", "2027-04-04T02:45+10:30"],
        ),
        (
            "Australia/Lord_Howe",
            "10 * * * *",
            "2027-04-04T01:05+11:00",
            ["2027-04-04T01:10+11:00", "2027-04-04T02:10+10:30"],
        ),
        ("Asia/Beirut", "0 0 * * *", "2027-03-27T12:00+02:00", ["2027-03-28T01:00+03:00", "2027-03-29T00:00+03:00"]),
        ("Asia/Beirut", "30 * 28 3 *", "2027-03-27T12:00+02:00", ["2027-03-28T01:30+03:00"]),
        ("Asia/Beirut", "0 */2 28 3 *", "2027-03-27T12:00+02:00", ["2027-03-28T02:00+03:00"]),
        (
            "America/Santiago",
            "30 23 * * *",
            "2027-04-03T22:00-03:00",
            ["2027-04-03T23:30-03:00", "2027-04-04T23:30-04:00"],
        ),
        (
            "America/Santiago",
            "30 * 3 4 *",
            "2027-04-03T23:00-03:00",
            ["2027-04-03T23:30-03:00", "2027-04-03T23:30-04:00"],
        ),
        ("America/Havana", "0 0 * * *", "2027-03-13T12:00-05:00", ["2027-03-14T01:00-04:00", "2027-03-15T00:00-04:00"]),
        (
            "Pacific/Apia",
            "0 12 30 12 *",
            "2011-12-29T12:00-10:00",
            ["2011-12-31T00:00+14:00", "2012-12-30T12:00+14:00"],
        ),
        (
            "Antarctica/Casey",
            "30 * * * *",
            "2020-10-04T00:00+08:00",
            ["2020-10-04T03:30+11:00", "2020-10-04T04:30+11:00"],
        ),
        (
            "Antarctica/Casey",
            "*/30 21 * * *",
            "2021-03-13T23:50+11:00",
            ["2021-03-13T21:00+08:00", "2021-03-13T21:30+08:00", "2021-03-14T21:00+08:00"],
        ),
        ("UTC", "30 2 * * *", "2027-03-14T00:00Z", ["2027-03-14T02:30Z"]),
    ],
)
def test_a_change_of_clocks_by_hand(zone: str, expression: str, after: str, fires: list[str]) -> None:
    actual = next_fires(expression, ZoneInfo(zone), at(after), len(fires))

    assert [fire.isoformat(timespec="minutes") for fire in actual] == [fire.replace("Z", "+00:00") for fire in fires]


# What is remembered


class CountingCronSim(cron.CronSim):
    made = 0

    def __init__(self, *args: object) -> None:
        type(self).made += 1
        super().__init__(*args)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> type[CountingCronSim]:
    """Counts how often the calendar is searched."""
    monkeypatch.setattr(cron, "CronSim", CountingCronSim)
    monkeypatch.setattr(CountingCronSim, "made", 0)
    return CountingCronSim


def test_a_list_of_jobs_searches_the_calendar_once_per_expression(searches: type[CountingCronSim]) -> None:
    now = at("2027-01-01T00:00:30Z")
    jobs = [f"{number % 10} 2 * * *" for number in range(1_000)]
    for second in range(3):
        for job in jobs:
            next_fire(job, TOKYO, now + timedelta(seconds=second))

    assert searches.made == 10


def test_a_remembered_fire_answers_until_it_passes_and_not_before_it_was_asked(searches: type[CountingCronSim]) -> None:
    asked = []
    for after in ["00:00", "00:59:59.999999", "01:00", "01:30", "00:30", "00:45", "01:00"]:
        fire = next_fire("0 * * * *", TOKYO, at(f"2027-01-01T{after}+09:00"))
        asked.append((fire.hour, searches.made))

    assert asked == [(1, 1), (1, 1), (2, 2), (2, 2), (1, 3), (1, 3), (2, 4)]


def test_zones_and_expressions_are_remembered_apart() -> None:
    now = at("2027-01-01T00:00Z")
    asked = [("0 2 * * *", TOKYO), ("0 2 * * *", ZoneInfo("UTC")), ("0 3 * * *", TOKYO)]
    answers = [next_fire(expression, zone, now).isoformat() for _ in range(2) for expression, zone in asked]

    assert answers == ["2027-01-02T02:00:00+09:00", "2027-01-01T02:00:00+00:00", "2027-01-02T03:00:00+09:00"] * 2


def test_a_moving_clock_always_gets_the_exact_next(tokyo_2028: Walk) -> None:
    random = Random(3)
    for text in ["*/7 * * * *", "0 9-17 * * 1-5", "30 2 1,15 * 0"]:
        expected = tokyo_2028.fires(Line.read(text))
        now = tokyo_2028.start
        for _ in range(1_000):
            now += timedelta(seconds=random.uniform(-400, 1_200))
            position = bisect_right(expected, now)

            assert next_fire(text, TOKYO, now) == expected[position], (text, now)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cron, "_REMEMBERED", 5)
    for number in [*range(20), 19, 3]:
        fire = next_fire(f"{number} 2 * * *", TOKYO, at("2027-01-01T00:00+09:00"))

        assert fire == at(f"2027-01-01T02:{number:02d}+09:00")
        assert len(cron._known) <= 5


def test_threads_whose_clocks_stand_either_side_of_a_fire_all_get_the_exact_next(
    tokyo_2028: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron, "_REMEMBERED", 2)
    lines = ["* * * * *", "*/2 * * * *", "0-59/3 * * * *"]
    expected = {text: tokyo_2028.fires(Line.read(text))[:20] for text in lines}
    start_together = Barrier(8)

    def ask(seed: int) -> int:
        random, right = Random(seed), 0
        start_together.wait(10)
        for _ in range(1_000):
            text = random.choice(lines)
            now = tokyo_2028.start + timedelta(minutes=6, seconds=random.choice([-1, 0, 1]))
            right += next_fire(text, TOKYO, now) == expected[text][bisect_right(expected[text], now)]
        return right

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            right = list(threads.map(ask, range(8)))
    finally:
        sys.setswitchinterval(interval)

    assert right == [1_000] * 8
