"""The background sender: it never raises, never starts early, drains, closes, and survives a fork."""

import os
import threading

import pytest
from structlog.testing import capture_logs

from scheduler.courier import Courier


@pytest.fixture
def courier():
    courier = Courier(threads=2, queue_limit=3)
    yield courier
    courier.close()


def courier_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("courier")]


class Gate:
    """A send that begins and then waits to be let through."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.opened = threading.Event()
        self.through = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.opened.wait(10)
        self.through.set()


def test_what_is_submitted_is_sent(courier):
    sent: list[int] = []

    assert all(courier.submit(lambda n=n: sent.append(n), "note") for n in range(3))
    assert courier.drain(10)

    assert sorted(sent) == [0, 1, 2]


def test_no_thread_starts_before_the_first_submit(courier):
    of_others = courier_threads()
    assert courier.drain(0)
    assert courier_threads() == of_others

    courier.submit(lambda: None, "note")
    assert len(courier_threads()) > len(of_others)

    courier.close()
    assert courier_threads() == of_others


def test_submitting_does_not_wait_for_the_send(courier):
    gate = Gate()

    courier.submit(gate, "slow")

    assert not gate.through.is_set()
    gate.opened.set()
    assert courier.drain(10)
    assert gate.through.is_set()


def test_a_failed_send_is_logged_and_the_next_one_is_sent(courier):
    sent = threading.Event()

    def fail() -> None:
        raise OSError("the mail server is away")

    with capture_logs() as logs:
        courier.submit(fail, "mail to ops@example.com")
        courier.submit(sent.set, "mail")
        assert courier.drain(10)

    assert sent.is_set()
    [entry] = logs
    assert (entry["event"], entry["what"], entry["log_level"]) == ("courier.failed", "mail to ops@example.com", "error")
    assert entry["exc_info"]


def test_a_full_queue_drops_and_logs(courier):
    gates = [Gate() for _ in range(3)]
    for gate in gates:
        assert courier.submit(gate, "slow")

    with capture_logs() as logs:
        assert not courier.submit(lambda: None, "one too many")

    assert [(entry["event"], entry["what"]) for entry in logs] == [("courier.dropped", "one too many")]
    for gate in gates:
        gate.opened.set()
    assert courier.drain(10)
    assert courier.submit(lambda: None, "room again")


def test_draining_tells_when_time_was_too_short(courier):
    gate = Gate()
    courier.submit(gate, "slow")

    assert not courier.drain(0.05)

    gate.opened.set()
    assert courier.drain(10)


def test_closing_sends_what_is_queued_and_takes_nothing_more(courier):
    sent: list[int] = []
    for n in range(3):
        courier.submit(lambda n=n: sent.append(n), "note")

    courier.close()

    assert sorted(sent) == [0, 1, 2]
    with capture_logs() as logs:
        assert not courier.submit(lambda: None, "late")
    assert logs[0]["closed"]


def test_closing_drops_what_has_not_begun_when_time_is_up():
    courier = Courier(threads=1)
    gate = Gate()
    sent = threading.Event()
    courier.submit(gate, "slow")
    courier.submit(sent.set, "behind it")
    assert gate.begun.wait(10)
    let_through = threading.Timer(0.2, gate.opened.set)
    let_through.start()

    with capture_logs() as logs:
        courier.close(timeout_s=0.01)
    let_through.join()

    assert gate.through.is_set()
    assert not sent.is_set()
    assert [(entry["event"], entry["dropped"]) for entry in logs] == [("courier.closed_early", 1)]
    assert courier.drain(0)


def test_closing_twice_or_unused_is_fine():
    courier = Courier()

    courier.close()
    courier.close()


def test_a_forked_child_sends_with_threads_of_its_own(courier):
    gate = Gate()
    courier.submit(gate, "the parent's")
    assert gate.begun.wait(10)
    read_end, write_end = os.pipe()

    child = os.fork()
    if child == 0:
        drained = False
        try:
            courier.submit(lambda: os.write(write_end, b"sent"), "the child's")
            drained = courier.drain(10)
        finally:
            os._exit(0 if drained else 1)

    os.close(write_end)
    assert os.read(read_end, 10) == b"sent"
    os.close(read_end)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.opened.set()
    assert courier.drain(10)
