"""Copying a PostgreSQL database that is in use, or to another server: `pg_dump | psql`, with tools that fit the server."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg

from parity.databases.addresses import Server
from parity.databases.postgresql_values import connect
from parity.values import ParityError

__all__ = ["dump_into", "environ", "tools"]

_DEBIAN = Path("/usr/lib/postgresql")
# What libpq reads from the environment, so that no password stands in a command line.
_VARIABLES = {
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "dbname": "PGDATABASE",
    "gssencmode": "PGGSSENCMODE",
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "options": "PGOPTIONS",
    "passfile": "PGPASSFILE",
    "password": "PGPASSWORD",
    "port": "PGPORT",
    "require_auth": "PGREQUIREAUTH",
    "service": "PGSERVICE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "user": "PGUSER",
}
# Roles, rights and comments of extensions may not be ours to set; a copy must not subscribe to anything.
_DUMP = (
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
)
_RESTORE = ("--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--output", os.devnull)


def dump_into(source: Server, target: Server) -> None:
    """Copy all of `source`, as of one moment, into the empty database `target`. Raise ParityError if that fails."""
    pg_dump, psql = tools(source)
    with tempfile.TemporaryFile() as complaints:
        dump = subprocess.Popen(  # noqa: S603
            [pg_dump, *_DUMP], stdout=subprocess.PIPE, stderr=complaints, stdin=subprocess.DEVNULL, env=environ(source)
        )
        restored = subprocess.run(  # noqa: S603
            [psql, *_RESTORE], stdin=dump.stdout, stderr=complaints, env=environ(target), check=False
        )
        if dump.stdout:
            dump.stdout.close()
        if dump.wait() or restored.returncode:
            complaints.seek(0)
            lines = complaints.read().decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise ParityError(f"{source} cannot be copied to {target}: {lines[0]}; mend that and try again.")


def tools(server: Server) -> tuple[str, str]:
    """Return the paths of pg_dump and psql of the server's version, else of the next later one."""
    with connect(server) as connection:
        needed = connection.info.server_version // 10000
        folders = [*_of_the_server(connection), *_of_this_machine()]
    found = {folder: version for folder in dict.fromkeys(folders) if (version := _version(folder)) >= needed}
    if not found:
        raise ParityError(
            f"There is no pg_dump and psql of version {needed} or later to copy {server} while it is in use; "
            "install PostgreSQL's client programs."
        )
    folder = min(found, key=lambda folder: found[folder])
    return str(folder / "pg_dump"), str(folder / "psql")


def _of_the_server(connection: psycopg.Connection[tuple[str, ...]]) -> Iterator[Path]:
    """Yield the folder of the server's own programs, if it runs on this machine and we may know."""
    with suppress(psycopg.errors.InsufficientPrivilege):
        found = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchall()
        yield from (Path(folder) for (folder,) in found)
    with suppress(OSError):
        program = Path(f"/proc/{connection.info.backend_pid}/exe").readlink()
        # The process of that number on this machine need not be the server's.
        if program.name == "postgres":
            yield program.parent


def _of_this_machine() -> Iterator[Path]:
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent
    yield from sorted(_DEBIAN.glob("*/bin"))


def _version(folder: Path) -> int:
    """Return the major version of the folder's pg_dump, 0 without a usable one."""
    if not (folder / "pg_dump").is_file() or not (folder / "psql").is_file():
        return 0
    command = [str(folder / "pg_dump"), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    number = re.search(r"\b(\d+)[.\d]*", said)
    return int(number[1]) if number else 0


def environ(server: Server) -> dict[str, str]:
    """Return the environment in which PostgreSQL's programs reach this database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {_VARIABLES[name]: value for name, value in server.parameters if name in _VARIABLES}
