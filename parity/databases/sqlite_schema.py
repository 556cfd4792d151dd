"""What a SQLite file holds, as its PRAGMAs tell it: tables, columns, keys, unique indexes, foreign keys. Reads only."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from parity.databases.folding import entities

__all__ = ["OWN", "Table", "ids_of", "literal", "names_with_triggers", "quoted", "read_tables", "virtual_tables"]

OWN = "_parity_"
"""How everything begins that watching adds to a file."""


@dataclass(frozen=True)
class Unique:
    """Columns with the collation under which they are unique together."""

    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """An ordinary table. `rowid` is the name under which its rowid can be asked for, "" in a WITHOUT ROWID table."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rowid: str
    uniques: tuple[Unique, ...]

    @cached_property
    def order(self) -> str:
        """What to sort by, so that clones give their rows in one order."""
        return ", ".join(map(quoted, self.key)) or self.rowid or ", ".join(map(quoted, self.columns))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def read_tables(connection: sqlite3.Connection) -> list[Table]:
    """Return the app's tables, sorted by name; not the virtual ones, SQLite's own, nor those of watching."""
    listed = connection.execute("PRAGMA main.table_list").fetchall()
    return [
        _table(connection, name, bool(without_rowid))
        for _, name, kind, _, without_rowid, _ in sorted(listed, key=lambda row: str(row[1]))
        if kind == "table" and not name.startswith(("sqlite_", OWN))
    ]


def virtual_tables(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the names of virtual tables (full-text search and the like), which take no triggers."""
    listed = connection.execute("PRAGMA main.table_list").fetchall()
    return tuple(sorted(name for _, name, kind, *_ in listed if kind == "virtual"))


def names_with_triggers(connection: sqlite3.Connection) -> set[str]:
    """Return the tables that watching's triggers are on."""
    found = connection.execute(
        "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND substr(name, 1, ?) = ?", (len(OWN), OWN)
    )
    return {name for (name,) in found}


def ids_of(connection: sqlite3.Connection, tables: list[Table]) -> Mapping[tuple[str, str], str]:
    """Return (table, column) -> table whose ids it holds."""
    # Names in a REFERENCES clause may be spelled in another case than the table they mean.
    spelled = {table.name.lower(): table for table in tables}
    foreign: dict[tuple[str, str], tuple[str, str]] = {}
    for table in tables:
        for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table.name)})").fetchall():
            _, place, target, column, to, *_ = row
            parent = spelled.get(target.lower())
            if parent is None or (to is None and place >= len(parent.key)):
                continue
            meant = parent.key[place] if to is None else _column(parent, to)
            foreign[table.name, _column(table, column)] = (parent.name, meant)
    return entities({table.name: table.key for table in tables}, foreign)


def _table(connection: sqlite3.Connection, name: str, without_rowid: bool) -> Table:
    described = connection.execute(f"PRAGMA main.table_xinfo({quoted(name)})").fetchall()
    columns = tuple(column for _, column, *_ in described)
    key = tuple(row[1] for row in sorted(described, key=lambda row: int(row[5])) if row[5])
    lowered = {column.lower() for column in columns}
    free = next((alias for alias in ("rowid", "_rowid_", "oid") if alias not in lowered), "")
    uniques, has_key_index = _uniques(connection, name)
    # A key without an index of its own is the rowid under another name.
    if key and not has_key_index:
        uniques.append(Unique(((key[0], "BINARY"),)))
        free = quoted(key[0])
    rowid = "" if without_rowid else free
    # Without a name for its rows, a table cannot be asked whether one of them was replaced.
    return Table(name, columns, key, rowid, tuple(uniques) if rowid or key else ())


def _uniques(connection: sqlite3.Connection, table: str) -> tuple[list[Unique], bool]:
    """Return the unique indexes over plain columns, and whether one of them is the primary key's."""
    found: list[Unique] = []
    has_key_index = False
    for _, index, unique, origin, _ in connection.execute(f"PRAGMA main.index_list({quoted(table)})").fetchall():
        has_key_index = has_key_index or origin == "pk"
        parts = connection.execute(f"PRAGMA main.index_xinfo({quoted(index)})").fetchall()
        columns = tuple((name, collation) for _, _, name, _, collation, is_key in parts if is_key)
        # An index over an expression has no column to look the row up by.
        if unique and all(name is not None for name, _ in columns):
            found.append(Unique(columns))
    return found, has_key_index


def _column(table: Table, name: str) -> str:
    return next((column for column in table.columns if column.lower() == name.lower()), name)
