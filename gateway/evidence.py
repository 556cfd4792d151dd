"""One trial: what the candidate did with a group since it has its share, beside what the primary did in the same time.

Pure: values in, evidence out. A trial never forgets, and looks back at each fault, so it sees both a candidate that was bad
from the start and one that turns bad after a million good answers.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.odds import Expected, allowed, expected, tail

__all__ = ["WORSE_NOW", "Evidence", "Kind", "Mark", "Trial"]

# Besides the whole trial, the time of the last so many faults is looked at.
LOOK_BACK = (3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64)
WHOLE = 0.7
# How improbable a count must be by the primary's requests of the same time alone.
WORSE_NOW = 1e-4


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its budget of false alarms, the rate below which nobody minds, and what must be there to judge.

    `needs_concurrent` is the least number of the primary's requests in the same time, `needs` that of the candidate's.
    One that `has_past` is also compared with what the primary did before.
    """

    name: str
    budget: float
    floor: float
    needs: int = 0
    needs_concurrent: int = 0
    has_past: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Counts at one moment of a trial, or between two: bad and all requests of the candidate, then of the primary."""

    bad: int = 0
    seen: int = 0
    base_bad: int = 0
    base_seen: int = 0

    def since(self, earlier: "Mark") -> "Mark":
        return Mark(
            self.bad - earlier.bad,
            self.seen - earlier.seen,
            self.base_bad - earlier.base_bad,
            self.base_seen - earlier.base_seen,
        )


@dataclass(frozen=True)
class Evidence:
    """A count too improbable for a candidate that is no worse than the primary."""

    kind: str
    counts: Mark
    p: float


@dataclass
class Faults:
    """Faults of one kind, and the trial's counts right after each of the last ones."""

    bad: int = 0
    base_bad: int = 0
    marks: deque[Mark] = field(default_factory=lambda: deque(maxlen=LOOK_BACK[-1]))


@dataclass
class Trial:
    """`share` is the candidate's, in %; `known` what failed of how many requests of the primary before.

    At 100 % nothing is concurrent, and only what was known before counts.
    """

    group: str
    share: int
    known: tuple[int, int] = (0, 0)
    seen: int = 0
    base_seen: int = 0
    kinds: dict[str, Faults] = field(default_factory=dict)

    def faults(self, kind: str) -> Faults:
        return self.kinds.setdefault(kind, Faults())

    def primary_did(self, kind: str) -> None:
        """Count a request of the primary; `kind` is that of its fault, "" for none."""
        self.base_seen += 1
        if kind:
            self.faults(kind).base_bad += 1

    def candidate_did(self, kind: Kind | None) -> Evidence | None:
        """Count a request of the candidate, and return the evidence that its fault completes.

        The whole trial is looked at with most of the budget, the time of the last few faults with the rest. Each look
        asks: would the next so many faults have come so early? That is a proper p-value at the moment a fault comes,
        and the thresholds of all looks add up to the budget.
        """
        self.seen += 1
        if kind is None:
            return None
        faults = self.faults(kind.name)
        faults.bad += 1
        now = self.mark(kind.name)
        found = next((one for one in self._looks(kind, faults, now) if one), None)
        faults.marks.append(now)
        return found

    def mark(self, kind: str) -> Mark:
        faults = self.faults(kind)
        return Mark(faults.bad, self.seen, faults.base_bad, self.base_seen)

    def rate(self, kind: Kind, counts: Mark) -> Expected:
        """Return what is to be expected of the candidate by all that is known of the primary."""
        old = self.known if kind.has_past else (0, 0)
        return expected(counts.base_bad, counts.base_seen, kind.floor, old)

    def rate_now(self, kind: Kind, counts: Mark) -> Expected:
        """Return what is to be expected by what the primary did at the same time; at 100 %, by what it did last."""
        if self.share == 100:
            return self.rate(kind, counts)
        return expected(counts.base_bad, counts.base_seen, kind.floor)

    def _looks(self, kind: Kind, faults: Faults, now: Mark) -> Iterator[Evidence | None]:
        for counts, part in windows(now, faults.marks):
            yield self._look(kind, counts, allowed(kind.budget * part, faults.bad))

    def _look(self, kind: Kind, counts: Mark, limit: float) -> Evidence | None:
        if counts.seen < kind.needs or counts.base_seen < kind.needs_concurrent:
            return None
        p = tail(counts.bad, counts.seen, self.rate(kind, counts), limit)
        return Evidence(kind.name, counts, p) if p < limit and self._holds_now(kind, counts) else None

    def _holds_now(self, kind: Kind, counts: Mark) -> bool:
        """Whether the candidate is worse than the primary at the same time: when a database fails, both are bad."""
        return self.share == 100 or tail(counts.bad, counts.seen, self.rate_now(kind, counts), WORSE_NOW) < WORSE_NOW


def windows(now: Mark, marks: deque[Mark]) -> Iterator[tuple[Mark, float]]:
    """Yield the counts of the whole trial and of the last few faults, with the part of the budget each may spend."""
    yield now, WHOLE
    for back in LOOK_BACK:
        if back <= len(marks):
            yield now.since(marks[-back]), (1 - WHOLE) / len(LOOK_BACK)
