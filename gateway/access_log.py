"""The gateway's access.jsonl as a file that grows and is rotated: read back from its end, followed, and put aside."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

__all__ = ["ACCESS_LOG", "KEPT", "LIMIT_BYTES", "Follower", "lines_since", "rotate"]

ACCESS_LOG = "access.jsonl"
LIMIT_BYTES = 64 * 2**20
KEPT = 5
CHUNK_BYTES = 2**20
TIME = re.compile(rb'\{"t":([0-9.]+)')
# Looks at a file that was put aside, after its successor is there: nginx's workers hold lines back for 0.2 s.
LAST_LOOKS = 100


def rotated(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def rotate(path: Path, reopen: Callable[[], None], limit_bytes: int = LIMIT_BYTES) -> bool:
    """Put a log aside that is larger than the limit, have nginx open a new one, and say whether that was done.

    Five old ones are kept. Nothing is lost: nginx writes to the old file until it has opened the new one.
    """
    if not path.exists() or path.stat().st_size <= limit_bytes:
        return False
    for number in reversed(range(1, KEPT)):
        if rotated(path, number).exists():
            rotated(path, number).replace(rotated(path, number + 1))
    path.replace(rotated(path, 1))
    reopen()
    return True


def lines_since(folder: Path, since: float, limit_bytes: int) -> Iterator[tuple[list[bytes], bool]]:
    """Yield the lines written since a time (epoch, seconds), the oldest first, in portions; some may be older.

    No more than about `limit_bytes` are read, the youngest: each portion comes with whether that left lines out.
    """
    starts, cut = starts_since(folder / ACCESS_LOG, since, limit_bytes)
    for path, start in starts:
        with path.open("rb") as file:
            file.seek(start)
            while lines := file.readlines(CHUNK_BYTES):
                yield lines, cut


def starts_since(path: Path, since: float, limit_bytes: int) -> tuple[list[tuple[Path, int]], bool]:
    """Return which files hold the lines since a time and from where, the oldest first; and whether the limit cut some."""
    found: list[tuple[Path, int]] = []
    for number in range(KEPT + 1):
        file = rotated(path, number) if number else path
        if not file.exists():
            # The youngest is not there for a moment while it is rotated.
            if number:
                break
            continue
        start, size = start_in(file, since), file.stat().st_size
        if size - start > limit_bytes:
            return [(file, next_line(file, size - limit_bytes)), *found], True
        limit_bytes -= size - start
        found.insert(0, (file, start))
        if start:
            break
    return found, False


def start_in(path: Path, since: float) -> int:
    """Return the offset of the first line that is not older: found by halving, since lines are in order of time."""
    with path.open("rb") as file:
        low, high = 0, path.stat().st_size
        while low < high:
            middle = (low + high) // 2
            start, at = line_after(file, middle)
            if at is not None and at < since:
                low = start + 1
            else:
                high = middle
    return next_line(path, low) if low else 0


def line_after(file: BinaryIO, offset: int) -> tuple[int, float | None]:
    """Return the offset and the time of the first readable line that begins after the offset; None at the end."""
    file.seek(offset)
    if offset:
        file.readline()
    while True:
        start = file.tell()
        line = file.readline()
        if not line:
            return start, None
        if found := TIME.match(line):
            return start, float(found[1])


def next_line(path: Path, offset: int) -> int:
    """Return the offset of the first line that begins at the given one or later."""
    with path.open("rb") as file:
        if offset:
            file.seek(offset - 1)
            file.readline()
        return file.tell()


@dataclass
class Open:
    """A file being read: the beginning of its last line, and how often in a row nothing new was found in it."""

    file: BinaryIO
    rest: bytes = b""
    idle: int = 0

    def lines(self) -> list[bytes]:
        """Return the lines that were completed since, at most about a mebibyte of them."""
        data = self.file.read(CHUNK_BYTES)
        self.idle = 0 if data else self.idle + 1
        if not data:
            return []
        *lines, self.rest = (self.rest + data).split(b"\n")
        return lines


@dataclass
class Follower:
    """Reads what is added to the log, from `since` on (epoch, seconds). It may be missing, cut short, or put aside."""

    path: Path
    since: float
    limit_bytes: int
    files: list[Open] = field(default_factory=list)

    def __post_init__(self) -> None:
        starts, _ = starts_since(self.path, self.since, self.limit_bytes)
        for path, start in starts:
            self._take(path, start)

    def poll(self) -> list[bytes]:
        """Return new lines, about a mebibyte at most. A file's successor is read once nothing is left in it."""
        self._notice_another()
        for number, each in enumerate(self.files):
            if lines := each.lines():
                return lines
            if each.idle > LAST_LOOKS and number + 1 < len(self.files):
                each.file.close()
        self.files = [each for each in self.files if not each.file.closed]
        return []

    def close(self) -> None:
        for each in self.files:
            each.file.close()

    def _notice_another(self) -> None:
        """Begin with a file that took the place of the newest one, or that was cut short."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return
        if not self.files:
            self._take(self.path, 0)
            return
        newest = self.files[-1]
        mine = os.fstat(newest.file.fileno())
        if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
            self._take(self.path, 0)
        elif there.st_size < newest.file.tell():
            newest.file.seek(0)
            newest.rest = b""

    def _take(self, path: Path, start: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            file = path.open("rb")
            file.seek(start)
            self.files.append(Open(file))
