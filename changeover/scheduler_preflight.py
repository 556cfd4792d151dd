"""What has to be true before a stack gets the scheduler: somebody of it lives, and all agree on what it is to do.

Nothing is changed here but the question that every living process is asked. Each refusal names the value and the remedy.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select, update

from changeover.problems import FAILED, Problem
from changeover.scheduler_state import Node, Standing, standing
from scheduler.clock import Clock
from scheduler.lease import transaction
from scheduler.nodes import asked_at, fires_digest, question
from shared_models.job import Job, JobSchedule
from shared_models.scheduler import SchedulerNode
from shared_rules.settings import Settings

__all__ = ["check_target"]

# The fact that may differ a little.
_CLOCK = "clock_ahead_s"
_CLOCKS_WITHIN_S = 1.0
_APPEAR_WITHIN_S = 2.0
_ANSWER_WITHIN_S = 5.0
_POLL_S = 0.01


@dataclass(frozen=True)
class _Answers:
    """Digests of the fire times by process; `disturbed` where jobs were edited while they were computed."""

    digests: dict[str, str]
    disturbed: bool


def check_target(engine: Engine, settings: Settings, found: Standing, to: str) -> None:
    """Return when the stack can take over. Raise Problem where it cannot."""
    found = _with_somebody(engine, found, to)
    living = found.living
    _check_alike(living)
    _check_clocks(living)
    answer_within_s = max(_ANSWER_WITHIN_S, found.ttl_s)
    deadline = time.monotonic() + answer_within_s
    while True:
        answers = _ask(engine, settings, living, to, answer_within_s)
        if len(set(answers.digests.values())) == 1:
            return
        if not answers.disturbed:
            raise Problem(
                f"{_parties(answers.digests)}; `make parity` and `make logs` may say why. Nothing was changed.", FAILED
            )
        if time.monotonic() > deadline:
            raise Problem(
                "Jobs are edited faster than fire times can be compared; try again. Nothing was changed.", FAILED
            )


def _with_somebody(engine: Engine, found: Standing, to: str) -> Standing:
    """Return flag and processes once one of the stack lives: it may have been started just now. Raise Problem otherwise."""
    deadline = time.monotonic() + _APPEAR_WITHIN_S
    while not any(node.stack == to for node in found.living):
        if time.monotonic() > deadline:
            last = [node for node in found.nodes if node.stack == to]
            shown = f"; the last, {last[-1].process}, was alive {last[-1].age_s:.0f} s ago" if last else ""
            raise Problem(
                f"No process of {to} that could run the scheduler is alive{shown}. "
                f"Type `make up`, and see that SCHEDULER_ENABLED is not off for {to}. Nothing was changed.",
                FAILED,
            )
        time.sleep(_POLL_S)
        found = standing(engine)
    return found


def _check_alike(living: Sequence[Node]) -> None:
    for name in sorted({name for node in living for name in node.facts} - {_CLOCK}):
        values = {str(node.facts.get(name)): node.process for node in reversed(living)}
        if len(values) > 1:
            shown = ", ".join(f"{value} in {process}" for value, process in values.items())
            raise Problem(
                f"The processes differ in {name}: {shown}. "
                "Start all of them with the same release and settings: `make down`, `make up`. Nothing was changed.",
                FAILED,
            )


def _check_clocks(living: Sequence[Node]) -> None:
    ahead = {node.process: float(node.facts.get(_CLOCK, 0.0)) for node in living}
    first, last = min(ahead, key=lambda process: ahead[process]), max(ahead, key=lambda process: ahead[process])
    apart_s = ahead[last] - ahead[first]
    if apart_s >= _CLOCKS_WITHIN_S:
        raise Problem(
            f"The clock of {last} is {apart_s:.1f} s ahead of that of {first}, less than {_CLOCKS_WITHIN_S:g} s is needed. "
            "Set the hosts' clocks, and one CLOCK_OFFSET_S for all. Nothing was changed.",
            FAILED,
        )


def _ask(engine: Engine, settings: Settings, living: Sequence[Node], to: str, within_s: float) -> _Answers:
    """Return what every process answers that is alive still, and this one where only one stack has any."""
    edits = _edits(engine)
    asked = question(Clock(settings.clock_offset_s).now())
    with transaction(engine) as connection:
        processes = [node.process for node in living]
        connection.execute(update(SchedulerNode).where(SchedulerNode.process.in_(processes)).values(asked=asked))
    deadline = time.monotonic() + within_s
    digests = _answers(engine, asked)
    while len(digests) < len(living) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        digests = _answers(engine, asked)
    _check_silent(engine, living, digests, to)
    if {node.stack for node in living if node.process in digests} == {to}:
        with engine.connect() as connection:
            digests["this command"] = fires_digest(connection, settings.zone, asked_at(asked))
    return _Answers(digests, disturbed=_edits(engine) != edits)


def _answers(engine: Engine, asked: str) -> dict[str, str]:
    statement = select(SchedulerNode.process, SchedulerNode.fires).where(SchedulerNode.answered == asked)
    with engine.connect() as connection:
        return {process: fires or "" for process, fires in connection.execute(statement)}


def _check_silent(engine: Engine, living: Sequence[Node], digests: dict[str, str], to: str) -> None:
    """Raise Problem for a process that lives and did not answer; one that has died meanwhile has no say."""
    beats = {node.process: node.beat for node in living}
    silent = [process for process in beats if process not in digests]
    now = standing(engine) if silent else None
    for node in now.living if now else ():
        if node.process in silent and node.beat != beats[node.process]:
            raise Problem(
                f"{node.process} is alive, and did not say which fire times it computes; "
                "see `make logs`, and restart that stack. Nothing was changed.",
                FAILED,
            )
    if not any(node.stack == to for node in living if node.process in digests):
        raise Problem(f"The processes of {to} do not answer any more; type `make status`. Nothing was changed.", FAILED)


def _edits(engine: Engine) -> tuple[Any, ...]:
    """Return what changes with every edit of a job."""
    jobs = select(func.count(), func.max(Job.updated_at)).select_from(Job)
    with engine.connect() as connection:
        return (*connection.execute(jobs).one(), connection.scalar(select(func.sum(JobSchedule.schedule_rev))))


def _parties(digests: dict[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for process, digest in digests.items():
        groups.setdefault(digest, []).append(process)
    shown = " and ".join(f"{', '.join(sorted(group))} ({digest[:8]})" for digest, group in groups.items())
    return f"The processes compute different fire times: {shown}"
