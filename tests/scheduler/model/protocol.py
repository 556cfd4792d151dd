"""Every step that a process, an operator or a fault can take, each of them atomic as it is in the database.

look     `scheduler.lease.Lease.look`: the SELECT of `shared_models.queries.lease.seen`
acquire  `scheduler.lease.Lease.acquire`: `shared_models.queries.lease.acquire` and `shared_models.queries.lease.reclaimed`
         in one transaction
renew    `scheduler.lease.Lease.fenced` with nothing in it: the UPDATE of `shared_models.queries.lease.fence`
claim    `scheduler.claims.Claims.claim_due`: fence, `shared_models.queries.claims.tick_added` and
         `shared_models.queries.claims.advanced`, in one transaction
start    `shared_models.queries.claims.started`, in a transaction that the fence opens; without it where every worker pulls
effect   `scheduler.runner.Runner.run`: the call, which no transaction can hold
record   `shared_models.queries.claims.own_runs` and `shared_models.queries.claims.ended`, by the runner, whoever owns
reap     `scheduler.reaper.Reaper.reap`: fence, `shared_models.queries.claims.lost_runs`; running becomes unknown
release  `scheduler.lease.Lease.release`: the UPDATE of `shared_models.queries.lease.release`
flip     the operator's change of the wanted stack
crash    a process is gone with its memory, between any two of its steps

A stopped process is one that takes no step, for as long as one likes. Time is not modelled: a TTL is only ever "it may have
passed". Whoever has looked may acquire at once, and whoever owns may take any runner for dead, so clocks that run wrong and
processes declared dead too early are among the cases.

A variant of the protocol leaves out one of RULES, to show what the rule is there for.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.scheduler.model.state import DEAD, STACKS, TICKS, Process, Row, State

__all__ = ["ENVIRONMENT", "PULL", "RULES", "Step", "steps"]

RULES: Final = frozenset({
    "acquire compares epoch and beat",
    "acquire is for the wanted stack",
    "acquire raises the epoch",
    "acquire reclaims what nobody started",
    "acquire leaves running rows alone",
    "acquire keeps the watermark",
    "the fence compares owner and epoch",
    "the fence compares the wanted stack",
    "claim and advance are one transaction",
    "a tick is unique",
    "start picks and compares in one statement",
    "start is written before the effect",
    "the end is written after the effect",
    "a late result wins",
    "release compares owner and epoch",
})  # fmt: skip

PULL: Final = "every worker of the owner's stack starts what was claimed"
"""SCHEDULER_PULL=all: not a rule, a setting."""

ENVIRONMENT: Final = frozenset({"flip", "crash"})
"""Steps that nobody can rely on."""


class Step(NamedTuple):
    """What happened: which step, by which process (None: the operator), for which ticks, and whether the database let it."""

    name: str
    process: int | None = None
    ticks: tuple[int, ...] = ()
    refused: bool = False

    def __str__(self) -> str:
        who = "operator" if self.process is None else f"{STACKS[self.process]} {self.process}"
        ticks = f" tick {' and '.join(map(str, self.ticks))}" if self.ticks else ""
        return f"{who}: {self.name}{ticks}{', refused' if self.refused else ''}"


Steps = Iterator[tuple[Step, State]]


def steps(state: State, rules: frozenset[str]) -> Steps:
    """Yield each step that can come next, and the state after it."""
    yield Step("flip"), state._replace(desired="modern" if state.desired == "legacy" else "legacy")
    for number, process in enumerate(state.processes):
        if process.alive:
            yield Step("crash", number), _crashed(state, number)
            yield from _of_lease(state, number, process, rules)
            yield from _of_owner(state, number, process, rules)
            yield from _of_runner(state, number, process, rules)


def _of_lease(state: State, number: int, process: Process, rules: frozenset[str]) -> Steps:
    if not process.epoch:
        yield Step("look", number), _with(state, number, process._replace(seen=(state.epoch, state.beat)))
        if process.seen:
            yield _acquire(state, number, process, rules)
    else:
        yield _release(state, number, process, rules)


def _acquire(state: State, number: int, process: Process, rules: frozenset[str]) -> tuple[Step, State]:
    unchanged = process.seen == (state.epoch, state.beat) or "acquire compares epoch and beat" not in rules
    wanted = STACKS[number] == state.desired or "acquire is for the wanted stack" not in rules
    if not (unchanged and wanted):
        return Step("acquire", number, refused=True), _with(state, number, process._replace(seen=()))
    epoch = state.epoch + 1 if "acquire raises the epoch" in rules else state.epoch
    phases = ["claimed"] if "acquire reclaims what nobody started" in rules else []
    phases += [] if "acquire leaves running rows alone" in rules else ["running"]
    owned = state._replace(
        owner=number,
        epoch=epoch,
        beat=0,
        next=state.next if "acquire keeps the watermark" in rules else TICKS,
        rows=tuple(
            tuple(Row("claimed", epoch) if row.phase in phases and row.epoch < epoch else row for row in rows)
            for rows in state.rows
        ),
    )
    return Step("acquire", number), _with(owned, number, process._replace(seen=(), epoch=epoch))


def _release(state: State, number: int, process: Process, rules: frozenset[str]) -> tuple[Step, State]:
    held = state.owner == number and state.epoch == process.epoch
    after = _stood_down(state, number, process)
    if held or "release compares owner and epoch" not in rules:
        return Step("release", number), after._replace(owner=None, beat=state.beat + 1)
    return Step("release", number, refused=True), after


def _of_owner(state: State, number: int, process: Process, rules: frozenset[str]) -> Steps:
    """What goes through the fence. Whom it refuses stands down, whatever was to be written."""
    if not process.epoch:
        return
    if not _fence_holds(state, number, process, rules):
        yield Step("renew", number, refused=True), _stood_down(state, number, process)
        return
    fenced = state._replace(beat=state.beat + 1)
    yield Step("renew", number), fenced
    for end in range(state.next + 1, TICKS + 1):
        yield from _claim(fenced, number, process, end, rules)
    if PULL not in rules:
        yield from _start(fenced, number, process, process.epoch, rules)
    for tick, rows in enumerate(state.rows):
        if any(row.phase == "running" and row.runner != number for row in rows):
            yield Step("reap", number, (tick,)), _reaped(fenced, number, tick)


def _claim(state: State, number: int, process: Process, end: int, rules: frozenset[str]) -> Steps:
    due = tuple(range(state.next, end))
    rows = list(state.rows)
    for tick in due:
        if not rows[tick] or "a tick is unique" not in rules:
            rows[tick] = (*rows[tick], Row("claimed", process.epoch))
    claimed = state._replace(rows=tuple(rows))
    if "claim and advance are one transaction" in rules:
        yield Step("claim", number, due), claimed._replace(next=end)
    else:
        yield Step("claim", number, due), claimed
        yield Step("advance", number, due), state._replace(next=end)


def _of_runner(state: State, number: int, process: Process, rules: frozenset[str]) -> Steps:
    if PULL in rules and _owning_stack(state) == state.desired == STACKS[number]:
        yield from _start(state, number, process, state.epoch, rules)
    for tick in process.picked:
        waiting = _with(state, number, process._replace(picked=_without(process.picked, tick)))
        yield Step("start", number, (tick,)), _started(waiting, number, tick, 0, rules)
    for tick in process.started:
        effects = tuple(count + (which == tick) for which, count in enumerate(state.effects))
        after = process._replace(started=_without(process.started, tick), sent=_with_tick(process.sent, tick))
        yield Step("effect", number, (tick,)), _with(state._replace(effects=effects), number, after)
    for tick in process.sent:
        after = _with(state, number, process._replace(sent=_without(process.sent, tick)))
        yield Step("record", number, (tick,)), _recorded(after, number, tick, rules)


def _start(state: State, number: int, process: Process, epoch: int, rules: frozenset[str]) -> Steps:
    for tick, rows in enumerate(state.rows):
        at = next((at for at, row in enumerate(rows) if row.phase == "claimed" and row.epoch == epoch), None)
        if at is None:
            continue
        if "start picks and compares in one statement" in rules:
            yield Step("start", number, (tick,)), _started(state, number, tick, at, rules)
        elif tick not in process.picked:
            yield (
                Step("pick", number, (tick,)),
                _with(state, number, process._replace(picked=_with_tick(process.picked, tick))),
            )


def _started(state: State, number: int, tick: int, at: int, rules: frozenset[str]) -> State:
    process = state.processes[number]
    runs = _with(state, number, process._replace(started=_with_tick(process.started, tick)))
    if "start is written before the effect" not in rules:
        return runs
    if "the end is written after the effect" not in rules:
        return _with_row(runs, tick, at, Row("done"))
    # Only a variant asks again in which epoch a running row was claimed.
    epoch = 0 if "acquire leaves running rows alone" in rules else state.rows[tick][at].epoch
    return _with_row(runs, tick, at, Row("running", epoch, number))


def _recorded(state: State, number: int, tick: int, rules: frozenset[str]) -> State:
    phases = {"running", "unknown"} if "a late result wins" in rules else {"running"}
    unwritten = "start is written before the effect" not in rules
    for at, row in enumerate(state.rows[tick]):
        if unwritten or (row.phase in phases and row.runner == number):
            return _with_row(state, tick, at, Row("done"))
    return state


def _reaped(state: State, number: int, tick: int) -> State:
    for at, row in enumerate(state.rows[tick]):
        if row.phase == "running" and row.runner != number:
            state = _with_row(state, tick, at, row._replace(phase="unknown"))
    return state


def _fence_holds(state: State, number: int, process: Process, rules: frozenset[str]) -> bool:
    held = state.owner == number and state.epoch == process.epoch
    wanted = STACKS[number] == state.desired
    return (held or "the fence compares owner and epoch" not in rules) and (
        wanted or "the fence compares the wanted stack" not in rules
    )


def _owning_stack(state: State) -> str | None:
    if state.owner is None:
        return None
    return next((stack for stack, dead in DEAD.items() if dead == state.owner), STACKS[max(state.owner, 0)])


def _stood_down(state: State, number: int, process: Process) -> State:
    return _with(state, number, process._replace(epoch=0, seen=()))


def _crashed(state: State, number: int) -> State:
    """Of the dead nothing is left but their names in the database; as a runner one is like another."""
    rows = tuple(
        tuple(row._replace(runner=DEAD["legacy"]) if row.runner == number else row for row in rows)
        for rows in state.rows
    )
    owner = DEAD[STACKS[number]] if state.owner == number else state.owner
    return _with(state._replace(owner=owner, rows=rows), number, Process(alive=False))


def _with(state: State, number: int, process: Process) -> State:
    processes = (*state.processes[:number], process, *state.processes[number + 1 :])
    return state._replace(processes=processes)


def _with_row(state: State, tick: int, at: int, row: Row) -> State:
    rows = (*state.rows[tick][:at], row, *state.rows[tick][at + 1 :])
    return state._replace(rows=(*state.rows[:tick], rows, *state.rows[tick + 1 :]))


def _with_tick(ticks: tuple[int, ...], tick: int) -> tuple[int, ...]:
    return tuple(sorted({*ticks, tick}))


def _without(ticks: tuple[int, ...], tick: int) -> tuple[int, ...]:
    return tuple(other for other in ticks if other != tick)
