"""Where the rehearsal stands: the copy, its visitors, and what was noted; with the waiting and restoring all steps share."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from changeover.health import is_alive
from changeover.problems import Problem
from changeover.rehearsal.asked import Tally, Window
from changeover.rehearsal.copy import Copy
from changeover.rehearsal.crowd import Crowd
from changeover.rehearsal.relay import Relay
from changeover.rehearsal.visitor import Place
from gateway.ownership import Ownership
from gateway.prove import Proof

__all__ = ["Scene", "Step", "Struck", "Unexpected", "until"]

T = TypeVar("T")
_POLL_S = 0.02
_WELL_WITHIN_S = 45
_TRIES = 5
# What a refusal says that came too late.
_STALE = "plan again"


class Unexpected(Exception):
    """Something was not as it should be. One sentence."""


@dataclass(frozen=True)
class Step:
    """A change of who serves what, of one group or ("") of all, and what it was used for until `ended` (epoch, seconds).

    `first_ms` is from the swap to the first answer by the new table, `proven_ms` to the last question of its proof.
    """

    what: str
    group: str
    share: int
    at: float
    ended: float
    first_ms: float
    proven_ms: float


@dataclass(frozen=True)
class Struck:
    """A fault that was injected: `problem` is "" where all was as expected, `back_after_s` when groups were taken back."""

    name: str
    group: str
    share: int
    window: Window
    seen: str
    problem: str
    back_after_s: float | None


@dataclass
class Scene:
    """`wanted` is who should serve what now."""

    copy: Copy
    relay: Relay
    crowd: Crowd
    place: Place
    wanted: Ownership = field(default_factory=Ownership)
    steps: list[Step] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def tally(self) -> Tally:
        return self.place.tally

    def standing(self) -> Ownership:
        return self.copy.flips.standing().ownership

    def move(self, shares: Mapping[str, int], what: str) -> None:
        """Flip, with all gates. Raise Problem where one refuses, Unexpected where it cannot be proven."""
        at = time.time()
        self.wanted = self.wanted.moved(shares)
        proof = self._flip(what)
        share = max(shares.values(), default=0)
        self.steps.append(Step(what, "", share, at, time.time(), proof.first_ms, proof.proven_ms))

    def calm(self) -> None:
        """End what the relay does, and return once both stacks are well."""
        self.relay.be(None)
        for probe in self.copy.system.probes():
            until(partial(is_alive, probe.url), f"{probe.stack} is well", _WELL_WITHIN_S)

    def restore(self) -> None:
        """Have everything served as wanted, also after a rollback."""
        if not self.copy.flips.is_true():
            self.copy.flips.ensure_table()
        if not self.is_as_wanted():
            self._flip("on again")

    def undisturbed(self, what: str, work: Callable[[], T]) -> T:
        """Return what work returns; it is done again where the watch took something back meanwhile, which is noted."""
        for _ in range(_TRIES):
            self.note_taken_back(what)
            try:
                return work()
            except Problem:
                if self.is_as_wanted():
                    raise
        raise Unexpected(f"{what}: taken back again and again")

    def note_taken_back(self, what: str) -> None:
        """Note what was taken back without a fault, and go on again. Slowness may be that of a busy machine."""
        if self.is_as_wanted():
            return
        rule, reason = "", "nobody says why"
        for record in self.copy.flips.audit.records():
            if "verdict" in record:
                rule, reason = record["verdict"]["rule"], record["reason"]
        noted = self.notes if rule == "slowness" else self.problems
        noted.append(f"{what}: taken back without a fault, {reason}")
        self.restore()

    def _flip(self, why: str) -> Proof:
        """Plan what is wanted and carry it out, again where the watch was faster. Raise Problem or Unexpected."""
        for tries_left in reversed(range(_TRIES)):
            control = self.copy.control
            try:
                outcome = control.carry_out("flip", control.plan(self.wanted), reason=f"rehearsal: {why}", override="")
            except Problem as problem:
                if not tries_left or _STALE not in str(problem):
                    raise
            else:
                break
        if outcome.word == "reverted":
            raise Unexpected(f"{why}: not proven, {outcome.proof.instead}")
        return outcome.proof

    def is_as_wanted(self) -> bool:
        return self.standing() == self.wanted


def until(ask: Callable[[], T | None], what: str, within_s: float) -> T:
    """Return the first truthy answer. Raise Unexpected, saying what did not happen, after so many seconds."""
    deadline = time.monotonic() + within_s
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise Unexpected(f"not within {within_s:g} s: {what}")
        time.sleep(_POLL_S)
    return found
