"""The folder of backups: drafts that nobody takes for a backup, their publication in one step, and finding one again."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from changeover.backup_contents import Tables, contents
from changeover.backup_database import Database
from changeover.backup_files import fsync_file, fsync_folder, sha256_of
from changeover.backup_sidecar import BEFORE_RESTORE, Backup, Label, read_sidecar, sidecar_of
from changeover.problems import UNUSABLE, Problem

__all__ = ["Draft", "Shelf"]

_DRAFT = ".draft-"


@dataclass(frozen=True)
class Draft:
    """A copy that was checked and read, and is not a backup yet."""

    file: Path
    revision: str | None
    tables: Tables
    violations: Mapping[str, int]


@dataclass(frozen=True)
class Shelf:
    """The folder; only its owner may enter it, since its files hold what the database holds."""

    folder: Path

    @contextmanager
    def draft(self, database: Database, copy_to: Callable[[Path], None]) -> Iterator[Draft]:
        """Yield a verified copy, gone afterwards unless it was published. Others who make one wait. Raise Damaged."""
        with self._locked():
            file = self.folder / f"{_DRAFT}{os.getpid()}{database.suffix}"
            file.touch(mode=0o600, exist_ok=False)
            try:
                copy_to(file)
                violations = database.check(file)
                tables = contents(database, file)
                yield Draft(file, database.revision(file), tables, violations)
            finally:
                self._remove_drafts()

    def publish(self, draft: Draft, database: Database, label: Label, created: datetime, url: str) -> Backup:
        """Make the draft a backup of a name that was not there, and return it.

        The copy gets its name last: killed before, what lies there is no backup. `url` is shown, so without password.
        """
        file = self._free_name(f"{created:%Y%m%dT%H%M%SZ}{_phrase(label)}", database.suffix)
        size_bytes, digest = draft.file.stat().st_size, sha256_of(draft.file)
        facts = (database.kind, url, draft.revision, draft.tables, draft.violations, size_bytes, digest)
        backup = Backup(file, created, label, *facts)
        sidecar = draft.file.with_suffix(".json")
        sidecar.touch(mode=0o600)
        sidecar.write_text(json.dumps(backup.as_json(), indent=2) + "\n")
        for part in (draft.file, sidecar):
            fsync_file(part)
        # A link never takes the place of a file, as a rename would.
        os.link(sidecar, sidecar_of(file))
        os.link(draft.file, file)
        fsync_folder(self.folder)
        return backup

    def listed(self) -> tuple[list[Backup], list[str]]:
        """Return the backups, newest first, and what was found wrong with others."""
        backups, complaints = [], []
        for path in sorted(self.folder.glob("[!.]*.json")):
            file = path.with_name(path.stem)
            try:
                backups.append(read_sidecar(file))
            except Problem as problem:
                complaints.append(str(problem))
        backups.sort(key=lambda backup: (backup.created, backup.file.name), reverse=True)
        complaints += [f"{backup.file} is not there any more." for backup in backups if not backup.file.is_file()]
        return [backup for backup in backups if backup.file.is_file()], complaints

    def choose(self, wanted: str, here: Path) -> Backup:
        """Return the newest backup (`latest`), the newest of a phase (`phase-5`), or one by name or path. Raise Problem.

        What `restore` kept by itself is found by name only. Paths are relative to `here`.
        """
        places = [here / wanted, self.folder / wanted]
        named = [place for place in places if place.is_file()]
        if named:
            return read_sidecar(named[0].absolute())
        backups, _ = self.listed()
        for backup in backups:
            ours = backup.label.name == BEFORE_RESTORE
            by_phase = not ours and wanted == f"phase-{backup.label.phase}"
            if backup.file.stem == wanted or by_phase or (wanted == "latest" and not ours):
                return backup
        names = ", ".join(backup.file.stem for backup in backups) or "none"
        raise Problem(f'There is no backup "{wanted}" in {self.folder}; there are: {names}.', UNUSABLE)

    def _free_name(self, stem: str, suffix: str) -> Path:
        names = (f"{stem}{f'-{number}' if number > 1 else ''}{suffix}" for number in count(1))
        files = (self.folder / name for name in names)
        return next(file for file in files if not file.exists() and not sidecar_of(file).exists())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        lock = self.folder / ".lock"
        lock.touch(mode=0o600)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever made these was killed: they would hold the lock.
            self._remove_drafts()
            yield

    def _remove_drafts(self) -> None:
        for draft in self.folder.glob(f"{_DRAFT}*"):
            draft.unlink(missing_ok=True)


def _phrase(label: Label) -> str:
    phase = "" if label.phase is None else f"-phase-{label.phase}"
    return f"{phase}-{label.name}" if label.name else phase
