"""The ownership table on disk: a folder of empty files per generation, and the link that says which one counts.

    state/gens/g0007/1.things.read.c5.new      the stack `new` serves this cohort of this group
    state/current -> gens/g0007                one `rename(2)` swaps the whole table, for the next request in every worker

nginx reads it while it decides; nothing is ever changed in a generation that was current.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Table"]

NAME = re.compile(r"g[0-9]{4,}")
COMPLETE = ".complete"
KEPT = 50


@dataclass(frozen=True)
class Table:
    """`folder` is `state` in the gateway's folder; its user may enter and read it."""

    folder: Path

    @property
    def link(self) -> Path:
        return self.folder / "current"

    def current(self) -> str:
        """Return the name of the generation that counts, "" where there is none or it is incomplete."""
        with contextlib.suppress(OSError):
            name = self.link.readlink().name
            return name if (self.generation(name) / COMPLETE).is_file() else ""
        return ""

    def names(self) -> frozenset[str]:
        """Return the files of the generation that counts."""
        current = self.current()
        there = (path.name for path in self.generation(current).iterdir()) if current else ()
        return frozenset(there) - {COMPLETE}

    def generation(self, name: str) -> Path:
        return self.folder / "gens" / name

    def write(self, number: int, files: Iterable[str]) -> str:
        """Write a generation and return its name; it does not count yet."""
        name = f"g{number:04}"
        folder = self.generation(name)
        for parent in (self.folder, folder.parent):
            parent.mkdir(exist_ok=True)
            parent.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        folder.chmod(0o755)
        for file in (*files, COMPLETE):
            os.close(os.open(folder / file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        synchronise(folder)
        synchronise(folder.parent)
        return name

    def swap(self, name: str) -> None:
        """Make a complete generation the one that counts, in one step."""
        if not (self.generation(name) / COMPLETE).is_file():
            raise FileNotFoundError(f"{self.generation(name)} is no complete generation")
        fresh = self.link.with_name("current.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("gens") / name)
        fresh.replace(self.link)
        synchronise(self.folder)

    def latest(self) -> int:
        """Return the highest number on disk, 0 for none."""
        return max((int(path.name[1:]) for path in self._all()), default=0)

    def prune(self, keep: int = KEPT) -> None:
        """Remove old generations but for the last ones; the one that counts stays whatever its age."""
        kept = {path.name for path in self._all()[-keep:]} | {self.current()}
        for path in self._all():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _all(self) -> list[Path]:
        found = [path for path in (self.folder / "gens").glob("g*") if NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: int(path.name[1:]))


def synchronise(folder: Path) -> None:
    """Make what was done in the folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
