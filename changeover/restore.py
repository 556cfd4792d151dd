"""`changeover restore`: put a backup in the place of the database, after keeping what the database holds now."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from changeover import launch
from changeover.backup import publish, shelf_of
from changeover.backup_contents import Moves, contents, moves
from changeover.backup_database import Database, Sole, database_at, one_line_errors
from changeover.backup_files import Damaged, Wanted, sha256_of
from changeover.backup_shelf import Draft
from changeover.backup_sidecar import BEFORE_RESTORE, Backup, Label
from changeover.problems import FAILED, Problem
from changeover.supervision import Supervisor
from changeover.system import System
from scheduler.clock import Clock
from shared_models import migrate

__all__ = ["Restored", "restore"]


@dataclass(frozen=True)
class Restored:
    """What was put in place, the backup of what was there before, and files that were moved aside because broken."""

    backup: Backup
    before: Backup | None
    aside: tuple[Path, ...]
    changes: Mapping[str, Moves]

    def as_json(self) -> dict[str, Any]:
        return {
            "restored": str(self.backup.file),
            "created": self.backup.as_json()["created"],
            "phase": self.backup.as_json()["phase"],
            "revision": self.backup.revision,
            "rows": {table: held.rows for table, held in self.backup.tables.items()},
            "changes": {table: {"went": each.go, "came_back": each.come_back} for table, each in self.changes.items()},
            "before": str(self.before.file) if self.before else None,
            "moved_aside": [str(path) for path in self.aside],
        }


def restore(system: System, wanted: str, here: Path, *, force: bool) -> Restored:
    """Put a backup in the place of the database. `wanted` is as for `Shelf.choose`, relative to the folder `here`.

    Raise Problem, with the database as it was, while stacks run, for a backup that is not what its sidecar says, and
    unless forced for anything that would be lost by it.
    """
    with system.place.lock(), one_line_errors("restored"):
        _check_nothing_runs(system)
        backup = shelf_of(system).choose(wanted, here)
        database = database_at(system.settings.database_url)
        _check_whole(database, backup)
        with database.alone() as sole, ExitStack() as stack:
            draft, damage = _present(system, database, sole, stack)
            changes = _changes(database, draft, backup) if draft else {}
            objections = list(_objections(backup, damage, changes))
            if objections and not force:
                raise Problem(f"{'; '.join(objections)}. If that is wanted, add --force.", FAILED)
            before = publish(system, draft, database, Label(name=BEFORE_RESTORE)) if draft else None
            aside = sole.replace_with(backup.file, _placing(system, backup, draft))
            return Restored(backup, before, tuple(aside), changes)


def _check_nothing_runs(system: System) -> None:
    records = filter(None, map(launch.read_incarnation, system.place.records()))
    if Supervisor(system.place).is_running() or any(launch.members(record) for record in records):
        raise Problem("Stacks of this copy run, and what they write would be lost; type `make down` first.", FAILED)


def _check_whole(database: Database, backup: Backup) -> None:
    """Raise Problem unless the copy is what its sidecar says, and something that this release can bring up to date."""
    file = backup.file
    if backup.kind != database.kind:
        raise Problem(f"{file} is of {backup.kind}, the database is {database.kind}; choose another.", FAILED)
    if sha256_of(file) != backup.sha256:
        raise Problem(f"{file} is not the file that its sidecar describes; choose another backup.", FAILED)
    try:
        found = (contents(database, file), database.check(file), database.revision(file))
    except Damaged as error:
        raise Problem(f"{file} is damaged ({error}); choose another backup.", FAILED) from None
    if found != (backup.tables, backup.violations, backup.revision):
        raise Problem(f"{file} does not hold what its sidecar says; choose another backup.", FAILED)
    if backup.tables and backup.revision not in migrate.known_revisions():
        raise Problem(
            f"{file} has schema revision {backup.revision}, which this release does not know; "
            "restore it with the release that made it.",
            FAILED,
        )


def _present(system: System, database: Database, sole: Sole, stack: ExitStack) -> tuple[Draft | None, str]:
    """Return a copy of the present database, none where there is none, and what is wrong with it."""
    if not sole.is_there:
        return None, sole.damage
    try:
        return stack.enter_context(shelf_of(system).draft(database, sole.copy_to)), ""
    except Damaged as error:
        return None, str(error)


def _changes(database: Database, draft: Draft, backup: Backup) -> Mapping[str, Moves]:
    return moves(database, (draft.file, draft.tables), (backup.file, backup.tables))


def _objections(backup: Backup, damage: str, changes: Mapping[str, Moves]) -> Iterator[str]:
    if backup.violations:
        yield f"{backup.file.name} itself violates foreign keys in {', '.join(backup.violations)}"
    if damage:
        yield f"The present database is damaged ({damage}) and would be moved aside"
    if changes:
        told = (f"{table}: {each.go:,} rows would go, {each.come_back:,} come back" for table, each in changes.items())
        yield f"The database has changed since this backup of {backup.when} ({'; '.join(told)})"


def _placing(system: System, backup: Backup, draft: Draft | None) -> Wanted:
    if draft:
        return Wanted(backup.sha256, surplus=tuple(sorted(set(draft.tables) - set(backup.tables))))
    # Where no copy could be made, all that lies there is kept; of a missing database that may be its log.
    return Wanted(backup.sha256, aside=f"damaged-{Clock(system.settings.clock_offset_s).now():%Y%m%dT%H%M%SZ}")
