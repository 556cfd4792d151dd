"""Which ticks run: tables of one claim each, and over any sequence of claims every tick is decided once."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared_rules.cron import next_fire
from shared_rules.settings import load_settings
from shared_rules.ticks import MOST_TICKS, Claim, Tick, TickPolicy, decide_claim, next_tick

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Job:
    """A job and its schedule, as a claim reads them."""

    next_run_at: datetime | None
    cron_expression: str = "0 * * * *"
    end_date: date = date(2030, 12, 31)
    is_active: bool = True
    every_s: float | None = None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def decided(claim: Claim, zone: ZoneInfo = TOKYO) -> list[str]:
    """The ticks as `hour:minute what`, in the zone."""
    return [f"{tick.scheduled_for.astimezone(zone):%H:%M} {tick.reason or tick.phase}" for tick in claim.ticks]


TWELVE = Job(at("2027-01-05T12:00+09:00"))


# One tick


@pytest.mark.parametrize(
    ("now", "what"),
    [
        pytest.param("12:00:00", "claimed", id="at its instant"),
        pytest.param("12:00:02", "claimed", id="on time"),
        pytest.param("12:30:00", "claimed", id="late within the grace"),
        pytest.param("12:50:00", "claimed", id="late by exactly the grace"),
        pytest.param("12:50:00.000001", "misfire", id="later than the grace"),
    ],
)
def test_a_tick_runs_within_its_grace(now: str, what: str) -> None:
    policy = TickPolicy(grace_s=3000)

    claim = decide_claim(TWELVE, TOKYO, at(f"2027-01-05T{now}+09:00"), policy)

    assert decided(claim) == [f"12:00 {what}"]
    assert claim.next_run_at == at("2027-01-05T13:00+09:00")
    assert not claim.over


def test_a_tick_that_is_not_run_is_missed_or_skipped_and_says_why() -> None:
    now = at("2027-01-05T12:00:01+09:00")

    assert decide_claim(TWELVE, TOKYO, now, TickPolicy(), 1).ticks == [
        Tick(now.replace(second=0), "skipped", "overlap")
    ]
    assert decide_claim(TWELVE, TOKYO, now + timedelta(hours=0.9), TickPolicy(grace_s=60)).ticks == [
        Tick(now.replace(second=0), "missed", "misfire")
    ]


def test_what_is_not_due_stays_as_it_is() -> None:
    claim = decide_claim(TWELVE, TOKYO, at("2027-01-05T11:59:59.999+09:00"), TickPolicy())

    assert claim == Claim((), TWELVE.next_run_at, False)


def test_an_inactive_job_has_no_ticks_and_no_next_run() -> None:
    job = replace(TWELVE, is_active=False)

    assert decide_claim(job, TOKYO, at("2027-01-05T12:00+09:00"), TickPolicy()) == Claim((), None, False)
    assert next_tick(job, TOKYO, at("2027-01-05T12:00+09:00")) is None
    assert next_tick(replace(job, every_s=1), TOKYO, at("2027-01-05T12:00+09:00")) is None


# Several ticks after a gap


@pytest.mark.parametrize(
    ("policy", "what"),
    [
        (
            TickPolicy(catch_up="latest"),
            ["12:00 misfire", "13:00 misfire", "14:00 misfire", "15:00 misfire", "16:00 claimed"],
        ),
        (
            TickPolicy(catch_up="latest", grace_s=86400),
            ["12:00 coalesced", "13:00 coalesced", "14:00 coalesced", "15:00 coalesced", "16:00 claimed"],
        ),
        (
            TickPolicy(catch_up="latest", grace_s=60),
            ["12:00 misfire", "13:00 misfire", "14:00 misfire", "15:00 misfire", "16:00 misfire"],
        ),
        (
            TickPolicy(catch_up="all", grace_s=7200),
            ["12:00 misfire", "13:00 misfire", "14:00 misfire", "15:00 claimed", "16:00 claimed"],
        ),
        (
            TickPolicy(catch_up="all", grace_s=86400, cap=3),
            ["12:00 claimed", "13:00 claimed", "14:00 claimed", "15:00 too many wait", "16:00 too many wait"],
        ),
        (
            TickPolicy(catch_up="none", grace_s=86400, on_time_s=300),
            ["12:00 late", "13:00 late", "14:00 late", "15:00 late", "16:00 claimed"],
        ),
        (
            TickPolicy(catch_up="none", grace_s=86400, on_time_s=299),
            ["12:00 late", "13:00 late", "14:00 late", "15:00 late", "16:00 late"],
        ),
    ],
    ids=[
        "latest",
        "latest with a long grace",
        "latest with a short grace",
        "all",
        "all up to the cap",
        "none",
        "none, too late for the newest",
    ],
)
def test_after_a_gap_the_policy_says_which_run(policy: TickPolicy, what: list[str]) -> None:
    claim = decide_claim(TWELVE, TOKYO, at("2027-01-05T16:00+09:00") + timedelta(minutes=5), policy)

    assert decided(claim) == what
    assert claim.next_run_at == at("2027-01-05T17:00+09:00")


@pytest.mark.parametrize(
    ("overlap", "open_runs", "what"),
    [
        ("skip", 0, ["12:00 claimed"]),
        ("skip", 1, ["12:00 overlap"]),
        ("queue", 1, ["12:00 claimed"]),
        ("queue", 99, ["12:00 claimed"]),
        ("queue", 100, ["12:00 too many wait"]),
        ("allow", 100, ["12:00 claimed"]),
    ],
)
def test_a_tick_meets_open_runs_of_its_job(overlap: Any, open_runs: int, what: list[str]) -> None:
    policy = TickPolicy(overlap=overlap)

    claim = decide_claim(TWELVE, TOKYO, at("2027-01-05T12:00:01+09:00"), policy, open_runs)

    assert decided(claim) == what


def test_open_runs_take_from_what_may_wait() -> None:
    policy = TickPolicy(catch_up="all", overlap="queue", grace_s=86400, cap=3)

    claim = decide_claim(TWELVE, TOKYO, at("2027-01-05T14:00+09:00"), policy, open_runs=2)

    assert decided(claim) == ["12:00 claimed", "13:00 too many wait", "14:00 too many wait"]


# The end date


def test_the_last_day_runs_to_its_end_in_the_zone() -> None:
    job = replace(TWELVE, next_run_at=at("2027-01-05T23:00+09:00"), end_date=date(2027, 1, 5))

    same_day = decide_claim(job, TOKYO, at("2027-01-05T23:00:01+09:00"), TickPolicy())
    next_day = decide_claim(job, TOKYO, at("2027-01-06T00:00:01+09:00"), TickPolicy())
    elsewhere = decide_claim(job, ZoneInfo("UTC"), at("2027-01-06T00:00:01+09:00"), TickPolicy(catch_up="all"))

    assert (decided(same_day), same_day.next_run_at, same_day.over) == (["23:00 claimed"], None, False)
    assert (decided(next_day), next_day.next_run_at, next_day.over) == (["23:00 misfire"], None, True)
    assert decided(elsewhere) == ["23:00 misfire", "00:00 claimed"]
    assert not elsewhere.over


def test_a_job_in_seconds_ends_on_its_last_day_too() -> None:
    job = Job(at("2027-01-05T23:59:50+09:00"), every_s=5, end_date=date(2027, 1, 5))

    claim = decide_claim(job, TOKYO, at("2027-01-06T00:01+09:00"), TickPolicy(catch_up="all"))

    assert [f"{tick.scheduled_for.astimezone(TOKYO):%H:%M:%S}" for tick in claim.ticks] == ["23:59:50", "23:59:55"]
    assert (claim.next_run_at, claim.over) == (None, True)


# More than one claim takes


def test_a_long_gap_is_decided_in_parts_and_only_the_very_last_tick_is_the_latest() -> None:
    job = Job(at("2027-01-05T00:00+09:00"), "* * * * *")
    now = job.next_run_at + timedelta(minutes=MOST_TICKS + 1, seconds=1)

    first = decide_claim(job, TOKYO, now, TickPolicy(grace_s=10**6))
    rest = decide_claim(replace(job, next_run_at=first.next_run_at), TOKYO, now, TickPolicy(grace_s=10**6))

    assert len(first.ticks) == MOST_TICKS
    assert {tick.reason for tick in first.ticks} == {"coalesced"}
    assert [tick.reason for tick in rest.ticks] == ["coalesced", None]
    assert rest.next_run_at == now + timedelta(seconds=59)


def test_a_job_is_over_only_when_all_its_ticks_are_decided() -> None:
    job = Job(at("2027-01-05T00:00+09:00"), "* * * * *", end_date=date(2027, 1, 5))
    now = at("2027-01-08T00:00+09:00")

    first = decide_claim(job, TOKYO, now, TickPolicy())
    rest = decide_claim(replace(job, next_run_at=first.next_run_at), TOKYO, now, TickPolicy())

    assert (len(first.ticks), first.over) == (MOST_TICKS, False)
    assert (len(rest.ticks), rest.over, rest.next_run_at) == (1440 - MOST_TICKS, True, None)


# Clocks that change, schedules in seconds, rows older than their rule


@pytest.mark.parametrize(
    ("expression", "first", "now", "what", "following"),
    [
        (
            "30 2 * * *",
            "2027-03-13T02:30-05:00",
            "2027-03-14T12:00-04:00",
            ["02:30 claimed", "03:00 claimed"],
            "2027-03-15T02:30-04:00",
        ),
        (
            "0 * * * *",
            "2027-03-14T01:00-05:00",
            "2027-03-14T03:30-04:00",
            ["01:00 claimed", "03:00 claimed"],
            "2027-03-14T04:00-04:00",
        ),
        (
            "30 1 * * *",
            "2027-11-07T01:30-04:00",
            "2027-11-07T01:30-05:00",
            ["01:30 claimed"],
            "2027-11-08T01:30-05:00",
        ),
        (
            "30 * * * *",
            "2027-11-07T01:30-04:00",
            "2027-11-07T02:00-05:00",
            ["01:30 claimed", "01:30 claimed"],
            "2027-11-07T02:30-05:00",
        ),
    ],
    ids=["a fixed time in a skipped hour", "every hour", "a fixed time in a repeated hour", "every hour, repeated"],
)
def test_ticks_on_days_on_which_clocks_change(
    expression: str, first: str, now: str, what: list[str], following: str
) -> None:
    policy = TickPolicy(catch_up="all", grace_s=10**6)

    claim = decide_claim(Job(at(first), expression), NEW_YORK, at(now), policy)

    assert decided(claim, NEW_YORK) == what
    assert len({tick.scheduled_for for tick in claim.ticks}) == len(what)
    assert claim.next_run_at == at(following)


@pytest.mark.parametrize("every_s", [0.1, 0.25, 1, 3, 1 / 3, 7.7, 86400])
def test_a_schedule_in_seconds_meets_each_of_its_instants_once(every_s: float) -> None:
    step = timedelta(seconds=every_s)
    job = Job(None, every_s=every_s)
    found = [at("2027-01-05T12:00Z")]
    for _ in range(1000):
        found.append(next_tick(job, TOKYO, found[-1]))

    assert {later - earlier for earlier, later in pairwise(found[1:])} == {step}
    assert next_tick(job, TOKYO, found[-1] - timedelta(microseconds=1)) == found[-1]


def test_a_stored_expression_that_cannot_be_read_runs_what_is_due_and_then_never() -> None:
    claim = decide_claim(
        replace(TWELVE, cron_expression="0 0 L * *"), TOKYO, at("2027-01-05T12:00:01+09:00"), TickPolicy()
    )

    assert (decided(claim), claim.next_run_at) == (["12:00 claimed"], None)


def test_the_policy_is_that_of_the_settings() -> None:
    policy = TickPolicy.of(
        load_settings(
            scheduler_misfire_grace_s=60, scheduler_catch_up="all", scheduler_overlap="queue", scheduler_lease_ttl_s=2
        )
    )

    assert policy == TickPolicy(grace_s=60, catch_up="all", overlap="queue", on_time_s=2)


# Whenever claims come


def ticks_of(job: Job, zone: ZoneInfo, until: datetime) -> list[datetime]:
    """Every tick up to `until`, from the expression alone."""
    found = [job.next_run_at]
    while (fire := next_fire(job.cron_expression, zone, found[-1]).astimezone(UTC)) <= until:
        found.append(fire)
    return [tick for tick in found if tick is not None and tick <= until]


@settings(max_examples=40, deadline=None)
@given(
    expression=st.sampled_from(["*/7 * * * *", "30 * * * *", "30 2 * * *", "0 0 * * 1", "15 1,2,3 * * *"]),
    zone=st.sampled_from([TOKYO, NEW_YORK, ZoneInfo("Australia/Lord_Howe")]),
    start=st.sampled_from([at("2027-03-13T20:00Z"), at("2027-04-03T10:00Z"), at("2027-11-06T22:00Z")]),
    moves_s=st.lists(st.floats(-7200, 15_000), min_size=1, max_size=6),
    catch_up=st.sampled_from(["latest", "all", "none"]),
    overlap=st.sampled_from(["skip", "queue", "allow"]),
    open_runs=st.lists(st.integers(0, 120), min_size=6, max_size=6),
)
@example("* * * * *", TOKYO, at("2027-03-13T20:00Z"), [40_000.0, 40_000.0, 30_000.0], "latest", "skip", [0] * 6)
def test_every_tick_is_decided_once_and_in_order(
    expression: str,
    zone: ZoneInfo,
    start: datetime,
    moves_s: list[float],
    catch_up: Any,
    overlap: Any,
    open_runs: list[int],
) -> None:
    """Also when the clock of a claim stands before that of the last, as another host's may."""
    policy = TickPolicy(catch_up=catch_up, overlap=overlap)
    first = Job(next_fire(expression, zone, start).astimezone(UTC), expression)
    job, now, found = first, start, list[datetime]()
    latest = start
    for move_s, busy in zip(moves_s, open_runs, strict=False):
        now += timedelta(seconds=move_s)
        latest = max(latest, now)
        while job.next_run_at is not None and job.next_run_at <= now:
            claim = decide_claim(job, zone, now, policy, busy)
            assert claim.ticks
            found += [tick.scheduled_for for tick in claim.ticks]
            job = replace(job, next_run_at=claim.next_run_at)

    assert found == ticks_of(first, zone, latest)
    assert found == sorted(set(found))
