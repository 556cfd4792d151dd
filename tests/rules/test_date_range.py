"""What `from` and `to` may look like, which instants they mean, and what is refused first."""

from datetime import UTC, datetime, timedelta

import pytest

from shared_rules.date_range import DateRange, read_date_range
from shared_rules.errors import BadRequest
from shared_rules.query import Query


def read(**bounds: str) -> DateRange:
    return read_date_range(Query({name.removesuffix("_"): text for name, text in bounds.items()}))


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


DAYS = [
    pytest.param("2026-11-22", at(2026, 11, 22), id="a day"),
    pytest.param("2024-02-29", at(2024, 2, 29), id="a leap day"),
    pytest.param("2000-02-29", at(2000, 2, 29), id="the leap day of a leap century"),
    pytest.param("2026-02-28", at(2026, 2, 28), id="the last of February"),
    pytest.param("2026-12-31", at(2026, 12, 31), id="the last of a year"),
    pytest.param("0001-01-01", at(1, 1, 1), id="the first day there is"),
    pytest.param("  2026-11-22\t", at(2026, 11, 22), id="blanks around"),
    pytest.param("\u00a02026-11-22\u3000", at(2026, 11, 22), id="wide blanks around"),
]
INSTANTS = [
    pytest.param("2026-11-22T06:31:17.423Z", at(2026, 11, 22, 6, 31, 17, 423000), id="as answers show it"),
    pytest.param("2026-11-22T06:31:17Z", at(2026, 11, 22, 6, 31, 17), id="no fraction"),
    pytest.param("2026-11-22T06:31Z", at(2026, 11, 22, 6, 31), id="no seconds"),
    pytest.param("2026-11-22T06:31", at(2026, 11, 22, 6, 31), id="no seconds, no offset"),
    pytest.param("2026-11-22T06:31:17", at(2026, 11, 22, 6, 31, 17), id="no offset is UTC"),
    pytest.param("2026-11-22T06:31:17.5", at(2026, 11, 22, 6, 31, 17, 500000), id="a fraction, no offset"),
    pytest.param("2026-11-22T00:00:00Z", at(2026, 11, 22), id="midnight"),
    pytest.param("2026-11-22T23:59:59.999999Z", at(2026, 11, 22, 23, 59, 59, 999999), id="a day's last microsecond"),
    pytest.param("2026-11-22T06:31:17.1Z", at(2026, 11, 22, 6, 31, 17, 100000), id="one digit"),
    pytest.param("2026-11-22T06:31:17.12345Z", at(2026, 11, 22, 6, 31, 17, 123450), id="five digits"),
    pytest.param("2026-11-22T06:31:17.000001Z", at(2026, 11, 22, 6, 31, 17, 1), id="a microsecond"),
    pytest.param("2026-11-22T06:31:17.1234567Z", at(2026, 11, 22, 6, 31, 17, 123456), id="seven digits are cut"),
    pytest.param(
        "2026-11-22T06:31:17.999999999Z", at(2026, 11, 22, 6, 31, 17, 999999), id="nine digits do not round up"
    ),
    pytest.param(f"2026-11-22T06:31:17.{'4' * 5000}Z", at(2026, 11, 22, 6, 31, 17, 444444), id="endless digits"),
    pytest.param("2026-11-22T06:31:17+00:00", at(2026, 11, 22, 6, 31, 17), id="plus zero"),
    pytest.param("2026-11-22T06:31:17-00:00", at(2026, 11, 22, 6, 31, 17), id="minus zero"),
    pytest.param("2026-11-22T06:31:17+09:00", at(2026, 11, 21, 21, 31, 17), id="Tokyo"),
    pytest.param("2026-11-22T20:31:17.25-05:00", at(2026, 11, 23, 1, 31, 17, 250000), id="New York"),
    pytest.param("2026-11-22T06:31+05:45", at(2026, 11, 22, 0, 46), id="Kathmandu, no seconds"),
    pytest.param("2026-11-22T06:31:17+23:59", at(2026, 11, 21, 6, 32, 17), id="the largest offset"),
    pytest.param("2026-11-22T06:31:17-23:59", at(2026, 11, 23, 6, 30, 17), id="the smallest offset"),
    pytest.param("2024-03-01T08:00:00+09:00", at(2024, 2, 29, 23), id="into a leap day"),
    pytest.param("2026-01-01T00:00:00+09:00", at(2025, 12, 31, 15), id="into the year before"),
    pytest.param("0001-01-01T09:00:00+09:00", at(1, 1, 1), id="the first instant there is"),
    pytest.param("9999-12-31T14:59:59-09:00", at(9999, 12, 31, 23, 59, 59), id="the last second there is"),
    pytest.param(" 2026-11-22T06:31:17Z ", at(2026, 11, 22, 6, 31, 17), id="blanks around"),
]
UNREADABLE = [
    *[
        pytest.param(text, id=name)
        for name, text in {
            "a week": "2026-W47",
            "a day of a week": "2026-W47-7",
            "a day of a week, basic": "2026W477",
            "an ordinal day": "2026-326",
            "an ordinal day, basic": "2026326",
            "a basic day": "20261122",
            "a basic instant": "20261122T063117Z",
            "a basic time": "2026-11-22T063117Z",
            "a basic day with a time": "20261122T06:31:17Z",
            "a year": "2026",
            "a month": "2026-11",
            "a day without zeros": "2026-1-2",
            "two digits of a year": "26-11-22",
            "five digits of a year": "12026-11-22",
            "a signed year": "+2026-11-22",
            "a negative year": "-2026-11-22",
            "an expanded year": "+002026-11-22",
            "slashes": "2026/11/22",
            "dots": "22.11.2026",
            "the American order": "11-22-2026",
            "a timestamp": "1795242677",
            "a timestamp with a fraction": "1795242677.423",
            "a time": "06:31:17",
            "the word now": "now",
            "the word null": "null",
            "a date of e-mail": "Sun, 22 Nov 2026 06:31:17 GMT",
            "month 0": "2026-00-22",
            "month 13": "2026-13-22",
            "day 0": "2026-11-00",
            "31 November": "2026-11-31",
            "29 February of no leap year": "2026-02-29",
            "29 February of a century": "1900-02-29",
            "30 February": "2024-02-30",
            "the year 0": "0000-01-01",
            "the year 0 with a time": "0000-12-31T23:59:59Z",
            "24 o'clock": "2026-11-22T24:00",
            "24 o'clock with seconds": "2026-11-22T24:00:00Z",
            "25 o'clock": "2026-11-22T25:00:00Z",
            "minute 60": "2026-11-22T06:60:00Z",
            "second 60": "2026-11-22T06:31:60Z",
            "a leap second": "2016-12-31T23:59:60Z",
            "an hour alone": "2026-11-22T06",
            "an hour alone with Z": "2026-11-22T06Z",
            "one digit of an hour": "2026-11-22T6:31:17Z",
            "a lower-case t": "2026-11-22t06:31:17Z",
            "a lower-case z": "2026-11-22T06:31:17z",
            "a blank for T": "2026-11-22 06:31:17",
            "a blank for T, with Z": "2026-11-22 06:31:17Z",
            "an underscore for T": "2026-11-22_06:31:17",
            "another sign for T": "2026-11-22\U0001f55206:31:17",
            "T and no time": "2026-11-22T",
            "two T": "2026-11-22TT06:31:17",
            "a comma as decimal sign": "2026-11-22T06:31:17,423Z",
            "a fraction of nothing": "2026-11-22T06:31:17.Z",
            "a fraction of a minute": "2026-11-22T06:31.5Z",
            "two fractions": "2026-11-22T06:31:17.4.2Z",
            "a signed fraction": "2026-11-22T06:31:17.+42Z",
            "a day with an offset": "2026-11-22Z",
            "a day with a numeric offset": "2026-11-22+09:00",
            "an offset without colon": "2026-11-22T06:31:17+0900",
            "an offset of hours": "2026-11-22T06:31:17+09",
            "an offset with seconds": "2026-11-22T06:31:17+09:00:00",
            "an offset with a fraction": "2026-11-22T06:31:17+09:00:00.5",
            "an offset of 24 hours": "2026-11-22T06:31:17+24:00",
            "an offset of 60 minutes": "2026-11-22T06:31:17+09:60",
            "an offset with one digit": "2026-11-22T06:31:17+9:00",
            "an offset after a blank": "2026-11-22T06:31:17 +09:00",
            "an offset whose plus became a blank": "2026-11-22T06:31:17 09:00",
            "a typographic minus": "2026-11-22T06:31:17\u221205:00",
            "Z and an offset": "2026-11-22T06:31:17Z+09:00",
            "two Z": "2026-11-22T06:31:17ZZ",
            "another military zone": "2026-11-22T06:31:17A",
            "UTC in letters": "2026-11-22T06:31:17UTC",
            "a zone's name": "2026-11-22T06:31:17[Asia/Tokyo]",
            "a zone's name after the offset": "2026-11-22T06:31:17+09:00[Asia/Tokyo]",
            "before the first instant": "0001-01-01T08:59:59.999999+09:00",
            "far before the first instant": "0001-01-01T00:00:00+23:59",
            "after the last instant": "9999-12-31T15:00:00-09:00",
            "far after the last instant": "9999-12-31T23:59:59-23:59",
            "wide digits": "２０２６-１１-２２",
            "one wide digit": "2026-11-2２",
            "Arabic digits": "٢٠٢٦-١١-٢٢",
            "Arabic digits of an hour": "2026-11-22T٠٦:31:17Z",
            "Arabic digits of a fraction": "2026-11-22T06:31:17.٤Z",
            "Arabic digits of an offset": "2026-11-22T06:31:17+٠٩:00",
            "a superscript": "2026-11-2²",
            "an en dash": "2026–11–22",
            "something after a day": "2026-11-22x",
            "a line break within": "2026-11-22\nT06:31:17Z",
            "a line break before a word": "2026-11-22\nx",
            "a blank within": "2026-11- 22",
            "NUL": "2026-11-22\0",
            "a zero-width blank": "2026-11-22\u200b",
            "quotes": '"2026-11-22"',
            "two days": "2026-11-22,2026-11-23",
            "an interval": "2026-11-22/2026-11-23",
            "SQL": "2026-11-22' OR '1'='1",
            "a surrogate": "2026-11-22\ud800",
        }.items()
    ],
    pytest.param("2" * 100_000, id="endless digits"),
    pytest.param("2026-11-22T06:31:17." + "1" * 100_000 + "x", id="an endless fraction and a letter"),
]


@pytest.mark.parametrize(("text", "instant"), [*DAYS, *INSTANTS])
def test_from_is_the_instant_it_names(text, instant):
    assert read(from_=text) == DateRange(instant, None)


@pytest.mark.parametrize(("text", "instant"), INSTANTS)
def test_an_instant_as_to_is_that_instant(text, instant):
    assert read(to=text) == DateRange(None, instant)


@pytest.mark.parametrize(("text", "midnight"), DAYS)
def test_a_day_as_to_ends_at_the_next_midnight(text, midnight):
    assert read(to=text) == DateRange(None, midnight + timedelta(days=1))


@pytest.mark.parametrize("text", UNREADABLE)
@pytest.mark.parametrize("name", ["from_", "to"])
def test_everything_else_is_unreadable(name, text):
    with pytest.raises(BadRequest) as refused:
        read(**{name: text})

    assert refused.value.body == {"error": "Invalid date", "message": "Invalid date"}


def test_the_last_day_there_is_ends_with_its_last_microsecond():
    assert read(to="9999-12-31").end == at(9999, 12, 31, 23, 59, 59, 999999)
    assert read(from_="9999-12-31", to="9999-12-31").start == at(9999, 12, 31)
    assert read(to="9999-12-30").end == at(9999, 12, 31)


@pytest.mark.parametrize("bounds", [{}, {"from_": " "}, {"to": "\t"}, {"from_": "", "to": "\u3000"}])
def test_absent_and_blank_bounds_are_open(bounds):
    assert read(**bounds) == DateRange(None, None)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param("2026-11-22", "2026-11-22", id="one day"),
        pytest.param("2026-11-22T00:00:00Z", "2026-11-22T00:00:00.000001Z", id="a microsecond"),
        pytest.param("2026-11-22T23:59:59.999999Z", "2026-11-22", id="the last microsecond of a day"),
        pytest.param("2026-11-22T09:00:00+09:00", "2026-11-22T00:00:01Z", id="offsets count"),
        pytest.param("0001-01-01", "9999-12-31", id="all there is"),
    ],
)
def test_from_may_be_a_moment_before_to(start, end):
    span = read(from_=start, to=end)

    assert span.start < span.end


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param("2026-11-23", "2026-11-22", id="days"),
        pytest.param("2026-11-23", "2026-11-22T23:59:59.999999Z", id="a microsecond short"),
        pytest.param("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", id="the same instant"),
        pytest.param("2026-11-22", "2026-11-22T00:00:00Z", id="a day and its midnight"),
        pytest.param("2026-11-23T00:00:00Z", "2026-11-22", id="the end of a whole day"),
        pytest.param("2026-11-22T09:00:00+09:00", "2026-11-22T00:00:00Z", id="the same instant by its offset"),
        pytest.param("2026-11-22T00:00:00.0000009Z", "2026-11-22T00:00:00Z", id="the same once digits are cut"),
    ],
)
def test_from_must_be_earlier_than_to(start, end):
    with pytest.raises(BadRequest) as refused:
        read(from_=start, to=end)

    assert refused.value.body == {"error": "Invalid date range", "message": '"from" must be earlier than "to".'}


@pytest.mark.parametrize(("start", "end"), [("x", "2000-01-01"), ("2026-11-22", "x"), ("x", "y")])
def test_what_is_unreadable_is_refused_before_the_order(start, end):
    with pytest.raises(BadRequest) as refused:
        read(from_=start, to=end)

    assert refused.value.error == "Invalid date"


@pytest.mark.parametrize(
    ("span", "echo"),
    [
        pytest.param(DateRange(), {"from": None, "to": None}, id="open"),
        pytest.param(
            DateRange(at(2026, 11, 22), at(2026, 11, 22, 6, 31, 17, 999999)),
            {"from": "2026-11-22T00:00:00.000Z", "to": "2026-11-22T06:31:17.999Z"},
            id="both, cut to milliseconds",
        ),
        pytest.param(
            DateRange(at(1, 1, 1), at(9999, 12, 31)),
            {"from": "0001-01-01T00:00:00.000Z", "to": "9999-12-31T00:00:00.000Z"},
            id="four digits a year",
        ),
    ],
)
def test_the_echo_is_in_the_form_of_every_instant(span, echo):
    assert span.echo == echo
    assert list(span.echo) == ["from", "to"]


@pytest.mark.parametrize("text", [param.values[0] for param in INSTANTS])
def test_what_is_echoed_can_be_asked_for_again(text):
    echoed = read(from_=text).echo["from"]

    assert read(from_=echoed).echo["from"] == echoed
