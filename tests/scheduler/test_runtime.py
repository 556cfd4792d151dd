"""The scheduler of one process as a whole: its life, and a database that is away for a while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.base import STATE_PAUSED, STATE_RUNNING, STATE_STOPPED
from sqlalchemy import text

from scheduler.runtime import Runtime
from scheduler.services import build_services
from shared_models import Notification
from shared_models.engine import WRITES
from tests.contract import stacks
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place
from tests.sinks import Reply

TTL_S = 0.4


@contextmanager
def blocked(place: Place) -> Iterator[None]:
    """Let nobody write, for as long as the block: what a stopped writer does to both databases."""
    with place.engine.connect().execution_options(**WRITES) as connection, connection.begin():
        yield


def test_making_one_starts_nothing_and_stopping_what_never_ran_is_nothing(place: Place) -> None:
    before = threading.active_count()
    services = build_services(stacks.settings_for(place.url, place.sinks, scheduler_enabled=True))
    runtime = Runtime(services, place.url, "modern")

    assert threading.active_count() == before
    runtime.release()
    runtime.stop()
    assert runtime.apscheduler.state == STATE_STOPPED
    services.close()


def test_stopping_ends_every_thread_and_starting_twice_is_starting_once(place: Place) -> None:
    before = set(threading.enumerate())
    with place.owning() as runtime:
        threads = threading.active_count()
        runtime.start()
        assert threading.active_count() <= threads
    left = {thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()}

    assert not {name for name in left if not name.startswith("Thread-")}


def test_while_nobody_can_write_nothing_is_lost(each_place: Place) -> None:
    """The end of a run waits, and so does what fell due; the owner says it may not own and goes on when it can."""
    held = threading.Event()
    each_place.sinks.http.at("/slow", Reply(held_by=held))
    slow, meanwhile = each_place.add_job("/slow"), each_place.add_job("/later")
    with each_place.owning(scheduler_lease_ttl_s=TTL_S) as runtime:
        each_place.make_due(slow)
        each_place.wait_for_phases(slow, "running")
        due = each_place.make_due(meanwhile, datetime.now(UTC))
        each_place.wait_for_phases(meanwhile, "done")

        with blocked(each_place):
            held.set()
            wait_for("it claims nothing", lambda: runtime.apscheduler.state == STATE_PAUSED)
            assert each_place.phases(slow) == ["running"]

        each_place.wait_for_phases(slow, "done")
        wait_for("it goes on", lambda: runtime.apscheduler.state == STATE_RUNNING)
        due = each_place.make_due(meanwhile)
        [_, row] = each_place.wait_for_phases(meanwhile, "done", "done")
    assert row.scheduled_for == due
    assert each_place.lease().epoch == 1
    assert sorted(received.path for received in each_place.sinks.http.received) == ["/later", "/later", "/slow"]
    assert len({bell.related_execution_id for bell in each_place.rows(Notification)}) == 3


def test_what_fell_due_while_nobody_could_write_runs_afterwards(each_place: Place) -> None:
    with each_place.owning(scheduler_lease_ttl_s=TTL_S) as runtime:
        due = datetime.now(UTC) + timedelta(seconds=0.2)
        job = each_place.add_job(due=due)
        with blocked(each_place):
            wait_for("it claims nothing", lambda: runtime.apscheduler.state == STATE_PAUSED)
            wait_for("it is due", lambda: datetime.now(UTC) > due)
            assert each_place.runs(job) == []
        [row] = each_place.wait_for_phases(job, "done")
    assert row.scheduled_for == due < row.started_at


def test_sessions_that_the_server_ended_are_opened_anew(postgresql_place: Place) -> None:
    place = postgresql_place
    job = place.add_job()
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
    )
    with place.owning() as runtime:
        for turn in range(1, 4):
            with place.engine.connect() as connection:
                connection.execute(text(others))
            place.make_due(job)
            place.wait_for_phases(job, *["done"] * turn)
        place.wait_until_owner(runtime)


@pytest.mark.parametrize("stack", ["legacy", "modern"])
def test_its_name_says_stack_host_and_process(place: Place, stack: str) -> None:
    with place.owning(stack) as runtime:
        name, _host, _pid, nonce = runtime.process.split(":")
        lease = place.lease()

    assert (name, len(nonce)) == (stack, 8)
    assert (lease.owner_stack, lease.owner_process) == (stack, runtime.process)
