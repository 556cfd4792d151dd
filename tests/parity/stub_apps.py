"""Apps without a framework, for stacks in memory: each answers with what it was called with."""

import asyncio
import base64
import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

LIFE: list[str] = []
# How many requests to /slow were in flight at each one's start.
PEAK: list[int] = []
UNDER_WAY: set[int] = set()


class Closing(list[bytes]):
    def close(self) -> None:
        LIFE.append("closed")


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    match environ["PATH_INFO"].removeprefix("/api"):
        case "/raise":
            raise ValueError("of the app")
        case "/exit":
            raise SystemExit(1)
        case "/raise/late":
            start_response("200 OK", [])
            return (1 // (2 - number) * b"x" for number in range(5))
        case "/silent":
            return []
        case "/slow":
            UNDER_WAY.add(id(environ))
            PEAK.append(len(UNDER_WAY))
            time.sleep(0.02)
            UNDER_WAY.discard(id(environ))
        case "/write":
            start_response("201 Created", [("X-A", "1"), ("x-a", "caf\xe9")])(b"written ")
            return [b"and ", b"returned"]
        case "/corrected":
            start_response("200 OK", [("X-A", "1")])
            try:
                raise ValueError
            except ValueError as error:
                start_response("500 Oops", [], (ValueError, error, error.__traceback__))
            return [b"corrected"]
    body = environ["wsgi.input"].read()
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    start_response("200 OK", [("Content-Type", "application/json")])
    return Closing([json.dumps({"environ": told, "body": base64.b64encode(body).decode()}).encode()])


def make_wsgi(setting: str | None = None) -> Callable[..., Iterable[bytes]]:
    """A factory: its app answers with what STUB was while it was made, and what it is now."""
    then = setting or os.environ.get("STUB", "none")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [f"{then} {os.environ.get('STUB', 'none')}".encode()]

    return app


def exiting() -> None:
    raise SystemExit("PAINT: unknown colour")


class Namespace:
    app = staticmethod(wsgi)


NOT_AN_APP = 5


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        LIFE.append(f"up {os.environ.get('STUB', 'none')}")
        scope["state"]["made"] = "at start"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        LIFE.append("down")
        await send({"type": "lifespan.shutdown.complete"})
        return
    path, start = scope["path"].removeprefix("/api"), {"type": "http.response.start", "status": 200, "headers": []}
    match path:
        case "/raise":
            raise ValueError("of the app")
        case "/exit":
            raise SystemExit(1)
        case "/silent":
            return
        case "/slow":
            UNDER_WAY.add(id(scope))
            PEAK.append(len(UNDER_WAY))
            await asyncio.sleep(0.02)
            UNDER_WAY.discard(id(scope))
        case "/raise/late":
            await send(start)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            raise ValueError("of the app")
        case "/hang":
            await receive()
            LIFE.append((await receive())["type"])
            return
        case "/behind":
            await send(start)
            await send({"type": "http.response.body", "body": b"early"})
            LIFE.append((await receive())["type"])
            LIFE.append((await receive())["type"])
            return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    told = {key: value.decode("latin-1") if isinstance(value, bytes) else value for key, value in scope.items()}
    told["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    answer = json.dumps({"scope": told, "body": base64.b64encode(body).decode()}).encode()
    await send({**start, "headers": [(b"X-A", b"1"), (b"x-a", b"caf\xe9")]})
    for piece in (answer[:10], answer[10:]):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


async def failing(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "Traceback\nValueError: PAINT is unknown"})


async def starting_forever(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await receive()


async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})
