"""Cuts the bytes that pass between gateway and stack into exchanges. It only listens: what it cannot read still passes.

The gateway sends each request whole, with a length, and the next one only after the answer.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import httptools

__all__ = ["Exchange", "Listener", "Tap"]

_HEAD_LIMIT_BYTES = 1024 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*(?=\r\n)", re.IGNORECASE)
_FRAMED = re.compile(rb"\r\n(?:content-length|transfer-encoding):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer as they went over the wire. `started` is seconds since 1970, `seq` the order of arrival.

    Both are cut off behind `kept` bytes of body; the sizes are the whole ones. `error` says why an answer has no end.
    """

    seq: int
    stack: str
    started: float
    elapsed_s: float
    request: bytes
    request_bytes: int
    answer: bytes
    answer_bytes: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told: `opened` gives a request's number, `finished` takes its exchange, `lost` a number that gets none (-1: nobody's)."""

    opened: Callable[[], int]
    finished: Callable[[Exchange], None]
    lost: Callable[[int], None]


class Tap:
    """One connection's bytes, both ways."""

    def __init__(self, stack: str, listener: Listener, kept_bytes: int) -> None:
        self._stack = stack
        self._listener = listener
        self._kept_bytes = kept_bytes + _HEAD_LIMIT_BYTES
        self._deaf = False
        self._clear()

    def _clear(self) -> None:
        self._seq = -1
        self._request = bytearray()
        self._request_bytes = 0
        self._wanted_bytes: int | None = None
        self._answer = bytearray()
        self._answer_bytes = 0
        self._in_body = False
        self._done = False
        self._parser = httptools.HttpResponseParser(self)

    def sent(self, data: bytes) -> None:
        """The gateway sent these bytes to the stack."""
        if self._deaf:
            return
        if self._seq < 0:
            self._seq = self._listener.opened()
            self._started = time.time()
            self._began = time.perf_counter()
        self._request_bytes += len(data)
        self._request += data[: max(0, self._kept_bytes - len(self._request))]
        if self._wanted_bytes is None:
            self._read_head()
        if self._wanted_bytes is not None and self._request_bytes > self._wanted_bytes:
            self._give_up()

    def _read_head(self) -> None:
        end = self._request.find(b"\r\n\r\n")
        if end >= 0:
            length = _LENGTH.search(self._request, 0, end + 2)
            self._wanted_bytes = end + 4 + (int(length[1]) if length else 0)
        elif len(self._request) > _HEAD_LIMIT_BYTES:
            self._give_up()

    def answered(self, data: bytes) -> None:
        """The stack sent these bytes back."""
        if self._deaf:
            return
        if self._seq < 0:
            self._give_up()
            return
        self._answer_bytes += len(data)
        self._answer += data[: max(0, self._kept_bytes - len(self._answer))]
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._done:
                self._give_up()
                return
        if self._done:
            self._finish("")

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            self._in_body = True
            self._done = self._request.startswith(b"HEAD ")

    def on_message_complete(self) -> None:
        # 100 Continue and its like are followed by the answer itself.
        self._done = self._in_body

    def closed(self) -> None:
        """The connection is gone, for whatever reason."""
        if self._deaf or self._seq < 0:
            return
        if not self._answer:
            self._finish("The connection was closed without an answer.")
        elif self._in_body and not _FRAMED.search(self._answer, 0, self._answer.find(b"\r\n\r\n") + 2):
            self._finish("")
        else:
            self._finish("The connection was closed in the middle of the answer.")

    def _finish(self, error: str) -> None:
        exchange = Exchange(
            seq=self._seq,
            stack=self._stack,
            started=self._started,
            elapsed_s=time.perf_counter() - self._began,
            request=bytes(self._request),
            request_bytes=self._request_bytes,
            answer=bytes(self._answer),
            answer_bytes=self._answer_bytes,
            error=error,
        )
        # A stack may answer before it has the whole request; what still comes of it would look like the next one.
        self._deaf = self._wanted_bytes is None or self._request_bytes < self._wanted_bytes
        self._clear()
        self._listener.finished(exchange)

    def _give_up(self) -> None:
        """Listen no more on this connection: from here on nobody can tell where an exchange begins."""
        self._deaf = True
        seq = self._seq
        self._clear()
        self._listener.lost(seq)
