"""The course of the rehearsal: every group to 100 %, everything back, everything forward again, with a fault at each step."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from changeover.flip_step import next_step
from changeover.problems import Problem
from changeover.rehearsal.asked import Window
from changeover.rehearsal.faults import WHOLE, Fault
from changeover.rehearsal.scene import Scene, Step, Struck, Unexpected, until
from changeover.rehearsal.scheduler import hand_over_and_back
from gateway.cohorts import SHARES
from gateway.plan import Plan
from gateway.prove import Proof
from gateway.routes import RouteTable

__all__ = ["Course", "groups_in_order", "walk"]

# How long the visitors may take to ask the candidate often enough.
_ASKED_WITHIN_S = 30
# What is left for after the last step: everything back, forward again, the scheduler, and the last answers.
_END_S = 20
_POLL_S = 0.02


@dataclass(frozen=True)
class Course:
    """The groups in the order they move, the faults, and how long all of it may take (seconds)."""

    groups: Sequence[str]
    faults: Sequence[Fault]
    budget_s: float
    say: Callable[[str], None]
    tick: Callable[[], None]

    def faults_of(self, number: int, share: int) -> list[Fault]:
        """Return the faults of a group's step: each group has its turn, and begins anew where there are more faults."""
        at_steps = [fault for fault in self.faults if fault.share != WHOLE]
        return [fault for fault in at_steps[number :: len(self.groups)] if fault.share == share]

    def faults_at_the_end(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.share == WHOLE]


def groups_in_order(routes: RouteTable) -> list[str]:
    """Return the groups in the order of the phases; those of no phase last."""
    phased = [group for phase in routes.phases for group in phase.groups]
    return list(dict.fromkeys([*phased, *(group.id for group in routes.groups)]))


def walk(scene: Scene, course: Course) -> None:
    """Go the whole way and note everything in the scene. Raise Problem or Unexpected where it cannot go on."""
    pace = paces(scene, course)
    for number, group in enumerate(course.groups):
        scene.crowd.focus = group
        for share in SHARES[1:]:
            take_step(scene, group, share, next(pace))
            course.tick()
            for fault in course.faults_of(number, share):
                strike(scene, fault, group, share, course)
        course.say(f"{group}: 100 %")
    scene.crowd.focus = ""
    unpin(scene)
    for fault in course.faults_at_the_end():
        strike(scene, fault, "", 100, course)
    scene.note_taken_back("before everything goes back")
    to_and_fro(scene, course)
    scene.note_taken_back("at the end")
    hand_over_and_back(scene, course.say)


def paces(scene: Scene, course: Course) -> Iterator[float]:
    """Yield how long each step may take from its beginning on: what is left, in equal parts; a fault takes about two."""
    end = time.monotonic() + course.budget_s - _END_S
    for steps_left in reversed(range(1, 1 + len(course.groups) * len(SHARES[1:]))):
        faults_left = len(course.faults) - len(scene.struck)
        yield max(0.0, end - time.monotonic()) / (steps_left + 2 * faults_left)


def take_step(scene: Scene, group: str, share: int, pace_s: float) -> None:
    """Move the group one step on as `changeover step` does, and stay there while visitors use it."""
    copy, at, name = scene.copy, time.time(), f"{group} at {share} %"
    proof = scene.undisturbed(name, partial(go_on, scene, group, share))
    scene.wanted = scene.wanted.moved({group: share})
    swapped, enough = time.time(), copy.system.config.steps.requests
    until(
        lambda: scene.tally.answered(group, copy.candidate, swapped) >= enough or not scene.is_as_wanted(),
        f"{copy.candidate} answers {enough} requests of {name}",
        _ASKED_WITHIN_S,
    )
    while time.time() < at + pace_s:
        time.sleep(_POLL_S)
    scene.note_taken_back(name)
    scene.steps.append(Step(group, group, share, at, time.time(), proof.first_ms, proof.proven_ms))


def go_on(scene: Scene, group: str, share: int) -> Proof:
    """Return the proof of the group's next step. Raise Problem where a gate refuses, Unexpected where it is not proven."""
    plan = until(partial(ready, scene, group), f"{group} may go to {share} %", _ASKED_WITHIN_S)
    outcome = scene.copy.control.carry_out("step", plan, reason="rehearsal", override="")
    if outcome.word != "done":
        raise Unexpected(f"{group} to {share} %: {outcome.word}, {outcome.proof.instead}")
    return outcome.proof


def ready(scene: Scene, group: str) -> Plan | None:
    """Return the plan of the next step; None while the log does not show yet that enough was asked."""
    try:
        return next_step(scene.copy.control, group, wait=True, override="", say=lambda _line: None)
    except Problem as problem:
        if "requests since its last step" in str(problem):
            return None
        raise


def strike(scene: Scene, fault: Fault, group: str, share: int, course: Course) -> None:
    """Inject a fault, wait until all is as before, and note what came of it."""
    began, seen, problem = time.time(), "", ""
    try:
        seen = fault.strike(scene, group)
    except (Unexpected, Problem, OSError, subprocess.SubprocessError) as error:
        problem = str(error)
    scene.calm()
    back_at = taken_back_at(scene, began)
    scene.restore()
    window = Window(began, time.time())
    back_after_s = None if back_at is None else back_at - began
    scene.struck.append(Struck(fault.name, group, share, window, seen, problem, back_after_s))
    course.tick()
    course.say(f"  {fault.name}: {problem or seen}")


def unpin(scene: Scene) -> None:
    """Let the groups decide about every prefix, so that a rollback reaches all clients."""
    loose = frozenset(face.prefix for face in scene.copy.system.config.faces if face.pinned)
    scene.wanted = replace(scene.wanted, loose=loose)
    at = time.time()
    proof = scene.copy.control.pin(scene.wanted, "rehearsal").proof
    scene.place.pinned = frozenset()
    scene.steps.append(Step("pins out", "", 100, at, time.time(), proof.first_ms, proof.proven_ms))


def to_and_fro(scene: Scene, course: Course) -> None:
    """Take everything back at once, and move everything forward again at once."""
    at, everything = time.time(), dict.fromkeys(course.groups, 100)
    scene.wanted = scene.wanted.moved(dict.fromkeys(course.groups, 0))
    proof = scene.copy.control.take_back(scene.wanted, "rehearsal").proof
    time.sleep(1)
    scene.steps.append(Step("all back", "", 0, at, time.time(), proof.first_ms, proof.proven_ms))
    course.say("Everything back, and forward again.")
    scene.move(everything, "all forward")
    time.sleep(1)
    course.tick()


def taken_back_at(scene: Scene, since: float) -> float | None:
    """Return when (epoch, seconds) the first rollback after that was carried out, None for none."""
    for record in scene.copy.flips.audit.records():
        at = datetime.fromisoformat(record["at"]).timestamp()
        if record["event"] == "wanted" and record["what"].startswith("rollback by") and at >= since:
            return at
    return None
