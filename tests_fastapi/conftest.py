"""The contract's cases and FastAPI's own tests, on the modern stack alone; each answer is held against its document."""

from collections.abc import Iterator, Sequence

import pytest
from starlette.testclient import TestClient

from fastapi_app.app import create_app
from shared_models.engine import sync_engine
from tests.contract import stacks, world
from tests.contract.api import Answer, Api, Stack
from tests_fastapi.openapi_check import OpenApiCheck


@pytest.fixture(scope="session", params=stacks.DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@pytest.fixture(scope="session")
def stack(database: str) -> Iterator[Stack]:
    settings = stacks.settings_for(database)
    engine = sync_engine(database)
    app = create_app(settings)
    check = OpenApiCheck(app, "/api/v2")
    with TestClient(app, raise_server_exceptions=False) as client:
        ask = stacks.asgi_transport(client)

        def send(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
            answer = ask(method, target, headers, body)
            check(method, target, answer)
            return answer

        yield Stack("modern", "/api/v2", settings, engine, send)
    engine.dispose()


@pytest.fixture
def api(stack: Stack) -> Api:
    world.reset(stack.engine)
    return Api(stack)
