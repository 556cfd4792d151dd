"""What is known of a backup: the JSON file beside its copy. Written last but one, read before anything is believed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from changeover.backup_contents import Held, Tables, digest_of
from changeover.problems import FAILED, Problem

__all__ = ["BEFORE_RESTORE", "Backup", "Label", "read_sidecar", "sidecar_of"]

BEFORE_RESTORE = "before-restore"
"""The name of the backups that `restore` makes by itself."""
_FORMAT = 1


@dataclass(frozen=True)
class Label:
    """What a backup is for, as whoever made it said."""

    phase: int | None = None
    title: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """Return `phase 5 (Write operations: jobs), before-import`, empty where nothing was said."""
        return ", ".join(filter(None, ["" if self.phase is None else f"phase {self.phase} ({self.title})", self.name]))


@dataclass(frozen=True)
class Backup:
    """A copy and its sidecar. `database` is a URL without password; `violations` are rows by table."""

    file: Path
    created: datetime
    label: Label
    kind: str
    database: str
    revision: str | None
    tables: Tables
    violations: Mapping[str, int]
    size_bytes: int
    sha256: str

    @property
    def rows(self) -> int:
        return sum(held.rows for held in self.tables.values())

    @property
    def when(self) -> str:
        return f"{self.created:%Y-%m-%d %H:%M:%S} UTC"

    def as_json(self) -> dict[str, Any]:
        """Return the sidecar's object; it does not name the copy, which may lie anywhere."""
        phase = None if self.label.phase is None else {"number": self.label.phase, "title": self.label.title}
        return {
            "format": _FORMAT,
            "created": self.created.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "phase": phase,
            "name": self.label.name,
            "kind": self.kind,
            "database": self.database,
            "revision": self.revision,
            "rows": {table: held.rows for table, held in self.tables.items()},
            "foreign_keys_violated": dict(self.violations),
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "content": digest_of(self.tables),
            "tables": {table: held.digest for table, held in self.tables.items()},
        }


def sidecar_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def read_sidecar(file: Path) -> Backup:
    """Return the backup whose copy is `file`. Raise Problem for one without a sidecar, or with one of another format."""
    path = sidecar_of(file)
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError:
        raise Problem(f"{file} has no {path.name} beside it; name a backup that has.", FAILED) from None
    except (ValueError, OSError) as error:
        raise Problem(f"{path} cannot be read: {error}.", FAILED) from None
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        raise Problem(f"{path} is not of format {_FORMAT}; use the release that made it.", FAILED)
    try:
        return _parsed(file, facts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Problem(f"{path} is not what `changeover backup` writes: {error!r}.", FAILED) from None


def _parsed(file: Path, facts: Mapping[str, Any]) -> Backup:
    phase, name = facts["phase"], str(facts["name"])
    return Backup(
        file=file,
        created=datetime.fromisoformat(facts["created"]).astimezone(UTC),
        label=Label(int(phase["number"]), str(phase["title"]), name) if phase else Label(name=name),
        kind=str(facts["kind"]),
        database=str(facts["database"]),
        revision=facts["revision"],
        tables={name: Held(int(rows), str(facts["tables"][name])) for name, rows in facts["rows"].items()},
        violations={name: int(rows) for name, rows in facts["foreign_keys_violated"].items()},
        size_bytes=int(facts["size_bytes"]),
        sha256=str(facts["sha256"]),
    )
