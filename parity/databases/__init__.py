"""Databases of the stacks: copied so that each stack has its own, and watched so that the rows it writes are known.

Each kind of database has its own modules; what they share is `interface.py` and the folding of writes.
"""

from parity.databases.addresses import kind_of
from parity.databases.interface import ChangeLog, Database

__all__ = ["ChangeLog", "Database", "open_database", "snapshot"]


def open_database(url: str) -> Database:
    """Return the database at a URL of SQLAlchemy's form. Raise ParityError if it is of another kind or out of reach."""
    # Imported when asked for: each brings in a driver that may not be needed.
    if kind_of(url) == "sqlite":
        from parity.databases.sqlite import SqliteDatabase

        return SqliteDatabase(url)
    from parity.databases.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(url)


def snapshot(source_url: str, target_url: str) -> Database:
    """Return a copy, as of one moment, of a database that others go on using. Raise ParityError if it cannot be made."""
    return open_database(source_url).clone(target_url, live=True)
