"""What visitors asked and got, one value per request as its client saw it, and which fault explains a bad one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Asked", "Kind", "Tally", "Window", "explained", "unexplained"]

# A read may be answered by the other stack; a write may not, nor may what is pinned to one stack.
Kind = Literal["read", "write", "pinned"]


@dataclass(frozen=True, slots=True)
class Asked:
    """`at` is epoch seconds. `by` is the stack that answered, `status` 0 without an answer, `bad` says what was wrong."""

    at: float
    took_s: float
    rid: str
    what: str
    group: str
    kind: Kind
    status: int
    by: str
    bad: str

    @property
    def ended(self) -> float:
        return self.at + self.took_s


@dataclass(frozen=True)
class Window:
    """From when to when (epoch, seconds) a fault explains bad answers."""

    began: float
    ended: float

    def touches(self, asked: Asked) -> bool:
        """Whether any of the request's time lies in it."""
        return asked.at <= self.ended and asked.ended >= self.began


class Tally:
    """All requests in the order of their ends. Added to by one thread, read by any."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []

    def add(self, asked: Asked) -> None:
        self._asked.append(asked)

    def all(self) -> Sequence[Asked]:
        return tuple(self._asked)

    def ended_since(self, at: float) -> Iterator[Asked]:
        """Yield the requests that ended since then, the latest first."""
        for asked in reversed(self.all()):
            if asked.ended < at:
                return
            yield asked

    def answered(self, group: str, stack: str, since: float) -> int:
        """Return how many requests of the group that began since then the stack answered, well or not."""
        return sum(
            asked.group == group and asked.by == stack and asked.at >= since for asked in self.ended_since(since)
        )


def unexplained(asked: Iterable[Asked], windows: Sequence[Window]) -> list[Asked]:
    """Return the bad ones that no fault explains: what clients lost."""
    return [one for one in asked if one.bad and not any(window.touches(one) for window in windows)]


def explained(asked: Iterable[Asked], windows: Sequence[Window]) -> list[list[Asked]]:
    """Return the bad ones of each fault; one that was under way over two faults is the later one's, which broke it."""
    found: list[list[Asked]] = [[] for _ in windows]
    for one in asked:
        if one.bad and (touched := [number for number, window in enumerate(windows) if window.touches(one)]):
            found[touched[-1]].append(one)
    return found
