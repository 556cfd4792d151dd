"""What a replay writes down while it runs, one JSON line an exchange: the report is made from it, and a killed run goes on from it.

Whole requests, answers, rows and effects are kept only where something differs, and of each kind of difference only the first.
"""

import json
import os
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from parity.routes import Route
from parity.values import Answer, Difference, Effect, Entry, Outcome, Request, RowChange

__all__ = ["Detail", "Journal", "Played", "read_at", "read_journal", "read_places"]

# So many whole exchanges are kept of each kind of difference.
_KEPT = 3
_BODY_BYTES = 256 * 1024
_VALUE_CHARS = 2_000
# Stands for a value whose JSON is kept as text: integers beyond 64 bits and half surrogate pairs, which orjson refuses.
_EXACT = "$json"


@dataclass(frozen=True, slots=True)
class Detail:
    """The whole of one exchange: the recorded entry, what was sent to each stack, and what each did."""

    entry: Entry
    sent: tuple[Request, Request]
    left: Outcome
    right: Outcome


@dataclass(frozen=True, slots=True)
class Played:
    """One exchange as it was replayed. Statuses are recorded, left, right; None where there was none to have.

    `witness` and `golden` are the differences between the recorded (approved) answer and the left one, None where there is
    no such answer. `caused_by` is the exchange whose diverging write this one's differences follow from. `skipped` says
    why nothing was sent.
    """

    seq: int
    id: str
    session: str
    method: str
    target: str
    route: Route
    statuses: tuple[int | None, int | None, int | None]
    elapsed_s: tuple[float, float]
    differences: tuple[Difference, ...] = ()
    witness: tuple[Difference, ...] | None = None
    golden: tuple[Difference, ...] | None = None
    not_carried: tuple[str, ...] = ()
    skipped: str = ""
    wrote: bool = False
    caused_by: str = ""
    detail: Detail | None = None


class Journal:
    """Appends exchanges to a file, each line whole or not at all for whoever reads it after a crash."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab")
        self._kept: Counter[tuple[str, ...]] = Counter()

    @classmethod
    def take_up(cls, path: Path, length_bytes: int, kept: Sequence[Sequence[Any]]) -> Self:
        """Return a journal as it was when it had this length and had `export`ed this."""
        os.truncate(path, length_bytes)
        journal = cls(path)
        journal._kept.update({tuple(key): count for *key, count in kept})
        return journal

    def export(self) -> list[list[Any]]:
        """Return how many whole exchanges were kept of what, as JSON values."""
        return [[*key, count] for key, count in self._kept.items()]

    def length(self) -> int:
        """Return how many bytes of the file will outlive a power cut."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def wants_detail(self, played: Played) -> bool:
        """Return whether the whole exchange should be kept; counts it as kept."""
        route = str(played.route)
        voices = (("pair", played.differences), ("witness", played.witness), ("golden", played.golden))
        keys = [
            (voice, route, d.where, d.axis, d.path, d.left_kind, d.right_kind)
            for voice, found in voices
            for d in found or ()
        ]
        wanted = any(self._kept[key] < _KEPT for key in keys)
        if wanted:
            self._kept.update(set(keys))
        return wanted

    def add(self, played: Played) -> None:
        line = _as_json(played)
        try:
            written = orjson.dumps(line)
        except TypeError:
            # Half a surrogate pair in a path.
            written = json.dumps(line).encode()
        self._file.write(written + b"\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_journal(path: Path) -> Iterator[Played]:
    """Yield the exchanges in the order in which they were replayed. A torn last line is left out."""
    return (played for _, played in read_places(path))


def read_places(path: Path) -> Iterator[tuple[int, Played]]:
    """Yield each exchange with where it begins in the file, in bytes."""
    offset = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield offset, _from_json(_loads(line))
            offset += len(line)


def read_at(path: Path, offset: int) -> Played:
    """Return the exchange that begins there."""
    with path.open("rb") as lines:
        lines.seek(offset)
        return _from_json(_loads(lines.readline()))


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


def _as_json(played: Played) -> dict[str, Any]:
    line: dict[str, Any] = {
        "seq": played.seq,
        "id": played.id,
        "session": played.session,
        "method": played.method,
        "target": played.target,
        "route": [played.route.method, played.route.template, played.route.group],
        "statuses": played.statuses,
        "elapsed_s": played.elapsed_s,
    }
    for name in ("not_carried", "skipped", "wrote", "caused_by"):
        if getattr(played, name):
            line[name] = getattr(played, name)
    for name in ("differences", "witness", "golden"):
        if getattr(played, name) or (name != "differences" and getattr(played, name) is not None):
            line[name] = [_difference(d) for d in getattr(played, name)]
    if played.detail:
        line["detail"] = _detail(played.detail)
    return line


def _from_json(line: Mapping[str, Any]) -> Played:
    return Played(
        seq=line["seq"],
        id=line["id"],
        session=line["session"],
        method=line["method"],
        target=line["target"],
        route=Route(*line["route"]),
        statuses=(line["statuses"][0], line["statuses"][1], line["statuses"][2]),
        elapsed_s=(line["elapsed_s"][0], line["elapsed_s"][1]),
        differences=_read_differences(line, "differences") or (),
        witness=_read_differences(line, "witness"),
        golden=_read_differences(line, "golden"),
        not_carried=tuple(line.get("not_carried", ())),
        skipped=line.get("skipped", ""),
        wrote=line.get("wrote", False),
        caused_by=line.get("caused_by", ""),
        detail=_read_detail(line["detail"]) if "detail" in line else None,
    )


def _read_differences(line: Mapping[str, Any], name: str) -> tuple[Difference, ...] | None:
    if name not in line:
        return None
    return tuple(
        Difference(where, axis, path, spot, _whole(left), _whole(right), left_kind, right_kind)
        for where, axis, path, spot, left, right, left_kind, right_kind in line[name]
    )


def _difference(found: Difference) -> list[Any]:
    values = [_shortened(found.left), _shortened(found.right)]
    return [found.where, found.axis, found.path, found.spot, *values, found.left_kind, found.right_kind]


def _shortened(value: Any) -> Any:
    """Return what stands for the value: itself, or its text cut short where it is long."""
    exact, written = _exact(value)
    return exact if len(written) <= _VALUE_CHARS else written[:_VALUE_CHARS] + "…"


def _exact(value: Any) -> tuple[Any, str]:
    """Return what stands for the value whole, and its JSON."""
    try:
        return value, orjson.dumps(value).decode()
    except TypeError:
        written = json.dumps(value, default=str)
        return {_EXACT: written}, written


def _whole(kept: Any) -> Any:
    return json.loads(kept[_EXACT]) if isinstance(kept, dict) and kept.keys() == {_EXACT} else kept


def _detail(detail: Detail) -> dict[str, Any]:
    entry = detail.entry
    return {
        "entry": {
            "id": entry.id,
            "seq": entry.seq,
            "session": entry.session,
            "request": _request(entry.request),
            "answer": entry.answer and _answer(entry.answer),
            "started": entry.started,
        },
        "sent": [_request(request) for request in detail.sent],
        "left": _outcome(detail.left),
        "right": _outcome(detail.right),
    }


def _read_detail(data: Mapping[str, Any]) -> Detail:
    entry = data["entry"]
    answer = entry["answer"]
    recorded = Entry(
        entry["id"],
        entry["seq"],
        entry["session"],
        _read_request(entry["request"]),
        answer and _read_answer(answer),
        entry["started"],
    )
    first, second = data["sent"]
    return Detail(
        recorded,
        (_read_request(first), _read_request(second)),
        _read_outcome(data["left"]),
        _read_outcome(data["right"]),
    )


def _request(request: Request) -> list[Any]:
    return [request.method, request.target, request.headers, _bytes(request.body)]


def _read_request(data: Sequence[Any]) -> Request:
    return Request(data[0], data[1], tuple((name, value) for name, value in data[2]), b64decode(data[3]))


def _answer(answer: Answer) -> list[Any]:
    return [answer.status, answer.headers, _bytes(answer.body), answer.elapsed_s, answer.error]


def _read_answer(data: Sequence[Any]) -> Answer:
    return Answer(data[0], tuple((name, value) for name, value in data[1]), b64decode(data[2]), data[3], data[4])


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "answer": _answer(outcome.answer),
        "rows": [[row.table, row.operation, _columns(row.before), _columns(row.after)] for row in outcome.rows],
        "effects": [[effect.kind, _exact(effect.content)[0]] for effect in outcome.effects],
    }


def _columns(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {name: _shortened(value) for name, value in row.items()}


def _read_outcome(data: Mapping[str, Any]) -> Outcome:
    return Outcome(
        _read_answer(data["answer"]),
        tuple(RowChange(*row[:2], *map(_read_columns, row[2:])) for row in data["rows"]),
        tuple(Effect(kind, _whole(content)) for kind, content in data["effects"]),
    )


def _read_columns(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {name: _whole(value) for name, value in row.items()}


def _bytes(body: bytes) -> str:
    return b64encode(body[:_BODY_BYTES]).decode()
