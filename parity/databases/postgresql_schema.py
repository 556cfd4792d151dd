"""What a PostgreSQL database holds, as its catalogs tell it: tables of all schemas, keys, foreign keys. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from parity.databases.folding import entities

__all__ = ["OWN", "Table", "ids_of", "read_foreign_tables", "read_tables", "schema_lines"]

OWN = "_parity"
"""The schema that holds all that watching adds to a database."""

# Of the app: not the server's own, not an extension's, not ours.
_OF_THE_APP = f"""
    n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '{OWN}')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
"""
_TABLES = f"""
SELECT n.nspname, c.relname, c.relkind = 'p', c.relispartition, rn.nspname, r.relname,
  ARRAY(SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place),
  (SELECT coalesce(json_object_agg(a.attname, coalesce(b.typname, t.typname)), '{{}}')
   FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid) JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE c.relkind IN ('r', 'p') AND {_OF_THE_APP}
"""  # noqa: S608
_FOREIGN_TABLES = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'f' AND {_OF_THE_APP}
"""  # noqa: S608
_FOREIGN_KEYS = """
SELECT n.nspname, c.relname, a.attname, rn.nspname, r.relname, ra.attname
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
CROSS JOIN unnest(k.conkey, k.confkey) AS pair(here, there)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = pair.here
JOIN pg_attribute ra ON ra.attrelid = r.oid AND ra.attnum = pair.there
WHERE k.contype = 'f' AND NOT r.relispartition AND NOT c.relispartition
"""
_SCHEMA = f"""
SELECT n.nspname || '.' || c.relname, 'column', a.attname,
  concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            pg_get_expr(d.adbin, d.adrelid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OF_THE_APP}
UNION ALL
SELECT n.nspname || '.' || c.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OF_THE_APP}
UNION ALL
SELECT n.nspname || '.' || c.relname, 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OF_THE_APP}
UNION ALL
SELECT s.schemaname || '.' || s.sequencename, 'sequence', '', coalesce(s.last_value::text, '')
FROM pg_sequences s WHERE s.schemaname <> '{OWN}'
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Table:
    """A table that holds rows: an ordinary one, a partitioned one or a partition, which goes by the name of its root."""

    schema: str
    relation: str
    name: str
    is_partitioned: bool
    is_partition: bool
    key: tuple[str, ...]
    # Column -> type, a domain as what it is over.
    types: Mapping[str, str]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.relation)


def read_tables(connection: psycopg.Connection[Any]) -> list[Table]:
    """Return the app's tables of all schemas, sorted by name, a partitioned one before its partitions."""
    found = [
        Table(schema, relation, _name(root_schema, root), is_partitioned, is_partition, tuple(key), types)
        for schema, relation, is_partitioned, is_partition, root_schema, root, key, types in connection.execute(_TABLES)
    ]
    return sorted(found, key=lambda table: (table.name, table.is_partition, table.schema, table.relation))


def read_foreign_tables(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    return tuple(sorted(_name(schema, relation) for schema, relation in connection.execute(_FOREIGN_TABLES)))


def ids_of(connection: psycopg.Connection[Any], tables: Sequence[Table]) -> Mapping[tuple[str, str], str]:
    """Return (table, column) -> table whose ids it holds."""
    foreign = {
        (_name(schema, relation), column): (_name(other_schema, other), there)
        for schema, relation, column, other_schema, other, there in connection.execute(_FOREIGN_KEYS)
    }
    return entities({table.name: table.key for table in tables if not table.is_partition}, foreign)


def schema_lines(connection: psycopg.Connection[Any]) -> list[tuple[str, ...]]:
    """Return columns, constraints, indexes and where sequences stand, sorted."""
    return sorted(connection.execute(_SCHEMA).fetchall())


def _name(schema: str, relation: str) -> str:
    """Return the name in reports: with its schema unless that is `public`."""
    return relation if schema == "public" else f"{schema}.{relation}"
