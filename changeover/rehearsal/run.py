"""A rehearsal from its beginning to its end: the copy, the load, the course, the books, and what came of it."""

import os
import platform
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from changeover.flips import audit_problems, candidate_of
from changeover.problems import Problem
from changeover.project import load_project
from changeover.rehearsal.asked import Tally
from changeover.rehearsal.books import Books, balance, calls_in, rows_in
from changeover.rehearsal.certify import certify
from changeover.rehearsal.copy import Copy, open_copy
from changeover.rehearsal.course import Course, groups_in_order, walk
from changeover.rehearsal.crowd import Crowd
from changeover.rehearsal.faults import FAULTS, Fault
from changeover.rehearsal.outcome import Noted, Outcome, judge
from changeover.rehearsal.relay import Relay
from changeover.rehearsal.scene import Scene, Unexpected
from changeover.rehearsal.structure import reload_gateway
from changeover.rehearsal.visitor import Place
from changeover.system import System
from gateway.cohorts import SHARES
from gateway.config import Steps
from shared_models.engine import sync_engine

__all__ = ["Wanted", "rehearse"]

# A step counts once the candidate was asked so often; and no sooner.
STEPS = Steps(soak_s=0.5, requests=3)
Sees = Callable[[str, int], int]


@dataclass(frozen=True)
class Wanted:
    """How long it may take, which groups move (none named: all), and which faults strike.

    `sees` is what a visitor takes an answer of a group for; a test plants a loss with it.
    """

    minutes: float = 5.0
    groups: Sequence[str] = ()
    faults: Sequence[Fault] = FAULTS
    sees: Sees = lambda _group, status: status


@dataclass(frozen=True)
class Telling:
    """Where progress goes: `total` is told once, `tick` for each step and fault, `say` in words."""

    say: Callable[[str], None]
    total: Callable[[int], None]
    tick: Callable[[], None]


def rehearse(owner: System, wanted: Wanted, telling: Telling) -> Outcome:
    """Return what came of it; nothing it started is left. Raise Problem where it cannot begin."""
    candidate_of(owner)
    began = time.monotonic()
    groups = list(wanted.groups) or groups_in_order(owner.config.routes)
    with terminable(), open_copy(owner, STEPS, telling.say) as copy:
        certify(load_project(owner.root), copy.project, groups, telling.say)
        budget_s = wanted.minutes * 60 - (time.monotonic() - began)
        course = Course(groups, wanted.faults, budget_s, telling.say, telling.tick)
        telling.total(len(groups) * len(SHARES[1:]) + len(wanted.faults) + 1)
        outcome = perform(copy, course, wanted.sees)
        if outcome.wrong:
            telling.say(f"The logs of the copy are kept in {copy.system.place.var_dir}")
            copy.keep()
        return outcome


def perform(copy: Copy, course: Course, sees: Sees) -> Outcome:
    """Let the visitors in, walk the course, and hold the books against the rows."""
    config, tally, books = copy.system.config, Tally(), Books()
    place = Place(config, copy.system.gateway_url, tally, books, pinned_prefixes(copy.system), sees)
    with relayed(copy) as relay, Crowd() as crowd:
        scene = Scene(copy, relay, crowd, place)
        began = time.time()
        crowd.come(place, copy.admin_password)
        course.say(f"{len(crowd.visitors)} visitors are there.")
        try:
            walk(scene, course)
        except (Problem, Unexpected) as error:
            scene.problems.append(f"It could not go on: {error}")
        crowd.leave()
        ended = time.time()
    return judge(noted(scene, began, ended), course.faults)


def noted(scene: Scene, began: float, ended: float) -> Noted:
    copy = scene.copy
    engine = sync_engine(copy.system.settings.database_url)
    try:
        held = balance(scene.place.books, rows_in(engine) | calls_in(copy.sink.take()))
    finally:
        engine.dispose()
    return Noted(
        stacks=(copy.primary, copy.candidate),
        steps=scene.steps,
        struck=scene.struck,
        asked=scene.tally.all(),
        balance=held,
        flips=sum(record["event"] == "done" for record in copy.flips.audit.records()),
        audit=audit_problems(copy.flips),
        problems=scene.problems,
        notes=scene.notes,
        machine=machine(),
        began=began,
        ended=ended,
    )


def pinned_prefixes(system: System) -> frozenset[str]:
    return frozenset(face.prefix for face in system.config.faces if face.pinned)


@contextmanager
def relayed(copy: Copy) -> Iterator[Relay]:
    """Yield the relay, with the gateway reaching the candidate through it."""
    config = copy.system.config
    with Relay(config, config.stack(copy.candidate)) as relay:
        reload_gateway(copy, relay.port)
        yield relay


@contextmanager
def terminable() -> Iterator[None]:
    """Have SIGTERM end this like Ctrl-C does: with everything stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> Any:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def machine() -> dict[str, str]:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processors": str(os.cpu_count()),
        "Python": platform.python_version(),
        "load (1, 5, 15 min)": load,
    }
