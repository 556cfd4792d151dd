"""The values that the parts of the runner hand to each other: requests, answers, rows, effects, differences.

    Entry (recorded) -> Request per stack -> Outcome per stack -> Difference*

Frozen, without behaviour that needs anything but the values themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "AXES",
    "Answer",
    "Axis",
    "Difference",
    "Effect",
    "Entry",
    "Headers",
    "Outcome",
    "ParityError",
    "Request",
    "RowChange",
    "header",
]

Headers = tuple[tuple[str, str], ...]
Axis = Literal["transport", "status", "header", "media", "value", "format", "type", "presence", "order", "latency"]
AXES: tuple[Axis, ...] = (
    "transport",
    "status",
    "header",
    "media",
    "value",
    "format",
    "type",
    "presence",
    "order",
    "latency",
)
Where = Literal["answer", "rows", "effects"]


class ParityError(Exception):
    """Something the user can mend: a file, a setting, a stack that does not start. The text is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes over the wire. `target` is raw path and query without the stack's prefix: `/jobs?limit=5`."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are lower-case, in order, repeated as received; `body` has no content coding left.

    A connection that broke is an outcome too: then `status` is 0 and `error` says in one sentence what happened.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    elapsed_s: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that a request wrote. Columns hold JSON values (bytes as {"base64": str}); `before` or `after` is None."""

    table: str
    operation: Literal["insert", "update", "delete"]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that left the service: an HTTP call or a mail, as a JSON object.

    http: {"method", "host", "path" (with query), "headers": {lower-case name: value}, "body": JSON value or text}
    mail: {"from", "to": [sorted], "subject", "headers": {...}, "body": text}
    """

    kind: Literal["http", "mail"]
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one stack did with one request."""

    answer: Answer
    rows: Sequence[RowChange] = ()
    effects: Sequence[Effect] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded exchange. `answer` is None where the recording has none (a Postman request, a blanked HAR entry).

    `meta` is the `_parity` block of the file: source, actor, tokens, and whatever else a recorder knew.
    """

    id: str
    seq: int
    session: str
    request: Request
    answer: Answer | None = None
    started: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two outcomes differ.

    `path` is where, with list positions as `[*]`: `$.jobs[*].created_at`; for rows `users.email`, for effects
    `http.body.ref`, for headers the name. `spot` is the same with positions. `left` and `right` are the values (None with
    kind "missing" where there is none), `left_kind` and `right_kind` what they are: `time(iso,ms,Z)`, `int`, `null`.
    """

    where: Where
    axis: Axis
    path: str
    spot: str
    left: Any
    right: Any
    left_kind: str
    right_kind: str


def header(headers: Headers, name: str) -> str | None:
    """Return the first value of a header, by lower-case name; None if it is not there."""
    return next((value for key, value in headers if key.lower() == name), None)
