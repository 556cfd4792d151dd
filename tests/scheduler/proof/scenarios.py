"""Courses of events in which one kind of mistake shows. What is right comes through each of them without a verdict."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.scheduler.proof.checker import Bounds, Policy, Verdict, check
from tests.scheduler.proof.effects import Sink
from tests.scheduler.proof.ground import OTHER, PAUSE_S, TTL_S, Ground, wait_until
from tests.scheduler.proof.history import History
from tests.scheduler.proof.process import Process, Trap

ALL = ("legacy", "legacy", "modern", "modern")
PAIR = ("legacy", "modern")
# No two of these tick in step for long: about 100 a second, at all times; and a few of them.
PERIODS_S = [0.4 + 0.01 * number for number in range(60)]
FEW_S = tuple(PERIODS_S[::5])
BOUNDS = Bounds(late_s=6, gap_s=3.5)
_SPRING_S = 6


@dataclass(frozen=True)
class Scenario:
    """`play` is called with a ground on which a legacy process owns and jobs are due; settings are fields of Settings."""

    play: Callable[[Ground], None]
    periods_s: tuple[float, ...] = tuple(PERIODS_S)
    sink: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    bounds: Bounds = BOUNDS
    stacks: tuple[str, ...] = ALL


def run(scenario: Scenario, url: str, folder: Path, mutant: str = "") -> tuple[History, list[Verdict]]:
    """Return what happened, and what the checker says of it."""
    sink = Sink(folder, **scenario.sink)
    with Ground(url, folder, sink=sink, mutant=mutant, **scenario.settings) as ground:
        ground.start(*scenario.stacks)
        ground.flip("legacy")
        ground.wait_for_owner("legacy")
        if scenario.periods_s:
            ground.add_jobs(scenario.periods_s)
        scenario.play(ground)
        # What is right settles, however slow the machine; what is wrong may never.
        history = ground.settle(timeout_s=10 if mutant else 60)
    policy = Policy(
        grace_s=float(scenario.settings.get("scheduler_misfire_grace_s", 3600)),
        ttl_s=TTL_S,
        owner_runs=scenario.settings.get("scheduler_pull") != "all",
    )
    return history, check(history, policy, scenario.bounds)


def for_a_while(seconds: float) -> None:
    wait_until(lambda: False, seconds)


def steady(ground: Ground) -> None:
    for_a_while(2)


def flips(ground: Ground) -> None:
    for stack in ("modern", "legacy") * 3:
        for_a_while(0.3)
        ground.flip(stack)
        ground.wait_for_owner(stack, timeout_s=3)
    for_a_while(0.3)


def owner_stopped(ground: Ground) -> None:
    """The owner is paused for longer than its lease while it holds no lock, twice, and goes on."""
    for _ in range(2):
        for_a_while(0.4)
        owner, known = ground.owner(), len(ground.faults())
        if owner is None:
            return
        owner.set_trap(Trap("claim.committed", "stop"))
        wait_until(lambda known=known: len(ground.faults()) > known, _SPRING_S)
        wait_until(lambda owner=owner: owner.faults[-1].resumed is not None, PAUSE_S + 2)
    for_a_while(0.4)


def owner_killed(ground: Ground) -> None:
    for_a_while(0.5)
    owner = ground.owner()
    if owner is not None:
        owner.kill()
    ground.wait_for_owner("legacy", timeout_s=3, other_than=owner)
    for_a_while(0.5)


def crash(ground: Ground, stack: str) -> None:
    """All processes of the stack die at once."""
    for process in ground.processes:
        if process.orders.stack == stack and process.is_alive:
            process.crash()


def both_killed(ground: Ground) -> None:
    """The stack crashes, and comes back after a second."""
    for_a_while(0.5)
    crash(ground, "legacy")
    for_a_while(1)
    ground.replace_the_dead()
    ground.wait_for_owner("legacy", timeout_s=3)
    for_a_while(0.5)


def a_bit_of_all(ground: Ground) -> None:
    """Three planned handovers, a death and a pause."""
    for stack in ("modern", "legacy", "modern"):
        for_a_while(0.3)
        ground.flip(stack)
        ground.wait_for_owner(stack, timeout_s=5)
    for trap in (Trap("claim.written", "kill"), Trap("claim.committed", "stop")):
        owner, known = ground.wait_for_owner("modern", timeout_s=5), len(ground.faults())
        if owner is None:
            return
        owner.set_trap(trap)
        wait_until(lambda known=known: len(ground.faults()) > known, _SPRING_S)
        ground.wait_for_owner("modern", timeout_s=5, other_than=owner)
        ground.replace_the_dead()
    for_a_while(0.3)


def trapped(trap: Trap, times: int = 1) -> Callable[[Ground], None]:
    """The owner runs into a trap and the flag moves at once, until so many processes of each stack did.

    A trap may miss: whoever was to run into it lost the race for the lease.
    """

    def play(ground: Ground) -> None:
        for stack in ("legacy", "modern") * times * 2:
            spring(ground, stack, trap)
            caught = Counter(fault.process.partition(":")[0] for fault in ground.faults() if fault.point == trap.point)
            if min(caught["legacy"], caught["modern"]) >= times:
                return

    return play


def set_back(ground: Ground) -> None:
    """Every schedule goes back by a second, as a restored backup or a resync from an older time would have it."""
    for_a_while(2)
    ground.set_back(1)
    for_a_while(1)


def overdue(ground: Ground) -> None:
    """Crontab lines that nobody looked after for five weeks; every tick is caught up."""
    lines = ["0 9 * * 1", "30 6 * * 0-2", "0 0 1,15 * 5", "15 */6 * * sun", "0 12 * * 0"]
    ground.add_overdue_cron_jobs(lines, "Asia/Tokyo", datetime.now(UTC) - timedelta(days=35))
    for_a_while(1)


def spring(ground: Ground, stack: str, trap: Trap) -> Process | None:
    """Have a process of this stack, the owner or whoever becomes it, run into the trap; then the other stack owns.

    Return the new owner, None if there is none in time.
    """
    other = OTHER[stack]
    # Else an owner stopped in its first claim, time and again, would let nobody ever claim.
    wait_until(ground.caught_up, _SPRING_S)
    owner = ground.wait_for_owner(stack, timeout_s=3)
    if trap.point == "acquire.written":
        victims = [process for process in ground.processes if process.orders.stack == other]
    else:
        victims = [owner] if owner else []
    known = len(ground.faults())
    for victim in victims:
        victim.set_trap(trap)
    if trap.point not in {"acquire.written", "release.written"}:
        wait_until(lambda: len(ground.faults()) > known, _SPRING_S)
    ground.flip(other)
    wait_until(lambda: len(ground.faults()) > known, _SPRING_S)
    return _recover(ground, other)


def _recover(ground: Ground, stack: str) -> Process | None:
    """Replace what is dead until the stack owns."""
    ends = time.monotonic() + 2 * PAUSE_S
    owner = None
    while owner is None and time.monotonic() < ends:
        ground.replace_the_dead()
        owner = ground.wait_for_owner(stack, timeout_s=0.1)
    for_a_while(0.3)
    return owner


SCENARIOS = {
    "a bit of all": Scenario(a_bit_of_all, periods_s=FEW_S),
    "steady": Scenario(steady),
    "flips": Scenario(flips),
    "flips with slow targets": Scenario(flips, periods_s=tuple(PERIODS_S[::2]), sink={"slow_s": 0.25}),
    "owner stopped": Scenario(
        owner_stopped, periods_s=tuple(PERIODS_S[:6]), bounds=Bounds(late_s=6, gap_s=PAUSE_S - 0.3)
    ),
    "owner killed": Scenario(owner_killed),
    "both killed": Scenario(both_killed),
    "stopped after a claim": Scenario(trapped(Trap("claim.committed", "stop"))),
    "killed after a claim": Scenario(trapped(Trap("claim.committed", "kill"))),
    "killed in a claim": Scenario(trapped(Trap("claim.written", "kill"))),
    "schedules set back": Scenario(set_back, periods_s=FEW_S, stacks=PAIR),
    "overdue crontab lines": Scenario(
        overdue, periods_s=(), settings={"scheduler_misfire_grace_s": 10**7}, bounds=Bounds(late_s=10**7, gap_s=3.5)
    ),
    "failing targets": Scenario(steady, periods_s=FEW_S, sink={"fails": 7}, stacks=PAIR),
}
# On PostgreSQL alone; the settings refuse it on SQLite.
ALL_PULL = Scenario(a_bit_of_all, periods_s=FEW_S, settings={"scheduler_pull": "all"})
