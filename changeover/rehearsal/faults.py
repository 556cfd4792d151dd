"""The faults that are injected: what each does, what is expected of the system then, and what it may cost clients."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from changeover.flips import audit_problems
from changeover.problems import Problem
from changeover.rehearsal.relay import Mood
from changeover.rehearsal.scene import Scene, Unexpected, until
from changeover.rehearsal.structure import reload_gateway
from changeover.system import GATEWAY
from gateway.prove import generation_now
from parity.certificate import file_of

__all__ = ["FAULTS", "WHOLE", "Allowed", "Fault"]

# Stands for "while everything is served by the candidate", after the last group.
WHOLE = 1000
BACK_WITHIN_S = 20
AGAIN_WITHIN_S = 20
STOPPED_S = 1.0
SLOW_S = 0.25
# Each visitor has one request under way, so a connection that breaks costs no more than there are visitors.
UNDER_WAY = 30
# While a stack is down, visitors try on: so many writes at most until the other has everything.
OUTAGE = 250


@dataclass(frozen=True)
class Allowed:
    """How many bad answers a fault may cost. What is pinned to a stack cannot be saved; None is any number of those."""

    reads: int = 0
    writes: int = 0
    both: int = 10**6
    pinned: int | None = 0


@dataclass(frozen=True)
class Fault:
    """`share` is at which step it strikes. `strike` returns what was seen, or raises Unexpected."""

    name: str
    share: int
    expects: str
    allowed: Allowed
    strike: Callable[[Scene, str], str]


def taken_back(scene: Scene, group: str, began: float, within_s: float = BACK_WITHIN_S) -> str:
    """Return in words how soon the watch took the group back. Raise Unexpected where it does not."""
    until(lambda: scene.standing().share(group) == 0, f"{group} is taken back", within_s)
    return f"taken back after {time.time() - began:.1f} s"


def answers(mood: Callable[[str], Mood]) -> Callable[[Scene, str], str]:
    """Return a strike that has the relay spoil the candidate's answers until the group is taken back."""

    def strike(scene: Scene, group: str) -> str:
        began = time.time()
        scene.relay.be(mood(group))
        return taken_back(scene, group, began)

    return strike


def kill_worker(name: Callable[[Scene], str]) -> Callable[[Scene, str], str]:
    def strike(scene: Scene, _group: str) -> str:
        stack = name(scene)
        workers = until(lambda: scene.copy.processes(stack)[1], f"{stack} has workers", AGAIN_WITHIN_S)
        os.kill(max(workers), signal.SIGKILL)
        until(lambda: anew(scene, stack, workers), f"{stack} has a new worker", AGAIN_WITHIN_S)
        return "a new worker is there"

    return strike


def anew(scene: Scene, stack: str, former: list[int]) -> bool:
    """Whether as many workers are there as before, and one of them is new."""
    _, workers = scene.copy.processes(stack)
    return len(workers) >= len(former) and bool(set(workers) - set(former))


def kill_first(name: Callable[[Scene], str]) -> Callable[[Scene, str], str]:
    def strike(scene: Scene, _group: str) -> str:
        stack, began = name(scene), time.time()
        first, _ = scene.copy.processes(stack)
        os.kill(first, signal.SIGKILL)
        until(lambda: scene.copy.processes(stack)[0] not in (0, first), f"{stack} is started again", AGAIN_WITHIN_S)
        return f"started again after {time.time() - began:.1f} s"

    return strike


def stop_and_go(scene: Scene, _group: str) -> str:
    """Stop all processes of the candidate for a second, as an overloaded machine would."""
    first, workers = scene.copy.processes(scene.copy.candidate)
    try:
        for pid in (first, *workers):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(STOPPED_S)
    finally:
        for pid in (first, *workers):
            os.kill(pid, signal.SIGCONT)
    return "it went on"


def full_stop(scene: Scene, _group: str) -> str:
    """Stop the candidate as an operator would, and start it only once everything is back."""
    began = time.time()
    supervisor = scene.copy.supervisor
    supervisor.call("stopProcess", scene.copy.candidate, False)
    try:
        until(lambda: not scene.standing().shares, "everything is taken back", BACK_WITHIN_S)
        return f"everything taken back after {time.time() - began:.1f} s"
    finally:
        until(supervisor.revive, f"{scene.copy.candidate} is started again", AGAIN_WITHIN_S)


def reload(scene: Scene, _group: str) -> str:
    return f"new workers after {reload_gateway(scene.copy, scene.relay.port):.1f} s"


def lose_table(scene: Scene, _group: str) -> str:
    """Remove the link that says which table counts, and make it again as `make up` does."""
    flips = scene.copy.flips
    flips.table.link.unlink()
    until(lambda: not generation_now(scene.copy.system.config), "the gateway names no table", 5)
    said = audit_problems(flips)
    flips.ensure_table()
    if not said:
        raise Unexpected("nobody noticed that the table was gone")
    until(lambda: generation_now(scene.copy.system.config), "the gateway names a table again", 5)
    return "noticed, and made again"


def stale_plan(scene: Scene, group: str) -> str:
    """Apply a plan after somebody else has changed the table."""
    control = scene.copy.control
    plan = control.plan(scene.wanted.moved({group: 100}))
    control.take_back(scene.wanted.moved({group: 0}), "rehearsal: somebody else was faster")
    return refused(lambda: control.check(plan))


def no_certificate(scene: Scene, group: str) -> str:
    """Flip a group whose certificate is not there."""
    control = scene.copy.control
    certificate = file_of(scene.copy.project.certificates, group)
    aside = certificate.rename(certificate.with_suffix(".aside"))
    try:
        plan = control.plan(scene.wanted.moved({group: 100}))
        return refused(lambda: control.carry_out("flip", plan, reason="rehearsal", override=""))
    finally:
        aside.rename(certificate)


def refused(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Problem as problem:
        return str(problem).partition(";")[0]
    raise Unexpected("it was not refused")


_HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
database.execute("BEGIN IMMEDIATE")
time.sleep(float(sys.argv[2]))
database.execute("ROLLBACK")
"""


def lock_database(scene: Scene, _group: str) -> str:
    """Hold the database's one lock for writers for a second, from another process."""
    file = scene.copy.system.settings.database_url.removeprefix("sqlite:///")
    subprocess.run([sys.executable, "-c", _HOLD, file, str(STOPPED_S)], check=True)  # noqa: S603
    return "writes waited"


def candidate(scene: Scene) -> str:
    return scene.copy.candidate


def primary(scene: Scene) -> str:
    return scene.copy.primary


def gateway(_scene: Scene) -> str:
    return GATEWAY


_BROKEN = Allowed(writes=UNDER_WAY, pinned=None)
_DOWN = Allowed(writes=OUTAGE, pinned=None)
_NONE = Allowed()

FAULTS: tuple[Fault, ...] = (
    Fault(
        "the candidate answers 500",
        1,
        "taken back within seconds, at most 5 bad answers",
        Allowed(reads=5, writes=5, both=5, pinned=None),
        answers(lambda group: Mood(group, status=500)),
    ),
    Fault("kill -9 of a worker of the candidate", 25, "no read lost", _BROKEN, kill_worker(candidate)),
    Fault("a stale plan is applied", 5, "refused", _NONE, stale_plan),
    Fault(
        "the candidate is slow", 50, "taken back by its p95", _NONE, answers(lambda group: Mood(group, wait_s=SLOW_S))
    ),
    Fault("kill -9 of a worker of the primary", 5, "no read lost", _BROKEN, kill_worker(primary)),
    Fault("SIGSTOP of the candidate for 1 s", 25, "nothing lost", _NONE, stop_and_go),
    Fault(
        "the candidate answers 404",
        25,
        "taken back by its refusals",
        Allowed(reads=100, writes=100, both=100, pinned=None),
        answers(lambda group: Mood(group, status=404)),
    ),
    Fault("a flip without certificate", 1, "refused", _NONE, no_certificate),
    Fault("the gateway reads new files", 50, "nothing lost but what was under way", _BROKEN, reload),
    Fault("the table's link is removed", 25, "noticed, made again, nothing lost", _NONE, lose_table),
    Fault(
        "the candidate breaks connections",
        5,
        "taken back within seconds, no read lost",
        Allowed(writes=5, pinned=None),
        answers(lambda group: Mood(group, breaks=True)),
    ),
    Fault("the database is locked for 1 s", 50, "nothing lost", _NONE, lock_database),
    Fault("kill -9 of the candidate's first process", 25, "no read lost", _DOWN, kill_first(candidate)),
    Fault(
        "kill -9 of a worker of the gateway",
        100,
        "what was under way",
        Allowed(UNDER_WAY, UNDER_WAY, UNDER_WAY, None),
        kill_worker(gateway),
    ),
    Fault(
        "kill -9 of the primary's first process",
        WHOLE,
        "nothing lost: nobody is served by it",
        _NONE,
        kill_first(primary),
    ),
    Fault(
        "kill -9 of a worker of the candidate, at 100 %",
        WHOLE,
        "no read lost",
        Allowed(writes=UNDER_WAY),
        kill_worker(candidate),
    ),
    Fault("the candidate is stopped", WHOLE, "everything taken back, no read lost", Allowed(writes=OUTAGE), full_stop),
)
