"""What the model remembers: the rows of the database, what each process holds in memory, and what happened outside."""

from typing import Final, NamedTuple

__all__ = ["DEAD", "PASSED", "PRESENT", "STACKS", "TICKS", "Process", "Row", "State", "start"]

TICKS: Final = 2
"""Ticks of the one job. How late a tick is claimed is free, so its time is not modelled: a claim may come for none, one or both."""

STACKS: Final = ("legacy", "modern", "modern")
"""The stack of each process: two that could own, and a standby."""

PASSED: Final = 1
PRESENT: Final = 2
"""The epoch of the lease is always called so, and all before it by one number, see `search.forget`. 0 is no epoch."""

DEAD: Final = {"legacy": -1, "modern": -2}
"""As an owner or runner: some process of the stack that died."""


class Row(NamedTuple):
    """A row of job_executions. `runner` is set from the start on. `done` is written by whoever had the effect."""

    phase: str
    epoch: int = 0
    runner: int | None = None


class Process(NamedTuple):
    """What one process has in memory.

    `seen`: the epoch and beat it looked at last. `epoch`: the ownership it believes in, 0 for none. `started` and `sent`: ticks
    it runs, before and after the effect. `picked`: ticks it is about to start, where that is not one step with the start.
    """

    alive: bool = True
    seen: tuple[int, ...] = ()
    epoch: int = 0
    started: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()
    picked: tuple[int, ...] = ()


class State(NamedTuple):
    """The lease row, the watermark (`next`: the first tick without a decision), the rows of each tick, the effects of each."""

    desired: str
    owner: int | None
    epoch: int
    beat: int
    next: int
    rows: tuple[tuple[Row, ...], ...]
    effects: tuple[int, ...]
    processes: tuple[Process, ...]


def start(living: int = len(STACKS)) -> State:
    """Nobody owns, nothing was claimed, the first `living` processes are up and have looked at nothing."""
    nothing: tuple[tuple[Row, ...], ...] = ((),) * TICKS
    processes = tuple(Process(alive=number < living) for number in range(len(STACKS)))
    return State("legacy", None, PRESENT, 0, 0, nothing, (0,) * TICKS, processes)
