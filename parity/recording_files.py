"""Lines of plain and gzipped files, also of those that a crash cut off. What the lines mean is in `recording`."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson

__all__ = ["Gzip", "is_gzipped", "lines_of", "open_to_append", "open_to_read", "open_to_write", "whole_lines_of"]


def is_gzipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_to_read(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if is_gzipped(path) else path.open("rb")


def open_to_write(path: Path, gzipped: bool | None = None, mode: str = "wb") -> "IO[bytes] | Gzip":
    """Open with mtime 0 and no name in the gzip header, so that equal content gives equal files."""
    if path.suffix == ".gz" if gzipped is None else gzipped:
        return Gzip(path, mode)
    return path.open(mode)


def open_to_append(path: Path) -> "IO[bytes] | Gzip":
    return open_to_write(path, is_gzipped(path), "ab")


class Gzip(gzip.GzipFile):
    """A gzip file that also closes the file below it."""

    def __init__(self, path: Path, mode: str) -> None:
        self._below = path.open(mode)
        super().__init__(filename="", mode=mode, fileobj=self._below, mtime=0, compresslevel=6)

    def close(self) -> None:
        super().close()
        self._below.close()


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield lines with their ends; a gzip stream that a crash cut off ends like a line that was cut off."""
    with open_to_read(path) as file:
        while True:
            try:
                line = file.readline()
            except (EOFError, zlib.error, gzip.BadGzipFile):
                yield b"{"
                return
            if not line:
                return
            yield line


def whole_lines_of(path: Path) -> Iterator[bytes]:
    lines = lines_of(path)
    next(lines)
    for line in lines:
        if line.endswith(b"\n"):
            yield line
        elif _is_json(line):
            yield line + b"\n"


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except json.JSONDecodeError:
        return False
    return True
