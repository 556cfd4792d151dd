"""The change log of a SQLite file: triggers that copy the rows written into a table, and a reader of that table.

Values are copied as they are, into columns without a type, so nothing is lost on the way: no JSON in SQL, no limit of
127 arguments, floats and integers to the last bit. `changes()` and `last_insert_rowid()` stay as the app expects them,
since what a trigger does does not count there.

Rows that a write may have replaced are logged as candidates, and the reader finds out what became of them.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from parity.databases.folding import fold
from parity.databases.sqlite_schema import (
    OWN,
    Table,
    names_with_triggers,
    quoted,
    read_tables,
    virtual_tables,
)
from parity.databases.sqlite_triggers import LOG, same_row, trigger_statements
from parity.databases.sqlite_values import connect, json_row
from parity.values import ParityError, RowChange

__all__ = ["SqliteLog", "install"]

# What stands in a row of the log before the columns of `before`.
_HEAD = 4
_MOST_COLUMNS = (2000 - _HEAD) // 2


class SqliteLog:
    """Reads the log of one file. Its connection is opened at the first read, writes nothing and keeps no transaction."""

    def __init__(self, path: Path, tables: Sequence[Table], ignored: Sequence[str], skipped: tuple[str, ...]) -> None:
        self.skipped = skipped
        self._path = path
        self._tables = {table.name: table for table in tables}
        self._keys = {table.name: table.key for table in tables}
        self._ignored = ignored
        self._width = widest(tables)
        self._seq = 0
        self._schema: tuple[int, tuple[str, ...]] = (-1, ())
        self._opened: sqlite3.Connection | None = None

    def read(self) -> list[RowChange]:
        with self._asking():
            logged = self._new_rows()
            if any(operation == "candidate" for _, _, operation, *_ in logged):
                return self._read_with_candidates()
        return fold(self._changes(logged), self._keys) if logged else []

    def unwatched(self) -> tuple[str, ...]:
        with self._asking():
            (version,) = self._connection.execute("PRAGMA schema_version").fetchone()
            if version != self._schema[0]:
                self._schema = version, self._find_unwatched()
        return self._schema[1]

    def close(self) -> None:
        if self._opened:
            self._opened.close()
            self._opened = None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ParityError(
                f"{self._path}: its changes cannot be read ({error}); is the clone still there?"
            ) from None

    @property
    def _connection(self) -> sqlite3.Connection:
        # Not before the app has started: with a second connection open it could not change its journal mode.
        if self._opened is None:
            self._opened = connect(self._path)
            self._opened.execute("PRAGMA query_only = ON")
        return self._opened

    def _new_rows(self) -> list[tuple[Any, ...]]:
        # Fetched at once, so that the shared lock is gone when this returns and no writer waits for it.
        query = f"SELECT * FROM {LOG} WHERE seq > ? ORDER BY seq"  # noqa: S608
        return self._connection.execute(query, (self._seq,)).fetchall()

    def _read_with_candidates(self) -> list[RowChange]:
        """Return the net changes, with log and tables seen at one moment."""
        self._connection.execute("BEGIN")
        try:
            logged = list(self._resolved(self._new_rows()))
        finally:
            self._connection.execute("COMMIT")
        return fold(self._changes(logged), self._keys)

    def _resolved(self, logged: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
        """Yield the log with each candidate left out or turned into a delete.

        What comes next for that row tells: an insert, and it had been replaced; an update or a delete, and it had
        not. If nothing comes, the table is asked.
        """
        open_candidates: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for row in logged:
            table = self._tables[row[1]]
            if row[2] == "candidate":
                open_candidates.setdefault(self._place(table, row, row[_HEAD:]), row)
                self._seq = max(self._seq, row[0])
                continue
            image = row[_HEAD + self._width :] if row[2] == "insert" else row[_HEAD:]
            candidate = open_candidates.pop(self._place(table, row, image), None)
            if candidate and row[2] == "insert":
                yield _as_delete(candidate)
            yield row
        for candidate in open_candidates.values():
            if not self._is_there(self._tables[candidate[1]], candidate):
                yield _as_delete(candidate)

    def _place(self, table: Table, row: tuple[Any, ...], image: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what tells this row from all others of its table now."""
        if table.rowid:
            return table.name, row[3]
        return table.name, *(image[table.columns.index(column)] for column in table.key)

    def _is_there(self, table: Table, candidate: tuple[Any, ...]) -> bool:
        image = candidate[_HEAD : _HEAD + len(table.columns)]
        found = self._connection.execute(
            f"SELECT {_listed(table.columns)} FROM {quoted(table.name)} WHERE {same_row(table, '?')}",  # noqa: S608
            self._place(table, candidate, image)[1:],
        ).fetchone()
        return bool(found == image)

    def _changes(self, logged: Iterable[tuple[Any, ...]]) -> Iterable[RowChange]:
        for seq, name, operation, _, *images in logged:
            columns = self._tables[name].columns
            before = None if operation == "insert" else json_row(columns, images)
            after = None if operation == "delete" else json_row(columns, images[self._width :])
            self._seq = max(self._seq, seq)
            yield RowChange(name, operation, before, after)

    def _find_unwatched(self) -> tuple[str, ...]:
        watched = names_with_triggers(self._connection)
        return tuple(
            table.name
            for table in read_tables(self._connection)
            if not is_ignored(table.name, self._ignored)
            and (
                table.name not in watched
                or table.name not in self._tables
                or table.columns != self._tables[table.name].columns
            )
        )


def install(path: Path, ignore_tables: Sequence[str]) -> SqliteLog:
    """Put log and triggers into the file, in place of those that may be there, and return a reader of the log."""
    with closing(connect(path)) as connection:
        tables = [table for table in read_tables(connection) if not is_ignored(table.name, ignore_tables)]
        _refuse_too_wide(tables)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        for (name,) in _own_triggers(connection):
            connection.execute(f"DROP TRIGGER {quoted(name)}")
        connection.execute(f"DROP TABLE IF EXISTS {LOG}")
        images = "".join(f", {side}{number}" for side in "ba" for number in range(widest(tables)))
        connection.execute(f"CREATE TABLE {LOG} (seq INTEGER PRIMARY KEY, relation, operation, row{images})")
        for table in tables:
            for statement in trigger_statements(table):
                connection.execute(statement)
        connection.execute("COMMIT")
        return SqliteLog(path, tables, ignore_tables, virtual_tables(connection))


def is_ignored(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def widest(tables: Sequence[Table]) -> int:
    return max((len(table.columns) for table in tables), default=0)


def _refuse_too_wide(tables: Sequence[Table]) -> None:
    for table in tables:
        if len(table.columns) > _MOST_COLUMNS:
            raise ParityError(
                f'Table "{table.name}" has {len(table.columns)} columns and at most {_MOST_COLUMNS} can be watched; '
                "put it into ignore_tables."
            )


def _own_triggers(connection: sqlite3.Connection) -> list[tuple[str]]:
    found = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND substr(name, 1, ?) = ?", (len(OWN), OWN)
    )
    return found.fetchall()


def _as_delete(candidate: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*candidate[:2], "delete", *candidate[3:])


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(quoted(column) for column in columns)
