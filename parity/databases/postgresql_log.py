"""The change log of a PostgreSQL database: triggers that write each row as JSON into a schema of its own, and a reader.

Numbers of a sequence are given out before a transaction commits, so "above the last number read" would lose the rows of
a transaction that began early and committed late. The reader remembers the snapshot of its last read instead and asks
for the rows that this one did not see.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import psycopg
from psycopg import sql

from parity.databases.addresses import Server
from parity.databases.folding import fold
from parity.databases.postgresql_schema import OWN, Table, read_foreign_tables, read_tables
from parity.databases.postgresql_values import SETTINGS, connect, json_row, one_line
from parity.values import ParityError, RowChange

__all__ = ["PostgresqlLog", "install"]

# Triggers fire in the order of their names; a row is to be logged before the app's own triggers change it again.
_TRIGGER = "!parity"
_LOCK_TIMEOUT_S = 10
_NEW = f"""
SELECT pg_current_snapshot()::text, relation, operation, before::text, after::text FROM {OWN}.changes
WHERE xid >= pg_snapshot_xmin(%(seen)s::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, %(seen)s::pg_snapshot)
ORDER BY seq
"""  # noqa: S608
_LOG = f"""
CREATE UNLOGGED TABLE {OWN}.changes (
  seq bigint GENERATED ALWAYS AS IDENTITY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  relation text NOT NULL, operation text NOT NULL, before json, after json
);
CREATE INDEX ON {OWN}.changes (xid);
"""
# As json and not jsonb, which refuses text that a column of type json may hold, and would fail the app's write.
# With the rights of its owner, because the app's role may have none on this schema.
_FUNCTION = f"""
CREATE FUNCTION {OWN}.log() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {{settings}} AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    EXECUTE format('INSERT INTO {OWN}.changes (relation, operation, before) '
                   'SELECT $1, ''delete'', row_to_json(t) FROM ONLY %I.%I t', TG_TABLE_SCHEMA, TG_TABLE_NAME)
    USING TG_ARGV[0];
  ELSE
    INSERT INTO {OWN}.changes (relation, operation, before, after)
    VALUES (TG_ARGV[0], lower(TG_OP), row_to_json(OLD), row_to_json(NEW));
  END IF;
  RETURN NULL;
END $$
"""  # noqa: S608
_WITH_TRIGGER = """
SELECT n.nspname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgname = %(trigger)s
"""


class PostgresqlLog:
    """Reads the log of one database over one connection in autocommit, which holds no snapshot between two reads."""

    def __init__(
        self, server: Server, tables: Sequence[Table], ignored: Sequence[str], skipped: tuple[str, ...]
    ) -> None:
        self.skipped = skipped
        self._server = server
        self._types = {table.name: table.types for table in tables}
        self._keys = {table.name: table.key for table in tables}
        self._ignored = ignored
        self._connection = connect(server)
        # A new table has no statistics yet, and without them a scan of all of it seems best.
        self._connection.execute("SET enable_seqscan = off")
        self._seen = self._ask("SELECT pg_current_snapshot()::text", {})[0][0]

    def read(self) -> list[RowChange]:
        found = self._ask(_NEW, {"seen": self._seen})
        if not found:
            return []
        self._seen = found[0][0]
        return fold((self._change(*row[1:]) for row in found), self._keys)

    def unwatched(self) -> tuple[str, ...]:
        with_trigger = set(self._ask(_WITH_TRIGGER, {"trigger": _TRIGGER}))
        tables = [table for table in read_tables(self._connection) if not table.is_partition]
        return tuple(
            table.name
            for table in tables
            if not _is_ignored(table, self._ignored)
            and ((table.schema, table.relation) not in with_trigger or self._types.get(table.name) != table.types)
        )

    def close(self) -> None:
        self._connection.close()

    def _ask(self, query: str, values: Mapping[str, str]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values, prepare=True).fetchall()
        except psycopg.Error as error:
            raise ParityError(
                f"{self._server}: its changes cannot be read ({one_line(error)}); is it still there?"
            ) from None

    def _change(self, name: str, operation: Any, before: str | None, after: str | None) -> RowChange:
        old, new = (None if image is None else json_row(image, self._types[name]) for image in (before, after))
        return RowChange(name, operation, old, new)


def install(server: Server, ignore_tables: Sequence[str]) -> PostgresqlLog:
    """Put log and triggers into the database, in place of those that may be there, and return a reader of the log."""
    with connect(server, autocommit=False) as connection:
        tables = [table for table in read_tables(connection) if not _is_ignored(table, ignore_tables)]
        connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'")
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(f"DROP SCHEMA IF EXISTS {OWN} CASCADE; CREATE SCHEMA {OWN}; {_LOG}")
        settings = " ".join(f"SET {name} = '{value}'" for name, value in SETTINGS.items())
        connection.execute(_FUNCTION.format(settings=settings))
        for table in tables:
            _add_triggers(connection, table)
        skipped = read_foreign_tables(connection)
    return PostgresqlLog(server, [table for table in tables if not table.is_partition], ignore_tables, skipped)


def _add_triggers(connection: psycopg.Connection[Any], table: Table) -> None:
    parts = {
        "trigger": sql.Identifier(_TRIGGER),
        "truncated": sql.Identifier(f"{_TRIGGER}_truncate"),
        "table": table.identifier,
        "function": sql.Identifier(OWN, "log"),
        "name": sql.Literal(table.name),
    }
    # Partitions get the row trigger from their root, now and later; each one is truncated for itself.
    if not table.is_partition:
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION {function}({name})"
            ).format(**parts)
        )
    if not table.is_partitioned:
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER {truncated} BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION {function}({name})"
            ).format(**parts)
        )


def _is_ignored(table: Table, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(table.name, pattern) for pattern in patterns)
