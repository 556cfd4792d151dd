"""SQLite files as databases: cloned through the backup API, which copies one moment while others write."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from parity.databases.addresses import kind_of, sqlite_path
from parity.databases.interface import ChangeLog
from parity.databases.sqlite_log import install
from parity.databases.sqlite_schema import OWN, Table, ids_of, quoted, read_tables
from parity.databases.sqlite_values import connect, json_row
from parity.values import ParityError

__all__ = ["SqliteDatabase"]

_BESIDE = ("", "-wal", "-shm", "-journal")
_OLDEST = (3, 37, 0)


class SqliteDatabase:
    """One file, and the write-ahead log that may lie beside it."""

    def __init__(self, url: str) -> None:
        """Raise ParityError if there is no SQLite file."""
        if sqlite3.sqlite_version_info < _OLDEST:
            raise ParityError(f"SQLite {sqlite3.sqlite_version} is too old; use a Python with SQLite 3.37 or later.")
        self.url = url
        self.path = sqlite_path(url)
        if not self.path.is_file():
            raise ParityError(f"{self.path}: there is no such database; correct its URL or make it first.")
        self.tables()

    def clone(self, url: str, *, live: bool = False) -> "SqliteDatabase":
        """Return a copy in the file of `url`. The backup API serves for a live one as well."""
        if kind_of(url) != "sqlite":
            raise ParityError(f'The clone of a SQLite database cannot be at "{url}"; use sqlite:///PATH.')
        target = sqlite_path(url)
        if target.exists():
            raise ParityError(f"{target}: is already there; remove it, or clone to another path.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with closing(connect(self.path)) as source, closing(sqlite3.connect(target)) as copy:
                # A clone need not survive a power cut; and no page is looked at twice, so a small cache is the faster one.
                copy.execute("PRAGMA synchronous = OFF")
                for connection in (source, copy):
                    connection.execute("PRAGMA cache_size = 10")
                source.backup(copy)
        except (sqlite3.Error, OSError) as error:
            _remove(target)
            raise ParityError(
                f"{self.path}: cannot be copied to {target} ({error}); is there room and leave?"
            ) from None
        return SqliteDatabase(url)

    def watch(self, ignore_tables: Sequence[str] = ()) -> ChangeLog:
        try:
            return install(self.path, ignore_tables)
        except sqlite3.Error as error:
            raise ParityError(f"{self.path}: cannot be watched ({error}); stop what else uses it.") from None

    def digest(self) -> str:
        summary = hashlib.sha256()
        with _reading(self.path) as connection:
            connection.execute("BEGIN")
            for row in _everything(connection):
                summary.update(ascii(row).encode("ascii"))
        return summary.hexdigest()

    def tables(self) -> list[str]:
        with _reading(self.path) as connection:
            return [table.name for table in read_tables(connection)]

    def rows(self, table: str) -> Iterator[Mapping[str, Any]]:
        with _reading(self.path) as connection:
            found = next((known for known in read_tables(connection) if known.name == table), None)
            if found is None:
                raise ParityError(f'{self.path}: has no table "{table}".')
            for row in _select(connection, found):
                yield json_row(found.columns, row)

    def references(self) -> Mapping[tuple[str, str], str]:
        with _reading(self.path) as connection:
            return ids_of(connection, read_tables(connection))

    def drop(self) -> None:
        _remove(self.path)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(connect(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise ParityError(f"{path}: cannot be read as SQLite ({error}); correct its URL.") from None


def _remove(path: Path) -> None:
    for suffix in _BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _everything(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Yield the schema, where automatic ids go on, and all rows."""
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE substr(name, 1, ?) <> ? ORDER BY type, name"
    yield from connection.execute(schema, (len(OWN), OWN)).fetchall()
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
        yield from connection.execute("SELECT name, seq FROM sqlite_sequence ORDER BY name").fetchall()
    for table in read_tables(connection):
        yield (table.name,)
        yield from _select(connection, table)


def _select(connection: sqlite3.Connection, table: Table) -> sqlite3.Cursor:
    columns = ", ".join(quoted(column) for column in table.columns)
    return connection.execute(f"SELECT {columns} FROM {quoted(table.name)} ORDER BY {table.order}")  # noqa: S608
