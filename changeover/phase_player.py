"""Plays a flow: fills each step, sends it, and says in one sentence which answer was not the expected one."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from changeover.phase_flows import Flow, Step
from parity.config import Stack
from parity.placeholders import fill
from parity.reach.stacks import RunningStack
from parity.values import Answer, Headers, Request

__all__ = ["Peer", "Played", "play"]

_MISSING = object()
_SHOWN = 160


@dataclass(frozen=True)
class Peer:
    """A running stack, reached without its prefix: targets carry it."""

    stack: Stack
    running: RunningStack

    async def send(self, request: Request) -> Answer:
        return await self.running.send(request)


@dataclass(frozen=True)
class Played:
    """How a flow went: `fault` is "" where every answer was as expected; `captured` holds what it learned."""

    fault: str
    captured: Mapping[str, str]


async def play(flow: Flow, here: Peer, there: Peer, environ: Mapping[str, str]) -> Played:
    """Return how the flow went. `environ` are the variables of the stacks, which steps name in lower case."""
    facts = {name.lower(): value for name, value in environ.items()}
    facts |= {"unique": secrets.token_hex(4), "in_a_year": f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%d}"}
    for step in flow.step:
        peer = there if step.there else here
        answer = await peer.send(_request(step, peer.stack, facts))
        document = _document(answer)
        fault = _fault(step, answer, document, facts)
        if fault:
            return Played(f"{peer.stack.name}: {step.send} {fault}", facts)
        facts |= {name: str(_at(document, place)) for name, place in step.capture.items()}
    return Played("", facts)


def _request(step: Step, stack: Stack, facts: Mapping[str, str]) -> Request:
    method, path = fill(step.send, facts).split(" ", 1)
    headers: Headers = ()
    body = b""
    if step.json_body is not None:
        headers, body = (("Content-Type", "application/json"),), json.dumps(_filled(step.json_body, facts)).encode()
    elif step.form is not None:
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        body = urlencode(_filled(step.form, facts)).encode()
    if step.token:
        headers = (*headers, ("Authorization", f"Bearer {fill(f'{{{step.token}}}', facts)}"))
    return Request(method, stack.prefix + path, headers, body)


def _filled(value: Any, facts: Mapping[str, str]) -> Any:
    """Return a JSON value whose texts are filled."""
    match value:
        case str():
            return fill(value, facts)
        case Mapping():
            return {name: _filled(inner, facts) for name, inner in value.items()}
        case list() | tuple():
            return [_filled(inner, facts) for inner in value]
        case _:
            return value


def _fault(step: Step, answer: Answer, document: Any, facts: Mapping[str, str]) -> str:
    if answer.status != step.status:
        said = answer.error or f"answered {answer.status} {answer.body[:_SHOWN].decode('utf-8', 'replace')}".rstrip()
        return f"{said}; expected {step.status}"
    for place, wanted in step.expect.items():
        found, expected = _at(document, place), _filled(wanted, facts)
        if found is _MISSING or json.dumps(found) != json.dumps(expected):
            shown = "nothing" if found is _MISSING else json.dumps(found)
            return f"answered {shown} as {place}; expected {json.dumps(expected)}"
    for place in step.capture.values():
        if _at(document, place) is _MISSING:
            return f"answered {answer.status} without {place}"
    return ""


def _document(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return _MISSING


def _at(document: Any, place: str) -> Any:
    """Return what stands at `job.id` in a JSON document."""
    for name in place.split("."):
        if not isinstance(document, dict) or name not in document:
            return _MISSING
        document = document[name]
    return document
