"""A relay between the gateway and one stack, which can answer in the stack's place, be slow, or break connections.

nginx sends one request at a time on a connection, with its length: so a request can be read whole, and whatever the stack
sends is passed back as it comes. The relay is a process of its own, so that nobody else's work slows what goes through it:

    python -m changeover.rehearsal.relay PROJECT HOST PORT PREFIX

It says its port, then reads a mood a line and says when it counts, and ends with its input.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import uvloop

from changeover.problems import FAILED, Problem
from gateway.config import Config, Stack, load

__all__ = ["Mood", "Relay", "Relaying"]

_HEAD_BYTES = 256 * 1024
_END_S = 10
_PIECE_BYTES = 64 * 1024
# Method and path (with the stack's prefix) to route group.
Classify = Callable[[str, str], str]


@dataclass(frozen=True)
class Mood:
    """What is done to requests of a group ("" for all): answered with `status`, let wait for `wait_s`, or broken off."""

    group: str = ""
    status: int = 0
    wait_s: float = 0.0
    breaks: bool = False


@dataclass(frozen=True)
class Head:
    method: str
    target: str
    length: int
    raw: bytes


class Relay:
    """The process, while it is entered."""

    def __init__(self, config: Config, stack: Stack) -> None:
        self._command = [
            sys.executable,
            "-m",
            "changeover.rehearsal.relay",
            str(config.root),
            stack.host,
            str(stack.port),
            stack.prefix,
        ]
        self._root = config.root

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            self._command,
            cwd=self._root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.port = int(self._said())
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._process.communicate(timeout=_END_S)

    def be(self, mood: Mood | None) -> None:
        """Return once the mood counts for the next request; None is none."""
        if self._process.stdin:
            self._process.stdin.write(json.dumps(asdict(mood) if mood else None) + "\n")
            self._process.stdin.flush()
        self._said()

    def _said(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise Problem("The rehearsal's relay has ended.", FAILED)
        return line


class Relaying:
    """What the process does. Listens on `port` once started; `mood` counts for the next request."""

    def __init__(self, host: str, port: int, classify: Classify) -> None:
        self.mood: Mood | None = None
        self.port = 0
        self._stack = (host, port)
        self._classify = classify
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_HEAD_BYTES, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass requests on until either side is done; a stack that cannot be reached looks like one that hangs up."""
        pump: asyncio.Task[None] | None = None
        try:
            back, forth = await asyncio.open_connection(*self._stack)
            pump = asyncio.get_running_loop().create_task(_pump(back, writer))
            try:
                while head := await _head(reader):
                    if not await self._pass(head, reader, writer, forth):
                        return
            finally:
                forth.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            if pump:
                pump.cancel()
            writer.transport.abort()

    async def _pass(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, forth: asyncio.StreamWriter
    ) -> bool:
        """Pass one request on, unless the mood has it otherwise; say whether the connection goes on."""
        mood = self._mood_for(head)
        if mood and mood.breaks:
            return False
        if mood and mood.status:
            await reader.readexactly(head.length)
            writer.write(_answer(mood.status))
            return True
        if mood:
            await asyncio.sleep(mood.wait_s)
        forth.write(head.raw)
        left = head.length
        while left and (piece := await reader.read(min(left, _PIECE_BYTES))):
            forth.write(piece)
            await forth.drain()
            left -= len(piece)
        return not left

    def _mood_for(self, head: Head) -> Mood | None:
        mood = self.mood
        if mood is None or not mood.group:
            return mood
        return mood if self._classify(head.method, head.target) == mood.group else None


async def _head(reader: asyncio.StreamReader) -> Head | None:
    """Return the head of the next request, None at the end."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = raw.decode("latin-1").split("\r\n")
    lengths = [field.partition(":")[2] for field in fields if field.lower().startswith("content-length:")]
    method, target, *_ = line.split(" ")
    return Head(method, target.partition("?")[0], int(lengths[0]) if lengths else 0, raw)


async def _pump(back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what the stack sends; when it hangs up, so does this."""
    with suppress(OSError):
        while piece := await back.read(_PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    writer.close()


def _answer(status: int) -> bytes:
    body = b'{"error":"Rehearsal","message":"Answered in the place of the stack."}'
    head = f"HTTP/1.1 {status} Rehearsed\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def run(root: Path, host: str, port: int, prefix: str) -> None:
    """Relay until the input ends, and be of the mood that its last line says."""
    routes = load(root, os.environ).routes
    relaying = Relaying(host, port, lambda method, target: routes.classify(method, target.removeprefix(prefix)))
    await relaying.start()
    print(relaying.port, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        facts = json.loads(line)
        relaying.mood = Mood(**facts) if facts else None
        print("so be it", flush=True)


def main(root: str, host: str, port: str, prefix: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(Path(root), host, int(port), prefix))


if __name__ == "__main__":
    main(*sys.argv[1:])
