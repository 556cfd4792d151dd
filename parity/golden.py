"""Golden answers: what people approved as right, kept beside the recording and changed only by review.

Two stacks over shared rules cannot disagree about an error in the rules; these answers can. One JSON line an exchange, in the
order of the recording, so that a change reads well in a diff; the first line names the leaves that are measured anew each
time, as calibration found them when the answers were approved.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
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
    answers: dict[str, Answer] = {}
    noise: dict[str, frozenset[str]] = {}
    # Not splitlines(): JSON may hold other characters that end a line, such as U+2028.
    for number, line in enumerate(path.read_text(encoding="utf-8").rstrip("\n").split("\n"), 1):
        try:
            data = json.loads(line)
            if "noise" in data:
                noise = {leaf: frozenset(classes) for leaf, classes in data["noise"].items()}
                continue
            body = data["text"].encode() if "text" in data else _written(data["json"])
            answers[data["id"]] = Answer(data["status"], tuple(data.get("headers", {}).items()), body)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ParityError(f"{path.name}, line {number}: is no golden answer ({error}); restore it.") from None
    return Golden(answers, noise)


class GoldenWriter:
    """Collects answers to be approved; their file takes the place of the old one when it is finished."""

    def __init__(self, path: Path, headers: Iterable[str]) -> None:
        self._path = path
        self._headers = frozenset(headers) | {"content-type"}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lines: list[str] = []

    def add(self, exchange: str, request: str, answer: Answer) -> None:
        line: dict[str, Any] = {"id": exchange, "request": request, "status": answer.status}
        line["headers"] = dict(self._kept(answer.headers))
        body = without_tokens(answer.body)
        try:
            line["json"] = json.loads(body)
        except ValueError:
            line["text"] = body.decode("utf-8", "replace")
        self._lines.append(_written(line, (", ", ": ")).decode())

    def finish(self, noise: Mapping[str, Iterable[str]]) -> None:
        """Put the file in its place; `noise` are the leaves that calibration found to change from run to run."""
        first = json.dumps({"noise": {leaf: sorted(classes) for leaf, classes in sorted(noise.items())}})
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text("\n".join([first, *self._lines]) + "\n", encoding="utf-8")
        draft.replace(self._path)

    def _kept(self, headers: Headers) -> Iterable[tuple[str, str]]:
        return ((name, value) for name, value in headers if name in self._headers)


def _written(value: Any, separators: tuple[str, str] = (",", ":")) -> bytes:
    """Return JSON in UTF-8; in ASCII where it holds half a surrogate pair."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=separators).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=separators).encode()
