"""Who changed the ownership table, when, why, and how it was proven: lines of JSON, each with the digest of the one before.

A change is two lines: what is wanted before the table is swapped, and what came of it. So a process that dies between
them leaves a trace, and whoever edits or removes a line breaks the chain.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.ownership import Ownership

__all__ = ["OUTCOMES", "Audit", "Standing", "standing_of"]

# What a second line says of its change; `wanted` is the first line.
OUTCOMES = ("done", "reverted", "found")
START = "0" * 64
GENERATION = re.compile(r"(?:g[0-9]{4,})?")


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
        """Write one line so that it outlasts a crash, and return it.

        What a crash left of a line goes. A line that was not the last one when it was written breaks the chain for good.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines, torn = self._read()
        is_whole = self._is_whole(lines)
        if is_whole and self._head() != end_of(lines):
            # The head may lag by one line and no more: where it cannot be written, nothing is.
            self._point_at(end_of(lines))
        record = {
            "number": len(lines) + 1,
            "event": event,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **facts,
            "previous": end_of(lines) if is_whole else self._head(),
        }
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode()
        with self.path.open("ab") as file:
            file.truncate(file.tell() - torn)
            file.write((b"" if not lines or ends_its_line(self.path) else b"\n") + line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._point_at(digest(line))
        return record

    def _point_at(self, end: str) -> None:
        fresh = self.head.with_suffix(".head.new")
        fresh.write_text(end + "\n")
        fresh.replace(self.head)

    def standing(self) -> Standing:
        """Return what the last change that was carried out left. Nothing of it is read from the table itself."""
        for record in self._latest():
            if record["event"] in OUTCOMES:
                return standing_of(record)
        return Standing(Ownership(), "", "")

    def unfinished(self) -> dict[str, Any] | None:
        """Return the change that somebody began and did not end, None where there is none."""
        for record in self._latest():
            if record["event"] in OUTCOMES:
                return None
            if record["event"] == "wanted":
                return record
        return None

    def highest(self) -> int:
        """Return the highest number that a generation was given, 0 for none: what is wanted gets the next one."""
        highest = 0
        for record in self._latest():
            highest = max(highest, int(record.get("generation", "g0")[1:] or 0))
            if record["event"] == "wanted":
                break
        return highest

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
        if not self._is_whole(self._lines()):
            found.append(
                f"the last line is not the one that {self.head.name} names: it was changed, or lines are gone."
            )
        return found

    def _is_whole(self, lines: list[bytes]) -> bool:
        """Whether the head names the last line, or the one before it, where a kill came between line and head."""
        return self._head() in {end_of(lines), *(record_of(line).get("previous") for line in lines[-1:])}

    def _head(self) -> str:
        try:
            return self.head.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return START

    def _latest(self) -> Iterator[dict[str, Any]]:
        """Yield the records, the newest first, read as far as somebody wants them."""
        return map(record_of, reversed(self._lines()))

    def _lines(self) -> list[bytes]:
        return self._read()[0]

    def _read(self) -> tuple[list[bytes], int]:
        """Return the lines, and how many bytes after them are what a crash left of one."""
        try:
            *lines, last = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return [], 0
        torn = record_of(last)["event"] == "unreadable"
        return [line for line in (*lines, b"" if torn else last) if line], len(last) if torn else 0


def record_of(line: bytes) -> dict[str, Any]:
    """Return the line's record, `{"event": "unreadable"}` for one that nobody here has written so."""
    try:
        record = json.loads(line)
        if record["event"] in ("wanted", *OUTCOMES):
            standing_of(record)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {"event": "unreadable"}
    return dict(record)


def standing_of(record: Mapping[str, Any]) -> Standing:
    """Return what the record says of the table. Raise ValueError, KeyError or TypeError where it does not."""
    if not GENERATION.fullmatch(record["generation"]):
        raise ValueError(record["generation"])
    return Standing(Ownership(record["shares"], frozenset(record["loose"])), record["generation"], str(record["at"]))


def ends_its_line(path: Path) -> bool:
    return path.read_bytes().endswith(b"\n")


def end_of(lines: list[bytes]) -> str:
    """Return what the next line names as the one before it."""
    return digest(lines[-1]) if lines else START


def digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
