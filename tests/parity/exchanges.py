"""Exchanges and differences as tests need them: what is not said does not matter."""

from typing import Any

from parity.journal import Played
from parity.routes import Route
from parity.values import Answer, Difference, Entry, Request

__all__ = ["JOBS", "answer", "different", "entry", "played"]

JOBS = Route("GET", "/jobs", "jobs")


def different(
    path: str = "$.name",
    left: Any = "ada",
    right: Any = "bob",
    *,
    axis: str = "value",
    where: str = "answer",
    kinds: tuple[str, str] = ("text", "text"),
) -> Difference:
    return Difference(where, axis, path, path, left, right, *kinds)  # type: ignore[arg-type]


def played(
    number: int = 1, *differences: Difference, route: Route = JOBS, status: int | None = 200, **more: Any
) -> Played:
    """Return an exchange that both stacks answered alike, apart from the differences."""
    facts: dict[str, Any] = {
        "seq": number,
        "id": f"e{number}",
        "session": "s1",
        "method": route.method,
        "target": route.template,
        "route": route,
        "statuses": (status, status, status),
        "elapsed_s": (0.004, 0.002),
    }
    return Played(**{**facts, "differences": differences, **more})


def answer(body: bytes = b"{}", status: int = 200, *headers: tuple[str, str]) -> Answer:
    return Answer(status, (("content-type", "application/json"), *headers), body)


def entry(
    number: int, method: str, target: str, body: bytes = b"", said: bytes | None = b"{}", *headers: tuple[str, str]
) -> Entry:
    """Return a recorded exchange; `said` is the body of the recorded answer, None for no answer."""
    return Entry(
        f"e{number}", number, "s1", Request(method, target, headers, body), None if said is None else answer(said)
    )
