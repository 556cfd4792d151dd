"""The contract's cases and FastAPI's own tests, on the modern stack alone; each answer is held against its document.

While both stacks are here the cases run on both at once, in tests_flask, and are not collected here unless they are named.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fastapi_app.app import create_app
from shared_models.engine import sync_engine
from tests.contract import stacks
from tests.contract.api import Api, Stack
from tests.contract.openapi_check import checked

ROOT = Path(__file__).resolve().parents[1]
BOTH_STACKS = (ROOT / "tests_flask").exists()
DATABASES = ("sqlite",) if BOTH_STACKS else stacks.DATABASES
collect_ignore_glob = ["test_contract_*.py"] if BOTH_STACKS else []


@pytest.fixture(scope="session", params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@pytest.fixture(scope="session")
def sinks() -> Iterator[stacks.Sinks]:
    with stacks.open_sinks() as sinks:
        yield sinks


@pytest.fixture(scope="session")
def open_stack(database: str, sinks: stacks.Sinks) -> Iterator[Callable[..., Stack]]:
    """Yield a function that returns a stack with the settings it is given; made once, gone with the session."""
    with ExitStack() as opened:
        yield cache(lambda **overrides: opened.enter_context(_stack(database, sinks, overrides)))


@contextmanager
def _stack(database: str, sinks: stacks.Sinks, overrides: dict[str, Any]) -> Iterator[Stack]:
    settings = stacks.settings_for(database, sinks, **overrides)
    engine = sync_engine(database)
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        send = checked(stacks.asgi_transport(client), app)
        yield Stack("modern", "/api/v2", settings, engine, send, app.state.services, sinks)
    engine.dispose()


@pytest.fixture(scope="session")
def stack(open_stack: Callable[..., Stack]) -> Stack:
    return open_stack()


@pytest.fixture
def api(stack: Stack) -> Api:
    stack.start_over()
    return Api(stack)


@pytest.fixture
def api_with(api: Api, open_stack: Callable[..., Stack]) -> Iterator[Callable[..., Api]]:
    """Yield a function: the case's Api on a stack with the fields of Settings it is given."""
    used: list[Stack] = []

    def made(**overrides: Any) -> Api:
        used.append(open_stack(**overrides))
        return Api(used[-1], api.transcript)

    yield made
    for stack in used:
        stack.services.courier.drain(10)
