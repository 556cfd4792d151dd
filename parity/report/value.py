"""The one value that every format of the report is made from. Numbers and texts only, ready for JSON; nothing is worked out here.

    Report
      counts, coverage, latencies, ledger, calibration
      causes -> groups -> examples (details)        both stacks, left is the primary
      witness, golden: causes -> groups             left is the recorded (golden) answer, right the primary
      lines()                                       one compact line an exchange, read anew for each format

Values of bodies, rows and effects stand as JSON text (`1.0`, `"1"`, `null`), so that no reader rounds or reorders them,
and have been masked before they come here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from parity.values import Axis, Headers

__all__ = [
    "STATES",
    "AlignedLine",
    "AnswerView",
    "BodyView",
    "Cause",
    "Cell",
    "Comparison",
    "Counts",
    "Coverage",
    "Detail",
    "Group",
    "Latency",
    "LearnedKind",
    "LedgerUse",
    "Line",
    "RecordingInfo",
    "Report",
    "RequestView",
    "RowView",
    "Rule",
    "RuleCount",
    "Shrunk",
    "Spot",
    "StackInfo",
    "State",
    "Verdict",
    "Where",
]

Where = Literal["answer", "rows", "effects"]
State = Literal["unexplained", "accepted", "caused_by"]
STATES: tuple[State, ...] = ("unexplained", "accepted", "caused_by")
Verdict = Literal["equal", "accepted", "different", "skipped"]


@dataclass(frozen=True, slots=True)
class StackInfo:
    """A stack as it ran. `url` is where people reach it, for curl; `code` the digest of its code."""

    name: str
    prefix: str = ""
    url: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    name: str
    digest: str
    entries: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """`exchanges` = equal + accepted + different + skipped; `groups` = unexplained + accepted ones + those caused by another.

    `skipped` and `not_carried` (values of the recording that could not be translated) are counts by reason,
    `not_carried_examples` a few of those values by the same reasons, each with the exchange that needed it.
    """

    exchanges: int = 0
    equal: int = 0
    accepted: int = 0
    different: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    not_carried: Mapping[str, int] = field(default_factory=dict)
    not_carried_examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    differences: int = 0
    groups: int = 0
    unexplained: int = 0
    causes: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What was seen of one route with one status: `2xx`, `3xx`, `5xx`, or a 4xx by its number."""

    group: str
    method: str
    route: str
    status: str
    wanted: bool
    seen: int
    different: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares from 0 to 1; `met` is the share of the wanted cells that were seen."""

    required: float
    met: float
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds each stack took for one route."""

    method: str
    route: str
    count: int
    left_p50: float
    left_p95: float
    right_p50: float
    right_p95: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the ledger; `expires` is a date, YYYY-MM-DD."""

    id: str
    reason: str
    owner: str
    expires: str


@dataclass(frozen=True, slots=True)
class RuleCount:
    rule: Rule
    count: int
    groups: int = 1


@dataclass(frozen=True, slots=True)
class LedgerUse:
    """`broad` are used rules that silence many groups."""

    used: tuple[RuleCount, ...] = ()
    unused: tuple[Rule, ...] = ()
    expired: tuple[Rule, ...] = ()
    broad: tuple[RuleCount, ...] = ()


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The fewest requests, and leaves in them, that still differ: as curl for each stack (by name) and as a pytest file."""

    requests: int
    leaves: int
    curl: Mapping[str, str]
    pytest: str


@dataclass(frozen=True, slots=True)
class Group:
    """Differences that are one and the same on one route.

    `count` counts them, `exchanges` are the first ids, `example` the exchange that shows it with the least around it.
    `folded` counts the differences that follow from this one (a body that differs because the status does).
    """

    id: str
    cause: str
    method: str
    route: str
    route_group: str
    where: Where
    axis: Axis
    path: str
    left_kind: str
    right_kind: str
    count: int
    exchanges: tuple[str, ...]
    example: str
    folded: int = 0
    state: State = "unexplained"
    rule: Rule | None = None
    caused_by: str | None = None
    order_dependent: bool | None = None
    suggested_rule: str = ""
    shrunk: Shrunk | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Groups that probably have one cause; `count` counts their differences."""

    id: str
    title: str
    count: int
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A witness beside the verdict: recorded or golden answers (left) against the primary's (right)."""

    compared: int = 0
    equal: int = 0
    different: int = 0
    groups: tuple[Group, ...] = ()
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class BodyView:
    """A body to be read: `text` is base64 if `kind` is "binary", and ends early if `cut`."""

    kind: Literal["empty", "json", "text", "binary"] = "empty"
    text: str = ""
    size_bytes: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class RequestView:
    method: str
    target: str
    headers: Headers = ()
    body: BodyView = BodyView()


@dataclass(frozen=True, slots=True)
class AnswerView:
    status: int
    headers: Headers = ()
    body: BodyView = BodyView()
    elapsed_ms: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    """Columns as JSON text; `before` is empty for an insert, `after` for a delete."""

    table: str
    operation: str
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spot:
    """One difference of one exchange, with its values as JSON text; `group` is where it was counted."""

    where: Where
    axis: Axis
    path: str
    spot: str
    left: str
    right: str
    left_kind: str
    right_kind: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class AlignedLine:
    """One line of bodies side by side; a text is None where that answer has nothing here.

    `mark` is the axis in which left and right differ on this line, `witness` the one in which recorded and left do; "" is
    none. Of a value that differs as a whole all lines are marked, and the first one `begins`. `gap` counts the equal lines
    that were left out here, for which the texts are None.
    """

    indent: int
    left: str | None
    right: str | None
    recorded: str | None = None
    mark: Axis | Literal[""] = ""
    witness: Axis | Literal[""] = ""
    begins: bool = False
    gap: int = 0


@dataclass(frozen=True, slots=True)
class Detail:
    """All there is to see of one exchange. `curl` is by stack name; `recorded` is None where the recording has no answer.

    `witness` are the spots in which the recorded answer differs from the primary's (left is the recorded one). `lines` are
    the bodies side by side, `effects` by kind (http, mail) what left each side, as a list.
    """

    id: str
    request: RequestView
    left: AnswerView
    right: AnswerView
    recorded: AnswerView | None = None
    left_rows: tuple[RowView, ...] = ()
    right_rows: tuple[RowView, ...] = ()
    spots: tuple[Spot, ...] = ()
    witness: tuple[Spot, ...] = ()
    lines: tuple[AlignedLine, ...] = ()
    effects: Mapping[str, tuple[AlignedLine, ...]] = field(default_factory=dict)
    curl: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One exchange in one line. Statuses are None where there was no answer to have, 0 for a broken connection.

    `groups` are ids of the groups it is in; `reason` says why it was skipped; `wrote` whether a stack wrote rows or sent
    something out, which was then compared.
    """

    id: str
    seq: int
    session: str
    method: str
    target: str
    route: str
    route_group: str
    verdict: Verdict
    recorded: int | None = None
    left: int | None = None
    right: int | None = None
    groups: tuple[str, ...] = ()
    reason: str = ""
    wrote: bool = False


@dataclass(frozen=True, slots=True)
class LearnedKind:
    """A leaf whose value changes from run to run on the primary alone: only its kind is compared."""

    route: str
    path: str
    kind: str


def _no_lines() -> Iterator[Line]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `created` is ISO UTC; `stacks` are primary, other; `details` holds the examples of groups, by exchange id."""

    created: str
    duration_s: float
    stacks: tuple[StackInfo, StackInfo]
    recordings: tuple[RecordingInfo, ...]
    verdict: Literal["passed", "failed"]
    reasons: tuple[str, ...]
    counts: Counts
    coverage: Coverage
    latencies: tuple[Latency, ...] = ()
    causes: tuple[Cause, ...] = ()
    groups: tuple[Group, ...] = ()
    details: Mapping[str, Detail] = field(default_factory=dict)
    witness: Comparison = Comparison()
    golden: Comparison = Comparison()
    ledger: LedgerUse = LedgerUse()
    calibration: tuple[LearnedKind, ...] = ()
    lines: Callable[[], Iterator[Line]] = _no_lines
