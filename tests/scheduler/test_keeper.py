"""Who owns, and when: the keeper's thread of whole schedulers, and its hints about writes and deaths."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.schedulers.base import STATE_RUNNING
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from scheduler.changes import Changes, watch_changes
from scheduler.keeper import Keeper
from scheduler.lease import Acquired, Lease, Seen
from shared_models import JobExecution, JobSchedule, SchedulerHandover, SchedulerNode
from shared_models.engine import sync_engine
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place


def owner_of(place: Place) -> str | None:
    name: str | None = place.lease().owner_process
    return name


def test_one_of_many_owns_and_only_of_the_wanted_stack(each_place: Place) -> None:
    each_place.want("modern")
    with ExitStack() as running:
        stacks = ["legacy", "modern", "modern", "legacy"]
        runtimes = [running.enter_context(each_place.running(stack)) for stack in stacks]
        wait_for("somebody owns", lambda: owner_of(each_place))
        wait_for("all have shown life", lambda: len(each_place.rows(SchedulerNode)) == 4)

        owners = [runtime for runtime in runtimes if runtime.apscheduler.state == STATE_RUNNING]
        assert [runtime.process for runtime in owners] == [owner_of(each_place)]
        assert owners[0] in runtimes[1:3]
        assert each_place.lease().epoch == 1
    assert owner_of(each_place) is None
    assert each_place.rows(SchedulerNode) == []


def test_when_none_is_wanted_nobody_owns_and_ticks_wait(each_place: Place) -> None:
    with each_place.owning("modern") as runtime:
        handover = each_place.hand_over("none")
        wait_for("released", lambda: owner_of(each_place) is None)
        job = each_place.add_job(due=True)
        [row] = each_place.rows(SchedulerHandover)
        assert (row.id, row.gap_ms, row.caught_up, row.skipped) == (handover, 0, 0, 0)
        assert each_place.runs(job) == []

        each_place.hand_over("modern")
        each_place.wait_until_owner(runtime)
        each_place.wait_for_phases(job, "done")
        wait_for("counted", lambda: {row.caught_up for row in each_place.rows(SchedulerHandover)} == {0, 1})


def test_a_handover_says_its_gap_and_what_fell_due_meanwhile(each_place: Place) -> None:
    too_late = datetime.now(UTC) - timedelta(hours=2)
    with each_place.owning("legacy"):
        each_place.hand_over("modern")
        wait_for("released", lambda: owner_of(each_place) is None)
        each_place.add_job(due=True)
        each_place.add_job(due=too_late)
        with each_place.running("modern"):
            wait_for("counted", lambda: each_place.rows(SchedulerHandover)[0].caught_up is not None)
    [row] = each_place.rows(SchedulerHandover)

    assert (row.from_stack, row.to_stack, row.epoch, row.aborted) == ("legacy", "modern", 2, None)
    assert (row.caught_up, row.skipped) == (1, 1)
    assert row.gap_ms > 0
    assert row.completed_at >= row.requested_at


def test_release_lets_another_of_the_stack_follow_and_is_for_good(each_place: Place) -> None:
    with each_place.owning() as former, each_place.running() as follower:
        former.release()

        each_place.wait_until_owner(follower)
        follower.release()
        wait_for("released", lambda: owner_of(each_place) is None)
    assert each_place.lease().epoch == 2


def test_a_dead_owner_is_followed_at_once_where_its_mark_is_gone(each_place: Place) -> None:
    """What the kernel or the server takes back from a dead process; the lease would last a minute."""
    each_place.want("modern")
    dead = Lease(each_place.engine, "modern:here:0:dead", "modern", 60)
    mark = watch_changes(each_place.engine)
    mark.live(dead.process)
    mark.close()
    assert dead.acquire(dead.look(), lambda *_: None)
    job = each_place.add_job(due=True)

    with each_place.running(scheduler_lease_ttl_s=60) as runtime:
        each_place.wait_until_owner(runtime)
        each_place.wait_for_phases(job, "done")
    assert each_place.lease().epoch == 2


def test_a_silent_owner_that_still_holds_its_mark_is_followed_after_its_lease(each_place: Place) -> None:
    each_place.want("modern")
    engine = sync_engine(each_place.url)
    stopped, mark = Lease(engine, "modern:here:0:asleep", "modern", 0.3), watch_changes(engine)
    mark.live(stopped.process)
    assert stopped.acquire(stopped.look(), lambda *_: None)
    began = time.monotonic()
    with each_place.running(scheduler_lease_ttl_s=0.3) as runtime:
        each_place.wait_until_owner(runtime)
    assert time.monotonic() - began > 0.3
    mark.close()
    engine.dispose()


def test_two_who_both_believe_they_own_double_nothing(each_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong hint: the follower takes the owner for dead, and the lease, while the owner is about to claim."""
    jobs = [each_place.add_job() for _ in range(3)]
    with each_place.owning(scheduler_lease_ttl_s=60) as former, ExitStack() as running:
        # It hears of nothing until a fence turns it away.
        monkeypatch.setattr(former._keeper, "_check", lambda: None)
        each_place.make_due(jobs[0])
        each_place.wait_for_phases(jobs[0], "done")
        follower = running.enter_context(each_place.running(scheduler_lease_ttl_s=60))
        monkeypatch.setattr(follower._keeper._changes, "is_dead", lambda _process: True)
        each_place.wait_until_owner(follower)
        assert former.apscheduler.state == STATE_RUNNING

        for job in jobs[1:]:
            each_place.make_due(job)
            each_place.wait_for_phases(job, "done")
        monkeypatch.undo()
        former._keeper.doubt()
        wait_for("the former knows", lambda: former.apscheduler.state != STATE_RUNNING)

    rows = each_place.rows(JobExecution)
    assert sorted((row.claim_epoch, row.claimed_by) for row in rows) == [
        (1, former.process),
        (2, follower.process),
        (2, follower.process),
    ]
    keys = [received.headers["idempotency-key"] for received in each_place.sinks.http.received]
    assert len(keys) == len(set(keys)) == len(rows)


def test_a_vetoed_process_does_nothing(place: Place) -> None:
    place.want("modern")
    with place.running(scheduler_enabled=False), place.running() as other:
        place.wait_until_owner(other)
        wait_for("a sign of life", lambda: place.rows(SchedulerNode))
        assert [row.process for row in place.rows(SchedulerNode)] == [other.process]


def test_production_refuses_schedules_in_seconds(place: Place) -> None:
    place.want("modern")
    job = place.add_job(every_s=1, due=True)
    production = {"environment": "production", "cors_origins": ("https://jobs.example.com",)}
    with place.running(**production):
        wait_for("a sign of life", lambda: place.rows(SchedulerNode))
        assert owner_of(place) is None
        assert place.lease().epoch == 0
    assert place.runs(job) == []

    place.change(JobSchedule, JobSchedule.job_id, job, every_s=None)
    with place.owning(**production):
        assert place.lease().epoch == 1


def test_the_mark_of_an_owner_is_gone_with_its_process(each_place: Place) -> None:
    engine, other = sync_engine(each_place.url), sync_engine(each_place.url)
    owner, standby = watch_changes(engine), watch_changes(other)
    owner.live("owner")
    owner.live("owner")
    standby.live("standby")
    standby.forget_dead()
    assert not standby.is_dead("owner")
    assert not owner.is_dead("standby")

    owner.close()
    wait_for("dead", lambda: standby.is_dead("owner"))
    standby.forget_dead()
    assert not owner.is_dead("standby")
    owner.close()
    standby.close()
    engine.dispose()
    other.dispose()


def test_a_write_of_another_process_ends_a_wait_and_a_wake_does(each_place: Place) -> None:
    engine = sync_engine(each_place.url)
    changes = watch_changes(engine)
    job = each_place.add_job()
    assert changes.wait(0.01)
    assert not changes.wait(0.01)

    each_place.make_due(job)
    assert changes.wait(5)
    assert not changes.wait(0.01)

    changes.wake()
    began = time.monotonic()
    assert not changes.wait(5)
    assert time.monotonic() - began < 4
    changes.close()
    engine.dispose()


def test_what_was_written_while_nobody_listened_counts_as_a_change(postgresql_place: Place) -> None:
    engine = sync_engine(postgresql_place.url)
    changes = watch_changes(engine)
    changes.wait(0.01)
    with postgresql_place.engine.connect() as connection:
        listening = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        connection.execute(text(listening))
    postgresql_place.add_job(due=True)
    with pytest.raises(Exception, match=r"terminating|closed"):
        changes.wait(5)

    assert changes.wait(0.01)
    changes.close()
    engine.dispose()


# A database that fails at one moment, which no real one does on command.


class OneHand:
    """An owner whose acquire is the lease's own, and that notes whether it may claim."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.owns = False

    def acquire(self, seen: Seen) -> Acquired | None:
        return self.lease.acquire(seen, lambda *_: None)

    def resume(self, acquired: Acquired | None) -> None:
        self.owns = True

    def suspend(self) -> None:
        self.owns = False

    def changed(self) -> None:
        pass

    def beat(self) -> None:
        pass

    def answer(self, asked: str) -> None:
        pass


class FailingLease(Lease):
    """Its releases fail as long as `fails`."""

    fails = False

    def release(self) -> None:
        if self.fails:
            raise OperationalError("planted", None, Exception("database is locked"))
        super().release()


@pytest.fixture
def kept(place: Place) -> Iterator[tuple[FailingLease, OneHand, Changes]]:
    place.want("modern")
    engine = sync_engine(place.url)
    lease = FailingLease(engine, "modern:here:1:aa", "modern", 60)
    hand = OneHand(lease)
    changes = watch_changes(engine)
    keeper = Keeper(lease, changes, hand)
    keeper.start()
    wait_for("it owns", lambda: hand.owns)
    yield lease, hand, changes
    lease.fails = False
    keeper.stop(5)
    engine.dispose()


def test_an_owner_that_could_not_release_goes_on_when_it_is_wanted_again(place: Place, kept: Any) -> None:
    lease, hand, _ = kept
    lease.fails = True
    place.want("legacy")
    wait_for("it claims nothing", lambda: not hand.owns)

    place.want("modern")

    wait_for("it claims again", lambda: hand.owns)
    assert (place.lease().epoch, lease.epoch) == (1, 1)


def test_an_owner_that_could_not_release_does_when_it_can(place: Place, kept: Any) -> None:
    lease, hand, _ = kept
    lease.fails = True
    place.want("legacy")
    wait_for("it claims nothing", lambda: not hand.owns)
    lease.fails = False

    wait_for("released", lambda: owner_of(place) is None)
    assert not hand.owns
