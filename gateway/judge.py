"""Is the candidate worse than the primary? Requests in, verdicts out: no file, no clock, no network.

Four rules look at what was served; the fifth, whether the candidate is there at all, is in `gateway.pulse`.

    failures            5xx, nobody's 502 and fallbacks of a group, against the primary's requests of that group
    failures everywhere the same over all moved groups, for a stack that fails everywhere at a thin canary
    slowness            p95 of two batches in a row
    other refusals      the mix of 4xx, by the test of failures with a smaller budget
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.chronicle import Stint
from gateway.evidence import Evidence, Kind, Mark, Trial
from gateway.odds import Expected, tail
from gateway.pace import Pace, Slow, Slowness
from gateway.pool import Pool
from gateway.traffic import Request

__all__ = ["FAILURES", "Judge", "Row", "Verdict"]

# Of 1,000 healthy trials, however long, fewer than one may end in a verdict: the budgets of all rules add up to 0.001.
FAILURES = Kind("failed", budget=7e-4, floor=0.005, has_past=True)
EVERYWHERE_BUDGET = 1e-4
SLOWNESS_BUDGET = 1e-4
REFUSALS_BUDGET = 1e-4
REFUSALS = ("400", "401", "403", "404", "409", "422", "429", "another 4xx")
REFUSED = {
    name: Kind(name, REFUSALS_BUDGET / len(REFUSALS), floor=0.02, needs=20, needs_concurrent=50) for name in REFUSALS
}
# The last known baseline is halved there, so that it follows what the primary does now.
KNOWN_REQUESTS = 20_000


@dataclass(frozen=True)
class Verdict:
    """Why groups must go back: `words` is one sentence. `counts` are of the candidate, then of the primary."""

    rule: str
    groups: tuple[str, ...]
    counts: Mark
    p: float
    words: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Row:
    """What is to be seen of one moved group. `p` is 1.0 while no more failed than is to be expected."""

    group: str
    share: int
    counts: Mark
    known: tuple[int, int]
    p: float
    usual_s: float | None


@dataclass
class Group:
    """What is known of a group beyond its trials: how many of the primary's requests failed, and how long they took."""

    bad: int = 0
    seen: int = 0
    pace: Pace = field(default_factory=Pace)

    @property
    def known(self) -> tuple[int, int]:
        return self.bad, self.seen

    def primary_did(self, failed: bool) -> None:
        self.seen += 1
        self.bad += failed
        if self.seen >= KNOWN_REQUESTS:
            self.seen, self.bad = self.seen // 2, self.bad // 2


@dataclass
class Running:
    """A trial that runs, with its test of slowness, and whether its verdict was carried out."""

    trial: Trial
    slowness: Slowness
    decided: bool = False


class Judge:
    """Knows the stacks by name only. One trial per group and share: it begins anew when the share changes."""

    def __init__(self, primary: str, candidate: str) -> None:
        self.primary = primary
        self.candidate = candidate
        self.groups: dict[str, Group] = {}
        self.trials: dict[Stint, Running] = {}
        self.standing: Mapping[str, Stint] = {}
        self.pool = Pool(EVERYWHERE_BUDGET, FAILURES.floor)

    def now(self, standing: Mapping[str, Stint]) -> None:
        """Say which groups have which share by now; trials of earlier ones can have no verdict any more."""
        if standing != self.standing:
            self.standing = standing
            self.trials = {stint: running for stint, running in self.trials.items() if stint in standing.values()}
            self.pool = Pool(EVERYWHERE_BUDGET, FAILURES.floor)

    def see(self, request: Request, stint: Stint | None) -> Verdict | None:
        """Count a request, and return the verdict that it completes.

        `stint` is the one of its group by the generation that decided it, None where the table had nothing to say.
        """
        if not request.counts:
            return None
        group = self.groups.setdefault(request.group, Group())
        running = self.running(stint) if stint and self.standing.get(stint.group) == stint else None
        if request.owner == self.primary:
            self._primary(request, group, running)
        elif request.owner == self.candidate and running:
            return self._candidate(request, group, running)
        return None

    def settled(self, verdict: Verdict) -> None:
        """Say that a verdict was carried out (or told, where nothing is carried out): it does not come again."""
        for group in verdict.groups:
            if stint := self.standing.get(group):
                self.running(stint).decided = True

    def rows(self) -> list[Row]:
        """Return what is known of each group that has a share now."""
        rows = []
        for stint in self.standing.values():
            trial, pace = self.running(stint).trial, self.groups.get(stint.group, Group()).pace
            counts = trial.mark(FAILURES.name)
            p = tail(counts.bad, counts.seen, trial.rate(FAILURES, counts), enough=0.01)
            rows.append(Row(stint.group, stint.share, counts, trial.known, p, pace.usual_s))
        return rows

    def running(self, stint: Stint) -> Running:
        if stint not in self.trials:
            known = self.groups.get(stint.group, Group()).known
            self.trials[stint] = Running(Trial(stint.group, stint.share, known), Slowness(SLOWNESS_BUDGET))
        return self.trials[stint]

    def _primary(self, request: Request, group: Group, running: Running | None) -> None:
        group.primary_did(request.failed)
        waited_s = None if request.failed else request.waited_s
        if waited_s is not None:
            group.pace.add(waited_s)
        if running:
            kind = kind_of(request)
            running.trial.primary_did(kind.name if kind else "")
            if waited_s is not None:
                running.slowness.primary_took(waited_s, group.pace)

    def _candidate(self, request: Request, group: Group, running: Running) -> Verdict | None:
        kind = kind_of(request)
        evidence = running.trial.candidate_did(kind)
        slow = None
        if not request.failed and request.waited_s is not None:
            slow = running.slowness.candidate_took(request.waited_s, group.pace)
        everywhere = self._everywhere(running.trial) if kind is FAILURES else None
        if running.decided:
            return None
        if evidence:
            return self._verdict(running.trial, evidence)
        return self._slow(running.trial, slow) if slow else everywhere

    def _everywhere(self, trial: Trial) -> Verdict | None:
        """Look at all trials together, without the group that is worst: one bad group does not take the others along."""
        trials = {stint.group: self.trials[stint].trial for stint in self.standing.values() if stint in self.trials}
        marks = {name: each.mark(FAILURES.name) for name, each in trials.items()}

        def rate(name: str, counts: Mark) -> Expected:
            return trials[name].rate_now(FAILURES, counts)

        found = self.pool.failed(trial.group, marks, rate)
        if found is None:
            return None
        words = (
            f"{found.counts.bad} of {found.counts.seen} requests of {found.groups} groups failed on {self.candidate}, "
            f"where {found.expected:.2g} were to be expected (p {found.p:.1g})"
        )
        return Verdict("failures everywhere", tuple(sorted(self.standing)), found.counts, found.p, words)

    def _verdict(self, trial: Trial, evidence: Evidence) -> Verdict:
        counts = evidence.counts
        if trial.share < 100:
            beside = f"{counts.base_bad} of {counts.base_seen} on {self.primary} meanwhile"
        else:
            beside = f"{trial.known[0]} of the last {trial.known[1]} that {self.primary} had"
        verb = "failed" if evidence.kind == FAILURES.name else f"were answered {evidence.kind}"
        words = (
            f"{trial.group}: {counts.bad} of {counts.seen} requests {verb} on {self.candidate}, {beside} "
            f"(p {evidence.p:.1g})"
        )
        rule = "failures" if evidence.kind == FAILURES.name else "other refusals"
        return Verdict(rule, (trial.group,), counts, evidence.p, words)

    def _slow(self, trial: Trial, slow: Slow) -> Verdict:
        words = (
            f"{trial.group}: p95 of {self.candidate} is {slow.p95_s * 1000:.0f} ms, {slow.usual_s * 1000:.0f} ms of "
            f"{self.primary}, in {slow.seen} requests (p {slow.p:.1g})"
        )
        counts = Mark(slow.late, slow.seen, slow.base_late, slow.base_seen)
        return Verdict("slowness", (trial.group,), counts, slow.p, words)


def kind_of(request: Request) -> Kind | None:
    """Return the kind of a request's fault. A client that does not wait is one: who hangs, answers nothing else."""
    if request.failed:
        return FAILURES
    if request.status < 400:
        return None
    return REFUSED.get(str(request.status), REFUSED["another 4xx"])
