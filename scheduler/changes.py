"""Noticing that another process wrote, and that the owner died: hints that shorten a wait, never a proof of anything.

On SQLite a counter of the file is polled (2 us a look), and each process holds a `flock` on a file of its own beside the
database; on PostgreSQL the triggers of the migration notify, and each process holds an advisory lock of its session. The
kernel and the server let go of those marks when the process dies, at once and whatever it was doing.
"""

import fcntl
import os
import re
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Engine

__all__ = ["Changes", "watch_changes"]

_LOOK_S: Final = 0.025
_MARKS: Final = 7_061_935


class Changes(Protocol):
    """Used by one thread, but for `wake`."""

    def wait(self, timeout_s: float) -> bool:
        """Return early, with True, when something may have been written; False after `timeout_s`, or when woken."""
        ...

    def wake(self) -> None:
        """End a wait; from any thread, and from a signal handler."""
        ...

    def live(self, process: str) -> None:
        """Hold this process's mark, for as long as it lives. Calling it again costs nothing."""
        ...

    def is_dead(self, process: str) -> bool:
        """Whether that process is gone for sure: its mark is there, and nobody holds it."""
        ...

    def forget_dead(self) -> None:
        """Remove the marks of dead processes; for a new owner, since nobody waits for an older one's death any more."""
        ...

    def close(self) -> None: ...


def watch_changes(engine: Engine) -> Changes:
    """Return what fits the engine's database. Nothing is opened before the first use."""
    return _SqliteChanges(engine) if engine.dialect.name == "sqlite" else _PostgresChanges(engine)


class _SqliteChanges:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._marks = Path(f"{engine.url.database}.processes")
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

    def live(self, process: str) -> None:
        if self._file is not None:
            return
        # Where no mark can be made, as in another user's folder, nobody's death is seen before a TTL is over.
        with suppress(OSError):
            self._marks.mkdir(mode=0o700, exist_ok=True)
            self._file = _lock(self._mark(process), os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX)

    def is_dead(self, process: str) -> bool:
        return _is_unlocked(self._mark(process))

    def forget_dead(self) -> None:
        with suppress(OSError):
            for mark in self._marks.iterdir():
                if _is_unlocked(mark):
                    mark.unlink()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
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

    def _mark(self, process: str) -> Path:
        return self._marks / re.sub(r"[^\w.-]", "-", process)


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

    def live(self, process: str) -> None:
        if not self._held:
            self._held = self._ask("SELECT pg_try_advisory_lock(%s, %s)", process)

    def is_dead(self, process: str) -> bool:
        # Shared, so that those who look do not see each other.
        dead = self._ask("SELECT pg_try_advisory_lock_shared(%s, %s)", process)
        if dead:
            self._ask("SELECT pg_advisory_unlock_shared(%s, %s)", process)
        return dead

    def forget_dead(self) -> None:
        pass

    def close(self) -> None:
        connection, self._connection, self._held = self._connection, None, False
        if connection is not None:
            connection.close()

    def _ask(self, statement: str, process: str) -> bool:
        keys = (_MARKS, zlib.crc32(process.encode()) & 0x7FFFFFFF)
        return bool(self._session().execute(statement, keys).fetchone()[0])

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


def _is_unlocked(mark: Path) -> bool:
    """Whether the file is there and nobody holds it; those who look at the same time do not see each other."""
    try:
        os.close(_lock(mark, os.O_RDWR, fcntl.LOCK_SH))
    except OSError:
        return False
    return True


def _lock(path: Path, how: int, kind: int) -> int:
    """Return the file, open and locked. Raise OSError where another's lock, or the system, is in the way."""
    file = os.open(path, how, 0o600)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file
