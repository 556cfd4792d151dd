"""The triggers that watch the tables of a SQLite file, as SQL text.

`INSERT OR REPLACE` deletes rows without firing a trigger. So before a write every row that it might replace is logged
as a *candidate*, by its unique columns; what became of it is for the reader to find out.
"""

from collections.abc import Iterable

from parity.databases.sqlite_schema import OWN, Table, Unique, literal, quoted

__all__ = ["LOG", "same_row", "trigger_statements"]

LOG = f"{OWN}changes"
"""The table they fill: seq, relation, operation, row (the rowid), then the columns of `before` and of `after`."""


def trigger_statements(table: Table) -> Iterable[str]:
    """Yield the statements that watch one table.

    SQLite fires the youngest trigger first, so a row is logged before the app's own triggers change it again.
    """
    yield _trigger(table, "insert", "AFTER INSERT", _copy(table, "insert", after="NEW"))
    yield _trigger(table, "update", "AFTER UPDATE", _copy(table, "update", before="OLD", after="NEW"))
    yield _trigger(table, "delete", "AFTER DELETE", _copy(table, "delete", before="OLD"))
    if table.uniques:
        inserted = "; ".join(_candidates(table, unique, "") for unique in table.uniques)
        yield _trigger(table, "replace", "BEFORE INSERT", inserted)
        other = f" AND NOT ({same_row(table, 'OLD.')})"
        updated = "; ".join(_candidates(table, unique, other) for unique in table.uniques)
        yield _trigger(table, "replace_by_update", "BEFORE UPDATE", updated)


def _trigger(table: Table, name: str, event: str, body: str) -> str:
    return f"CREATE TRIGGER {quoted(f'{OWN}{name}_{table.name}')} {event} ON {quoted(table.name)} BEGIN {body}; END"


def _copy(table: Table, operation: str, *, before: str = "", after: str = "") -> str:
    sides = [(side, image) for side, image in (("b", before), ("a", after)) if image]
    names = [f"{side}{number}" for side, _ in sides for number in range(len(table.columns))]
    values = [f"{image}.{quoted(column)}" for _, image in sides for column in table.columns]
    row = f"{before or after}.{table.rowid}" if table.rowid else "NULL"
    return (
        f"INSERT INTO {LOG} (relation, operation, row, {', '.join(names)}) "  # noqa: S608
        f"VALUES ({literal(table.name)}, {literal(operation)}, {row}, {', '.join(values)})"
    )


def _candidates(table: Table, unique: Unique, condition: str) -> str:
    """Return the statement that logs the rows with the new row's values in these columns."""
    name = quoted(table.name)
    same = " AND ".join(
        f"{name}.{quoted(column)} = NEW.{quoted(column)} COLLATE {quoted(collation)}"
        for column, collation in unique.columns
    )
    names = ", ".join(f"b{number}" for number in range(len(table.columns)))
    row = f"{name}.{table.rowid}" if table.rowid else "NULL"
    values = ", ".join(f"{name}.{quoted(column)}" for column in table.columns)
    return (
        f"INSERT INTO {LOG} (relation, operation, row, {names}) "  # noqa: S608
        f"SELECT {literal(table.name)}, 'candidate', {row}, {values} FROM {name} WHERE {same}{condition}"
    )


def same_row(table: Table, other: str) -> str:
    """Return the condition that a row of the table is the one that `other` (`OLD.` or a `?`) stands for."""
    names = [table.rowid] if table.rowid else [quoted(column) for column in table.key]
    return " AND ".join(f"{quoted(table.name)}.{name} IS {'?' if other == '?' else other + name}" for name in names)
