"""Engines from one URL, sync and async, with the recipe under which neither database loses an update.

SQLite's defaults lose updates silently, and a deferred BEGIN fails with "database is locked" whatever the timeout
says. So the driver's own transactions are off and each one begins here: `BEGIN IMMEDIATE` for a writing session, `BEGIN`
for a reading one. On PostgreSQL a writing session takes one advisory lock instead: on both databases a check and the
write that follows it are one step, which is what rules such as "the last active admin stays" rest on.
"""

import sqlite3
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ["WRITES", "async_engine", "engine_options", "install_recipe", "is_unavailable", "sync_engine"]

WRITES: Final = {"writes": True}
"""Execution options of a connection that is going to write: `session.connection(execution_options=WRITES)`."""

_TIMEOUT_S: Final = 30.0
_IDLE_S: Final = 60.0
_WRITER_LOCK = 7_061_934


def sync_engine(
    url: str, *, synchronous: str = "NORMAL", timeout_s: float = _TIMEOUT_S, idle_s: float = _IDLE_S
) -> Engine:
    engine = create_engine(url, **engine_options(url, timeout_s=timeout_s, idle_s=idle_s))
    install_recipe(engine, synchronous=synchronous)
    return engine


def async_engine(url: str, *, synchronous: str = "NORMAL", timeout_s: float = _TIMEOUT_S) -> AsyncEngine:
    """Return the async engine of the same URL: aiosqlite for SQLite (pooled), psycopg for PostgreSQL."""
    options = engine_options(url, timeout_s=timeout_s)
    engine = create_async_engine(url.replace("sqlite://", "sqlite+aiosqlite://", 1), **options)
    install_recipe(engine.sync_engine, synchronous=synchronous)
    return engine


def engine_options(url: str, *, timeout_s: float = _TIMEOUT_S, idle_s: float = _IDLE_S) -> dict[str, Any]:
    """Return the keyword arguments of `create_engine` for this URL.

    `timeout_s` bounds each wait: for a lock, for a connection of the pool, for the server to let us in. After `idle_s`
    without a statement inside a transaction PostgreSQL ends the session, and with it whatever a stopped process held.
    """
    # Parameters hold password hashes and webhook URLs, and errors end up in logs.
    common = {"pool_size": 10, "max_overflow": 20, "pool_timeout": timeout_s, "hide_parameters": True}
    if url.startswith("sqlite"):
        return {**common, "connect_args": {"timeout": timeout_s}}
    connect_args = {
        "connect_timeout": max(2, round(timeout_s)),
        "options": _postgres_session(timeout_s, idle_s),
        # A network that falls silent is noticed within the same time, not after the kernel's quarter of an hour.
        "tcp_user_timeout": round(timeout_s * 1000),
        "keepalives_idle": max(1, round(timeout_s / 3)),
        "keepalives_interval": max(1, round(timeout_s / 6)),
        "keepalives_count": 3,
    }
    # The server may have gone away while a connection lay in the pool: ask before use, not after a failure.
    return {**common, "connect_args": connect_args, "pool_pre_ping": True}


def install_recipe(engine: Engine, *, synchronous: str = "NORMAL") -> None:
    """Make every connection and every transaction of the engine follow the recipe above."""
    if engine.dialect.name != "sqlite":
        event.listen(engine, "begin", _begin_postgres)
        return

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", _begin_sqlite)


def is_unavailable(error: BaseException) -> bool:
    """Tell whether the database is unreachable or stayed locked, as against a mistake of ours."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    # SQLite calls wrong SQL and missing tables operational as well.
    return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def _postgres_session(timeout_s: float, idle_s: float) -> str:
    lock_ms, idle_ms = round(timeout_s * 1000), round(idle_s * 1000)
    limits = {"lock_timeout": lock_ms, "statement_timeout": 2 * lock_ms, "idle_in_transaction_session_timeout": idle_ms}
    return " ".join(f"-c {name}={milliseconds}" for name, milliseconds in limits.items())


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
