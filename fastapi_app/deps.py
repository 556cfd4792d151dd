"""What endpoints ask for: settings, clock, body, query. And how they answer."""

from typing import Annotated, Any

from fastapi import Depends, Request, Response
from starlette.datastructures import Headers

from scheduler.clock import Clock
from scheduler.services import Services
from shared_rules import wire
from shared_rules.edge import client_address, max_body_bytes
from shared_rules.errors import PayloadTooLarge
from shared_rules.fields import Fields, json_object
from shared_rules.query import Query, form_fields
from shared_rules.settings import Settings

__all__ = [
    "PREFIX",
    "STACK",
    "ClientAddressDep",
    "ClockDep",
    "QueryDep",
    "ServicesDep",
    "SettingsDep",
    "answer",
    "form_body",
    "header",
    "joined",
    "json_body",
    "path_of",
    "read_body",
]

STACK = "modern"
PREFIX = "/api/v2"


def answer(body: Any, status: int = 200) -> Response:
    return Response(wire.to_json(body), status, media_type="application/json")


async def json_body(request: Request, *, optional: bool = False) -> Fields:
    """Return the fields of the JSON body; raise 400 or 413."""
    return json_object(request.headers.get("content-type"), await read_body(request), optional=optional)


async def form_body(request: Request) -> Fields:
    """Return the fields of the url-encoded body; raise 413."""
    return form_fields(request.headers.get("content-type"), await read_body(request))


async def read_body(request: Request) -> bytes:
    """Return the body, however it was sent, up to the path's limit; raise 413 over it."""
    limit = max_body_bytes(path_of(request.scope["path"]))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise PayloadTooLarge(limit)
    return bytes(body)


def path_of(path: str) -> str:
    """Return a decoded path without the stack's prefix, empty for one outside it."""
    return path.removeprefix(PREFIX) if path.startswith(f"{PREFIX}/") else ""


def header(request: Request, name: str) -> str | None:
    return joined(request.headers, name)


def joined(headers: Headers, name: str) -> str | None:
    """Return a header that was sent more than once as one list, as WSGI has it; None where there is none."""
    return ",".join(headers.getlist(name)) if name in headers else None


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _settings(request: Request) -> Settings:
    return _services(request).settings


def _clock(request: Request) -> Clock:
    return _services(request).clock


def _client_address(request: Request) -> str:
    """Return whose request this is, through the proxies we trust."""
    peer = request.client.host if request.client else None
    forwarded, real_ip = header(request, "x-forwarded-for"), header(request, "x-real-ip")
    return client_address(peer, forwarded, real_ip, _settings(request).trusted_proxies)


def _query(request: Request) -> Query:
    return Query.parse(request.scope["query_string"])


ServicesDep = Annotated[Services, Depends(_services)]
SettingsDep = Annotated[Settings, Depends(_settings)]
ClockDep = Annotated[Clock, Depends(_clock)]
ClientAddressDep = Annotated[str, Depends(_client_address)]
QueryDep = Annotated[Query, Depends(_query)]
