"""Is the candidate slow? Waiting times in batches, against what the primary takes at the same time. Pure."""

from collections import deque
from dataclasses import dataclass, field

from gateway.odds import allowed, expected, tail

__all__ = ["BATCH", "DROPPED", "Pace", "Slow", "Slowness", "p95"]

# Requests after a flip that are not looked at: caches are cold, connections are made.
DROPPED = 20
BATCH = 50
KNOWN_FROM = 50
# The primary's requests during a batch without which nothing is said: how long something takes changes with the hour.
CONCURRENT = 5
REMEMBERED = 500
# Slow is what takes longer than twice the primary's p95, and at least so much longer.
TIMES = 2
MORE_S = 0.02
FLOOR = 0.01


def p95(times: list[float]) -> float:
    """Return the value that 95 % do not exceed."""
    ordered = sorted(times)
    return ordered[-(-len(ordered) * 95 // 100) - 1]


@dataclass
class Pace:
    """The primary's last 500 waiting times for a group, in seconds. `usual_s` is their p95, None while they are too few."""

    last: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    usual_s: float | None = None
    fresh: int = 0

    def add(self, waited_s: float) -> None:
        self.last.append(waited_s)
        self.fresh += 1
        if self.fresh >= KNOWN_FROM:
            self.usual_s, self.fresh = p95(list(self.last)), 0

    @property
    def limit_s(self) -> float | None:
        """What a p95 must exceed to be slow."""
        return None if self.usual_s is None else max(TIMES * self.usual_s, self.usual_s + MORE_S)


@dataclass(frozen=True)
class Slow:
    """Two batches in a row were slow: `late` of `seen` requests; `base_late` of `base_seen` of the primary's meanwhile."""

    late: int
    seen: int
    base_late: int
    base_seen: int
    p95_s: float
    usual_s: float
    p: float


@dataclass
class Batch:
    times: list[float] = field(default_factory=list)
    late: int = 0
    base_late: int = 0
    base_seen: int = 0

    @property
    def is_slow(self) -> bool:
        """Whether its p95 is above the limit."""
        return self.late * 20 > len(self.times)


@dataclass
class Slowness:
    """The test of one trial. A heavy tail makes two slow batches in a row now and then: they must be improbable too."""

    budget: float
    skipped: int = 0
    looks: int = 0
    former: Batch | None = None
    batch: Batch = field(default_factory=Batch)

    def primary_took(self, waited_s: float, pace: Pace) -> None:
        limit_s = pace.limit_s
        if limit_s is not None:
            self.batch.base_seen += 1
            self.batch.base_late += waited_s > limit_s

    def candidate_took(self, waited_s: float, pace: Pace) -> Slow | None:
        """Count a waiting time, and return what the batch that it completes shows."""
        limit_s = pace.limit_s
        if self.skipped < DROPPED or limit_s is None:
            self.skipped += 1
            return None
        self.batch.times.append(waited_s)
        self.batch.late += waited_s > limit_s
        if len(self.batch.times) < BATCH:
            return None
        former, last = self.former, self.batch
        self.former, self.batch = last, Batch()
        self.looks += 1
        return self._judge(former, last, pace) if former and former.is_slow and last.is_slow else None

    def _judge(self, former: Batch, last: Batch, pace: Pace) -> Slow | None:
        late, seen = former.late + last.late, len(former.times) + len(last.times)
        base_late, base_seen = former.base_late + last.base_late, former.base_seen + last.base_seen
        if min(former.base_seen, last.base_seen) < CONCURRENT:
            return None
        limit = allowed(self.budget, self.looks + 1)
        p = tail(late, seen, expected(base_late, base_seen, FLOOR), limit)
        if p >= limit:
            return None
        return Slow(late, seen, base_late, base_seen, p95([*former.times, *last.times]), pace.usual_s or 0.0, p)
