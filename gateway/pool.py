"""Failures of all moved groups together: a stack that fails everywhere shows before any one group has enough. Pure."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.evidence import WORSE_NOW, Mark
from gateway.odds import Expected, allowed, expected, pooled, tail

__all__ = ["Everywhere", "Pool"]

LOOK_BACK = (3, 4, 5, 6, 8, 12, 16, 24, 32)
WHOLE = 0.7
Rate = Callable[[str, Mark], Expected]


@dataclass(frozen=True)
class Everywhere:
    """Failures of `groups` groups that are too many for their baselines, which let expect `expected` of them."""

    counts: Mark
    groups: int
    expected: float
    p: float


@dataclass
class Pool:
    """Looks at each failure in any group; see `gateway.evidence` for why looking often is sound."""

    budget: float
    floor: float
    failures: int = 0
    marks: deque[Mapping[str, Mark]] = field(default_factory=lambda: deque(maxlen=LOOK_BACK[-1]))

    def failed(self, group: str, now: Mapping[str, Mark], rate: Rate) -> Everywhere | None:
        """Return what a failure in `group` completes, by the present counts of all groups and their baselines' rates."""
        self.failures += 1
        found = None
        for counts, share in self._windows(now):
            found = found or self._weigh(counts, rate, allowed(self.budget * share, self.failures))
        self.marks.append(now)
        return found

    def _windows(self, now: Mapping[str, Mark]) -> Iterator[tuple[Mapping[str, Mark], float]]:
        yield now, WHOLE
        for back in LOOK_BACK:
            if back <= len(self.marks):
                earlier = self.marks[-back]
                counts = {name: mark.since(earlier.get(name, Mark())) for name, mark in now.items()}
                yield counts, (1 - WHOLE) / len(LOOK_BACK)

    def _weigh(self, counts: Mapping[str, Mark], rate: Rate, limit: float) -> Everywhere | None:
        """Return the failures of all groups but the worst, if they are too many for each group's own baseline.

        They must also be too many for what the primary did with all of them meanwhile: when a database fails, the groups
        fail together.
        """
        there = {name: mark for name, mark in counts.items() if mark.seen}
        worst = max(there, key=lambda name: there[name].bad, default="")
        rest = {name: mark for name, mark in there.items() if name != worst}
        total = Mark(*(sum(values) for values in zip(*(as_tuple(mark) for mark in rest.values()), strict=True)))
        if total.bad < 2:
            return None
        one = pooled([(mark.seen, rate(name, mark)) for name, mark in rest.items()])
        p = tail(total.bad, total.seen, one, limit)
        meanwhile = expected(total.base_bad, total.base_seen, self.floor)
        if p >= limit or tail(total.bad, total.seen, meanwhile, WORSE_NOW) >= WORSE_NOW:
            return None
        return Everywhere(total, len(rest), one.mean * total.seen, p)


def as_tuple(mark: Mark) -> tuple[int, int, int, int]:
    return mark.bad, mark.seen, mark.base_bad, mark.base_seen
