"""A thousand flips under load: what is lost, how soon the new owner answers, how long the proof takes; beside a reload.

Run: .venv/bin/python -m benchmarks.gateway_flips [--requests 1000000] [--flips 1000] [--reloads 50] [--rate 6000]
64 naive clients (tests/gateway/naive_clients.py) send 30 % writes, --rate requests a second (0: as many as they can).
Each flip moves up to four random groups to random shares and is proven from outside, as `changeover flip` does it.
Exit code 1 if a flip lost or misled anything.
"""

import argparse
import multiprocessing
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles

from benchmarks.gateway_ground import ground
from gateway.cohorts import COHORTS, SHARES
from gateway.config import Config
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from gateway.table import Table
from tests.gateway.edge import Edge
from tests.gateway.fast_stacks import FastStacks
from tests.gateway.naive_clients import Ask, Crowd, asks_of

GROUPS_AT_ONCE = 4
Shares = dict[str, int]


@dataclass(frozen=True)
class Flip:
    """One flip: its generation, the shares before and after, when the swap began, and the proof's time."""

    generation: bytes
    before: Shares
    after: Shares
    began: float
    proven_ms: float


class TimedTable(Table):
    """Notes when it was swapped."""

    began = 0.0

    def swap(self, name: str) -> None:
        TimedTable.began = time.monotonic()
        super().swap(name)


def flip_on_demand(config: Config, var_dir: Path, orders: Connection) -> None:
    """Carry out what comes in, and send back what came of it; in a process of its own, as it is in real life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    standard = Flips.of(config, var_dir)
    flips = Flips(config, TimedTable(standard.table.folder), standard.folder)
    while (shares := orders.recv()) is not None:
        outcome = flips.carry_out(Order("benchmark", Ownership(shares)))
        orders.send((outcome.word, outcome.generation.encode(), TimedTable.began, outcome.proof.proven_ms))


@contextmanager
def flipper(edge: Edge) -> Iterator[Callable[[Shares, Shares], Flip]]:
    """Yield what flips from some shares to others."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=flip_on_demand, args=(edge.config, edge.var_dir, there)
    )
    process.start()

    def flip(before: Shares, after: Shares) -> Flip:
        here.send(after)
        word, generation, began, proven_ms = here.recv()
        if word != "done":
            raise SystemExit(f"a flip to {after} was {word}")
        return Flip(generation, before, after, began, proven_ms)

    try:
        yield flip
    finally:
        here.send(None)
        process.join()


def flip_under_load(edge: Edge, crowd: Crowd, requests: int, count: int) -> list[Flip]:
    """Return the flips, spread evenly over the requests."""
    chance = random.Random(11)
    groups = [group.id for group in edge.config.routes.groups]
    shares: Shares = dict.fromkeys(groups, 0)
    done: list[Flip] = []
    with flipper(edge) as flip:
        for number in range(count):
            wait_for_answers(crowd, (number + 1) * requests // (count + 1), f"flip {number + 1} of {count}")
            moved = chance.sample(groups, chance.randint(1, GROUPS_AT_ONCE))
            after = shares | {group: chance.choice([s for s in SHARES if s != shares[group]]) for group in moved}
            done.append(flip(shares, after))
            shares = after
        wait_for_answers(crowd, requests, "the last requests")
    return done


def reload_under_load(edge: Edge, crowd: Crowd, count: int, per_s: float) -> None:
    for number in range(count):
        time.sleep(1 / per_s)
        edge.process.send_signal(signal.SIGHUP)
        show(f"reload {number + 1} of {count}, {crowd.answered:,} answers")
    time.sleep(1)


def wait_for_answers(crowd: Crowd, goal: int, what: str) -> None:
    while crowd.answered < goal:
        if not crowd.thread.is_alive():
            raise SystemExit("the clients have died")
        time.sleep(0.001)
    show(f"{what}, {crowd.answered:,} answers")


def show(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def owner(shares: Shares, ask: Ask) -> bytes:
    return b"modern" if COHORTS[ask.cohort] <= shares[ask.group] else b"legacy"


def misled(crowd: Crowd, asks: Sequence[Ask], flips: Sequence[Flip]) -> int:
    """Return how many kinds of request were answered by another stack than their generation says."""
    tables = {flip.generation: flip.after for flip in flips}
    return sum(by != owner(tables[g], asks[number]) for g, number, by in crowd.first if g in tables)


def first_answers_ms(crowd: Crowd, asks: Sequence[Ask], flips: Sequence[Flip]) -> list[float]:
    """Return, for each flip, the time from the swap to the first answer by an owner that is a new one."""
    found = []
    for flip in flips:
        moved = [number for number, ask in enumerate(asks) if owner(flip.before, ask) != owner(flip.after, ask)]
        keys = ((flip.generation, number, owner(flip.after, asks[number])) for number in moved)
        seen = [crowd.first[key] for key in keys if key in crowd.first]
        if seen:
            found.append((min(seen) - flip.began) * 1000)
    return found


def spread(values: Sequence[float]) -> str:
    cuts = quantiles(values, n=100, method="inclusive")
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, longest {max(values):.1f} ms"


def losses(crowd: Crowd) -> str:
    lost = sum(crowd.lost.values())
    kinds = ", ".join(f"{number} {how}" for how, number in crowd.lost.most_common())
    return f"{lost:,} of {crowd.sent:,} requests lost" + (f" ({kinds})" if lost else "")


def strange_writes(crowd: Crowd, stacks: FastStacks) -> tuple[int, int]:
    """Return how many answered writes did not arrive exactly once, and how many lost ones did arrive."""
    arrived = stacks.writes()
    wrong = sum(arrived[rid] != 1 for rid in crowd.written) + sum(
        number > 1 for rid, number in arrived.items() if rid not in crowd.written
    )
    return wrong, sum(rid in arrived for rid in crowd.lost_writes)


def row(what: str, figure: str, beside: str) -> None:
    show("")
    print(f"  {what:42}  {figure}  |  {beside}", flush=True)


def of_flips(requests: int, count: int, rate: int) -> tuple[bool, float]:
    """Print what the flips cost. Return whether nothing was lost or misled, and the flips per second."""
    with ground() as (_, stacks, edge):
        asks = asks_of(edge.config, "/api")
        began = time.monotonic()
        with Crowd(edge.port, asks, per_s=rate) as crowd:
            flips = flip_under_load(edge, crowd, requests, count)
        took = time.monotonic() - began
        stacks.stop()
        wrong, _ = strange_writes(crowd, stacks)
        strays = misled(crowd, asks, flips)
        row(f"{count:,} flips by a swap of the table", losses(crowd), "goal 0")
        row("  answered by another than the table says", f"{strays}", "goal 0")
        row("  writes that did not arrive exactly once", f"{wrong} of {len(crowd.written):,}", "goal 0")
        firsts = first_answers_ms(crowd, asks, flips)
        row("  from the swap to a new owner's answer", spread(firsts), "goal p99 50 ms")
        row("  until it is proven from outside", spread([flip.proven_ms for flip in flips]), "goal 200 ms")
        row("  load", f"{crowd.sent / took:,.0f} requests/s, {count / took:.1f} flips/s", f"{took:.0f} s")
    return not (crowd.lost or strays or wrong), count / took


def of_reloads(count: int, per_s: float, rate: int) -> None:
    with ground() as (_, stacks, edge):
        with Crowd(edge.port, asks_of(edge.config, "/api"), per_s=rate) as crowd:
            reload_under_load(edge, crowd, count, per_s)
        stacks.stop()
        _, arrived = strange_writes(crowd, stacks)
        row(f"{count:,} reloads of nginx, {per_s:.1f}/s", losses(crowd), "the same clients")
        row("  writes lost to the client, yet carried out", f"{arrived} of {len(crowd.lost_writes)} lost", "")


def main() -> None:
    parser = argparse.ArgumentParser(description="Flips under load, beside reloads under the same load.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--flips", type=int, default=1_000)
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--rate", type=int, default=6_000)
    options = parser.parse_args()
    print("The gateway: route groups change hands under load | beside")
    is_clean, per_s = of_flips(options.requests, options.flips, options.rate)
    of_reloads(options.reloads, per_s, options.rate)
    sys.exit(0 if is_clean else 1)


if __name__ == "__main__":
    main()
