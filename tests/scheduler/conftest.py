"""Databases and sinks that live as long as a test process, for tests that run whole schedulers in it."""

from collections.abc import Iterator

import pytest

from tests.contract import stacks
from tests.scheduler.running import Place


@pytest.fixture(scope="session")
def sinks() -> Iterator[stacks.Sinks]:
    with stacks.open_sinks() as sinks:
        yield sinks


@pytest.fixture(scope="session")
def sqlite() -> Iterator[str]:
    with stacks.database_url("sqlite") as url:
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with stacks.database_url("postgresql") as url:
        yield url


@pytest.fixture
def place(sqlite: str, sinks: stacks.Sinks) -> Iterator[Place]:
    """Yield a place on SQLite."""
    with Place.open(sqlite, sinks) as place:
        yield place


@pytest.fixture
def postgresql_place(postgresql: str, sinks: stacks.Sinks) -> Iterator[Place]:
    with Place.open(postgresql, sinks) as place:
        yield place


@pytest.fixture(params=stacks.DATABASES)
def each_place(request: pytest.FixtureRequest, sinks: stacks.Sinks) -> Iterator[Place]:
    """Yield a place on each database in turn."""
    with Place.open(request.getfixturevalue(request.param), sinks) as place:
        yield place
