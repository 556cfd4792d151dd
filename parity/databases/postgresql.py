"""PostgreSQL databases: cloned as templates where nobody is connected, which takes tens of milliseconds, else dumped."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from parity.databases.addresses import Server, kind_of, server_of
from parity.databases.interface import ChangeLog
from parity.databases.postgresql_log import install
from parity.databases.postgresql_schema import Table, ids_of, read_tables, schema_lines
from parity.databases.postgresql_tools import dump_into
from parity.databases.postgresql_values import connect, json_row, one_line
from parity.values import ParityError

__all__ = ["PostgresqlDatabase", "create"]

# A session just closed is still listed for a moment.
_LEAVING_S = 0.3
_MAINTENANCE = ("postgres", "template1")
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
_SETTINGS = """
SELECT coalesce(r.rolname, ''), split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
CROSS JOIN unnest(s.setconfig) AS setting WHERE d.datname = %s
"""


class PostgresqlDatabase:
    """One database of a server."""

    def __init__(self, url: str) -> None:
        """Raise ParityError if the server or the database cannot be reached."""
        self.url = url
        self.server = server_of(url)
        connect(self.server).close()

    def clone(self, url: str, *, live: bool = False) -> "PostgresqlDatabase":
        """Return a copy in the database of `url`, on this server or another one.

        A database with others connected to it, or a `live` one, is dumped: its users are never kept waiting.
        """
        if kind_of(url) != "postgresql":
            raise ParityError(f'The clone of {self.server} cannot be at "{url}"; use postgresql://HOST/NAME.')
        target = server_of(url)
        if live or target.place != self.server.place or not self._copy_as_template(target):
            self._copy_by_dump(target)
        try:
            self._copy_settings(target)
        except psycopg.Error as error:
            _drop(target)
            raise ParityError(
                f"{target} cannot be given the settings of {self.server} ({one_line(error)}); let a superuser clone it."
            ) from None
        return PostgresqlDatabase(url)

    def watch(self, ignore_tables: Sequence[str] = ()) -> ChangeLog:
        try:
            return install(self.server, ignore_tables)
        except psycopg.Error as error:
            raise ParityError(f"{self.server} cannot be watched ({one_line(error)}); stop what else uses it.") from None

    def digest(self) -> str:
        summary = hashlib.sha256()
        with _reading(self.server) as connection:
            for line in schema_lines(connection):
                summary.update(ascii(line).encode("ascii"))
            for table in _whole(read_tables(connection)):
                summary.update(ascii(table.name).encode("ascii"))
                for text in _row_texts(connection, table):
                    summary.update(text.encode("utf-8") + b"\n")
        return summary.hexdigest()

    def tables(self) -> list[str]:
        with _reading(self.server) as connection:
            return [table.name for table in _whole(read_tables(connection))]

    def rows(self, table: str) -> Iterator[Mapping[str, Any]]:
        with _reading(self.server) as connection:
            found = next((known for known in _whole(read_tables(connection)) if known.name == table), None)
            if found is None:
                raise ParityError(f'{self.server} has no table "{table}".')
            for text in _row_texts(connection, found):
                yield json_row(text, found.types)

    def references(self) -> Mapping[tuple[str, str], str]:
        with _reading(self.server) as connection:
            return ids_of(connection, read_tables(connection))

    def drop(self) -> None:
        _drop(self.server)

    def _copy_as_template(self, target: Server) -> bool:
        """Return whether that worked; it does not while others are connected, or for a role that does not own this."""
        with _maintaining(self.server) as connection:
            if not _is_left_alone(connection, self.server.database):
                return False
            try:
                _create(connection, target, sql.SQL("TEMPLATE {}").format(sql.Identifier(self.server.database)))
            except (psycopg.errors.ObjectInUse, psycopg.errors.InsufficientPrivilege):
                return False
        return True

    def _copy_by_dump(self, target: Server) -> None:
        with _reading(self.server) as connection:
            encoding, collate, ctype = _one(
                connection,
                "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database "
                "WHERE datname = current_database()",
            )
        # Text sorts in the copy as it does here.
        alike = sql.SQL("TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(encoding, collate, ctype)
        _create_plain(target, alike)
        try:
            dump_into(self.server, target)
        except ParityError:
            _drop(target)
            raise

    def _copy_settings(self, target: Server) -> None:
        """Give the copy what `ALTER DATABASE ... SET` gave the original, such as a search path; no copying does."""
        with _reading(self.server) as connection:
            settings = connection.execute(_SETTINGS, (self.server.database,)).fetchall()
        if not settings:
            return
        with connect(target) as connection:
            for role, name, value in settings:
                # Set here and taken from here, so that lists need not be taken apart and quoted.
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
                whose = sql.SQL("ROLE {} IN ").format(sql.Identifier(role)) if role else sql.SQL("")
                connection.execute(
                    sql.SQL("ALTER {}DATABASE {} SET {} FROM CURRENT").format(
                        whose, sql.Identifier(target.database), sql.SQL(".").join(map(sql.Identifier, name.split(".")))
                    )
                )


def create(url: str) -> None:
    """Make an empty database. Raise ParityError if there is one of that name or the role may not."""
    _create_plain(server_of(url), sql.SQL(""))


def _drop(server: Server) -> None:
    with _maintaining(server) as connection:
        try:
            name = sql.Identifier(server.database)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        except psycopg.Error as error:
            raise ParityError(f"{server} cannot be dropped ({one_line(error)}); drop it as its owner.") from None


def _create_plain(target: Server, how: sql.Composable) -> None:
    with _maintaining(target) as connection:
        try:
            _create(connection, target, how)
        except (psycopg.errors.ObjectInUse, psycopg.errors.InsufficientPrivilege) as error:
            raise ParityError(
                f"{target} cannot be made ({one_line(error)}); ALTER ROLE ... CREATEDB lets a role make databases."
            ) from None


def _create(connection: psycopg.Connection[Any], target: Server, how: sql.Composable) -> None:
    """Make a database. What a template may be refused for is left as psycopg raised it; the rest is ParityError."""
    try:
        connection.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(target.database), how))
    except psycopg.errors.DuplicateDatabase:
        raise ParityError(f"{target} is already there; drop it, or use another name.") from None
    except (psycopg.errors.ObjectInUse, psycopg.errors.InsufficientPrivilege):
        raise
    except psycopg.Error as error:
        raise ParityError(f"{target} cannot be made: {one_line(error)}; mend that and try again.") from None


def _is_left_alone(connection: psycopg.Connection[Any], database: str) -> bool:
    """Return whether nobody is connected, after a moment for those who are just leaving.

    CREATE DATABASE would itself wait five seconds for them.
    """
    until = time.monotonic() + _LEAVING_S
    while connection.execute(_OTHERS, (database,)).fetchone() != (0,):
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def _maintaining(server: Server) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Yield a connection to another database of the server, in autocommit."""
    first, *others = [name for name in _MAINTENANCE if name != server.database]
    try:
        connection = connect(server.named(first))
    except ParityError:
        if not others:
            raise
        connection = connect(server.named(others[0]))
    with connection:
        yield connection


@contextmanager
def _reading(server: Server) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Yield a connection that sees everything as of one moment."""
    with connect(server, autocommit=False) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        try:
            yield connection
        except psycopg.Error as error:
            raise ParityError(f"{server} cannot be read ({one_line(error)}); grant this role what it needs.") from None


def _whole(tables: Sequence[Table]) -> list[Table]:
    return [table for table in tables if not table.is_partition]


def _row_texts(connection: psycopg.Connection[Any], table: Table) -> Iterator[str]:
    """Yield every row as the text of a JSON object, in batches from the server."""
    text = sql.SQL("row_to_json(t)::text")
    # In the order of bytes, which no setting changes.
    order = sql.SQL(", ").join(map(sql.Identifier, table.key)) if table.key else text + sql.SQL(' COLLATE "C"')
    query = sql.SQL("SELECT {} FROM {} t ORDER BY {}").format(text, table.identifier, order)
    with connection.cursor(name="rows") as cursor:
        cursor.itersize = 2000
        for (row,) in cursor.execute(query):
            yield row


def _one(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    if row is None:
        raise ParityError(f"The server does not answer: {query}.")
    return tuple(row)
