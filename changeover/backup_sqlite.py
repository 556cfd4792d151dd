"""SQLite files: copied while others write, checked and read as copies, and replaced while nobody has them open."""

import os
import shutil
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from changeover.backup_files import Damaged, Wanted, fsync_file, fsync_folder, sha256_of
from changeover.problems import FAILED, Problem

__all__ = ["SoleSqlite", "SqliteDatabase"]

# The file comes last: without its log it would look whole.
_ALL = ("-wal", "-shm", "-journal", "")
_PRIMARY = 0xFF
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_TIMEOUT_S = 30.0
# How long restore waits for connections that are just closing.
_ALONE_WITHIN_S = 1.0


@dataclass(frozen=True)
class SqliteDatabase:
    """The file at a URL; `path` has no symbolic links, so that a replacement takes the place of the file, not of a link."""

    path: Path
    kind: str = "sqlite"
    suffix: str = ".sqlite"

    def copy_to(self, target: Path) -> None:
        """Copy one moment of the file while others go on writing. Raise Damaged, or Problem where there is none."""
        if not self.path.is_file():
            raise Problem(
                f"There is no database at {self.path}; type `make up` first, or correct DATABASE_URL.", FAILED
            )
        with _damage(), closing(_open(self.path, "mode=rw", _TIMEOUT_S)) as source:
            _copy(source, target)

    def check(self, copy: Path) -> Mapping[str, int]:
        """Return how many rows violate a foreign key, by their tables. Raise Damaged where SQLite finds faults."""
        with _damage(), closing(_open_copy(copy)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            if found != ["ok"]:
                raise Damaged(" ".join(found[0].split()))
            return dict(sorted(Counter(row[0] for row in connection.execute("PRAGMA foreign_key_check")).items()))

    def revision(self, copy: Path) -> str | None:
        """Return the schema's revision, None where there is no schema of ours."""
        with _damage(), closing(_open_copy(copy)) as connection:
            if "alembic_version" not in _names(connection):
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None

    def tables(self, copy: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each table with its rows. Raise Damaged."""
        with _damage(), closing(_open_copy(copy)) as connection:
            connection.text_factory = _text
            for name in _names(connection):
                quoted = name.replace('"', '""')
                yield name, (ascii(row).encode() for row in connection.execute(f'SELECT * FROM "{quoted}"'))  # noqa: S608

    @contextmanager
    def alone(self) -> Iterator["SoleSqlite"]:
        """Yield the file with everybody else locked out. Raise Problem while another program has it open."""
        if not self.path.is_file():
            yield SoleSqlite(self, None, "")
            return
        with closing(_open(self.path, "mode=rw", _ALONE_WITHIN_S)) as connection:
            damage = ""
            try:
                with _damage():
                    _lock_others_out(connection)
            except Damaged as error:
                damage = str(error)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY not in _IN_USE:
                    raise
                raise Problem(f"{self.path} is open in another program; stop that first.", FAILED) from None
            yield SoleSqlite(self, None if damage else connection, damage)


@dataclass(frozen=True)
class SoleSqlite:
    """The present database while nobody else uses it: none, a `damage`d one, or one that can be copied."""

    database: SqliteDatabase
    connection: sqlite3.Connection | None
    damage: str

    @property
    def is_there(self) -> bool:
        return self.connection is not None

    def copy_to(self, target: Path) -> None:
        assert self.connection is not None  # noqa: S101 - is_there was asked
        with _damage():
            _copy(self.connection, target)

    def replace_with(self, copy: Path, wanted: Wanted) -> list[Path]:
        """Put the copy in the place of the database at once, and return what was moved aside and kept."""
        path = self.database.path
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.restoring")
        try:
            _copy_file(copy, fresh, like=path)
            if sha256_of(fresh) != wanted.sha256:
                raise Problem(f"{fresh} does not hold what was written to it; check the disk of {path.parent}.", FAILED)
            moved = _move_aside(path, wanted.aside) if wanted.aside else self._take_log_in()
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        fsync_folder(path.parent)
        return moved

    def _take_log_in(self) -> list[Path]:
        """Leave WAL mode, by which -wal and -shm go in order; the next file must not find them. Nothing is moved."""
        assert self.connection is not None  # noqa: S101 - what was copied is there
        self.connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        return []


def _lock_others_out(connection: sqlite3.Connection) -> None:
    # Set before the first look at the file: then this fails while any other connection is open, in WAL mode as well,
    # and in this mode the lock stays after the transaction.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")


def _move_aside(path: Path, ending: str) -> list[Path]:
    """Keep a damaged database with what lies beside it. Of a missing one, SQLite would play its log into the new file."""
    endings = (f".{ending}{f'-{number}' if number > 1 else ''}" for number in count(1))
    free = next(each for each in endings if not any(Path(f"{path}{each}{suffix}").exists() for suffix in _ALL))
    return [
        Path(f"{path}{suffix}").rename(f"{path}{free}{suffix}") for suffix in _ALL if Path(f"{path}{suffix}").exists()
    ]


def _copy(source: sqlite3.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # All pages in one step: one moment of the source. What is fsynced is the finished file.
        copy.execute("PRAGMA synchronous = OFF")
        source.backup(copy)
        # A file that stands alone, whatever mode the source is in.
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()


def _copy_file(copy: Path, fresh: Path, like: Path) -> None:
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    shutil.copyfile(copy, fresh)
    if like.exists():
        known = like.stat()
        fresh.chmod(stat.S_IMODE(known.st_mode))
        with suppress(PermissionError):
            os.chown(fresh, known.st_uid, known.st_gid)
    fsync_file(fresh)


def _open(path: Path, how: str, timeout_s: float) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=timeout_s, isolation_level=None)


def _open_copy(copy: Path) -> sqlite3.Connection:
    # Immutable: nothing is written beside a copy, not even a lock.
    return _open(copy.absolute(), "mode=ro&immutable=1", 0)


def _names(connection: sqlite3.Connection) -> list[str]:
    listed = (
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name"
    )
    return [name for (name,) in connection.execute(listed)]


def _text(raw: bytes) -> str:
    """Return text of a database, also where it is none."""
    return raw.decode("utf-8", "surrogateescape")


@contextmanager
def _damage() -> Iterator[None]:
    """Tell a file that is broken from one that is locked or a disk that is full."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY in _BROKEN:
            raise Damaged(str(error)) from None
        raise
