"""Whether the database lets anybody write, and if not, who holds it: a process that was stopped in the middle of a write.

SQLite has no server that could end such a process, and nobody else can write until it goes on or dies. PostgreSQL ends
its session by itself after a while.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from shared_models.engine import WRITES, is_unavailable, sync_engine

__all__ = ["Blocked", "blocked"]

_PATIENCE_S = 1.0
_LOCKS = Path("/proc/locks")
# Where a writer in WAL mode locks the file beside the database: sqlite.org/walformat.html, "WAL locks".
_WRITER_BYTE = "120"
# Sessions that hold a lock of the application and are in a transaction: that of the writers is the only such lock.
_HOLDERS = text(
    "SELECT a.pid, a.state FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND a.state <> 'idle' AND a.datname = current_database()"
)


@dataclass(frozen=True)
class Blocked:
    """Nobody can write. `pid` is of the process, or on PostgreSQL of the session, that holds the lock; None if unknown."""

    pid: int | None
    holder: str
    remedy: str


def blocked(url: str, owner: str | None) -> Blocked | None:
    """Return who blocks writers, None where a write can begin within a second. `owner` is the process of the lease."""
    engine = sync_engine(url, timeout_s=_PATIENCE_S)
    try:
        with engine.connect().execution_options(**WRITES) as connection, connection.begin():
            return None
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        return _in_postgresql(engine) if engine.dialect.name == "postgresql" else _in_sqlite(engine, owner)
    finally:
        engine.dispose()


def _in_postgresql(engine: Engine) -> Blocked:
    with engine.connect() as connection:
        held = connection.execute(_HOLDERS).first()
    if held is None:
        return Blocked(None, "nobody that holds it can be seen any more", "look again")
    remedy = f"wait until the server ends it, or type: psql -c 'SELECT pg_terminate_backend({held.pid})'"
    return Blocked(held.pid, f"the server's session {held.pid} ({held.state})", remedy)


def _in_sqlite(engine: Engine, owner: str | None) -> Blocked:
    pid = _writer_of(Path(f"{engine.url.database}-shm"))
    if pid is not None:
        who = ", the scheduler's owner" if owner and f":{pid}:" in owner else ""
        stopped = ", which is stopped" if _is_stopped(pid) else ""
        return Blocked(pid, f"process {pid}{who}{stopped}", f"end it, what it began is undone: kill -9 {pid}")
    if owner:
        _stack, host, likely, *_ = owner.split(":")
        remedy = f"if it is stopped, end it, what it began is undone: kill -9 {likely} (on {host})"
        return Blocked(int(likely), f"probably the scheduler's owner, process {likely} on {host}", remedy)
    return Blocked(None, "no process of this machine that can be seen", f"end what has {engine.url.database} open")


def _writer_of(shared: Path) -> int | None:
    """Return the process that holds the writers' lock, None where the system does not tell."""
    with suppress(OSError):
        inode = str(shared.stat().st_ino)
        for line in _LOCKS.read_text().splitlines():
            _number, kind, _advice, mode, pid, file, first, *_ = line.replace("-> ", "").split()
            if (kind, mode, file.rpartition(":")[2], first) == ("POSIX", "WRITE", inode, _WRITER_BYTE) and int(pid) > 0:
                return int(pid)
    return None


def _is_stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"T", "t"}
    return False
