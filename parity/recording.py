"""The file format of recordings: one JSON object a line, a header first, then one HAR entry a line; plain or gzipped.

Reading and writing stream, so a recording may be larger than memory. What an entry looks like is in `parity.har`.
"""

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from parity.har import base_of, entry_from_har, entry_to_har
from parity.recording_files import Gzip, is_gzipped, lines_of, open_to_append, open_to_write, whole_lines_of
from parity.values import Entry, ParityError

__all__ = ["FORMAT", "Entries", "Header", "Writer", "as_lines", "digest", "read", "rewrite"]

FORMAT = "parity-recording/1"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Header:
    """Line 1 of a recording. Times are ISO 8601 in UTC; `extra` keeps keys that this version does not know."""

    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
    prefixes: tuple[str, ...] = ()
    database: Mapping[str, Any] = field(default_factory=dict)
    clock_start: str = ""
    redaction: Mapping[str, Any] = field(default_factory=dict)
    # Variable -> pseudonym of the password that it sets when a replay prepares its database.
    secrets: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the header as the JSON object of line 1."""
        known = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "extra"}
        return {"format": FORMAT, **known, **self.extra}

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Return the header. Raise ParityError for a document that is none."""
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            said = document.get("format") if isinstance(document, dict) else document
            raise ParityError(f'The format is "{said}", not {FORMAT}; import the file instead.')
        names = {f.name for f in fields(cls)} - {"extra"}
        known = {name: document[name] for name in names & set(document)}
        known["prefixes"] = tuple(known.get("prefixes", ()))
        return cls(**known, extra={key: document[key] for key in document if key not in names and key != "format"})


class Entries(Iterator[Entry]):
    """The entries of a file, one at a time. `torn` is True once the end was reached and the last line was cut off."""

    def __init__(self, path: Path, lines: Iterator[bytes], base: str) -> None:
        self.torn = False
        self._path, self._lines, self._base, self._number = path, lines, base, 1

    def __next__(self) -> Entry:
        for line in self._lines:
            self._number += 1
            if not line.strip():
                continue
            try:
                return entry_from_har(_loads(line), self._base)
            except ValueError as error:
                if not line.endswith(b"\n"):
                    break
                raise ParityError(
                    f"{self._path}:{self._number}: is not JSON ({error}); mend or remove the line."
                ) from None
            except ParityError as error:
                raise ParityError(f"{self._path}:{self._number}: {error}") from None
        else:
            raise StopIteration
        self.torn = True
        _log.warning("%s:%s: the last line was cut off and is left out", self._path, self._number)
        raise StopIteration


def read(path: Path) -> tuple[Header, Entries]:
    """Return the header and the entries, which are read as they are asked for.

    Raise ParityError, naming file and line, for anything but a recording; a last line that a crash cut off ends the
    entries and is told by `torn` and a warning in the log.
    """
    try:
        lines = lines_of(path)
        first = next(lines, b"")
    except OSError as error:
        raise ParityError(f"{path}: cannot be read ({error.strerror or error}).") from None
    try:
        header = Header.from_json(_loads(first))
    except json.JSONDecodeError:
        raise ParityError(f"{path}:1: is not the header of a recording; import the file instead.") from None
    except ParityError as error:
        raise ParityError(f"{path}:1: {error}") from None
    return header, Entries(path, lines, base_of(header.prefixes))


class Writer:
    """Appends entries to a recording; each is on disk when `write` returns. `finish` writes the counts into the header.

    A file that is there already is carried on, without the torn line that a crash may have left; its header wins.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self._tally = _Tally()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            self.header = rewrite(path)
            for entry in read(path)[1]:
                self._tally.add(entry)
        else:
            with open_to_write(path) as file:
                file.write(_dumps(header.to_json()))
        self._base = base_of(self.header.prefixes)
        self._file: IO[bytes] | Gzip | None = open_to_append(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish() if kind is None else self.close()

    def write(self, entry: Entry) -> None:
        """Append one entry as one line."""
        if self._file is None:
            raise ParityError(f"{self.path}: is finished; open it again to carry on.")
        self._file.write(_dumps(entry_to_har(entry, self._base)))
        self._file.flush()
        self._tally.add(entry)

    def close(self) -> None:
        """Let go of the file and leave its header as it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self, change: Callable[[Entry], Entry] | None = None, **updates: Any) -> Header:
        """Close, then replace the file at once by one with counts in its header; return that header.

        `updates` are further fields of the header; `change` is applied to each entry on the way, as in `rewrite`.
        """
        self.close()
        if not updates and change is None and self.header.counts == self._tally.counts:
            return self.header
        self.header = replace(self.header, counts=self._tally.counts, **updates)
        rewrite(self.path, self.header, change)
        return self.header


def rewrite(path: Path, header: Header | None = None, change: Callable[[Entry], Entry] | None = None) -> Header:
    """Replace the file by one with this header and changed entries, atomically; return its header.

    A torn last line does not come over. Lines that need no change are copied byte by byte.
    """
    there, entries = read(path)
    written = header or there
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with open_to_write(beside, gzipped=is_gzipped(path)) as file:
            file.write(_dumps(written.to_json()))
            if change is None and base_of(there.prefixes) == base_of(written.prefixes):
                file.writelines(whole_lines_of(path))
            else:
                base = base_of(written.prefixes)
                file.writelines(_dumps(entry_to_har(change(entry) if change else entry, base)) for entry in entries)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return written


def as_lines(header: Header, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the lines of a recording that is to stand elsewhere than in a file of its own."""
    base = base_of(header.prefixes)
    yield _dumps(header.to_json())
    for entry in entries:
        yield _dumps(entry_to_har(entry, base))


def digest(path: Path) -> str:
    """Return the SHA-256 of all whole lines, uncompressed, in hex; the same for the plain and the gzipped file."""
    total = hashlib.sha256()
    try:
        for line in lines_of(path):
            if line.endswith(b"\n"):
                total.update(line)
    except OSError as error:
        raise ParityError(f"{path}: cannot be read ({error.strerror or error}).") from None
    return total.hexdigest()


class _Tally:
    """Counts entries, sessions and status classes."""

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._sessions: set[str] = set()

    def add(self, entry: Entry) -> None:
        answer = entry.answer
        self._sessions.add(entry.session)
        self._statuses["none" if answer is None else f"{answer.status // 100}xx" if answer.status else "broken"] += 1

    @property
    def counts(self) -> dict[str, Any]:
        statuses = dict(sorted(self._statuses.items()))
        return {"entries": self._statuses.total(), "sessions": len(self._sessions), "statuses": statuses}


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # Lone surrogates, which orjson refuses; its error is a subclass of the one raised here.
        return json.loads(line)


def _dumps(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, default=_plain, option=orjson.OPT_APPEND_NEWLINE)
    except (TypeError, orjson.JSONEncodeError):
        # Numbers beyond 64 bits, and text with lone surrogates.
        return json.dumps(document, default=_plain, separators=(",", ":")).encode("ascii") + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
