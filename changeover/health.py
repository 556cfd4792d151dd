"""Asking the running processes whether they are up."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2

from changeover.system import Probe

__all__ = ["StopWaiting", "get_json", "is_alive", "wait_until_alive"]

_TIMEOUT_S = 5
_POLL_S = 0.1


def is_alive(url: str) -> bool:
    """Say whether the address answers 200."""
    return _status(url) == httpx2.codes.OK


def told(url: str) -> str:
    """Return what the address answers, in words: `<url> answers 404`."""
    status = _status(url)
    return f"{url} answers {status}" if status else f"{url} does not answer"


def _status(url: str) -> int | None:
    try:
        return httpx2.get(url, timeout=_TIMEOUT_S, trust_env=False).status_code
    except httpx2.HTTPError:
        return None


def get_json(url: str) -> dict[str, Any] | None:
    """Return the JSON object an address answers, whatever its status; None where there is none."""
    try:
        body = httpx2.get(url, timeout=_TIMEOUT_S, trust_env=False).json()
    except (httpx2.HTTPError, ValueError):
        return None
    return body if isinstance(body, dict) else None


def wait_until_alive(probes: Sequence[Probe], hopeless: Callable[[], str | None], timeout_s: float) -> Iterator[Probe]:
    """Yield each probe once it answers 200. Raise StopWaiting when `hopeless` names a group, or after `timeout_s`."""
    waiting = list(probes)
    deadline = time.monotonic() + timeout_s
    while waiting:
        for probe in list(waiting):
            if is_alive(probe.url):
                waiting.remove(probe)
                yield probe
        if waiting:
            if culprit := hopeless():
                raise StopWaiting(culprit, "it ends as often as it is started")
            if time.monotonic() > deadline:
                raise StopWaiting(waiting[0].via, told(waiting[0].url))
            time.sleep(_POLL_S)


class StopWaiting(Exception):
    """A group that will not become healthy, and why."""

    def __init__(self, group: str, reason: str) -> None:
        super().__init__(group, reason)
        self.group = group
        self.reason = reason
