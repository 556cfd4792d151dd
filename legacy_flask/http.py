"""Between Flask's request and response objects and the shared rules' values."""

from typing import Any

from flask import Response, current_app, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from scheduler.clock import Clock
from scheduler.services import Services
from shared_rules import wire
from shared_rules.edge import client_address, max_body_bytes
from shared_rules.errors import BadRequest, PayloadTooLarge
from shared_rules.fields import Fields, json_object
from shared_rules.query import Query, form_fields
from shared_rules.settings import Settings

__all__ = [
    "PREFIX",
    "STACK",
    "address_of_client",
    "answer",
    "clock",
    "form_body",
    "json_body",
    "path_of_request",
    "query",
    "read_body",
    "services",
    "settings",
]

STACK = "legacy"
PREFIX = "/api"


def answer(body: Any, status: int = 200) -> Response:
    return Response(wire.to_json(body), status, content_type="application/json")


def json_body(*, optional: bool = False) -> Fields:
    """Return the fields of the JSON body; raise 400 or 413."""
    return json_object(request.headers.get("Content-Type"), read_body(), optional=optional)


def form_body() -> Fields:
    """Return the fields of the url-encoded body; raise 413."""
    return form_fields(request.headers.get("Content-Type"), read_body())


def read_body() -> bytes:
    """Return the body, however it was sent, up to the path's limit; raise 413 over it, 400 for broken chunks."""
    limit = max_body_bytes(path_of_request())
    try:
        raw = request.stream.read(limit + 1) if request.content_length is None else request.get_data()
    except ParseException:
        raise BadRequest.unreadable() from None
    if len(raw) > limit:
        raise PayloadTooLarge(limit)
    return raw


def query() -> Query:
    return Query.parse(request.query_string)


def path_of_request() -> str:
    """Return the decoded path without the stack's prefix, empty for one outside it."""
    path = request.path
    return path.removeprefix(PREFIX) if path.startswith(f"{PREFIX}/") else ""


def address_of_client() -> str:
    """Return whose request this is, through the proxies we trust."""
    forwarded, real_ip = request.headers.get("X-Forwarded-For"), request.headers.get("X-Real-IP")
    return client_address(request.remote_addr, forwarded, real_ip, settings().trusted_proxies)


def services() -> Services:
    value: Services = current_app.extensions["services"]
    return value


def settings() -> Settings:
    return services().settings


def clock() -> Clock:
    return services().clock
