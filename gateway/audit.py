"""Who changed the ownership table, when, why, and how it was proven: lines of JSON, each with the digest of the one before.

A change is two lines: what is wanted before the table is swapped, and what came of it. So a process that dies between
them leaves a trace, and whoever edits or removes a line breaks the chain.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.ownership import Ownership

__all__ = ["OUTCOMES", "Audit", "Standing"]

# What a second line says of its change; `wanted` is the first line.
OUTCOMES = ("done", "reverted", "found")
START = "0" * 64


@dataclass(frozen=True)
class Standing:
    """What the table should hold now, since when (ISO, UTC; "" for never changed), and the generation that holds it."""

    ownership: Ownership
    generation: str
    since: str


@dataclass(frozen=True)
class Audit:
    """The file; it may not exist yet."""

    path: Path

    @property
    def head(self) -> Path:
        """The file with the digest of the last line, without which a change of that line could not be seen."""
        return self.path.with_suffix(".head")

    def records(self) -> list[dict[str, Any]]:
        """Return all lines, the oldest first. A line that cannot be read is `{"event": "unreadable"}`."""
        return [record_of(line) for line in self._lines()]

    def append(self, event: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write one line so that it outlasts a crash, and return it."""
        lines = self._lines()
        record = {
            "number": len(lines) + 1,
            "event": event,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **facts,
            "previous": digest(lines[-1]) if lines else START,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":"))
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.head.write_text(digest(line) + "\n")
        return record

    def standing(self) -> Standing:
        """Return what the last change that was carried out left. Nothing of it is read from the table itself."""
        for record in reversed(self.records()):
            if record["event"] in OUTCOMES:
                ownership = Ownership(record["shares"], frozenset(record["loose"]))
                return Standing(ownership, record["generation"], record["at"])
        return Standing(Ownership(), "", "")

    def unfinished(self) -> dict[str, Any] | None:
        """Return the change that somebody began and did not end, None where there is none."""
        records = self.records()
        return records[-1] if records and records[-1]["event"] == "wanted" else None

    def problems(self) -> list[str]:
        """Return what shows that the file is not as it was written, one sentence each; nothing where it is."""
        found, previous = [], START
        for number, line in enumerate(self._lines(), 1):
            record = record_of(line)
            if record["event"] == "unreadable":
                found.append(f"line {number} cannot be read.")
            elif record.get("number") != number or record.get("previous") != previous:
                found.append(f"line {number} does not follow from the line before it: one of them was changed.")
            previous = digest(line)
        if previous != START and (not self.head.exists() or self.head.read_text().strip() != previous):
            found.append(
                f"the last line is not the one that {self.head.name} names: it was changed, or lines are gone."
            )
        return found

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        return [line for line in self.path.read_text(encoding="utf-8").split("\n") if line]


def record_of(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    return record if isinstance(record, dict) and "event" in record else {"event": "unreadable"}


def digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()
