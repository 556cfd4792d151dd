"""Golden answers: what people approved as right, kept beside the recording and changed only by review.

Two stacks over shared rules cannot disagree about an error in the rules; these answers can. One JSON line an exchange, in the
order of the recording, so that a change reads well in a diff; the first line names the leaves that are measured anew each
time, as calibration found them when the answers were approved.
"""

import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.values import Answer, Headers, ParityError

__all__ = ["Golden", "GoldenWriter", "golden_file", "load_golden", "without_tokens"]

_TOKEN = re.compile(rb"<jwt-\d+>|eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")


def without_tokens(body: bytes) -> bytes:
    """Return the body with `<jwt>` for every JSON Web Token, blanked or not: they are made anew each time."""
    if b"eyJ" not in body and b"<jwt-" not in body:
        return body
    return _TOKEN.sub(b"<jwt>", body)


def golden_file(folder: Path, recording: Path) -> Path:
    """Return where the golden answers of a recording lie."""
    return folder / f"{recording.name.partition('.')[0]}.jsonl"


@dataclass(frozen=True)
class Golden:
    """Approved answers by exchange id, and the leaves whose value is noise in them, with their classes."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    noise: Mapping[str, frozenset[str]] = field(default_factory=dict)


def load_golden(path: Path) -> Golden:
    """Return the approved answers; none where there is no file. Raise ParityError for an unreadable line."""
    if not path.exists():
        return Golden()
    answers = _Answers(path)
    noise: dict[str, frozenset[str]] = {}
    offset = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                data = json.loads(line)
                if "noise" in data:
                    noise = {leaf: frozenset(classes) for leaf, classes in data["noise"].items()}
                else:
                    _answer(data)
                    answers.places[data["id"]] = offset
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise ParityError(f"{path.name}, line {number}: is no golden answer ({error}); restore it.") from None
            offset += len(line)
    return Golden(answers, noise)


class _Answers(Mapping[str, Answer]):
    """The answers of a file, read when one is asked for: there may be more than fit into memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.places: dict[str, int] = {}

    def __getitem__(self, exchange: str) -> Answer:
        offset = self.places[exchange]
        with self._path.open("rb") as lines:
            lines.seek(offset)
            return _answer(json.loads(lines.readline()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def _answer(data: Mapping[str, Any]) -> Answer:
    body = data["text"].encode() if "text" in data else _written(data["json"])
    return Answer(data["status"], tuple(data.get("headers", {}).items()), body)


class GoldenWriter:
    """Collects answers to be approved; their file takes the place of the old one when it is finished."""

    def __init__(self, path: Path, headers: Iterable[str]) -> None:
        self._path = path
        self._headers = frozenset(headers) | {"content-type"}
        path.parent.mkdir(parents=True, exist_ok=True)
        # Packed, for they may be many; on disk nothing is left of what is never finished.
        self._packer = zlib.compressobj(1)
        self._lines: list[bytes] = []

    def add(self, exchange: str, request: str, answer: Answer) -> None:
        line: dict[str, Any] = {"id": exchange, "request": request, "status": answer.status}
        line["headers"] = dict(self._kept(answer.headers))
        body = without_tokens(answer.body)
        try:
            line["json"] = json.loads(body)
        except ValueError:
            line["text"] = body.decode("utf-8", "replace")
        if packed := self._packer.compress(_written(line, (", ", ": ")) + b"\n"):
            self._lines.append(packed)

    def finish(self, noise: Mapping[str, Iterable[str]]) -> None:
        """Put the file in its place; `noise` are the leaves that calibration found to change from run to run."""
        first = json.dumps({"noise": {leaf: sorted(classes) for leaf, classes in sorted(noise.items())}})
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        unpacker = zlib.decompressobj()
        with draft.open("wb") as file:
            file.write(first.encode() + b"\n")
            file.writelines(unpacker.decompress(part) for part in [*self._lines, self._packer.flush()])
        draft.replace(self._path)

    def _kept(self, headers: Headers) -> Iterable[tuple[str, str]]:
        return ((name, value) for name, value in headers if name in self._headers)


def _written(value: Any, separators: tuple[str, str] = (",", ":")) -> bytes:
    """Return JSON in UTF-8; in ASCII where it holds half a surrogate pair."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=separators).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=separators).encode()
