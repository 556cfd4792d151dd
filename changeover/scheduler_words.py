"""How the state of the scheduler, a handover, and ticks that were not run are said to people."""

from rich.console import Console
from rich.table import Column, Table

from changeover.scheduler_forward import Passed
from changeover.scheduler_handover import HandedOver
from changeover.scheduler_missed import Missed
from changeover.scheduler_state import NONE, Node, Standing, State
from changeover.words import duration, one_line

__all__ = ["print_handover", "print_missed", "print_passed", "print_state"]


def print_state(state: State, console: Console) -> None:
    standing = state.standing
    console.print(f"wanted      {standing.desired_stack}")
    console.print(f"owner       {_owner(standing)}", style="green" if standing.as_wanted else "red")
    console.print(f"jobs        {state.scheduled_jobs:,} scheduled, the next at {state.next_due_at or '-'}")
    console.print(f"handover    {_last_handover(state)}")
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(state.not_run.items()))
    more = "; see `changeover scheduler missed`" if reasons else ""
    console.print(f"not run     {reasons or 'nothing'} in the last 24 hours{more}")
    if state.blocked:
        said = f"nobody can write; the lock is held by {state.blocked.holder}: {state.blocked.remedy}"
        console.print(f"database    {said}", style="red")
    else:
        console.print("database    can be written")
    console.print(_processes(standing.nodes) if standing.nodes else "processes   none that could run it")


def print_handover(done: HandedOver, console: Console) -> None:
    if done.outcome == "nothing":
        owner = f"run by {done.owner}" if done.owner else "run by nobody"
        console.print(f"Nothing to do; the scheduler is {owner} already, epoch {done.epoch}.", style="dim")
        return
    if done.to_stack == NONE:
        taken = ", who did not give it up and had it taken away" if done.taken else ""
        console.print(f"Nobody runs the scheduler now; before it was {done.from_stack}{taken}.", style="green")
        console.print("What falls due waits until it is handed over again; what runs goes on to its end.")
        return
    console.print(f"{done.from_stack} -> {done.to_stack}: run by {done.owner}, epoch {done.epoch}", style="green")
    gap = "unknown" if done.gap_ms is None else f"{done.gap_ms:g} ms"
    counted = "not counted yet" if done.caught_up is None else f"{done.caught_up:,} run late, {done.skipped:,} left out"
    console.print(f"Without an owner for {gap}; ticks that fell due meanwhile: {counted}.")


def print_missed(missed: Missed, since: str, console: Console) -> None:
    if not missed.ticks:
        console.print(f"Every tick of the last {since} was run.", style="dim")
        return
    table = Table("scheduled for", "job", "", "reason", box=None, pad_edge=False)
    for tick in missed.ticks:
        table.add_row(tick.scheduled_for, one_line(tick.job_name), tick.phase, one_line(tick.words))
    console.print(table)
    if missed.total > len(missed.ticks):
        console.print(f"and {missed.total - len(missed.ticks):,} more; --limit shows them")


def print_passed(passed: Passed, record: str, console: Console) -> None:
    verb = "Passed over" if passed.done else "It would pass over"
    rows = "each with a row" if record == "missed" else "without a row"
    console.print(
        f"{verb} {passed.ticks:,} ticks of {passed.jobs:,} jobs, {rows}; "
        f"{passed.claimed:,} claimed ticks that do not start, {passed.messages:,} messages that are not sent."
    )
    if passed.done:
        console.print(f"The epoch is {passed.epoch}. Hand the scheduler over when the stacks run.")
    else:
        console.print("Nothing was changed; add --yes.")


def _owner(standing: Standing) -> str:
    owner = standing.owner
    if owner is None:
        return f"nobody, epoch {standing.epoch}"
    age = "never" if owner.heartbeat_age_s is None else f"{owner.heartbeat_age_s:.1f} s ago"
    stale = f", STALE: more than {standing.ttl_s:g} s" if owner.stale else ""
    return f"{owner.stack}, {owner.process}, epoch {owner.epoch}, since {owner.since}, last beat {age}{stale}"


def _last_handover(state: State) -> str:
    last = state.last_handover
    if last is None:
        return "none yet"
    why = f", because: {one_line(last['reason'])}" if last["reason"] else ""
    by = f" by {last['requested_by']}" if last["requested_by"] else ""
    said = f"{last['from']} -> {last['to']} at {last['requested_at']}{by}{why}"
    if last["aborted"]:
        return f"{said}; taken back: {one_line(last['aborted'])}"
    return said if last["completed_at"] else f"{said}; not done"


def _processes(nodes: tuple[Node, ...]) -> Table:
    facts = ("zone", "revision", "version")
    table = Table("process", "stack", Column("last beat", justify="right"), *facts, box=None, pad_edge=False)
    for node in nodes:
        age = f"{node.age_s:.1f} s" if node.alive else f"{duration(node.age_s)}, dead"
        values = [str(node.facts.get(name, "-")) for name in facts]
        table.add_row(node.process, node.stack, age, *values, style=None if node.alive else "dim")
    return table
