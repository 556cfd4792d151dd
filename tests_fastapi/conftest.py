"""The contract's cases and FastAPI's own tests, on the modern stack alone."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from fastapi_app.app import create_app
from shared_models.engine import sync_engine
from tests.contract import stacks, world
from tests.contract.api import Api, Stack


@pytest.fixture(scope="session", params=stacks.DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@pytest.fixture(scope="session")
def stack(database: str) -> Iterator[Stack]:
    settings = stacks.settings_for(database)
    engine = sync_engine(database)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield Stack("modern", "/api/v2", settings, engine, stacks.asgi_transport(client))
    engine.dispose()


@pytest.fixture
def api(stack: Stack) -> Api:
    world.reset(stack.engine)
    return Api(stack)
