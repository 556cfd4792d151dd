"""Handovers of the scheduler under load and faults, on both databases: what is lost, doubled, late, and for how long nobody owns.

Run: .venv/bin/python -m benchmarks.scheduler_handovers [--full] [--handovers 20] [--ticks 2000] [--seed 5] [--store sqlite]
Four processes, two of each stack, 100 ticks a second; 300 handovers and 100,000 ticks with --full. Between flips of the
flag the owner is killed (-9), paused for 2.5 TTL, told to end, killed or paused at a named point, or its whole stack
dies. The lease's TTL is 0.8 s. Beside it the same load on stock APScheduler, as `scheduler_stock` sets it up.
Exit code 1 if the checker of the tests finds anything wrong.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from benchmarks import scheduler_stock
from benchmarks.scheduler_stock import PERIODS_S, RATE, show
from scheduler.points import POINTS
from tests.contract.stacks import DATABASES
from tests.scheduler.proof.checker import (
    Bounds,
    Policy,
    Verdict,
    check,
    counts,
    expected_keys,
    gaps,
    lateness_s,
    timeline,
)
from tests.scheduler.proof.ground import OTHER, PAUSE_S, TTL_S, Ground, stores, wait_until
from tests.scheduler.proof.history import History
from tests.scheduler.proof.process import Trap
from tests.scheduler.proof.scenarios import ALL, crash, for_a_while, spring

# A planned flip twice as often as a fault of any kind.
STEPS = ("flip",) * 8 + ("kill", "stop", "term", "crash", "kill at a point", "stop at a point")
BOUNDS = Bounds(late_s=2 * PAUSE_S + 4, gap_s=PAUSE_S + 4)


@dataclass(frozen=True)
class Found:
    """One run on one store."""

    history: History
    verdicts: Sequence[Verdict]
    steps: Counter[str]


def measure(kind: str, handovers: int, ticks: int, seed: int) -> Found:
    with (
        tempfile.TemporaryDirectory(prefix="proof-") as name,
        stores(kind) as make,
        Ground(make(), Path(name)) as ground,
    ):
        ground.start(*ALL)
        ground.flip("legacy")
        ground.wait_for_owner("legacy")
        ground.add_jobs(PERIODS_S)
        steps = break_it(ground, kind, handovers, ticks / RATE, random.Random(seed))
        history = ground.settle(timeout_s=30)
    return Found(history, check(history, Policy(ttl_s=TTL_S), BOUNDS), steps)


def break_it(ground: Ground, kind: str, handovers: int, seconds: float, chance: random.Random) -> Counter[str]:
    """Take steps until there were so many flips and so much time; return how many of each."""
    done: Counter[str] = Counter()
    began, flips, stack = time.monotonic(), 0, "legacy"
    while flips < handovers or time.monotonic() - began < seconds:
        step = chance.choice(STEPS)
        point = chance.choice(POINTS)
        show(f"{kind}: {flips} of {handovers} handovers, {time.monotonic() - began:.0f} of {seconds:.0f} s, {step}")
        if step == "flip":
            ground.flip(OTHER[stack])
        elif step.endswith("at a point"):
            spring(ground, stack, Trap(point, "kill" if step.startswith("kill") else "stop", chance.choice((1, 1, 5))))
            done[point] += 1
        else:
            hurt(ground, step)
        if step == "flip" or step.endswith("at a point"):
            flips, stack = flips + 1, OTHER[stack]
        done[step] += 1
        settle_down(ground, stack)
        for_a_while(max(0.0, began + flips * seconds / handovers - time.monotonic()) if flips < handovers else 0.2)
    return done


def hurt(ground: Ground, step: str) -> None:
    owner = ground.owner()
    if owner is None:
        return
    match step:
        case "kill":
            owner.kill()
        case "stop":
            owner.stop()
            wait_until(lambda: owner.faults[-1].resumed is not None, PAUSE_S + 2)
        case "term":
            owner.end()
        case "crash":
            crash(ground, owner.orders.stack)


def settle_down(ground: Ground, stack: str) -> None:
    """Wait until the stack owns; processes that are gone are replaced meanwhile."""
    ends = time.monotonic() + 10
    while ground.wait_for_owner(stack, timeout_s=0.2) is None and time.monotonic() < ends:
        ground.replace_the_dead()
    ground.replace_the_dead()


def report(kind: str, found: Found, seed: int) -> None:
    history, verdicts = found.history, counts(found.verdicts)
    phases = Counter(row.phase for row in history.rows)
    unknown = {row.key for row in history.rows if row.phase == "unknown"}
    seen = len({effect.key for effect in history.effects} & unknown)
    epochs = max((write.epoch for write in history.lease), default=0)
    print(f"{kind}, seed {seed}: {dict(found.steps)}, {epochs} owners one after the other")
    line("ticks expected", f"{len(expected_keys(history)):,}", f"{len(history.rows):,} rows, {phases['done']:,} done")
    for verdict in ("lost", "doubled row", "doubled effect", "silent"):
        line(verdict, str(verdicts.pop(verdict, 0)), "goal 0")
    line("anything else the checker says", str(verdicts or 0), "goal 0")
    line("killed between start and end (unknown)", str(phases["unknown"]), f"the call of {seen} had arrived")
    line("late", spread(lateness_s(history)), "pauses of 2.5 TTL included")
    for cause, goal in (
        ("flip", "goal p99 150 ms"),
        ("term", "goal 100 ms"),
        ("kill", "goal TTL + 100 ms"),
        ("stop", ""),
    ):
        times = [gap.seconds(history.ended) for gap in gaps(history) if gap.cause == cause]
        if times:
            line(f"nobody owned after {cause}, {len(times)} times", spread(times), goal)


def line(what: str, figure: str, beside: str) -> None:
    print(f"  {what:42}  {figure:45} |  {beside}", flush=True)


def spread(seconds: Sequence[float]) -> str:
    cuts = quantiles([*seconds, *seconds], n=100, method="inclusive")
    return f"p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms, longest {max(seconds) * 1e3:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description="Handovers under load and faults, checked tick by tick.")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--handovers", type=int, default=20)
    parser.add_argument("--ticks", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--store", choices=DATABASES, action="append")
    parser.add_argument("--no-stock", action="store_true")
    options = parser.parse_args()
    handovers, ticks = (300, 100_000) if options.full else (options.handovers, options.ticks)
    print(f"The scheduler: {handovers} handovers under {RATE:.0f} ticks a second and faults | beside")
    is_clean = True
    for kind in options.store or DATABASES:
        found = measure(kind, handovers, ticks, options.seed)
        show("")
        report(kind, found, options.seed)
        for verdict in found.verdicts[:5]:
            print(f"  {verdict.kind}: {verdict.text} {verdict.key}", *timeline(found.history, verdict), sep="\n    ")
        is_clean = is_clean and not found.verdicts
    if not options.no_stock:
        scheduler_stock.report(handovers, ticks, 5, options.seed)
    sys.exit(0 if is_clean else 1)


if __name__ == "__main__":
    main()
