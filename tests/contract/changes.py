"""Tells whether anything was written to a database since it was looked at last, for less than looking at it again costs."""

from functools import cache
from typing import Any

from sqlalchemy import Engine, event

__all__ = ["mark"]

# SQLite counts what other connections commit. PostgreSQL numbers transactions that write, and shows which have ended.
_QUESTION = {"sqlite": "PRAGMA data_version", "postgresql": "SELECT pg_current_snapshot()::text"}


def mark(engine: Engine) -> Any:
    """Return a value that equals a former one only if nothing was committed in between, by whatever process.

    Where the database cannot be asked, the value equals no other.
    """
    watch = _watch(engine)
    try:
        return watch.ask(_QUESTION[engine.dialect.name])
    except engine.dialect.loaded_dbapi.Error:
        watch.close()
        return object()


class _Watch:
    """A connection of the driver, never in a transaction, which would see the same for ever. It goes with its engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Any = None
        event.listen(engine, "engine_disposed", lambda _engine: self.close())

    def ask(self, question: str) -> Any:
        if self._connection is None:
            arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
            # SQLite's checks where it was opened, which a session's fixture and a case do in different threads.
            options |= {"check_same_thread": False} if self._engine.dialect.name == "sqlite" else {"autocommit": True}
            self._connection = self._engine.dialect.connect(*arguments, **options)
        return self._connection.execute(question).fetchone()[0]

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_watch = cache(_Watch)
