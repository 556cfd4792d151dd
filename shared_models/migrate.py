"""The schema's revision: bring a database to the newest one, and refuse to work on any other."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from shared_models.engine import WRITES, sync_engine

__all__ = [
    "ForeignRevision",
    "check_revision",
    "expected_revision",
    "known_revisions",
    "revision_of",
    "upgrade",
    "upgrade_connection",
]

_SCRIPTS = Path(__file__).parent / "migrations"


class ForeignRevision(Exception):
    """The database is at another schema revision than this code; the text says which, and the remedy."""

    def __init__(self, found: str | None, expected: str) -> None:
        where = f"schema revision {found}" if found else "no schema"
        remedy = "run make up" if found is None else "run make up, or start the release that made it"
        super().__init__(f"The database has {where}, this release needs {expected}: {remedy}.")
        self.found = found
        self.expected = expected


def upgrade(url: str) -> None:
    """Bring the database to this release's schema. Two at once are safe: the second waits and finds nothing to do."""
    engine = sync_engine(url)
    try:
        with engine.connect().execution_options(**WRITES) as connection, connection.begin():
            upgrade_connection(connection)
    finally:
        engine.dispose()


def upgrade_connection(connection: Connection) -> None:
    """The same on a connection whose transaction is open and writes."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def expected_revision() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def known_revisions() -> frozenset[str]:
    """Return every revision that `upgrade` can start from, the newest among them."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def revision_of(engine: Engine) -> str | None:
    """Return the database's revision, None where there is no schema at all."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check_revision(url: str) -> None:
    """Raise ForeignRevision unless the database is at this release's revision."""
    engine = sync_engine(url)
    try:
        found, expected = revision_of(engine), expected_revision()
    finally:
        engine.dispose()
    if found != expected:
        raise ForeignRevision(found, expected)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
