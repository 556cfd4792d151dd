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
        if self._file is None:
            self._file = _lock(self._path, fcntl.LOCK_EX)
        return self._file is not None

    def is_free(self) -> bool:
        # Shared, so that those who look do not see each other.
        file = _lock(self._path, fcntl.LOCK_SH)
        if file is not None:
            os.close(file)
        return file is not None

    def drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close(self) -> None:
        self.drop()
        if self._connection is not None:
            self._connection.close()
            # The numbers of two connections have nothing to do with each other.
            self._connection = self._version = None

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
        if self._connection is None or self._connection.closed:
            self._session()
            # What was notified before, nobody heard.
            return True
        return any(True for _ in self._session().notifies(timeout=timeout_s, stop_after=1))

    def wake(self) -> None:
        self._woken.set()

    def hold(self) -> bool:
        if not self._held:
            self._held = self._ask("SELECT pg_try_advisory_lock(%s)")
        return bool(self._held)

    def is_free(self) -> bool:
        free = self._ask("SELECT pg_try_advisory_lock_shared(%s)")
        if free:
            self._ask("SELECT pg_advisory_unlock_shared(%s)")
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


def _lock(path: Path, kind: int) -> int | None:
    """Return the file, open and locked; None where another's lock, or the system, is in the way."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        # As another user's file. Then nobody's death is seen before a TTL is over.
        return None
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
