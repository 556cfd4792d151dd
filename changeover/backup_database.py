"""The database that is backed up and restored, of either kind, and how its own errors are told on one line."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from changeover.backup_files import Wanted
from changeover.problems import FAILED, Problem
from parity.databases.addresses import kind_of, server_of, sqlite_path
from parity.databases.postgresql_values import one_line
from parity.values import ParityError

__all__ = ["Database", "Sole", "database_at", "one_line_errors"]


class Sole(Protocol):
    """The present database while nobody else uses it. One with a `damage` is not `is_there`: it cannot be copied."""

    @property
    def is_there(self) -> bool: ...

    @property
    def damage(self) -> str: ...

    def copy_to(self, target: Path) -> None: ...

    def replace_with(self, copy: Path, wanted: Wanted) -> list[Path]:
        """Put the copy in its place at once; return the files that were moved aside."""
        ...


class Database(Protocol):
    """A database, and how copies of its kind are made, checked and read."""

    @property
    def kind(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    def copy_to(self, target: Path) -> None:
        """Copy one moment of it while others go on writing."""
        ...

    def check(self, copy: Path) -> Mapping[str, int]:
        """Return how many rows violate a foreign key, by their tables. Raise Damaged."""
        ...

    def revision(self, copy: Path) -> str | None: ...

    def tables(self, copy: Path) -> Iterator[tuple[str, Iterator[bytes]]]: ...

    def alone(self) -> AbstractContextManager[Sole]:
        """Yield it with nobody else using it. Raise Problem while somebody does."""
        ...


def database_at(url: str) -> Database:
    """Return the database at a URL of SQLAlchemy's form. Raise ParityError if it is out of reach."""
    if kind_of(url) == "sqlite":
        from changeover.backup_sqlite import SqliteDatabase

        return SqliteDatabase(sqlite_path(url).resolve())
    from changeover.backup_postgresql import PostgresqlDatabase

    return PostgresqlDatabase.at(server_of(url))


@contextmanager
def one_line_errors(doing: str) -> Iterator[None]:
    """Turn what databases and files raise into Problem: `doing` is what cannot be done, such as "backed up"."""
    try:
        yield
    except ParityError as error:
        raise Problem(str(error), FAILED) from None
    except psycopg.Error as error:
        raise Problem(f"The database cannot be {doing}: {one_line(error)}.", FAILED) from None
    except (sqlite3.Error, OSError) as error:
        raise Problem(f"The database cannot be {doing}: {error}.", FAILED) from None
