"""Noticing that another process wrote, and that the owner died: hints that shorten a wait, never a proof of anything.

On SQLite a counter of the file is polled (2 us a look) and the owner holds a `flock`; on PostgreSQL the triggers of the
migration notify, and the owner holds an advisory lock of its session. The kernel and the server let go of those when the
process dies, at once and whatever it was doing.
"""

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Engine

__all__ = ["Changes", "watch_changes"]

_LOOK_S: Final = 0.025
_OWNER_LOCK: Final = 7_061_935


class Changes(Protocol):
    """Used by one thread, but for `wake`."""

    def wait(self, timeout_s: float) -> bool:
        """Return early, with True, when something may have been written; False after `timeout_s`, or when woken."""
        ...

    def wake(self) -> None:
        """End a wait; from any thread, and from a signal handler."""
        ...

    def hold(self) -> bool:
        """Hold the mark of an owner that lives; False while another holds it."""
        ...

    def is_free(self) -> bool:
        """Whether nobody holds the mark."""
        ...

    def drop(self) -> None: ...

    def close(self) -> None: ...


def watch_changes(engine: Engine) -> Changes:
    """Return what fits the engine's database. Nothing is opened before the first use."""
    return _SqliteChanges(engine) if engine.dialect.name == "sqlite" else _PostgresChanges(engine)


class _SqliteChanges:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._path = Path(f"{engine.url.database}.scheduler")
        self._woken = threading.Event()
        self._connection: Any = None
        self._version: int | None = None
        self._file: int | None = None

    def wait(self, timeout_s: float) -> bool:
        ends = time.monotonic() + timeout_s
        while not self._changed():
            left = ends - time.monotonic()
            if left <= 0:
                return False
            if self._woken.wait(min(left, _LOOK_S)):
                self._woken.clear()
                return False
        return True

    def wake(self) -> None:
        self._woken.set()

    def hold(self) -> bool:
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def is_free(self) -> bool:
        free = self.hold()
        self.drop()
        return free

    def drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close(self) -> None:
        self.drop()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _changed(self) -> bool:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        try:
            (version,) = self._connection.driver_connection.execute("PRAGMA data_version").fetchone()
        except Exception:
            self.close()
            raise
        former, self._version = self._version, version
        return bool(version != former)


class _PostgresChanges:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._woken = threading.Event()
        self._connection: Any = None
        self._held: bool = False

    def wait(self, timeout_s: float) -> bool:
        if self._woken.is_set():
            self._woken.clear()
            return False
        return any(True for _ in self._session().notifies(timeout=timeout_s, stop_after=1))

    def wake(self) -> None:
        self._woken.set()

    def hold(self) -> bool:
        if not self._held:
            self._held = self._ask("SELECT pg_try_advisory_lock(%s)")
        return bool(self._held)

    def is_free(self) -> bool:
        free = self.hold()
        self.drop()
        return free

    def drop(self) -> None:
        if self._held:
            self._ask("SELECT pg_advisory_unlock(%s)")
            self._held = False

    def close(self) -> None:
        connection, self._connection, self._held = self._connection, None, False
        if connection is not None:
            connection.close()

    def _ask(self, statement: str) -> bool:
        return bool(self._session().execute(statement, (_OWNER_LOCK,)).fetchone()[0])

    def _session(self) -> Any:
        """Return the connection that listens, opened anew after the server closed it."""
        if self._connection is not None and self._connection.closed:
            self.close()
        if self._connection is None:
            pooled = self._engine.raw_connection()
            connection: Any = pooled.driver_connection
            # It stays open for as long as the process lives, so that it is none of the pool's.
            pooled.detach()
            connection.autocommit = True
            connection.execute("LISTEN scheduler")
            self._connection = connection
        return self._connection
