"""Wait for something to become true, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["wait_for"]

T = TypeVar("T")


def wait_for(what: str, ask: Callable[[], T], timeout_s: float = 20.0) -> T:
    """Return the first truthy answer of `ask`; fail the test, saying `what` did not happen, after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)
    return answer
