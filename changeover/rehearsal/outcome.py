"""What came of a rehearsal: figures for the report, and everything that was not as expected. Values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from changeover.rehearsal.asked import Asked, Window, explained, unexplained
from changeover.rehearsal.books import Balance
from changeover.rehearsal.faults import Allowed, Fault
from changeover.rehearsal.scene import Step, Struck

__all__ = ["FaultRow", "Moment", "Noted", "Outcome", "Pace", "StepRow", "judge"]


@dataclass(frozen=True)
class Noted:
    """All that was noted, of the stacks (the primary first). `audit` says what is wrong with the history."""

    stacks: tuple[str, str]
    steps: Sequence[Step]
    struck: Sequence[Struck]
    asked: Sequence[Asked]
    balance: Balance
    flips: int
    audit: Sequence[str]
    problems: Sequence[str]
    notes: Sequence[str]
    machine: Mapping[str, str]
    began: float
    ended: float


@dataclass(frozen=True)
class Pace:
    """A stack's answers of a step: how many, and the times (ms) that 50 % and 95 % of them did not exceed."""

    requests: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class StepRow:
    what: str
    share: int
    requests: int
    errors: int
    paces: Mapping[str, Pace]
    first_ms: float
    proven_ms: float
    fault: str


@dataclass(frozen=True)
class FaultRow:
    """`reads`, `writes` and `pinned` are the bad answers it cost; `problem` is "" where it was as expected."""

    name: str
    group: str
    share: int
    expects: str
    seen: str
    reads: int
    writes: int
    pinned: int
    back_after_s: float | None
    problem: str


@dataclass(frozen=True)
class Moment:
    """One second: requests by who answered, and bad ones."""

    second: int
    by: Mapping[str, int]
    bad: int


@dataclass(frozen=True)
class Outcome:
    """`wrong` is empty where everything was as expected."""

    wrong: Sequence[str]
    lost: Sequence[Asked]
    steps: Sequence[StepRow]
    faults: Sequence[FaultRow]
    moments: Sequence[Moment]
    totals: Mapping[str, int]
    noted: Noted

    @property
    def verdict(self) -> str:
        return "not as expected" if self.wrong else "as expected"

    @property
    def summary(self) -> str:
        """One sentence of figures."""
        totals = self.totals
        return (
            f"{totals['flips']:,} flips, {totals['requests']:,} requests, {totals['lost']:,} lost outside the faults, "
            f"{totals['acknowledged']:,} acknowledged writes, {totals['missing']:,} missing, {totals['doubled']:,} doubled"
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "summary": self.summary,
            "wrong": list(self.wrong),
            "totals": dict(self.totals),
            "seconds": round(self.noted.ended - self.noted.began, 1),
            "stacks": list(self.noted.stacks),
            "machine": dict(self.noted.machine),
            "notes": list(self.noted.notes),
            "lost": [asdict(one) for one in self.lost],
            "steps": [asdict(row) for row in self.steps],
            "faults": [asdict(row) for row in self.faults],
            "timeline": [asdict(moment) for moment in self.moments],
        }


def judge(noted: Noted, faults: Sequence[Fault]) -> Outcome:
    """Return what came of it."""
    known = {fault.name: fault for fault in faults}
    windows = [struck.window for struck in noted.struck]
    lost = unexplained(noted.asked, windows)
    bad = explained(noted.asked, windows)
    rows = [fault_row(struck, known[struck.name], own) for struck, own in zip(noted.struck, bad, strict=True)]
    balance = noted.balance
    totals = {
        "flips": noted.flips,
        "requests": len(noted.asked),
        "lost": len(lost),
        "bad in faults": sum(row.reads + row.writes + row.pinned for row in rows),
        "acknowledged": balance.acknowledged,
        "unknown": balance.unknown,
        "missing": len(balance.missing),
        "doubled": len(balance.doubled),
    }
    steps = [step_row(step, noted) for step in noted.steps]
    return Outcome(tuple(wrong(noted, lost, rows)), lost, steps, rows, moments(noted), totals, noted)


def wrong(noted: Noted, lost: Sequence[Asked], rows: Sequence[FaultRow]) -> list[str]:
    """Return one sentence for each thing that was not as expected."""
    found = list(noted.problems)
    found += [f"{row.name} ({row.group or 'all'} at {row.share} %): {row.problem}" for row in rows if row.problem]
    if lost:
        first = lost[0]
        found.append(f"{len(lost)} lost outside the faults, the first: {first.what}: {first.bad} ({first.rid})")
    for word, marks in (("missing", noted.balance.missing), ("doubled", noted.balance.doubled)):
        if marks:
            found.append(f"{len(marks)} writes {word}, the first: {marks[0]}")
    return found + list(noted.audit)


def fault_row(struck: Struck, fault: Fault, bad: Sequence[Asked]) -> FaultRow:
    counts = {kind: sum(one.kind == kind for one in bad) for kind in ("read", "write", "pinned")}
    reads, writes, pinned = counts["read"], counts["write"], counts["pinned"]
    return FaultRow(
        name=struck.name,
        group=struck.group,
        share=struck.share,
        expects=fault.expects,
        seen=struck.seen,
        reads=reads,
        writes=writes,
        pinned=pinned,
        back_after_s=struck.back_after_s,
        problem=struck.problem or too_many(fault.allowed, reads, writes, pinned),
    )


def too_many(allowed: Allowed, reads: int, writes: int, pinned: int) -> str:
    """Return what a fault cost more than it may, "" for nothing."""
    limits = (
        ("reads", reads, allowed.reads),
        ("writes", writes, allowed.writes),
        ("reads and writes", reads + writes, allowed.both),
        ("requests to a pinned prefix", pinned, allowed.pinned),
    )
    over = [
        f"{count} bad answers to {what}, {limit} allowed" for what, count, limit in limits if over_limit(count, limit)
    ]
    return "; ".join(over)


def over_limit(count: int, limit: int | None) -> bool:
    return limit is not None and count > limit


def step_row(step: Step, noted: Noted) -> StepRow:
    """Return the figures of a step's group (all of them where it is none), without what a fault spoilt."""
    during = Window(step.at, step.ended)
    mine = [one for one in noted.asked if during.touches(one) and step.group in ("", one.group)]
    paces = {stack: pace([one.took_s for one in mine if one.by == stack and not one.bad]) for stack in noted.stacks}
    names = [struck.name for struck in noted.struck if (step.group, step.share) == (struck.group or None, struck.share)]
    errors = len(unexplained(mine, [struck.window for struck in noted.struck]))
    return StepRow(step.what, step.share, len(mine), errors, paces, step.first_ms, step.proven_ms, ", ".join(names))


def pace(times_s: Sequence[float]) -> Pace:
    if not times_s:
        return Pace(0, 0.0, 0.0)
    ordered = sorted(times_s)
    p95 = ordered[-(-len(ordered) * 95 // 100) - 1]
    return Pace(len(ordered), round(median(ordered) * 1000, 1), round(p95 * 1000, 1))


def moments(noted: Noted) -> list[Moment]:
    """Return every second from the first request to the last."""
    seconds: dict[int, list[Asked]] = {}
    for one in noted.asked:
        seconds.setdefault(int(one.ended - noted.began), []).append(one)
    who = (*noted.stacks, "none")
    return [
        Moment(
            second,
            {name: sum(one.by == name for one in seconds.get(second, [])) for name in who},
            sum(bool(one.bad) for one in seconds.get(second, [])),
        )
        for second in range(min(seconds, default=0), max(seconds, default=-1) + 1)
    ]
