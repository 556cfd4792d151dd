"""The contract's cases on both stacks: each case runs on legacy, then on modern from the same rows, and the answers are compared.

Each answer of modern is held against its document as well; on one database, since the answers are the same on both.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from starlette.testclient import TestClient
from werkzeug.test import create_environ, run_wsgi_app

from fastapi_app.app import create_app as create_modern
from legacy_flask.app import create_app as create_legacy
from legacy_flask.db import db
from shared_models.engine import sync_engine
from tests.contract import stacks
from tests.contract.api import Answer, Api, Stack, Transport, comparable
from tests.contract.openapi_check import checked


@pytest.fixture(scope="session", params=stacks.DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@pytest.fixture(scope="session")
def sinks() -> Iterator[stacks.Sinks]:
    with stacks.open_sinks() as sinks:
        yield sinks


@pytest.fixture(scope="session")
def open_twins(database: str, sinks: stacks.Sinks) -> Iterator[Callable[..., tuple[Stack, Stack]]]:
    """Yield a function that returns (legacy, modern) with the settings it is given; made once, gone with the session."""
    with ExitStack() as opened:
        yield cache(lambda **overrides: opened.enter_context(_twins(database, sinks, overrides)))


@contextmanager
def _twins(database: str, sinks: stacks.Sinks, overrides: dict[str, Any]) -> Iterator[tuple[Stack, Stack]]:
    """Yield (legacy, modern) over one database."""
    settings = stacks.settings_for(database, sinks, **overrides)
    engine = sync_engine(database)
    app = create_legacy(settings)
    legacy = Stack("legacy", "/api", settings, engine, wsgi_transport(app), app.extensions["services"], sinks)
    modern = create_modern(settings)
    with TestClient(modern, raise_server_exceptions=False) as client:
        send = stacks.asgi_transport(client)
        if database.startswith("sqlite"):
            send = checked(send, modern)
        yield legacy, Stack("modern", "/api/v2", settings, engine, send, modern.state.services, sinks)
    legacy.services.close()
    with app.app_context():
        db.engine.dispose()
    engine.dispose()


@pytest.fixture(scope="session")
def twins(open_twins: Callable[..., tuple[Stack, Stack]]) -> tuple[Stack, Stack]:
    return open_twins()


class TwinApi(Api):
    """An Api that the hook below moves from legacy to modern between the two runs of a case."""

    modern: Stack


@pytest.fixture
def api(twins: tuple[Stack, Stack]) -> Api:
    legacy, modern = twins
    legacy.start_over()
    twin = TwinApi(legacy)
    twin.modern = modern
    return twin


@pytest.fixture
def api_with(api: Api, open_twins: Callable[..., tuple[Stack, Stack]]) -> Iterator[Callable[..., Api]]:
    """Yield a function: the case's Api on a stack of the same name, with the fields of Settings it is given."""
    used: list[Stack] = []

    def made(**overrides: Any) -> Api:
        stack = next(twin for twin in open_twins(**overrides) if twin.name == api.stack.name)
        used.append(stack)
        return Api(stack, api.transcript)

    yield made
    for stack in used:
        stack.services.courier.drain(10)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    result = yield
    api = pyfuncitem.funcargs.get("api")
    if isinstance(api, TwinApi):
        said_by_legacy = comparable(api.transcript)
        api.stack, api.transcript = api.modern, []
        api.stack.start_over()
        names = pyfuncitem._fixtureinfo.argnames
        pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
        said_by_modern = comparable(api.transcript)
        assert said_by_legacy == said_by_modern
    return result


def wsgi_transport(app: Flask) -> Transport:
    """Return a transport to a WSGI application, with the raw target as gunicorn hands it over."""

    def send(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        path, _, query = target.partition("?")
        environ = create_environ(method=method, data=body)
        environ |= {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query, "RAW_URI": target}
        environ |= {"REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": "", "wsgi.input_terminated": True}
        if not any(name == "content-length" for name, _ in headers):
            environ.pop("CONTENT_LENGTH", None)
        for name, value in headers:
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key.startswith("HTTP_") and key in environ else value
        chunks, status, answered = run_wsgi_app(app, environ, buffered=True)
        return Answer(int(status.split()[0]), {k.lower(): v for k, v in answered.items()}, b"".join(chunks))

    return send
