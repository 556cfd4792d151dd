"""What has to hold of every state and of every step. Each promise has a name, under which a breach is reported."""

from collections.abc import Callable
from typing import Final

from tests.scheduler.model.protocol import PULL, Step
from tests.scheduler.model.state import STACKS, State

__all__ = ["LIVENESS", "OF_STATES", "OF_STEPS", "broken_by_state", "broken_by_step", "is_settled"]

LIVENESS: Final = "while a process of the wanted stack lives, every tick can still be done or unknown"

ENDED: Final = ("done", "unknown")


def is_settled(state: State) -> bool:
    """Tell whether every tick has come to an end that somebody can read."""
    return all(rows and all(row.phase in ENDED for row in rows) for rows in state.rows)


def broken_by_state(state: State) -> list[str]:
    """Return the names of the promises that do not hold in the state."""
    return [name for name, is_broken in OF_STATES.items() if is_broken(state)]


def broken_by_step(before: State, step: Step, after: State, rules: frozenset[str]) -> list[str]:
    """Return the names of the promises that the step breaks."""
    if step.refused or step.name not in OF_STEPS:
        return []
    return [name for name, is_broken in OF_STEPS[step.name].items() if is_broken(before, step, after, rules)]


def _two_rows(state: State) -> bool:
    return any(len(rows) > 1 for rows in state.rows)


def _two_effects(state: State) -> bool:
    return max(state.effects) > 1


def _passed_over(state: State) -> bool:
    return not all(state.rows[: state.next])


def _silent(state: State) -> bool:
    """A tick that was started, or has ended, without an effect, and nobody alive is about to have it."""
    for tick, rows in enumerate(state.rows):
        if state.effects[tick]:
            continue
        for row in rows:
            awaited = row.runner is not None and (row.runner < 0 or tick in state.processes[row.runner].started)
            if row.phase != "claimed" and not awaited:
                return True
    return False


def _not_written(_before: State, step: Step, after: State, _rules: frozenset[str]) -> bool:
    return any(row.phase != "done" for tick in step.ticks for row in after.rows[tick])


def _epoch_stays(before: State, _step: Step, after: State, _rules: frozenset[str]) -> bool:
    return after.epoch <= before.epoch


def _is_unwanted(before: State, step: Step, _after: State, _rules: frozenset[str]) -> bool:
    return step.process is not None and STACKS[step.process] != before.desired


def _is_no_owner(before: State, step: Step, _after: State, rules: frozenset[str]) -> bool:
    if PULL in rules and step.name == "start":
        return False
    return before.owner != step.process or before.processes[step.process].epoch != before.epoch


def _puts_out(before: State, step: Step, _after: State, _rules: frozenset[str]) -> bool:
    return step.process is not None and before.processes[step.process].seen != (before.epoch, before.beat)


def _takes_away(before: State, step: Step, _after: State, _rules: frozenset[str]) -> bool:
    return before.owner != step.process


OF_STATES: Final[dict[str, Callable[[State], bool]]] = {
    "a tick has one row at most": _two_rows,
    "a tick has one effect at most": _two_effects,
    "no tick is passed over without a row": _passed_over,
    "a tick without effect waits, or its runner died or is about to have it": _silent,
}

_WANTED: Final = "who acquires, claims or starts is of the wanted stack"
_OWNS: Final = "who claims or starts is the owner"

OF_STEPS: Final[dict[str, dict[str, Callable[[State, Step, State, frozenset[str]], bool]]]] = {
    "acquire": {
        "epochs only rise": _epoch_stays,
        _WANTED: _is_unwanted,
        "an owner that gave a sign of life is not put out": _puts_out,
    },
    "claim": {_WANTED: _is_unwanted, _OWNS: _is_no_owner},
    "start": {_WANTED: _is_unwanted, _OWNS: _is_no_owner},
    "record": {"what was done is recorded as done": _not_written},
    "release": {"nobody but its owner gives the lease up": _takes_away},
}
