"""The scheduler in real servers of the legacy stack, and handed over between those of both."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_models import SchedulerHandover
from tests.contract import stacks
from tests.contract.jobs import job_body
from tests.ops.waiting import wait_for
from tests.scheduler import served_cases
from tests.scheduler.running import Place
from tests.scheduler.served_cases import MINUTE
from tests.scheduler.servers import Server, serving
from tests.sinks import Reply


@pytest.fixture
def place(sinks: stacks.Sinks) -> Iterator[Place]:
    with stacks.database_url("sqlite") as url, Place.open(url, sinks) as place:
        yield place


@pytest.fixture
def postgresql_place(sinks: stacks.Sinks) -> Iterator[Place]:
    with stacks.database_url("postgresql") as url, Place.open(url, sinks) as place:
        yield place


def test_a_worker_told_to_end_lets_another_own_at_once(place: Place, tmp_path: Path) -> None:
    served_cases.told_to_end(place, tmp_path, "legacy")


@pytest.mark.long
def test_a_killed_worker_is_followed_without_waiting_for_its_lease(place: Place, tmp_path: Path) -> None:
    served_cases.killed(place, tmp_path, "legacy")


def test_a_run_ends_where_it_began_and_the_next_is_the_new_owners(place: Place, tmp_path: Path) -> None:
    hand_over_and_back(place, tmp_path)


@pytest.mark.long
def test_the_same_on_postgresql(postgresql_place: Place, tmp_path: Path) -> None:
    hand_over_and_back(postgresql_place, tmp_path)
    served_cases.told_to_end(postgresql_place, tmp_path, "legacy")


def hand_over_and_back(place: Place, folder: Path) -> None:
    with serving(place, folder, "legacy", "modern", **MINUTE) as (legacy, modern):
        wait_for("legacy owns", lambda: place.lease().owner_process == legacy.name)
        hand_over(place, legacy, modern)
        hand_over(place, modern, legacy)
        last = legacy.api.get("/scheduler/status").json["last_handover"]
        assert (last["from"], last["to"]) == ("modern", "legacy")
        assert legacy.api.get("/executions").json == modern.api.get("/executions").json


def hand_over(place: Place, owner: Server, follower: Server) -> None:
    """Hand over while a run is open; jobs are made on the stack that does not own."""
    held = threading.Event()
    path = f"/from-{owner.api.stack.name}"
    place.sinks.http.at(path, Reply(held_by=held))
    slow, quick = (create(place, follower, name, path) for name, path in (("Slow", path), ("Quick", "/quick")))
    place.make_due(slow)
    place.wait_for_phases(slow, "running")

    handover = place.hand_over(follower.api.stack.name)
    wait_for("handed over", lambda: place.lease().owner_process == follower.name)

    place.make_due(quick)
    [quick_run] = place.wait_for_phases(quick, "done")
    assert place.phases(slow) == ["running"]
    held.set()
    [slow_run] = place.wait_for_phases(slow, "done")
    assert (slow_run.claimed_by, quick_run.claimed_by) == (owner.name, follower.name)
    assert quick_run.claim_epoch == slow_run.claim_epoch + 1
    assert [received.path for received in place.sinks.http.received].count(path) == 1
    wait_for("what was due meanwhile is counted", lambda: counted(place, handover))
    for server in (owner, follower):
        [listed] = server.api.get(f"/jobs/{slow}/executions").json["executions"]
        assert (listed["trigger_type"], listed["status"]) == ("scheduled", "success")


def create(place: Place, server: Server, name: str, path: str) -> str:
    body = job_body(name=f"{name} on {server.api.stack.name}", target_url=place.sinks.http.url + path)
    answer = server.api.post("/jobs", body)
    assert answer.status == 201, answer.body
    return str(answer.json["job"]["id"])


def counted(place: Place, handover: str) -> bool:
    [row] = [row for row in place.rows(SchedulerHandover) if row.id == handover]
    return row.completed_at is not None and (row.caught_up, row.skipped) == (0, 0)
