"""Judges a scheduler by what it left behind. Imports nothing of the scheduler nor of its rules, and reads no clock.

    verdicts = check(history, Policy(catch_up="all", overlap="allow"), Bounds(late_s=3, gap_s=1))

No verdict means: every tick has one row, every row that ran has one call, all was written by the one owner, in time.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Literal

from tests.scheduler.proof.expected import ticks
from tests.scheduler.proof.history import Effect, Fault, History, LeaseWrite, Row, RowWrite

Kind = Literal[
    "lost",
    "silent",
    "doubled row",
    "doubled effect",
    "effect without row",
    "done without effect",
    "unexpected tick",
    "late",
    "written by a non-owner",
    "epochs out of order",
    "no owner",
    "wrong policy",
    "given up alive",
    "evicted alive",
]
Cause = Literal["start", "flip", "kill", "crash", "stop", "term", "release"]
# SQLite's clock has milliseconds, and so have beats.
_SAME_TIME = timedelta(milliseconds=2)


@dataclass(frozen=True)
class Policy:
    """What was set about late and overlapping ticks; durations in seconds.

    Without `owner_runs` every worker starts runs. Those transactions are not serialised, so their place is not judged.
    """

    catch_up: Literal["all", "latest", "none"] = "all"
    overlap: Literal["allow", "queue", "skip"] = "allow"
    grace_s: float = 3600
    on_time_s: float = 5
    ttl_s: float = 0.8
    owner_runs: bool = True


@dataclass(frozen=True)
class Bounds:
    """How late a call may arrive, and how long nobody may own although a stack is wanted."""

    late_s: float
    gap_s: float


@dataclass(frozen=True)
class Verdict:
    """One thing that is wrong. `key` is the tick's, where it is about one."""

    kind: Kind
    text: str
    key: str = ""


@dataclass(frozen=True)
class Gap:
    """A time without a living owner of the wanted stack, and what it came from; `ended` is None if it never did."""

    cause: Cause
    began: datetime
    ended: datetime | None

    def seconds(self, now: datetime) -> float:
        return ((self.ended or now) - self.began).total_seconds()


def check(history: History, policy: Policy, bounds: Bounds) -> list[Verdict]:
    """Return what is wrong, by kind and then in the order of time."""
    known = _Known(history)
    return [
        *_lost(known),
        *_unexpected(known),
        *_doubled(known),
        *_silent(known),
        *_effects(known, bounds),
        *_non_owners(known, policy),
        *_epochs(known),
        *_without_owner(known, bounds),
        *_against_policy(known, policy),
        *_given_up(known),
        *_evicted(known, policy),
    ]


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    return dict(Counter(verdict.kind for verdict in verdicts))


def expected_keys(history: History) -> list[str]:
    """Return the key of every tick there had to be."""
    return sorted(_Known(history).expected)


def gaps(history: History) -> list[Gap]:
    """Return the times without a living owner of the wanted stack, in order. While none is wanted, none is missing."""
    return list(_gaps(history))


def lateness_s(history: History) -> list[float]:
    """Return how late each tick's first call arrived, ascending."""
    known = _Known(history)
    firsts = ((known.row_of[key], min(effect.at for effect in calls)) for key, calls in known.calls.items())
    return sorted((at - row.scheduled_for).total_seconds() for row, at in firsts if row is not None)


def timeline(history: History, verdict: Verdict) -> list[str]:
    """Return what happened around a verdict's tick, a line an event: its rows and calls, the lease, the faults."""
    known = _Known(history)
    ids = {row.execution_id for row in history.rows if row.key == verdict.key}
    events: list[tuple[datetime, str]] = [
        *((w.at, f"row {w.before} -> {w.phase} epoch {w.claim_epoch} {w.runner or ''}") for w in history.writes
          if w.execution_id in ids),
        *((call.at, f"call {call.execution_id}") for call in known.calls.get(verdict.key, ())),
    ]  # fmt: skip
    if events:
        first, last = min(events)[0] - timedelta(seconds=2), max(events)[0] + timedelta(seconds=2)
        around = [
            *((w.at, f"lease wanted {w.wanted} epoch {w.epoch} owner {w.owner}") for w in history.lease),
            *((fault.at, f"{fault.how} {fault.process} {fault.point}") for fault in history.faults),
        ]
        events += [event for event in around if first <= event[0] <= last]
    return [f"{at:%H:%M:%S.%f} {text}" for at, text in sorted(events)]


class _Known:
    """The history, sorted and indexed."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.lease = sorted(history.lease, key=lambda write: write.position)
        self.writes = sorted(history.writes, key=lambda write: write.position)

    @cached_property
    def expected(self) -> set[str]:
        return {
            Row("", span.job_id, tick, "").key
            for span in self.history.active
            for tick in ticks(span.schedule, span.after, span.until)
        }

    @cached_property
    def rows_of(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.history.rows:
            found[row.key].append(row)
        return found

    @cached_property
    def row_of(self) -> dict[str, Row | None]:
        return {key: self.rows_of[key][0] if key in self.rows_of else None for key in self.calls}

    @cached_property
    def calls(self) -> dict[str, list[Effect]]:
        found: dict[str, list[Effect]] = defaultdict(list)
        for effect in self.history.effects:
            found[effect.key].append(effect)
        return found

    @cached_property
    def writes_of(self) -> dict[str, list[RowWrite]]:
        found: dict[str, list[RowWrite]] = defaultdict(list)
        for write in self.writes:
            found[write.execution_id].append(write)
        return found

    @cached_property
    def positions(self) -> list[int]:
        return [write.position for write in self.lease]

    def lease_at(self, position: int) -> LeaseWrite | None:
        index = bisect_right(self.positions, position)
        return self.lease[index - 1] if index else None

    @cached_property
    def owners(self) -> dict[int, str]:
        """Who took each epoch, first come."""
        found: dict[int, str] = {}
        for write in self.lease:
            if write.owner is not None:
                found.setdefault(write.epoch, write.owner)
        return found

    def gone(self, process: str | None, at: datetime) -> bool:
        return any(fault.process == process and fault.gone(at) for fault in self.history.faults)


def _lost(known: _Known) -> Iterator[Verdict]:
    for key in sorted(known.expected - known.rows_of.keys()):
        yield Verdict("lost", "a tick without a row", key)


def _unexpected(known: _Known) -> Iterator[Verdict]:
    for key in sorted(known.rows_of.keys() - known.expected):
        yield Verdict("unexpected tick", "a row at a time that is no tick of its job", key)


def _doubled(known: _Known) -> Iterator[Verdict]:
    for key, rows in known.rows_of.items():
        if len(rows) > 1:
            yield Verdict("doubled row", f"{len(rows)} rows of one tick", key)
    for key, calls in known.calls.items():
        if len(calls) > 1:
            yield Verdict("doubled effect", f"{len(calls)} calls of one tick", key)


def _silent(known: _Known) -> Iterator[Verdict]:
    for row in known.history.rows:
        if row.phase in {"claimed", "running"}:
            yield Verdict("silent", f"still {row.phase} in the end", row.key)


def _effects(known: _Known, bounds: Bounds) -> Iterator[Verdict]:
    for row in known.history.rows:
        if row.phase == "done" and row.key not in known.calls and not _timed_out_stopped(known, row):
            yield Verdict("done without effect", "done, and nothing arrived", row.key)
    for key, calls in known.calls.items():
        yield from _started_before(known, key, calls)
        row = known.row_of[key]
        first = min(call.at for call in calls)
        if row is not None and (first - row.scheduled_for).total_seconds() > bounds.late_s:
            yield Verdict("late", f"{(first - row.scheduled_for).total_seconds():.3f} s late", key)


def _timed_out_stopped(known: _Known, row: Row) -> bool:
    """A run whose process was stopped in the middle may find its time over, and say that it failed without a call."""
    times = [write.at for write in known.writes_of.get(row.execution_id, ())]
    runners = {write.runner for write in known.writes_of.get(row.execution_id, ())}
    return not row.answered and any(
        fault.how == "stop" and fault.process in runners and fault.overlaps(min(times), max(times))
        for fault in known.history.faults
    )


def _started_before(known: _Known, key: str, calls: Sequence[Effect]) -> Iterator[Verdict]:
    """A call is covered by a row of its own id and key whose start was written down before the call arrived."""
    ids = {row.execution_id for row in known.rows_of.get(key, ())}
    for call in calls:
        starts = [write.at for write in known.writes_of.get(call.execution_id, ()) if write.phase == "running"]
        if call.execution_id not in ids:
            yield Verdict("effect without row", f"a call of execution {call.execution_id}, which has no such row", key)
        elif not starts or min(starts) > call.at + _SAME_TIME:
            yield Verdict("effect without row", "a call before its start was written down", key)


def _non_owners(known: _Known, policy: Policy) -> Iterator[Verdict]:
    keys = {row.execution_id: row.key for row in known.history.rows}
    for write in known.writes:
        key = keys.get(write.execution_id, "")
        lease = known.lease_at(write.position)
        if write.before is None and (problem := _no_right_to_claim(write, lease)):
            yield Verdict("written by a non-owner", problem, key)
        if policy.owner_runs and (write.before, write.phase) == ("claimed", "running"):
            if lease is None or write.claim_epoch != lease.epoch:
                yield Verdict("written by a non-owner", f"started as of epoch {write.claim_epoch}, which was over", key)
            elif write.runner != known.owners.get(lease.epoch):
                yield Verdict("written by a non-owner", f"started by {write.runner}, who was not the owner", key)


def _no_right_to_claim(write: RowWrite, lease: LeaseWrite | None) -> str | None:
    if lease is None or lease.owner is None:
        return "claimed while nobody owned"
    if write.claim_epoch != lease.epoch:
        return f"claimed as of epoch {write.claim_epoch} in epoch {lease.epoch}"
    if lease.owner_stack != lease.wanted:
        return f"claimed by {lease.owner_stack} while {lease.wanted} was wanted"
    return None


def _epochs(known: _Known) -> Iterator[Verdict]:
    for earlier, later in pairwise(known.lease):
        taken = later.owner is not None and (later.owner, later.epoch) != (earlier.owner, earlier.epoch)
        if later.epoch != earlier.epoch + taken:
            yield Verdict("epochs out of order", f"epoch {later.epoch} of {later.owner} after {earlier.epoch}")
    claimed = [write for write in known.writes if write.before is None and write.claim_epoch is not None]
    for before, after in pairwise(claimed):
        if (after.claim_epoch or 0) < (before.claim_epoch or 0):
            yield Verdict("epochs out of order", f"a claim of epoch {after.claim_epoch} after {before.claim_epoch}")


def _without_owner(known: _Known, bounds: Bounds) -> Iterator[Verdict]:
    for gap in _gaps(known.history):
        seconds = gap.seconds(known.history.ended)
        if seconds > bounds.gap_s:
            yield Verdict("no owner", f"nobody for {seconds:.3f} s after {gap.cause} at {gap.began:%H:%M:%S.%f}")


def _gaps(history: History) -> Iterator[Gap]:
    began: datetime | None = None
    cause: Cause = "start"
    for at, lease, event in _states(history):
        if _is_served(lease, history.faults, at):
            if began is not None:
                yield Gap(cause, began, at)
            began = None
        elif lease.wanted == "none":
            began = None
        elif began is None:
            began, cause = at, event
    if began is not None:
        yield Gap(cause, began, None)


def _states(history: History) -> Iterator[tuple[datetime, LeaseWrite, str]]:
    """Yield flag and lease each time they or the life of a process changed, and what changed."""
    lease = sorted(history.lease, key=lambda write: write.position)
    moments: list[tuple[datetime, int, LeaseWrite | None, str]] = [(w.at, 0, w, "") for w in lease]
    for fault in history.faults:
        moments.append((fault.at, 1, None, fault.how))
        if fault.resumed is not None:
            moments.append((fault.resumed, 1, None, "stop"))
    current: LeaseWrite | None = None
    for at, _, write, fault in sorted(moments, key=lambda moment: moment[:2]):
        event = fault or _what_changed(current, write)
        current = write or current
        if current is not None:
            yield at, current, event


def _what_changed(before: LeaseWrite | None, write: LeaseWrite) -> str:
    if before is None:
        return "start"
    return "flip" if before.wanted != write.wanted else "release"


def _is_served(lease: LeaseWrite, faults: Sequence[Fault], at: datetime) -> bool:
    if lease.owner is None or lease.owner_stack != lease.wanted:
        return False
    return not any(fault.process == lease.owner and fault.gone(at) for fault in faults)


def _against_policy(known: _Known, policy: Policy) -> Iterator[Verdict]:
    newest: dict[str, datetime] = {}
    for row in known.history.rows:
        if row.phase not in {"missed", "skipped"}:
            newest[row.job_id] = max(row.scheduled_for, newest.get(row.job_id, row.scheduled_for))
    for row in known.history.rows:
        if row.phase in {"missed", "skipped"} and not _may_be_left_out(known, policy, row, newest.get(row.job_id)):
            yield Verdict("wrong policy", f"{row.phase} ({row.reason}) although it had to run", row.key)


def _may_be_left_out(known: _Known, policy: Policy, row: Row, newest_run: datetime | None) -> bool:
    written = next((write.at for write in known.writes_of.get(row.execution_id, ()) if write.before is None), None)
    late_s = (written - row.scheduled_for).total_seconds() if written else 0.0
    match row.reason:
        case "misfire":
            return late_s > policy.grace_s
        case "late":
            return policy.catch_up == "none" and late_s > policy.on_time_s
        case "coalesced":
            return policy.catch_up == "latest" and newest_run is not None and newest_run > row.scheduled_for
        case "overlap":
            return policy.overlap == "skip"
        case "too many wait":
            return policy.overlap != "allow"
    return False


def _given_up(known: _Known) -> Iterator[Verdict]:
    keys = {row.execution_id: row.key for row in known.history.rows}
    for write in known.writes:
        if write.phase == "unknown" and not known.gone(write.runner, write.at):
            yield Verdict(
                "given up alive", f"called unknown while {write.runner} ran it", keys.get(write.execution_id, "")
            )


def _evicted(known: _Known, policy: Policy) -> Iterator[Verdict]:
    """An owner is dead, or silent for a TTL, or has released: nothing else lets another take its place."""
    for before, after in pairwise(known.lease):
        taken = before.owner is not None and after.owner is not None and before.epoch != after.epoch
        silent_s = after.silent_s or 0.0
        if taken and silent_s < policy.ttl_s - _SAME_TIME.total_seconds() and not known.gone(before.owner, after.at):
            yield Verdict("evicted alive", f"{after.owner} took over from {before.owner}, silent for {silent_s:.3f} s")
