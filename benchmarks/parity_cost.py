"""What the parity runner costs, each figure beside its floor or its rival in the same run. Nothing passes or fails here.

Run: .venv/bin/python -m benchmarks.parity_cost [exchanges for memory]
Ratios are medians of pairs measured one right after the other, as the machine may have other things to do.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop

from benchmarks.parity_parts import Row, clones, documents, recordings, writes
from benchmarks.parity_replays import Pair, Script, alone, both_bare, jobs_script, play, record, tiny_pair, tiny_script
from benchmarks.tiny_stack import DOCUMENTS
from parity.config import load_config

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
TINY = 2_500


async def of_this_app(folder: Path) -> list[Row]:
    config = load_config(ROOT)
    if len(config.stacks) != 2:
        return []
    pair = Pair.of(config, folder / "ground")
    reads = await record(pair, "record-reads", jobs_script(config, reads=100, writes=0))
    changes = await record(pair, "record-writes", jobs_script(config, reads=0, writes=20))
    return [
        *await _ratios(pair, reads, folder, "reads", (1,)),
        *await _ratios(pair, changes, folder, "writes, rows and effects compared", (1,)),
    ]


async def _ratios(pair: Pair, script: Script, folder: Path, name: str, in_flight: tuple[int, ...]) -> list[Row]:
    """Return a row for each number of requests in flight; each round measures all of them."""
    slowest, bare = [], []
    whole: dict[int, list[float]] = {number: [] for number in in_flight}
    for _ in range(ROUNDS):
        slowest.append(max([await alone(pair, stack, script) for stack in pair.stacks]))
        for number in in_flight:
            whole[number].append((await play(pair, script, folder, in_flight=number))[0])
        bare.append(await both_bare(pair, script))
    rows = []
    for number, spent in whole.items():
        ratios = sorted(one / other for one, other in zip(spent, slowest, strict=True))
        each, least, both = (median(times) / script.measured * 1000 for times in (spent, slowest, bare))
        rows.append(
            (
                f"{name}, {number} in flight" if number > 1 else name,
                f"{median(ratios):.2f} times the slower stack alone ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                f"{each:.2f} ms an exchange, {least:.2f} ms alone, {both:.2f} ms both at once and nothing compared",
            )
        )
    return rows


async def of_tiny_stacks(folder: Path) -> list[Row]:
    pair, script = tiny_pair(folder / "tiny", ROOT), tiny_script(DOCUMENTS, TINY)
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        found.setdefault("bare", []).append(TINY / await both_bare(pair, script))
        for in_flight in (1, 8):
            seconds, _ = await play(pair, script, folder, in_flight=in_flight)
            found.setdefault(f"{in_flight}", []).append(TINY / seconds)
    rates = {name: f"{median(values):,.0f}/s (best {max(values):,.0f})" for name, values in found.items()}
    rival = f"{rates['bare']} the same client, nothing compared"
    return [("trivial stacks", rates["1"], rival), ("trivial stacks, 8 in flight", rates["8"], rival)]


def memory(count: int) -> Iterator[Row]:
    command = [sys.executable, "-m", "benchmarks.parity_memory", str(count)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    said = orjson.loads(done.stdout)
    yield (
        f"a run of {said['exchanges']:,} exchanges",
        f"{said['most']:.0f} MiB at most, reports written",
        f"{said['before']:.0f} MiB before it began",
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print("The parity runner: what it costs | beside")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        parts: list[Callable[[], Iterator[Row] | list[Row]]] = [
            lambda: _run(of_this_app(folder)),
            lambda: _run(of_tiny_stacks(folder)),
            documents,
            lambda: clones(folder),
            lambda: writes(folder),
            lambda: recordings(folder),
            lambda: memory(count),
        ]
        for part in parts:
            for what, cost, beside in part():
                print(f"  {what:34}  {cost}  |  {beside}", flush=True)


def _run(rows: Coroutine[Any, Any, list[Row]]) -> list[Row]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(rows)


if __name__ == "__main__":
    main()
