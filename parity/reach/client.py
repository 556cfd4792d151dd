"""The replay's HTTP/1.1 client: sends a request over a kept connection and hands back whatever comes, a broken line too.

`httptools` reads the answers. Nothing is followed, cached or remembered between two requests but the connection.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import cast

import httptools

from parity.reach.wire import CUT_OFF, Origin, decoded, late, request_bytes
from parity.values import Answer, Request

__all__ = ["Client", "Connection", "Limits"]

_BODY_LIMIT_BYTES = 256 * 1024 * 1024
# How long a HEAD's connection may stay open after its headers, in case a body follows that must not be there.
_AFTER_HEAD_S = 0.5
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests are in flight at once, and how long what may take. An idle connection is not used after `idle_s`."""

    connections: int = 1
    answer_s: float = 30.0
    connect_s: float = 5.0
    idle_s: float = 2.0


class Connection:
    """One connection to an origin, made when it is needed and again when it is gone; one exchange at a time.

    An idle connection is given up after `idle_s`, before the server closes it. Where a reused one turns out to be dead
    and not a byte came back, a safe request is sent again; a write never is, for the server may have done it.
    """

    def __init__(self, origin: Origin, limits: Limits = Limits()) -> None:
        self._origin = origin
        self._limits = limits
        self._tls = ssl.create_default_context() if origin.tls else None
        self._wire: _Wire | None = None
        self._used_at = 0.0

    async def send(self, request: Request, prefix: str = "") -> Answer:
        """Return the answer; with status 0 and one sentence in `error` where there is no complete one."""
        try:
            data = request_bytes(request, self._origin.base + prefix, self._origin.authority)
        except ValueError:
            return Answer(0, error="The request holds a line break in its target or headers and was not sent.")
        wire = self._reusable()
        if wire is not None:
            reader = await self._exchange(wire, request.method, data)
            if reader.heard or reader.timed_out or request.method not in _SAFE:
                return reader.answer
        try:
            wire = await self._connect()
        except TimeoutError:
            return Answer(0, error=f"No connection within {self._limits.connect_s:g} s.")
        except ConnectionRefusedError:
            return Answer(0, error="The connection was refused.")
        except OSError as error:
            return Answer(0, error=f"The connection failed: {error.strerror or type(error).__name__}.")
        return (await self._exchange(wire, request.method, data)).answer

    def close(self) -> None:
        """Give the connection up; the next request makes another."""
        if self._wire is not None:
            self._wire.transport.abort()
            self._wire = None

    def _reusable(self) -> "_Wire | None":
        wire = self._wire
        if (
            wire is None
            or wire.lost
            or wire.transport.is_closing()
            or time.monotonic() - self._used_at > self._limits.idle_s
        ):
            self.close()
            return None
        return wire

    async def _connect(self) -> "_Wire":
        async with asyncio.timeout(self._limits.connect_s):
            _, wire = await asyncio.get_running_loop().create_connection(
                _Wire, self._origin.host, self._origin.port, ssl=self._tls
            )
        self._wire = wire
        return wire

    async def _exchange(self, wire: "_Wire", method: str, data: bytes) -> "_Reader":
        loop = asyncio.get_running_loop()
        reader = wire.reader = _Reader(loop, head=method == "HEAD")
        alarm = loop.call_later(self._limits.answer_s, reader.give_up, self._limits.answer_s)
        try:
            wire.transport.write(data)
            await reader.done
        finally:
            alarm.cancel()
            wire.reader = None
            # An answer that came before the whole request was read leaves a line that nobody can trust.
            if not reader.keep or wire.lost or wire.transport.get_write_buffer_size():
                self.close()
            self._used_at = time.monotonic()
        return reader


class Client:
    """Sends requests to one origin over up to `connections` connections; who calls decides how many are in flight."""

    def __init__(self, origin: Origin, limits: Limits = Limits()) -> None:
        self.address = origin.address
        self._all = [Connection(origin, limits) for _ in range(limits.connections)]
        # The last one used goes first, so that one request at a time stays on one connection.
        self._free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in self._all:
            self._free.put_nowait(connection)

    async def send(self, request: Request) -> Answer:
        """Return the answer, as `Connection.send` does, once a connection is free."""
        connection = await self._free.get()
        try:
            return await connection.send(request)
        finally:
            self._free.put_nowait(connection)

    def close(self) -> None:
        for connection in self._all:
            connection.close()


class _Wire(asyncio.Protocol):
    """The socket: hands what arrives to the exchange under way."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.reader: _Reader | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by class, only by what they do.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.reader is None:
            # Nobody asked: what arrives now belongs to no answer.
            self.lost = True
            self.transport.abort()
        else:
            self.reader.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.reader is not None:
            self.reader.end(broken=exc is not None)


class _Reader:
    """Puts one answer together. `httptools` calls the `on_` methods."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, head: bool) -> None:
        self.done: asyncio.Future[None] = loop.create_future()
        self.answer = Answer(0)
        self.heard = self.keep = self.timed_out = False
        self._loop = loop
        self._head = head
        self._begun = time.perf_counter()
        self._parser = httptools.HttpResponseParser(self)
        self._in_body = False
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._size_bytes = 0

    def feed(self, data: bytes) -> None:
        self.heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish()
        except httptools.HttpParserError as error:
            self.keep = False
            self._fail(f"The answer is not valid HTTP: {error}.")

    def end(self, *, broken: bool) -> None:
        """The connection is gone; `broken` unless the server closed it in order."""
        if not self.heard:
            self._fail("The connection was closed without an answer.")
        elif self._in_body and (self._head or (self._ends_with_the_connection() and not broken)):
            self._finish()
        else:
            self._fail(CUT_OFF)

    def give_up(self, answer_s: float) -> None:
        self.timed_out = True
        self._fail(late(answer_s).error)

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind a chunked body are trailers.
        if not self._in_body:
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            return
        self._in_body = True
        if self._head:
            self._loop.call_later(_AFTER_HEAD_S, self._finish)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._size_bytes += len(body)
        if self._size_bytes > _BODY_LIMIT_BYTES:
            self._fail(f"The answer is larger than {_BODY_LIMIT_BYTES // 2**20} MiB.")

    def on_message_complete(self) -> None:
        if not self._in_body:
            # 100 Continue, 103 Early Hints: the answer itself follows.
            self._headers.clear()
        elif not self.done.done():
            # After a failure of its own a server may close without saying so; the next request would meet that.
            healthy = self._parser.get_status_code() < 500
            self.keep = healthy and self._parser.should_keep_alive() and not self._declares_more()
            self._finish()
        else:
            self.keep = False

    def _ends_with_the_connection(self) -> bool:
        return not any(name in {"content-length", "transfer-encoding"} for name, _ in self._headers)

    def _declares_more(self) -> bool:
        """An answer that has no body but names a length, such as 204: some servers then send one all the same."""
        return not self._body and any(name == "content-length" and value != "0" for name, value in self._headers)

    def _finish(self) -> None:
        if self.done.done():
            return
        headers = tuple(self._headers)
        self.answer = Answer(
            self._parser.get_status_code(),
            headers,
            decoded(headers, b"".join(self._body)),
            time.perf_counter() - self._begun,
        )
        self.done.set_result(None)

    def _fail(self, error: str) -> None:
        if not self.done.done():
            self.answer = Answer(0, error=error, elapsed_s=time.perf_counter() - self._begun)
            self.done.set_result(None)
