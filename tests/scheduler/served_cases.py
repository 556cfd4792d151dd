"""Promises of a stack's worker processes about the scheduler, for any stack: run for modern here, for legacy in its own tests.

The lease lasts a minute in all of them: whoever follows in time has not waited for it to run out.
"""

import signal
import threading
from pathlib import Path

from tests.ops.waiting import wait_for
from tests.scheduler.running import Place
from tests.scheduler.servers import Server, serving
from tests.sinks import Reply

__all__ = ["MINUTE", "killed", "told_to_end"]

MINUTE = {"SCHEDULER_LEASE_TTL_S": "60", "SCHEDULER_RUN_TIMEOUT_S": "30"}


def owner_and_other(place: Place, servers: list[Server]) -> tuple[Server, Server]:
    """Return the server whose worker owns, and the other one."""
    name = wait_for("one of them owns", lambda: place.lease().owner_process)
    first, second = servers
    return (first, second) if first.name == name else (second, first)


def wait_for_owner(place: Place, server: Server) -> None:
    wait_for(f"{server.name} owns", lambda: place.lease().owner_process == server.name)


def told_to_end(place: Place, folder: Path, stack: str) -> None:
    """SIGTERM: another worker owns, and runs what is due, while a request and a run of the ending one are still open."""
    held = threading.Event()
    place.want(stack)
    place.sinks.http.at("/slow", Reply(body=b"at last", held_by=held))
    slow, by_hand, next_one = place.add_job("/slow"), place.add_job("/slow"), place.add_job()
    with serving(place, folder, stack, stack, **MINUTE) as servers:
        owner, other = owner_and_other(place, servers)
        place.make_due(slow)
        place.wait_for_phases(slow, "running")
        with owner.open_request(f"/jobs/{by_hand}/execute") as answered:
            place.sinks.http.wait_for(2)

            owner.signal(signal.SIGTERM)
            wait_for_owner(place, other)

            place.make_due(next_one)
            [row] = place.wait_for_phases(next_one, "done")
            assert (place.phases(slow), place.phases(by_hand)) == (["running"], ["running"])
            held.set()
            assert answered() == 200
        [finished] = place.wait_for_phases(slow, "done")
    assert (finished.claimed_by, finished.output) == (owner.name, "at last")
    assert (row.claimed_by, row.claim_epoch) == (other.name, finished.claim_epoch + 1)
    assert [received.path for received in place.sinks.http.received].count("/slow") == 2


def killed(place: Place, folder: Path, stack: str) -> None:
    """kill -9: another worker owns and runs what is due."""
    place.want(stack)
    with serving(place, folder, stack, stack, **MINUTE) as servers:
        owner, _ = owner_and_other(place, servers)
        epoch = place.lease().epoch

        owner.signal(signal.SIGKILL)
        job = place.add_job(due=True)

        [row] = place.wait_for_phases(job, "done")
    assert (row.claimed_by.split(":")[0], row.claim_epoch) == (stack, epoch + 1)
    assert row.claimed_by != owner.name
    [received] = place.sinks.http.received
    assert received.headers["x-execution-id"] == row.id
