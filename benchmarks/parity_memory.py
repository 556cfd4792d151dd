"""How much memory a whole run takes: replay, judging and every report, with stacks that are not there.

Run: python -m benchmarks.parity_memory [EXCHANGES]    prints MiB before and at most, and seconds
"""

import asyncio
import resource
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import orjson

from parity.config import Config, Parity, Stack
from parity.journal import Played
from parity.recording import Header, Writer
from parity.report import write_reports
from parity.routes import RouteBook
from parity.runner import Options, run
from parity.values import Answer, Entry, Request

HEADERS = (("content-type", "application/json"),)


def _document(number: int, side: int) -> bytes:
    """Return an answer of about 1 KB; each tenth has an id of its own on each side, each hundredth differs."""
    own = side if number % 10 == 0 else 0
    return orjson.dumps(
        {
            "id": str(uuid.UUID(int=(number << 64) + (own << 40) + 0xABCDEF, version=4)),
            "name": f"item {number}",
            "price": 10.0 if side == 2 and number % 100 == 1 else 10,
            "created_at": "2026-01-02T03:04:05.678Z",
            "note": "nothing that is of interest to anybody, " * 20,
        }
    )


class _Answering:
    """A stack that answers at once."""

    address = ""

    def __init__(self, side: int) -> None:
        self.name, self._side, self._asked = f"stack {side}", side, 0

    async def send(self, request: Request) -> Answer:
        self._asked += 1
        return Answer(200, HEADERS, _document(self._asked - 1, self._side), 0.001)

    async def stop(self) -> None:
        pass


class _Silence:
    def begin(self, name: str, total: int) -> None:
        pass

    def advance(self, played: Played) -> None:
        pass

    def say(self, text: str) -> None:
        pass


def _mib() -> float:
    """Return the most memory that this process held so far; Linux counts in the other figure whoever started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _record(path: Path, count: int) -> None:
    with Writer(path, Header()) as writer:
        for number in range(count):
            # Ten routes, and targets that are all different.
            request = Request("GET", f"/shelf{number % 10}/items/{number}", HEADERS)
            writer.write(Entry(f"{number:06}", number, "s", request, Answer(200, HEADERS, _document(number, 0))))


def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        _record(folder / "many.jsonl", count)
        stacks = (Stack(name="left"), Stack(name="right"))
        config = Config(root=folder, stacks=stacks, parity=Parity(coverage=0))
        before, begun = _mib(), time.perf_counter()
        options = Options(folder / "run", shrink=0, calibrate=False)
        done = asyncio.run(run(config, [folder / "many.jsonl"], options, book=RouteBook(), progress=_Silence()))
        write_reports(done.report, folder / "report")
        counts = done.report.counts
        said: dict[str, Any] = {"before": before, "most": _mib(), "seconds": time.perf_counter() - begun}
        print(orjson.dumps({**said, "exchanges": counts.exchanges, "different": counts.different}).decode())


if __name__ == "__main__":
    import parity.ground

    async def _started(stack: Stack, *_: Any, **__: Any) -> _Answering:
        return _Answering(1 if stack.name == "left" else 2)

    # Nothing is started, so that what is measured is the runner alone.
    setattr(parity.ground, "start_stack", _started)  # noqa: B010
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
