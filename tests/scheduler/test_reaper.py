"""Runs whose process is gone: given up and told, when nobody can know any more; and a late word still counts."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.lease import Lease, NotOwner
from scheduler.reaper import LOST, Reaper
from scheduler.recorder import Ended, Recorder, run_of
from shared_models import JobExecution, Notification, SchedulerNode, new_id
from shared_models.engine import sync_engine
from shared_rules.execution import Outcome
from tests.contract import world
from tests.contract.jobs import ACTIVE
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place

TTL_S = 0.02
DEAD = "legacy:here:99:dead"
MINE = "modern:here:1:aa"


class Reaping:
    """An owner of this place and its reaper."""

    def __init__(self, place: Place) -> None:
        self.place = place
        place.want("modern")
        self.lease = Lease(sync_engine(place.url), MINE, "modern", TTL_S)
        self.lease.acquire(self.lease.look(), lambda *_: None)
        self.reaper = Reaper(self.lease, run_timeout_s=10, offset_s=0)
        self.reaper.begin()

    def reap_for(self, ttls: float) -> list[str]:
        """Look again and again; return who was dead in the end."""
        ends = time.monotonic() + ttls * TTL_S
        dead: list[str] = []
        while time.monotonic() < ends:
            dead = self.reaper.reap()
            time.sleep(0.01)
        return dead


@pytest.fixture
def reaping(each_place: Place) -> Any:
    reaping = Reaping(each_place)
    yield reaping
    reaping.lease.engine.dispose()


def add_run(place: Place, process: str | None = DEAD, *, overdue: bool = True, **columns: Any) -> str:
    """Add a run that this process has begun; return its job's id."""
    job, now = place.add_job(name="Nightly"), datetime.now(UTC)
    row = {
        "id": new_id(),
        "job_id": job,
        "status": "running",
        "trigger_type": "scheduled",
        "started_at": now - timedelta(seconds=30),
        "execution_type": "webhook",
        "phase": "running",
        "scheduled_for": now - timedelta(seconds=31),
        "claim_epoch": 1,
        "claimed_by": process,
        "deadline_at": now + timedelta(seconds=-1 if overdue else 60),
    }
    place.add(JobExecution, row | columns)
    return job


def add_node(place: Place, process: str) -> None:
    now = datetime.now(UTC)
    place.add(SchedulerNode, {"process": process, "stack": "legacy", "started_at": now, "beat_at": now})


def test_a_run_of_a_dead_process_becomes_unknown_and_everybody_is_told(reaping: Reaping) -> None:
    job = add_run(reaping.place)
    add_node(reaping.place, DEAD)

    dead = reaping.reap_for(10)

    assert dead == [DEAD]
    [row] = reaping.place.runs(job)
    assert (row.phase, row.status, row.error_message) == ("unknown", "failed", LOST)
    assert row.completed_at is not None
    bells = reaping.place.rows(Notification)
    assert {bell.message for bell in bells} == {f'Job "Nightly" failed: {LOST}'}
    assert sorted(bell.user_id for bell in bells) == sorted(map(world.user_id, ACTIVE))


def test_nobody_is_given_up_before_three_lease_times_were_watched(reaping: Reaping) -> None:
    job = add_run(reaping.place)
    # However long the run took to be written.
    reaping.lease.ttl_s = 60.0

    assert reaping.reaper.reap() == []
    assert reaping.place.phases(job) == ["running"]


@pytest.mark.parametrize(
    ("process", "columns"),
    [
        (MINE, {}),
        (DEAD, {"deadline_at": datetime(2099, 1, 1, tzinfo=UTC)}),
        (None, {"deadline_at": None, "scheduled_for": None}),
    ],
    ids=["the owner's own", "one that may still end", "one by hand that may still end"],
)
def test_such_a_run_is_left_alone(reaping: Reaping, process: str | None, columns: dict[str, Any]) -> None:
    job = add_run(reaping.place, process, **columns)

    reaping.reap_for(6)

    assert reaping.place.phases(job) == ["running"]
    assert reaping.place.rows(Notification) == []


def test_a_run_by_hand_is_given_up_when_it_cannot_have_gone_on(reaping: Reaping) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=5)
    columns = {"deadline_at": None, "scheduled_for": None, "started_at": begun, "trigger_type": "manual"}
    job = add_run(reaping.place, None, **columns)

    reaping.reap_for(6)

    assert reaping.place.phases(job) == ["unknown"]


def test_a_process_that_beats_keeps_its_runs(place: Place) -> None:
    reaping = Reaping(place)
    job = add_run(place)
    add_node(place, DEAD)
    reaping.reaper._since -= 60
    for beat in range(1, 8):
        place.change(SchedulerNode, SchedulerNode.process, DEAD, beat=beat)
        reaping.reaper._beats = {DEAD: (beat - 1, time.monotonic() - 60)}
        assert reaping.reaper.reap() == []

    assert place.phases(job) == ["running"]
    reaping.lease.engine.dispose()


def test_a_late_word_of_the_run_itself_counts(reaping: Reaping) -> None:
    place = reaping.place
    job = add_run(place)
    reaping.reap_for(6)
    [row] = place.wait_for_phases(job, "unknown")
    job_row = type("Job", (), {"id": job, "name": "Nightly", "notify_on_success": False})()
    recorder = Recorder(reaping.lease.engine, DEAD, announce=lambda _: None, on_recorded=lambda: None)
    recorder.start()

    recorder.record(Ended(run_of(row, job_row, row.started_at), None, Outcome("success"), datetime.now(UTC)))
    assert recorder.close(5) == []

    [row] = place.runs(job)
    assert (row.phase, row.status, row.error_message) == ("done", "success", None)


def test_who_does_not_own_gives_nobody_up(reaping: Reaping) -> None:
    job = add_run(reaping.place)
    reaping.place.want("legacy")

    with pytest.raises(NotOwner):
        reaping.reap_for(10)
    assert reaping.place.phases(job) == ["running"]


def test_a_running_owner_reaps(place: Place) -> None:
    job = add_run(place)
    with place.owning(scheduler_lease_ttl_s=0.1):
        wait_for("given up", lambda: place.phases(job) == ["unknown"])
