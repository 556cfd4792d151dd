"""What the runner asks of a database, whatever its kind, and what may be said of one without opening it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from parity.values import RowChange

__all__ = ["ChangeLog", "Database"]


class ChangeLog(Protocol):
    """The rows that others write to one database, from the moment it was watched."""

    @property
    def skipped(self) -> tuple[str, ...]:
        """The tables whose rows cannot be watched: virtual, full-text and foreign ones."""
        ...

    def read(self) -> list[RowChange]:
        """Return the net changes committed since the last read, in the order in which the rows were first touched.

        Several changes of one row become one; a row that ends as it began is left out. Tables are named as by
        `Database.tables`. Raise ParityError if the database cannot be read.
        """
        ...

    def unwatched(self) -> tuple[str, ...]:
        """Return the tables made or altered since `watch`, whose rows are not, or not wholly, seen."""
        ...

    def close(self) -> None:
        """Let go of the database. The triggers stay: they go with the clone."""
        ...


class Database(Protocol):
    """One concrete database. It keeps no connection, so that it can be cloned and dropped at any time."""

    @property
    def url(self) -> str:
        """The address as the app is told it, driver included."""
        ...

    def clone(self, url: str, *, live: bool = False) -> "Database":
        """Return a copy at `url`, which must be free. `live` says that others may go on writing to this one meanwhile.

        The copy is of one moment. Raise ParityError if something is there already or copying fails.
        """
        ...

    def watch(self, ignore_tables: Sequence[str] = ()) -> ChangeLog:
        """Return the log of what is written from now on. Patterns such as `django_*` name tables to leave alone."""
        ...

    def digest(self) -> str:
        """Return a SHA-256 (hex) of schema and rows: the same for every clone, whatever watches it."""
        ...

    def tables(self) -> list[str]:
        """Return the names of the app's tables, sorted."""
        ...

    def rows(self, table: str) -> Iterator[Mapping[str, Any]]:
        """Yield every row of a table as JSON values, by primary key, else in one fixed order."""
        ...

    def references(self) -> Mapping[tuple[str, str], str]:
        """Return (table, column) -> the table whose ids the column holds.

        A foreign key to a primary key holds that table's ids, a primary key its own; a key that is both belongs to the
        table at the end of the chain.
        """
        ...

    def drop(self) -> None:
        """Remove the database, also while others are connected to it."""
        ...
