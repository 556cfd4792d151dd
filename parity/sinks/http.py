"""The HTTP sink: called by its own address, under somebody else's name, or as a forward proxy; answers by rules."""

import asyncio
import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11

from parity.config import SinkAnswer
from parity.reach.wire import decoded
from parity.sinks.listener import HOST, Listener
from parity.values import Effect, Headers, ParityError, header

__all__ = ["OWN_NAME", "HttpSink"]

# Stands for the sink's own address, whose port differs from stack to stack.
OWN_NAME = "sink"
_READ_BYTES = 64 * 1024
_DEFAULT = SinkAnswer(match="*", headers={"content-type": "application/json"}, body="{}")
_NO_TUNNEL = SinkAnswer(match="*", status=502, body="This sink opens no tunnels.")
# What the sender's HTTP library adds and means for its connection.
_NOT_KEPT = frozenset(
    {
        *("host", "content-length", "user-agent", "accept", "accept-encoding", "connection", "date", "expect"),
        *("keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)


class HttpSink(Listener):
    """Notes every call. The first rule that fits `METHOD host/path` (without the query) answers it, else 200 with `{}`.

    Each answer waits `delay_s`: so a calibration sees what measures the time of a call.
    """

    def __init__(self, answers: Sequence[SinkAnswer] = (), delay_s: float = 0.0) -> None:
        self._delay_s = delay_s
        self._rules = [(_pattern(answer.match), _usable(answer)) for answer in answers]
        self._serving: set[asyncio.Task[None]] = set()
        super().__init__()

    @property
    def facts(self) -> Mapping[str, str]:
        """What settings of a stack may name as `{sink}`, `{sink_host}` and `{sink_port}`."""
        return {"sink": f"http://{self.address}", "sink_host": HOST, "sink_port": str(self.port)}

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, HOST, 0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened(writer.transport)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while call := await _next_call(connection, reader, writer):
                self.note(call.effect(self.address))
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                writer.write(_answer_bytes(connection, self._answer(call), head=call.method == "HEAD"))
                await writer.drain()
                if set(connection.states.values()) != {h11.DONE}:
                    return
                connection.start_next_cycle()
        except h11.RemoteProtocolError:
            # TLS to a port that speaks none, for one; it was meant to leave the service all the same.
            self.note(Effect("http", _content("UNREADABLE", "", "", {}, None)))
        except OSError:
            pass
        finally:
            with suppress(OSError):
                writer.close()

    def _answer(self, call: "_Call") -> SinkAnswer:
        if call.method == "CONNECT":
            return _NO_TUNNEL
        host, path = call.place(self.address)
        line = f"{call.method} {host}{path.partition('?')[0]}"
        return next((answer for pattern, answer in self._rules if pattern.fullmatch(line)), _DEFAULT)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as it arrived."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def place(self, own_address: str) -> tuple[str, str]:
        """Return the host that was meant and the path with its query."""
        if self.method == "CONNECT":
            return self.target.lower(), ""
        host, path = header(self.headers, "host") or "", self.target
        if not self.target.startswith(("/", "*")):
            parts = urlsplit(self.target)
            host, path = parts.netloc, parts._replace(scheme="", netloc="").geturl() or "/"
        return OWN_NAME if host == own_address else host.lower(), path

    def effect(self, own_address: str) -> Effect:
        host, path = self.place(own_address)
        kept: dict[str, str] = {}
        for name, value in self.headers:
            if name not in _NOT_KEPT:
                kept[name] = f"{kept[name]}, {value}" if name in kept else value
        body = decoded(self.headers, self.body)
        boundary = re.search(r'boundary="?([^";,\s]+)', kept.get("content-type", ""))
        if boundary:
            kept["content-type"] = kept["content-type"].replace(boundary[1], "boundary")
            body = body.replace(boundary[1].encode("latin-1"), b"boundary")
        return Effect("http", _content(self.method, host, path, kept, _readable(body)))


def _content(method: str, host: str, path: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    return {"method": method, "host": host, "path": path, "headers": dict(headers), "body": body}


def _readable(body: bytes) -> Any:
    """Return JSON as its value, other text as text ("" for none), anything else as {"base64": str}."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _pattern(match: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, match.split("*"))), re.DOTALL)


def _usable(answer: SinkAnswer) -> SinkAnswer:
    """Return the answer. Raise ParityError if it cannot be sent."""
    try:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(b"GET / HTTP/1.1\r\nHost: sink\r\n\r\n")
        connection.next_event()
        _answer_bytes(connection, answer, head=False)
    except h11.LocalProtocolError as error:
        raise ParityError(
            f'The sink\'s answer to "{answer.match}" cannot be sent: {error}; correct its status or headers.'
        ) from None
    return answer


async def _next_call(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> _Call | None:
    """Return the next call once it is there as a whole; None if the sender is done. Raise RemoteProtocolError."""
    request, body = None, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                interim = connection.send(h11.InformationalResponse(status_code=100, headers=[], reason="Continue"))
                writer.write(interim or b"")
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
            return _Call(request.method.decode("ascii"), request.target.decode("latin-1"), headers, bytes(body))
        else:
            return None


def _answer_bytes(connection: h11.Connection, answer: SinkAnswer, *, head: bool) -> bytes:
    body = b"" if answer.status in {204, 304} else answer.body.encode()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if body and "content-type" not in headers:
        headers["content-type"] = "application/json" if body[:1] in {b"{", b"["} else "text/plain; charset=utf-8"
    if answer.status != 204:
        headers["content-length"] = str(len(body))
    events: Iterable[h11.Event] = (
        h11.Response(status_code=answer.status, headers=list(headers.items()), reason=b""),
        *(() if head or not body else (h11.Data(data=body),)),
        h11.EndOfMessage(),
    )
    return b"".join(connection.send(event) or b"" for event in events)
