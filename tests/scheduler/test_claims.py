"""Claims by a lease without threads around it: which rows they leave, and that a fence stands before each."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler import claims as claims_module
from scheduler.claims import Claims
from scheduler.lease import Lease, NotOwner
from shared_models import Job, JobExecution, JobSchedule
from shared_models.engine import sync_engine
from tests.contract import stacks
from tests.scheduler.running import LONG_AGO, Place

TEN_MINUTES = 600


@contextmanager
def claiming(place: Place, process: str = "modern:here:1:aa", **settings: Any) -> Iterator[tuple[Claims, Lease]]:
    """Yield claims of a process that has just acquired, whoever owned before."""
    chosen = stacks.settings_for(place.url, place.sinks, **settings)
    engine = sync_engine(place.url)
    lease = Lease(engine, process, "modern", chosen.scheduler_lease_ttl_s)
    claims = Claims(lease, chosen, lambda: None)
    place.want("modern")
    acquired = lease.acquire(lease.look(), claims.prepare)
    claims.begin(acquired)
    yield claims, lease
    engine.dispose()


def last_ticks(count: int, every_s: float = TEN_MINUTES) -> list[datetime]:
    """Return the last ticks of such a schedule, ascending."""
    step = timedelta(seconds=every_s)
    newest = LONG_AGO + (datetime.now(UTC) - LONG_AGO) // step * step
    return [newest - step * back for back in reversed(range(count))]


def ticks(place: Place, job: str) -> list[tuple[datetime, str, str | None]]:
    return [(row.scheduled_for, row.phase, row.skip_reason) for row in place.runs(job)]


def test_a_due_tick_becomes_a_row_and_the_schedule_moves_on(each_place: Place) -> None:
    [due] = last_ticks(1)
    job = each_place.add_job("/hook", due=due, every_s=TEN_MINUTES)
    other = each_place.add_job()
    with claiming(each_place) as (claims, lease):
        claimed = claims.claim_due()
        again = claims.claim_due()

    assert (claimed.phases, again.phases) == ({"claimed": 1}, {})
    [row] = each_place.runs(job)
    assert (row.status, row.phase, row.trigger_type) == ("running", "claimed", "scheduled")
    assert (row.scheduled_for, row.claim_epoch, row.claimed_by) == (due, lease.epoch, None)
    assert (row.execution_type, row.target) == ("webhook", each_place.sinks.http.url + "/hook")
    assert each_place.next_run(job) == due + timedelta(seconds=TEN_MINUTES)
    assert each_place.runs(other) == []


def test_more_than_a_batch_is_claimed_at_once(each_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_module, "BATCH", 3)
    jobs = [each_place.add_job(due=True) for _ in range(8)]
    with claiming(each_place) as (claims, _):
        claimed = claims.claim_due()

    assert claimed.phases == {"claimed": 8}
    assert sorted(row.job_id for row in each_place.rows(JobExecution)) == sorted(jobs)


@pytest.mark.parametrize(
    ("catch_up", "phases", "reason"),
    [
        ("latest", ["missed", "missed", "missed", "claimed"], "coalesced"),
        ("all", ["claimed"] * 4, None),
        ("none", ["missed"] * 4, "late"),
    ],
)
def test_after_a_gap_every_tick_has_a_row(each_place: Place, catch_up: str, phases: list[str], reason: str) -> None:
    gap = last_ticks(4)
    job = each_place.add_job(due=gap[0], every_s=TEN_MINUTES)
    with claiming(each_place, scheduler_catch_up=catch_up, scheduler_lease_ttl_s=0.001) as (claims, _):
        claimed = claims.claim_due()

    found = ticks(each_place, job)
    assert [(at, phase) for at, phase, _ in found] == list(zip(gap, phases, strict=True))
    assert {why for _, phase, why in found if phase == "missed"} == ({reason} if reason else set())
    assert [at for _, at in claimed.not_run] == [at for at, phase, _ in found if phase == "missed"]


def test_a_tick_later_than_the_grace_never_runs(each_place: Place) -> None:
    gap = last_ticks(3)
    job = each_place.add_job(due=gap[0], every_s=TEN_MINUTES)
    with claiming(each_place, scheduler_catch_up="all", scheduler_misfire_grace_s=TEN_MINUTES) as (claims, _):
        claims.claim_due()

    assert [(phase, why) for _, phase, why in ticks(each_place, job)] == [
        ("missed", "misfire"),
        ("missed", "misfire"),
        ("claimed", None),
    ]


@pytest.mark.parametrize(("overlap", "second"), [("skip", "skipped"), ("queue", "claimed"), ("allow", "claimed")])
def test_a_tick_while_a_run_is_open(each_place: Place, overlap: str, second: str) -> None:
    job = each_place.add_job(due=True)
    with claiming(each_place, scheduler_overlap=overlap) as (claims, _):
        claims.claim_due()
        each_place.make_due(job)
        claims.claim_due()

    found = ticks(each_place, job)
    assert [phase for _, phase, _ in found] == ["claimed", second]
    assert found[1][2] == ("overlap" if second == "skipped" else None)


def test_a_job_disabled_before_its_tick_was_claimed_leaves_no_row(each_place: Place) -> None:
    job = each_place.add_job(due=True, is_active=False)
    with claiming(each_place) as (claims, _):
        claims.claim_due()

    assert each_place.runs(job) == []
    assert each_place.next_run(job) is None


def test_who_does_not_own_any_more_claims_nothing(each_place: Place) -> None:
    job = each_place.add_job(due=True)
    with claiming(each_place) as (former, _), claiming(each_place, "modern:here:2:bb") as (present, lease):
        with pytest.raises(NotOwner):
            former.claim_due()
        assert each_place.runs(job) == []

        present.claim_due()
        assert [row.claim_epoch for row in each_place.runs(job)] == [lease.epoch]


def test_an_owner_whose_stack_is_not_wanted_any_more_claims_nothing(each_place: Place) -> None:
    job = each_place.add_job(due=True)
    with claiming(each_place) as (claims, _):
        each_place.want("legacy")

        with pytest.raises(NotOwner):
            claims.claim_due()
    assert each_place.runs(job) == []
    assert each_place.next_run(job) is not None


def test_what_was_claimed_and_not_started_is_the_next_owners(each_place: Place) -> None:
    job = each_place.add_job(due=True)
    with claiming(each_place) as (claims, lease):
        claims.claim_due()
        with claiming(each_place, "modern:here:2:bb") as (_, follower):
            assert [row.claim_epoch for row in each_place.runs(job)] == [follower.epoch] != [lease.epoch]


def test_a_tick_that_has_a_row_already_is_not_claimed_twice(each_place: Place) -> None:
    """As after a restored backup of the schedule alone."""
    at = datetime.now(UTC) - timedelta(seconds=1)
    job = each_place.add_job(due=at)
    with claiming(each_place, scheduler_overlap="allow") as (claims, _):
        claims.claim_due()
        each_place.make_due(job, at)
        claims.claim_due()

    assert ticks(each_place, job) == [(at, "claimed", None)]
    assert each_place.next_run(job) > datetime.now(UTC)


def test_a_moved_clock_moves_the_ticks(place: Place) -> None:
    in_an_hour = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    job = place.add_job(due=in_an_hour)
    with claiming(place) as (claims, _):
        claims.claim_due()
        assert place.runs(job) == []
    with claiming(place, clock_offset_s=3601) as (claims, _):
        claims.claim_due()

    [row] = place.runs(job)
    assert row.scheduled_for == in_an_hour <= row.started_at


@pytest.mark.parametrize("first", ["the edit", "the claim"])
def test_an_edit_of_a_due_job_loses_no_tick_and_makes_no_second(place: Place, first: str) -> None:
    """Writers are one after the other: the tick is the edited job's, or was claimed before."""
    [due] = last_ticks(1)
    job = place.add_job(due=due, every_s=TEN_MINUTES)
    with claiming(place) as (claims, _):
        if first == "the claim":
            claims.claim_due()
        place.change(Job, Job.id, job, name="Edited")
        place.change(JobSchedule, JobSchedule.job_id, job, schedule_rev=2)
        claims.claim_due()

    assert [at for at, _, _ in ticks(place, job)] == [due]
