"""`python -m parity.recorder SETTINGS`: the process through which what is recorded passes on its way to the stacks.

It listens on one unix socket per stack and ends at SIGTERM, after the requests in flight and everything queued. At
SIGUSR1 it does the same without ending, for a supervisor has little patience with a long recording.
Writing is another process's work (`parity.recorder.writer`), so neither redaction nor a disk delays an answer.
"""

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import uvloop

from parity.recorder.queue import Counts, Queue
from parity.recorder.relay import Front
from parity.recorder.settings import RecordedStack, RecorderSettings, load_settings
from parity.recorder.tap import Exchange, Listener, Tap
from parity.values import ParityError

__all__ = ["Recorder", "main"]

_TELL_S = 0.1
_CLOSE_S = 2.0
# The numbers that a killed predecessor may have given since it last told how far it was.
_SKIPPED_NUMBERS = 10_000


@dataclass(slots=True)
class Recorder:
    """Everything of one recording that is in memory."""

    settings: RecorderSettings
    queue: Queue
    counts: Counts
    next_seq: int = 1
    open: set[int] = field(default_factory=set)
    fronts: set[Front] = field(default_factory=set)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    alone: asyncio.Event = field(default_factory=asyncio.Event)
    told: dict[str, Any] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set, then finish what has begun."""
        self._carry_on()
        await self.queue.start()
        servers = [await self._listen(stack) for stack in self.settings.stacks]
        telling = asyncio.get_running_loop().create_task(self._tell_always())
        await stop.wait()
        for server in servers:
            server.close()
        await self._drain()
        await self.queue.end()
        telling.cancel()
        self.tell("ended")

    async def _listen(self, stack: RecordedStack) -> asyncio.Server:
        stack.socket.unlink(missing_ok=True)
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: self._front(stack), str(stack.socket), backlog=2048
        )
        # The gateway may run as another user. Who else comes gets what the stack's own port would give him.
        stack.socket.chmod(0o666)
        return server

    def _front(self, stack: RecordedStack) -> Front:
        listener = Listener(self._opened, self._finished, self._lost)
        tap = Tap(stack.name, listener, self.settings.body_bytes)
        front = Front(stack.host, stack.port, tap, self.settings.connect_s, self._gone, hung_up=self._hung_up)
        self.fronts.add(front)
        return front

    @property
    def _hung_up(self) -> bytes:
        header = self.settings.hung_up_header
        head = f"HTTP/1.1 502 Bad Gateway\r\n{header}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return head.encode("ascii") if header else b""

    def _opened(self) -> int:
        seq, self.next_seq = self.next_seq, self.next_seq + 1
        self.open.add(seq)
        self._note()
        return seq

    def _finished(self, exchange: Exchange) -> None:
        self.open.discard(exchange.seq)
        self._note()
        self.queue.put(exchange, min(self.open, default=self.next_seq))

    def _lost(self, seq: int) -> None:
        self.open.discard(seq)
        self._note()
        self.counts.failed += 1
        self.counts.reason = "bytes that are not HTTP/1.1"

    def _gone(self, front: Front) -> None:
        self.fronts.discard(front)
        self._note()

    def _note(self) -> None:
        """Set or clear the events for which the end waits."""
        for event, busy in ((self.answered, self.open), (self.alone, self.fronts)):
            event.clear() if busy else event.set()

    async def _drain(self) -> None:
        """Return when no request is in flight and every connection is closed, or cut off after a while."""
        self._note()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.answered.wait(), self.settings.drain_s)
        for front in list(self.fronts):
            if front.transport is not None:
                front.transport.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.alone.wait(), _CLOSE_S)

    async def _tell_always(self) -> None:
        while True:
            self.tell("running")
            await asyncio.sleep(_TELL_S)

    def tell(self, state: str) -> None:
        """Write the status file, if anything in it is new."""
        facts = self.counts.as_json() | {
            "state": state,
            "name": self.settings.name,
            "pid": os.getpid(),
            "next_seq": self.next_seq,
            "in_flight": len(self.open),
            "connections": len(self.fronts),
        }
        if facts == {name: self.told.get(name) for name in facts}:
            return
        self.told = {"since": datetime.now(UTC).isoformat(timespec="seconds")} | self.told | facts
        beside = self.settings.status.with_suffix(".new")
        beside.write_bytes(orjson.dumps(self.told))
        beside.replace(self.settings.status)

    def _carry_on(self) -> None:
        """Go on where a predecessor of this recording was killed: its numbers and counts stay."""
        with contextlib.suppress(OSError, ValueError):
            last = orjson.loads(self.settings.status.read_bytes())
            if last["name"] == self.settings.name:
                self.told = {"since": last["since"], "starts": last.get("starts", 1) + 1}
                self.next_seq = last["next_seq"] + _SKIPPED_NUMBERS
                for name in self.counts.as_json():
                    setattr(self.counts, name, last[name])


async def record(path: Path) -> None:
    """Record until SIGTERM, SIGINT or SIGUSR1, and return at one of the first two."""
    settings = load_settings(path)
    counts = Counts()
    command = [sys.executable, "-m", "parity.recorder.writer", str(path)]
    finish, end = asyncio.Event(), asyncio.Event()

    def end_all() -> None:
        finish.set()
        end.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, finish.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end_all)
    await Recorder(settings, Queue(command, settings.queue_bytes, counts), counts).run(finish)
    await end.wait()


def main() -> int:
    """Return the exit code: 0 ended as told, 2 settings that cannot be used."""
    try:
        uvloop.run(record(Path(sys.argv[1])))
    except (ParityError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
