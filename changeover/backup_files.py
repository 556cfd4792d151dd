"""What both kinds of database need of files: digests, what reaches the disk, and how a finding about a file is told."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Damaged", "Wanted", "fsync_file", "fsync_folder", "sha256_of"]


class Damaged(Exception):
    """A database or a copy that cannot be read, or in which faults were found; the text is one line of its program's."""


@dataclass(frozen=True)
class Wanted:
    """How a copy is to be put in place: its digest, and the tables that are there now and are not in it.

    `aside` is the ending that what lies there is kept under, empty where nothing is to be kept.
    """

    sha256: str
    surplus: tuple[str, ...] = ()
    aside: str = ""


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut, as fsync of a file does for what is in it."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
