"""Clients that never look whether their connection is still there: what a gateway loses, they notice.

Each keeps one connection and writes its next request once an answer is complete and its turn has come. It obeys
`Connection: close`, but does not look for an end of the connection before it writes. Each reset, end, or wrong answer is
counted as a lost request.
"""

import asyncio
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import uvloop

from gateway.cohorts import COHORTS, key_in
from gateway.config import Config
from gateway.routes import Group
from tests.gateway.fast_stacks import body_of

__all__ = ["Ask", "Crowd", "asks_of"]

WRITES = 0.3
TICK_S = 0.002


@dataclass(frozen=True)
class Ask:
    """A request that is sent again and again, in two pieces: its id goes between them."""

    group: str
    cohort: str
    writes: bool
    before: bytes
    after: bytes


def asks_of(config: Config, prefix: str) -> list[Ask]:
    """Return a read and a write of each group that has one, from a visitor of each cohort."""
    return [
        ask for group in config.routes.groups for cohort in COHORTS for ask in asks_from(config, prefix, group, cohort)
    ]


def asks_from(config: Config, prefix: str, group: Group, cohort: str) -> Iterator[Ask]:
    for writes in (False, True):
        found = [(m, match) for match in group.matches for m in match.methods if (m != "GET") == writes]
        for method, match in found[:1]:
            path = prefix + "".join(f"/{'7c9e6679' if part == '{}' else part}" for part in match.segments)
            cookie = f"{config.sticky.cookie}={key_in(cohort, config.sticky.salt)}"
            head = f"{method} {path} HTTP/1.1\r\nHost: edge.example\r\nCookie: {cookie}\r\nX-Request-Id: "
            body = "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" if writes else "\r\n\r\n"
            yield Ask(group.id, cohort, writes, head.encode(), body.encode())


class Crowd:
    """Clients in a thread of their own, from the begin of a `with` block to its end.

    `answered` counts good answers, `lost` the others by what became of them. `first` has the time (`time.monotonic()`)
    at which an ask was first answered by a generation and a stack. `written` are the ids of writes that were answered.
    They send as fast as they can, or `per_s` requests a second.
    """

    def __init__(self, port: int, asks: Sequence[Ask], connections: int = 64, per_s: float = 0, seed: int = 7) -> None:
        self.port = port
        self.connections = connections
        self.per_s = per_s
        self.idle: deque[Client] = deque()
        self.chance = random.Random(seed)
        self.numbered = list(enumerate(asks))
        self.reads = [(number, ask) for number, ask in self.numbered if not ask.writes]
        self.writers = [(number, ask) for number, ask in self.numbered if ask.writes]
        self.answered = 0
        self.lost: Counter[str] = Counter()
        self.lost_writes: set[str] = set()
        self.first: dict[tuple[bytes, int, bytes], float] = {}
        self.written: set[str] = set()
        self.sent = 0
        self.is_over = False

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        self.thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._all())

    async def _all(self) -> None:
        self.present: set[Client] = set()
        self.nobody_left = asyncio.Event()
        for _ in range(self.connections):
            await self.one_more()
        if self.per_s:
            await self._give_turns()
        await self.nobody_left.wait()

    async def _give_turns(self) -> None:
        loop = asyncio.get_running_loop()
        began, before = loop.time(), self.sent
        while not self.is_over:
            await asyncio.sleep(TICK_S)
            due = int((loop.time() - began) * self.per_s) - (self.sent - before)
            for _ in range(min(due, len(self.idle))):
                self.idle.popleft().ask_next()
        for client in self.idle:
            client.ask_next()

    def wait_for_turn(self, client: "Client") -> None:
        if self.per_s and not self.is_over:
            self.idle.append(client)
        else:
            client.ask_next()

    async def one_more(self) -> None:
        """Let a client come, unless the crowd is going home."""
        if not self.is_over:
            loop = asyncio.get_running_loop()
            try:
                await loop.create_connection(lambda: Client(self), "127.0.0.1", self.port)
            except OSError:
                self.lost["refused"] += 1
                loop.call_later(0.01, lambda: loop.create_task(self.one_more()))
        elif not self.present:
            self.nobody_left.set()

    def next_ask(self) -> tuple[int, Ask]:
        return self.chance.choice(self.writers if self.chance.random() < WRITES else self.reads)


class Client(asyncio.Protocol):
    """One connection: a request out, its answer in, the next request out."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.waits = False
        self.is_gone = self.is_leaving = False
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self.crowd.present.add(self)
        self.crowd.wait_for_turn(self)

    def ask_next(self) -> None:
        crowd = self.crowd
        if crowd.is_over:
            self.go()
            return
        self.number, self.ask = crowd.next_ask()
        crowd.sent += 1
        self.rid = b"naive-%d" % crowd.sent
        if self.is_gone:
            self.lose("written to a connection that had ended")
            self.go()
            return
        self.waits = True
        self.transport.write(self.ask.before + self.rid + self.ask.after)

    def data_received(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
        head = data.find(b"\r\n\r\n") + 4
        if head < 4 or len(data) < head + int(value(data, b"\r\nContent-Length: ")):
            self.rest = data
            return
        self.rest, self.waits = b"", False
        self.judge(data, data[head:])
        if b"\r\nConnection: close\r\n" in data:
            self.go()
        else:
            self.crowd.wait_for_turn(self)

    def judge(self, data: bytes, body: bytes) -> None:
        crowd = self.crowd
        by = value(data, b"\r\nX-Served-By: ")
        if body != BODIES.get(by) or value(data, b"\r\nX-Request-Id: ") != self.rid:
            self.lose(f"status {data[9:12].decode()}" if data[9:12] != b"200" else "somebody else's answer")
            return
        crowd.answered += 1
        if self.ask.writes:
            crowd.written.add(self.rid.decode())
        key = (value(data, b"\r\nX-Gateway-Generation: "), self.number, by)
        if key not in crowd.first:
            crowd.first[key] = time.monotonic()

    def lose(self, how: str) -> None:
        self.crowd.lost[how] += 1
        if self.ask.writes:
            self.crowd.lost_writes.add(self.rid.decode())

    def connection_lost(self, error: Exception | None) -> None:
        self.is_gone = True
        if self.waits:
            self.lose("reset" if error else "end of the connection")
            self.go()
        elif self.is_leaving:
            self.make_room()

    def go(self) -> None:
        """Close the connection; another client comes instead."""
        self.is_leaving = True
        if self.is_gone:
            self.make_room()
        else:
            self.transport.close()

    def make_room(self) -> None:
        self.crowd.present.discard(self)
        # The loop holds tasks weakly; this one is held until it is done.
        self.successor = asyncio.get_running_loop().create_task(self.crowd.one_more())


BODIES = {stack.encode(): body_of(stack) for stack in ("legacy", "modern")}


def value(data: bytes, name: bytes) -> bytes:
    """Return a header's value, "" if there is none; `name` begins with the line's start."""
    start = data.find(name)
    return data[start + len(name) : data.index(b"\r", start + len(name))] if start >= 0 else b""
