"""PostgreSQL databases: dumped by pg_dump in its custom format, read as such dumps, and restored in one transaction."""

import os
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from changeover.backup_files import Damaged, Wanted
from changeover.problems import FAILED, Problem
from parity.databases.addresses import Server
from parity.databases.postgresql_tools import environ, tools
from parity.databases.postgresql_values import connect

__all__ = ["PostgresqlDatabase", "SolePostgresql"]

_ALONE_WITHIN_S = 1.0
_POLL_S = 0.02
_END = b"\\.\n"
_LOCK_TIMEOUT = "-c lock_timeout=30s"
# Those of other roles may be what watches the server.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class PostgresqlDatabase:
    """A database of a server. `programs` is the folder of pg_dump, pg_restore and psql that fit the server."""

    server: Server
    programs: Path
    kind: str = "postgresql"
    suffix: str = ".pgdump"

    @classmethod
    def at(cls, server: Server) -> "PostgresqlDatabase":
        """Raise ParityError if the server cannot be reached, or where its programs are not installed."""
        return cls(server, Path(tools(server)[0]).parent)

    def copy_to(self, target: Path) -> None:
        """Dump one moment of the database while others go on writing. Raise Problem."""
        self._run("pg_dump", ["--format=custom", f"--file={target}"], f"{self.server} cannot be dumped")

    def check(self, copy: Path) -> Mapping[str, int]:
        """Return no table: the server itself keeps foreign keys. That a dump is whole is seen by reading its tables."""
        return {}

    def revision(self, copy: Path) -> str | None:
        """Return the schema's revision, None where there is no schema of ours. Raise Damaged."""
        for table, rows in self.tables(copy):
            found = list(rows) if table == "alembic_version" else []
            if found:
                return found[0].decode().strip()
        return None

    def tables(self, copy: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each table with its rows as COPY writes them. Raise Damaged."""
        command = [str(self.programs / "pg_restore"), "--data-only", "--file=-", str(copy)]
        with tempfile.TemporaryFile() as complaints:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as reading:  # noqa: S603
                assert reading.stdout is not None  # noqa: S101 - it was asked for
                yield from _blocks(reading.stdout)
            if reading.returncode:
                raise Damaged(_first_line(complaints))

    @contextmanager
    def alone(self) -> Iterator["SolePostgresql"]:
        """Yield the database once no other session of this role is connected to it. Raise Problem while there is one."""
        with connect(self.server) as connection:
            deadline = time.monotonic() + _ALONE_WITHIN_S
            # A session just closed is still listed for a moment.
            while others := (connection.execute(_OTHERS).fetchone() or (0,))[0]:
                if time.monotonic() > deadline:
                    raise Problem(f"{self.server} has {others} more sessions of this role; stop those first.", FAILED)
                time.sleep(_POLL_S)
        yield SolePostgresql(self)

    def replace(self, copy: Path, surplus: Sequence[str]) -> None:
        """Put back all tables of the dump and drop the surplus ones, in one transaction: all of it or nothing."""
        with tempfile.TemporaryFile(dir=copy.parent) as script:
            # Written out first: cut off, a pipe would end like a script that is complete.
            make = ["--clean", "--if-exists", "--file=-", str(copy)]
            self._run("pg_restore", make, f"{copy} cannot be read", output=script)
            script.seek(0)
            drops = [f"--command=DROP TABLE IF EXISTS {_qualified(table)} CASCADE" for table in surplus]
            play = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}"]
            self._run("psql", [*play, *drops, "--file=-"], f"{self.server} was left as it is", given=script)

    def _run(
        self,
        program: str,
        arguments: list[str],
        trouble: str,
        *,
        given: IO[bytes] | None = None,
        output: IO[bytes] | None = None,
    ) -> None:
        variables = environ(self.server)
        options = f"{variables.get('PGOPTIONS', '')} {_LOCK_TIMEOUT}".strip()
        with tempfile.TemporaryFile() as complaints:
            done = subprocess.run(  # noqa: S603 - the server's own programs
                [str(self.programs / program), *arguments],
                stdin=given or subprocess.DEVNULL,
                stdout=output or subprocess.DEVNULL,
                stderr=complaints,
                env=variables | {"PGOPTIONS": options},
                check=False,
            )
            if done.returncode:
                raise Problem(f"{trouble}: {_first_line(complaints)}; mend that and try again.", FAILED)


@dataclass(frozen=True)
class SolePostgresql:
    """The present database while nobody else uses it."""

    database: PostgresqlDatabase
    is_there: bool = True
    damage: str = ""

    def copy_to(self, target: Path) -> None:
        self.database.copy_to(target)

    def replace_with(self, copy: Path, wanted: Wanted) -> list[Path]:
        """Put the dump in the place of what the database holds. Nothing is moved aside."""
        self.database.replace(copy, wanted.surplus)
        return []


def _blocks(script: IO[bytes]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the tables of a script of COPY blocks."""
    for line in script:
        if line.startswith(b"COPY ") and line.rstrip().endswith(b"FROM stdin;"):
            name = line.removeprefix(b"COPY ").partition(b" (")[0].decode()
            rows = _rows(script)
            yield name.removeprefix("public."), rows
            # A row that nobody asked for may look like the next table.
            deque(rows, maxlen=0)


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    while (line := script.readline()) not in (_END, b""):
        yield line


def _qualified(table: str) -> str:
    return table if "." in table else f"public.{table}"


def _first_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    return lines[0].rstrip(".")
