"""Between the relay and the process that writes: a pipe with a bound, and what is known of either end.

What does not fit is counted and left out, so a slow disk never makes an answer wait.
"""

import asyncio
import contextlib
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import IO, Any

import orjson

from parity.recorder.tap import Exchange
from parity.values import ParityError

__all__ = ["Counts", "Queue", "read_frames"]

_SIZES = struct.Struct(">III")
_BLOCK = 1 << 20


@dataclass(slots=True)
class Counts:
    """What became of the exchanges. `reason` is the kind of the last failure."""

    # Written to the file.
    entries: int = 0
    # Came back from the stack and did not fit into the queue, or were in it when the writer ended.
    dropped: int = 0
    # Could not be read as HTTP, or not be written.
    failed: int = 0
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def frame(exchange: Exchange, floor: int) -> bytes:
    """Return the exchange as bytes. No number below `floor` will follow, so everything below it may be written."""
    facts = {name: getattr(exchange, name) for name in _FACTS} | {"floor": floor}
    head = orjson.dumps(facts)
    sizes = _SIZES.pack(len(head), len(exchange.request), len(exchange.answer))
    return b"".join((sizes, head, exchange.request, exchange.answer))


def read_frames(file: IO[bytes]) -> Iterator[tuple[Exchange, int]]:
    """Yield each exchange and its floor until the other end closes; half a frame is none."""
    while len(sizes := file.read(_SIZES.size)) == _SIZES.size:
        parts = [file.read(size) for size in _SIZES.unpack(sizes)]
        if [len(part) for part in parts] != list(_SIZES.unpack(sizes)):
            return
        facts = orjson.loads(parts[0])
        floor = facts.pop("floor")
        yield Exchange(**facts, request=parts[1], answer=parts[2]), floor


_FACTS = tuple(field.name for field in fields(Exchange) if field.name not in {"request", "answer"})


class Queue:
    """Feeds one writing process at a time, and starts another where one ends by itself after it has worked."""

    def __init__(self, command: list[str], limit_bytes: int, counts: Counts) -> None:
        self._command = command
        self._limit_bytes = limit_bytes
        self._counts = counts
        self._process: asyncio.subprocess.Process | None = None
        self._outstanding = 0
        self._answered = False
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once the process is ready: it says so by its first line. Raise ParityError when it ends before that."""
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        if not (process.stdout and await process.stdout.readline()):
            raise ParityError(f"The writer ended with code {await process.wait()} before it was ready; see its log.")
        self._answered = False
        self._process = process
        self._task = asyncio.get_running_loop().create_task(self._listen(process))

    def put(self, exchange: Exchange, floor: int) -> None:
        """Hand over, or count as dropped."""
        pipe = self._process.stdin if self._process else None
        if pipe is None or pipe.is_closing():
            self._drop(1, "the writer is gone; see its log")
        elif pipe.transport.get_write_buffer_size() > self._limit_bytes:
            self._drop(1, "the queue was full")
        else:
            self._outstanding += 1
            pipe.write(frame(exchange, floor))

    async def end(self) -> None:
        """Return when everything handed over is written and the process has ended."""
        self._ending = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._task is not None:
            await self._task

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Take in what the process says of each exchange: an empty line, or why it could not be written."""
        while process.stdout and (line := await process.stdout.readline()):
            self._answered = True
            self._outstanding -= 1
            if reason := line.decode("utf-8", "replace").strip():
                self._counts.failed += 1
                self._counts.reason = reason
            else:
                self._counts.entries += 1
        code = await process.wait()
        if self._outstanding or not self._ending:
            self._drop(self._outstanding, f"the writer ended with code {code}; see its log")
        self._outstanding = 0
        self._process = None
        if not self._ending and self._answered:
            with contextlib.suppress(ParityError):
                await self.start()

    def _drop(self, count: int, reason: str) -> None:
        self._counts.dropped += count
        self._counts.reason = reason
