"""An exchange as it went over the wire -> an entry of a recording. Pure; secrets and content codings are still in it."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import h11
import orjson

from parity.recorder.settings import RecordedStack, RecorderSettings
from parity.recorder.tap import Exchange
from parity.routes import RouteBook
from parity.values import Answer, Entry, Headers, Request, header

__all__ = ["Reader"]

MISSING = "missing"
_HEAD_LIMIT_BYTES = 2 * 1024 * 1024
_BEARER = re.compile(r"[Bb]earer +[\w=-]+\.([\w=-]+)\.[\w=-]*")


class Reader:
    """Makes the entries of one recording."""

    def __init__(self, settings: RecorderSettings) -> None:
        self._settings = settings
        self._stacks = {stack.name: stack for stack in settings.stacks}
        self._book = RouteBook(settings.route_table())
        self._hidden = {name.lower() for name in settings.gateway_headers}

    def entry(self, exchange: Exchange) -> Entry:
        """Return the entry. Raise ValueError for bytes that are no HTTP."""
        stack = self._stacks[exchange.stack]
        received, request_facts = self._request(exchange, stack)
        told = {name.lower(): value for name, value in received.headers if name.lower() in self._hidden}
        shown = tuple((name, value) for name, value in received.headers if name.lower() not in self._hidden)
        request = replace(received, headers=shown)
        answer, answer_facts = self._answer(exchange, request.method)
        actor = actor_of(request.headers)
        address = told.get(self._settings.address_header, "")
        route = self._book.find(group_method(request), request.target)
        facts: dict[str, Any] = {
            "source": "gateway",
            "stack": stack.name,
            "group": route.group,
            "actor": actor,
            "request_id": told.get(self._settings.id_header, ""),
            "elapsed_ms": round(exchange.elapsed_s * 1000, 3),
            "error": exchange.error,
            **request_facts,
            **answer_facts,
        }
        started = datetime.fromtimestamp(exchange.started, UTC) + timedelta(seconds=self._settings.clock_offset_s)
        return Entry(
            id=f"{exchange.seq:06d}",
            seq=exchange.seq,
            session=self._session(actor, address),
            request=request,
            answer=answer,
            started=started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            meta={name: fact for name, fact in facts.items() if fact or name in {"source", "stack", "group"}},
        )

    def _request(self, exchange: Exchange, stack: RecordedStack) -> tuple[Request, dict[str, Any]]:
        head, _, body = exchange.request.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = tuple((name, value.strip(" \t")) for name, _, value in (field.partition(":") for field in fields))
        request = Request(method, target.removeprefix(stack.prefix), headers, body)
        size_bytes = exchange.request_bytes - len(head) - 4
        if size_bytes > self._settings.body_bytes:
            return replace(request, body=b""), {"request_body": MISSING, "request_body_bytes": size_bytes}
        return request, {}

    def _answer(self, exchange: Exchange, method: str) -> tuple[Answer | None, dict[str, Any]]:
        """Return what the stack answered, None without a whole answer, and what is to be said of its body."""
        if exchange.error:
            return None, {}
        status, headers, body = parsed_answer(exchange.answer, method)
        answer = Answer(status, headers, body, exchange.elapsed_s)
        if exchange.answer_bytes > len(exchange.answer) or len(body) > self._settings.body_bytes:
            size_bytes = exchange.answer_bytes - exchange.answer.index(b"\r\n\r\n") - 4
            return replace(answer, body=b""), {"answer_body": MISSING, "answer_body_bytes": size_bytes}
        return answer, {}

    def _session(self, actor: Mapping[str, str] | None, address: str) -> str:
        """Return a pseudonym of the person, or without a token of the client's address; the same ones get the same."""
        kind, who = ("user", actor["id"]) if actor else ("client", address)
        digest = hmac.new(bytes.fromhex(self._settings.key), f"{kind}:{who}".encode(), hashlib.sha256)
        return f"{kind}-{digest.hexdigest()[:16]}"


def parsed_answer(data: bytes, method: str) -> tuple[int, Headers, bytes]:
    """Return status, headers and body without its transfer coding. Raise ValueError for what is no answer.

    Of an answer that was cut off it is what there is.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT_BYTES)
    # The request itself may be one that h11 would not send; of it only HEAD or not counts here.
    connection.send(h11.Request(method="HEAD" if method == "HEAD" else "GET", target="/", headers=[("host", "-")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, body, closed = 0, bytearray(), False
    headers: Headers = ()
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
            if event in (h11.NEED_DATA, h11.PAUSED):
                if closed or event is h11.PAUSED:
                    break
                closed = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError as error:
        if not status:
            raise ValueError(f"no answer: {error}") from None
    return status, headers, bytes(body)


def group_method(request: Request) -> str:
    """Return the method that decides the group: a preflight belongs where the request it announces belongs."""
    announced = header(request.headers, "access-control-request-method")
    return announced if request.method == "OPTIONS" and announced else request.method


def actor_of(headers: Headers) -> dict[str, str] | None:
    """Return who the token says it is, `{"id": ..., "role": ...}`; None without a JSON Web Token. Nothing is verified."""
    found = _BEARER.fullmatch((header(headers, "authorization") or "").strip())
    if not found:
        return None
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
    except ValueError:
        return None
    if not isinstance(claims, dict) or "sub" not in claims:
        return None
    role = claims.get("role")
    return {"id": str(claims["sub"])} | ({"role": role} if isinstance(role, str) else {})
