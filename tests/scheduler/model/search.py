"""Visits every state that the protocol can reach, and says of a broken promise by which steps, as few as there can be."""

from collections import deque
from dataclasses import dataclass, field

from tests.scheduler.model.promises import LIVENESS, broken_by_state, broken_by_step, is_settled
from tests.scheduler.model.protocol import ENVIRONMENT, PULL, Step, steps
from tests.scheduler.model.state import PASSED, PRESENT, STACKS, Row, State, start

__all__ = ["Breach", "Search", "explore"]


@dataclass(frozen=True)
class Breach:
    """A promise that does not hold, and the shortest way there."""

    promise: str
    trace: list[Step]

    def __str__(self) -> str:
        return "\n".join([f"broken: {self.promise}", *(f"{at:3} {step}" for at, step in enumerate(self.trace, 1))])


@dataclass
class Search:
    """What was visited: `came_by` holds how each state was first reached, `led_by_the_wanted` from where living processes
    of the wanted stack can reach it without orders and faults."""

    came_by: dict[State, tuple[State, Step] | None] = field(default_factory=dict)
    led_by_the_wanted: dict[State, list[State]] = field(default_factory=dict)
    steps: int = 0

    def trace(self, state: State) -> list[Step]:
        found: list[Step] = []
        while (by := self.came_by[state]) is not None:
            state, step = by
            found.append(step)
        return found[::-1]


def explore(
    rules: frozenset[str], *, only: str | None = None, living: int = len(STACKS), twins: bool = True
) -> tuple[Search, Breach | None]:
    """Visit states breadth first up to the first broken promise; without one, look for a state that can come to no end.

    `only` looks at one promise. `twins`: processes of one stack count as alike, which halves the work; in a trace they then
    change names.
    """
    first = start(living)
    search = Search({first: None})
    ahead = deque([first])
    while ahead:
        state = ahead.popleft()
        for step, reached in steps(state, rules):
            search.steps += 1
            broken = broken_by_step(state, step, reached, rules)
            after = forget(reached, rules)
            after = _in_order(after) if twins else after
            if after not in search.came_by:
                search.came_by[after] = (state, step)
                ahead.append(after)
                broken += broken_by_state(after)
            for promise in broken:
                if only in (None, promise):
                    return search, Breach(promise, [*search.trace(state), step])
            if _is_helpful(state, step):
                search.led_by_the_wanted.setdefault(after, []).append(state)
    return search, _find_dead_end(search) if only in (None, LIVENESS) else None


def forget(state: State, rules: frozenset[str]) -> State:
    """Return the state without what no later step can tell.

    Epochs and beats are only compared with those of the lease, and rise. So they may be numbered afresh, and one that has
    passed is like any other: it will never be the present one again. An owner that died is like none.
    """
    present, look = state.epoch, (state.epoch, state.beat)
    stale = () if "acquire compares epoch and beat" in rules else (PASSED, 0)
    processes = [
        process._replace(
            seen=process.seen and ((PRESENT, 0) if process.seen == look else stale),
            epoch=process.epoch and (PRESENT if process.epoch == present else PASSED),
        )
        if process.seen or process.epoch
        else process
        for process in state.processes
    ]
    rows = state.rows
    if present != PRESENT:
        rows = tuple([tuple([_renumbered(row, present) for row in of_tick]) for of_tick in rows])
    owner = None if state.owner is not None and state.owner < 0 and PULL not in rules else state.owner
    return state._replace(owner=owner, epoch=PRESENT, beat=0, rows=rows, processes=tuple(processes))


def _renumbered(row: Row, present: int) -> Row:
    return row._replace(epoch=row.epoch and (PRESENT if row.epoch == present else PASSED))


def _in_order(state: State) -> State:
    """Return the state with the last two processes, which are of one stack, in an order of their own."""
    *others, one, two = state.processes
    if one <= two:
        return state
    first, second = len(others), len(others) + 1
    names = {first: second, second: first}
    rows = tuple(
        [
            tuple([row._replace(runner=names[row.runner]) if row.runner in names else row for row in of_tick])
            for of_tick in state.rows
        ]
    )
    return state._replace(owner=names.get(state.owner, state.owner), rows=rows, processes=(*others, two, one))


def _is_helpful(state: State, step: Step) -> bool:
    return step.process is not None and step.name not in ENVIRONMENT and STACKS[step.process] == state.desired


def _find_dead_end(search: Search) -> Breach | None:
    """Go back from the ends; a state that is not met, and has a living process of the wanted stack, has no way there."""
    ahead = [state for state in search.came_by if is_settled(state)]
    can_end = set(ahead)
    while ahead:
        for before in search.led_by_the_wanted.get(ahead.pop(), ()):
            if before not in can_end:
                can_end.add(before)
                ahead.append(before)
    for state in search.came_by:
        if state not in can_end and _wanted_lives(state):
            return Breach(LIVENESS, search.trace(state))
    return None


def _wanted_lives(state: State) -> bool:
    return any(process.alive and STACKS[number] == state.desired for number, process in enumerate(state.processes))
