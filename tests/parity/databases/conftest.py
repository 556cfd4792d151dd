"""One PostgreSQL server for all tests of databases, and fresh databases of either kind on demand."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, make_url

from parity.databases import Database, open_database
from parity.databases.addresses import server_of
from tests.contract.stacks import postgres

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Yield the URL of a server's own database."""
    with tempfile.TemporaryDirectory(prefix="databases-") as folder, postgres(Path(folder)) as url:
        yield url


@dataclass
class Ground:
    """Makes databases of one kind, and drops them all at the end."""

    kind: str
    folder: Path
    server: str
    urls: list[str] = field(default_factory=list)

    def url(self) -> str:
        """Return the address of a database that is not there yet."""
        name = f"ground_{next(_NUMBERS)}"
        if self.kind == "sqlite":
            url = f"sqlite:///{self.folder}/{name}.db"
        else:
            url = make_url(self.server).set(database=name).render_as_string(hide_password=False)
        self.urls.append(url)
        return url

    def make(self, *statements: str) -> Database:
        """Return a new database in which these statements were run."""
        url = self.url()
        if self.kind == "postgresql":
            with connect(self.server) as connection:
                connection.execute(f"CREATE DATABASE {server_of(url).database}")
        run(url, *statements)
        return open_database(url)

    def drop_all(self) -> None:
        if self.kind == "postgresql":
            with connect(self.server) as connection:
                for url in self.urls:
                    connection.execute(f"DROP DATABASE IF EXISTS {server_of(url).database} WITH (FORCE)")


def connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(autocommit=True, **dict(server_of(url).parameters))


def run(url: str, *statements: str) -> None:
    """Run the statements as an app would, each committed for itself."""
    engine = create_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    server = request.getfixturevalue("server") if request.param == "postgresql" else ""
    ground = Ground(request.param, tmp_path, server)
    yield ground
    ground.drop_all()


@pytest.fixture
def make(ground: Ground) -> Callable[..., Database]:
    return ground.make
