"""`changeover backup`: a verified copy of the database that the running copy of the system uses, kept in VAR_DIR/backups."""

import re

from changeover.backup_contents import Tables
from changeover.backup_database import Database, database_at, one_line_errors
from changeover.backup_files import Damaged
from changeover.backup_shelf import Draft, Shelf
from changeover.backup_sidecar import BEFORE_RESTORE, Backup, Label
from changeover.database import without_password
from changeover.problems import FAILED, Problem
from changeover.system import System
from scheduler.clock import Clock

__all__ = ["in_words", "label_of", "make_backup", "publish", "shelf_of"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def shelf_of(system: System) -> Shelf:
    return Shelf(system.place.var_dir / "backups")


def label_of(system: System, phase: int | None, name: str) -> Label:
    """Return what a backup is for. Raise Problem for a phase that the plan has not, or a name that cannot be a file's."""
    if name and not _NAME.fullmatch(name):
        raise Problem(f'A backup cannot be called "{name}"; use letters, digits, ".", "_" and "-", at most 64 of them.')
    if name == BEFORE_RESTORE:
        raise Problem(f'"{name}" is what `changeover restore` calls its own backups; use another name.')
    if phase is None:
        return Label(name=name)
    phases = {each.id: each for each in system.config.routes.phases}
    if phase not in phases:
        there = ", ".join(f"{each.id} ({each.title})" for each in phases.values()) or "none"
        raise Problem(f"There is no phase {phase}; there are: {there}.")
    return Label(phase, phases[phase].title, name)


def make_backup(system: System, label: Label) -> Backup:
    """Return a new backup, whose `violations` say what is wrong with the database. Others go on using it meanwhile.

    Raise Problem, leaving nothing behind, where there is no database, or one with faults in its file.
    """
    url = system.settings.database_url
    with one_line_errors("backed up"):
        database = database_at(url)
        try:
            with shelf_of(system).draft(database, database.copy_to) as draft:
                return publish(system, draft, database, label)
        except Damaged as error:
            raise Problem(
                f"{without_password(url)} is damaged ({error}), so there is no backup of it; "
                "`changeover restore` puts an earlier one in its place.",
                FAILED,
            ) from None


def publish(system: System, draft: Draft, database: Database, label: Label) -> Backup:
    now = Clock(system.settings.clock_offset_s).now()
    return shelf_of(system).publish(draft, database, label, now, without_password(system.settings.database_url))


def in_words(tables: Tables) -> str:
    """Return `1,234 rows in 14 tables`."""
    return f"{sum(held.rows for held in tables.values()):,} rows in {len(tables)} tables"
