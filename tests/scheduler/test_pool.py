"""Runs of claimed ticks: started once, ended where they began, and what becomes of them when jobs or databases go."""

import threading
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from scheduler import points, pool
from scheduler.lease import transaction
from shared_models import Job, JobExecution, Notification
from tests.ops.waiting import wait_for
from tests.scheduler.running import LONG_AGO, Place
from tests.sinks import Reply


@pytest.fixture
def held(place: Place) -> threading.Event:
    """Return what lets the target at /slow answer."""
    event = threading.Event()
    place.sinks.http.at("/slow", Reply(held_by=event))
    return event


def keys(place: Place) -> Counter[str]:
    return Counter(received.headers["idempotency-key"] for received in place.sinks.http.received)


def test_the_key_is_the_job_and_the_time_with_a_fraction_only_if_there_is_one(place: Place) -> None:
    whole = datetime.now(UTC).replace(microsecond=0)
    whole_job, odd_job = place.add_job(due=whole), place.add_job(due=whole - timedelta(milliseconds=250))
    with place.owning():
        place.wait_for_phases(whole_job, "done")
        [odd] = place.wait_for_phases(odd_job, "done")

    assert keys(place) == {
        f"{whole_job}:{whole:%Y-%m-%dT%H:%M:%SZ}": 1,
        f"{odd_job}:{odd.scheduled_for:%Y-%m-%dT%H:%M:%S}.750000Z": 1,
    }


@pytest.mark.parametrize(
    ("overlap", "while_open", "at_last"),
    [
        ("skip", ["running", "skipped"], ["done", "skipped"]),
        ("queue", ["running", "claimed"], ["done", "done"]),
        ("allow", ["running", "running"], ["done", "done"]),
    ],
)
def test_a_slow_target_meets_the_next_tick(
    place: Place, held: threading.Event, overlap: str, while_open: list[str], at_last: list[str]
) -> None:
    job = place.add_job("/slow")
    with place.owning(scheduler_overlap=overlap):
        place.make_due(job)
        place.wait_for_phases(job, "running")
        place.make_due(job)
        place.wait_for_phases(job, *while_open)
        held.set()
        first, second = place.wait_for_phases(job, *at_last)

    assert (second.started_at >= first.completed_at) == (overlap == "queue")
    assert len(place.sinks.http.received) == at_last.count("done")
    assert max(keys(place).values()) == 1


def test_a_job_deleted_while_its_run_is_open_harms_nobody(place: Place, held: threading.Event) -> None:
    job, other = place.add_job("/slow"), place.add_job()
    with place.owning():
        place.make_due(job)
        place.wait_for_phases(job, "running")
        with transaction(place.engine) as connection:
            connection.execute(delete(Job).where(Job.id == job))
        held.set()
        place.make_due(other)
        place.wait_for_phases(other, "done")

    assert place.runs(job) == []
    assert {row.related_job_id for row in place.rows(Notification)} == {other}


def test_a_job_deleted_after_its_claim_is_not_run(place: Place) -> None:
    """Its row went with it, so that there is nothing to start."""
    job = place.add_job(due=True)

    def delete_it(point: str) -> None:
        if point == "claim.committed":
            with transaction(place.engine) as connection:
                connection.execute(delete(Job).where(Job.id == job))

    points.listen(delete_it)
    try:
        with place.owning():
            wait_for("the job is gone", lambda: not place.rows(Job))
            other = place.add_job("/other", due=True)
            place.wait_for_phases(other, "done")
    finally:
        points.listen(None)

    assert [received.path for received in place.sinks.http.received] == ["/other"]


def test_a_target_that_may_not_be_called_fails_with_the_reason(place: Place) -> None:
    job = place.add_job(target_url="http://169.254.169.254/latest", due=True)
    with place.owning():
        [row] = place.wait_for_phases(job, "done")

    assert row.status == "failed"
    assert row.error_message
    assert place.sinks.http.received == []


def test_a_target_that_does_not_answer_fails_after_the_time(place: Place) -> None:
    place.sinks.http.at("/hangs", Reply(hangs=True))
    job = place.add_job("/hangs", due=True)
    with place.owning(scheduler_run_timeout_s=1):
        [row] = place.wait_for_phases(job, "done")

    assert row.status == "failed"
    assert row.error_message.startswith("Webhook call failed:")


def test_a_fault_inside_the_scheduler_is_a_failed_run_and_no_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise KeyError("planted")

    first, second = place.add_job(), place.add_job()
    with place.owning():
        with monkeypatch.context() as patched:
            patched.setattr(pool, "choose_call", fail)
            place.make_due(first)
            [row] = place.wait_for_phases(first, "done")
        place.make_due(second)
        [after] = place.wait_for_phases(second, "done")

    assert (row.status, row.error_message) == ("failed", "The run failed inside the scheduler: KeyError.")
    assert after.status == "success"


def test_more_runs_than_threads_all_run_once(each_place: Place) -> None:
    jobs = [each_place.add_job(due=True) for _ in range(40)]
    with each_place.owning():
        wait_for("all done", lambda: [row.phase for row in each_place.rows(JobExecution)] == ["done"] * len(jobs))

    assert sorted(keys(each_place).values()) == [1] * len(jobs)
    assert len({key.partition(":")[0] for key in keys(each_place)}) == len(jobs)


@pytest.mark.long
def test_with_pull_every_worker_of_the_owning_stack_runs_some_and_each_tick_once(postgresql_place: Place) -> None:
    place = postgresql_place
    held = threading.Event()
    place.sinks.http.at("/slow", Reply(held_by=held))
    settings = {"scheduler_pull": "all"}
    with ExitStack() as running:
        owner = running.enter_context(place.owning(**settings))
        workers = [owner, running.enter_context(place.running(**settings))]
        running.enter_context(place.running("legacy", **settings))
        # More than one worker runs at a time, so that both have to take some.
        jobs = [place.add_job("/slow", due=True) for _ in range(40)]
        place.sinks.http.wait_for(len(jobs))
        held.set()
        wait_for("all done", lambda: [row.phase for row in place.rows(JobExecution)] == ["done"] * len(jobs))

    assert {row.claimed_by for row in place.rows(JobExecution)} == {worker.process for worker in workers}
    assert sorted(keys(place).values()) == [1] * len(jobs)


def test_a_run_left_over_when_the_process_ends_stays_its_own(place: Place, held: threading.Event) -> None:
    """Nobody says it ended: the next owner gives it up when its time is over."""
    job = place.add_job("/slow")
    with place.owning() as runtime:
        place.make_due(job)
        place.wait_for_phases(job, "running")
        runtime.stop(drain_s=0)

        [row] = place.runs(job)
        assert (row.phase, row.claimed_by) == ("running", runtime.process)
        assert row.deadline_at - row.started_at > timedelta(seconds=10)
        held.set()


def test_a_run_begun_in_one_epoch_is_ended_in_the_next(place: Place, held: threading.Event) -> None:
    job = place.add_job("/slow")
    with place.owning("modern") as former, place.running("legacy") as follower:
        place.make_due(job)
        place.wait_for_phases(job, "running")
        place.hand_over("legacy")
        place.wait_until_owner(follower)
        held.set()
        [row] = place.wait_for_phases(job, "done")

    assert (row.claimed_by, row.claim_epoch, row.status) == (former.process, 1, "success")
    assert row.scheduled_for > LONG_AGO
    assert len(place.sinks.http.received) == 1
