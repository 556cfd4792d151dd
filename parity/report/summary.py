"""What all formats say in the same words: the counts, the coverage as a table, what is missing, what to do next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parity.report.value import Cause, Cell, Comparison, Coverage, Group, Report

__all__ = [
    "NOTHING_WANTED",
    "CellSum",
    "column_of",
    "count_lines",
    "gaps",
    "headline",
    "matrix",
    "next_steps",
    "nothing_wanted",
    "numbers",
    "of_cause",
    "other_reasons",
    "plural",
    "show",
    "sides",
    "witness_line",
]

# Said in place of a share of nothing.
NOTHING_WANTED = "No coverage was asked for (parity.expected)."
_WHOLE = {"1", "2", "3", "5"}


@dataclass(frozen=True, slots=True)
class CellSum:
    """What one field of the table holds: the sum of the cells that fall into it."""

    wanted: int = 0
    missing: int = 0
    seen: int = 0
    different: int = 0


def plural(count: int, noun: str) -> str:
    """Return `1 group`, `1,200 groups`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def numbers(report: Report) -> list[tuple[str, int]]:
    """Return the counts under the names that every format uses, in the order in which they are read."""
    c = report.counts
    return [
        ("exchanges", c.exchanges),
        ("equal", c.equal),
        ("accepted", c.accepted),
        ("different", c.different),
        ("skipped", sum(c.skipped.values())),
        ("not carried", sum(c.not_carried.values())),
        ("differences", c.differences),
        ("groups", c.groups),
        ("unexplained", c.unexplained),
        ("causes", c.causes),
    ]


def count_lines(report: Report) -> list[str]:
    """Return the counts as two sentences without a full stop, for those who read lines and not tables."""
    found = dict(numbers(report))
    parts = ", ".join(f"{found[name]:,} {name}" for name in ("equal", "accepted", "different", "skipped"))
    return [
        f"{plural(found['exchanges'], 'exchange')}: {parts}; {plural(found['not carried'], 'value')} not carried",
        f"{plural(found['differences'], 'difference')} in {plural(found['groups'], 'group')},"
        f" {found['unexplained']:,} of them unexplained; {plural(found['causes'], 'cause')}",
    ]


def headline(report: Report) -> str:
    """Return the verdict in one line: `Parity failed: 9 unexplained groups, 10 causes.`"""
    if report.verdict == "passed":
        return f"Parity passed: {plural(report.counts.exchanges, 'exchange')}, no unexplained difference."
    c = report.counts
    if not c.unexplained:
        return f"Parity failed: {report.reasons[0] if report.reasons else 'no reason given.'}"
    return f"Parity failed: {plural(c.unexplained, 'unexplained group')}, {plural(c.causes, 'cause')}."


def other_reasons(report: Report) -> list[str]:
    """Return the reasons that the headline does not give."""
    told = headline(report)
    return [reason for reason in report.reasons if not told.endswith(reason)]


def witness_line(name: str, found: Comparison) -> str:
    """Return what a witness says in one line, "" if there was nothing to compare."""
    if not found.compared:
        return ""
    return (
        f"{name}: {plural(found.compared, 'answer')} compared, {found.equal:,} equal, {found.different:,} different"
        f" ({plural(len(found.groups), 'group')}, {plural(len(found.causes), 'cause')})"
    )


def sides(report: Report) -> str:
    """Return what was held against what: `legacy (primary) against modern`."""
    left, right = report.stacks
    return (
        f"{left.name} alone, against approved answers"
        if left == right
        else f"{left.name} (primary) against {right.name}"
    )


def column_of(status: str) -> str:
    """Return where a status stands in the table: refusals by their number, everything else by its class (`2xx`)."""
    return f"{status[0]}xx" if status[:1] in _WHOLE else status


def matrix(coverage: Coverage) -> tuple[list[str], dict[tuple[str, str, str], dict[str, CellSum]]]:
    """Return the columns (`2xx`, `400`, ...) and by (group, method, route) the fields there are."""
    table: dict[tuple[str, str, str], dict[str, CellSum]] = {}
    for cell in coverage.cells:
        row = table.setdefault((cell.group, cell.method, cell.route), {})
        column = column_of(cell.status)
        row[column] = _plus(row.get(column, CellSum()), cell)
    columns = sorted({column for row in table.values() for column in row})
    return columns, table


def _plus(total: CellSum, cell: Cell) -> CellSum:
    return CellSum(
        total.wanted + cell.wanted,
        total.missing + (cell.wanted and not cell.seen),
        total.seen + cell.seen,
        total.different + cell.different,
    )


def nothing_wanted(coverage: Coverage) -> bool:
    """Say whether no route and status was asked for, so that there is no share of them."""
    return not any(cell.wanted for cell in coverage.cells)


def gaps(coverage: Coverage) -> list[Cell]:
    """Return what is wanted and was never seen."""
    return [cell for cell in coverage.cells if cell.wanted and not cell.seen]


def of_cause(cause: Cause, groups: Iterable[Group]) -> list[Group]:
    """Return the groups of a cause in its order."""
    by_id = {group.id: group for group in groups}
    return [by_id[name] for name in cause.groups if name in by_id]


def show(group: Group) -> str:
    """Return a group in one line: `GET /jobs  format $.jobs[*].created_at  time(iso,ms,Z) -> time(iso,us,none)`."""
    where = "" if group.where == "answer" else f"{group.where} "
    path = "" if group.path == group.axis else f" {group.path}"
    return f"{group.method} {group.route}  {where}{group.axis}{path}  {group.left_kind} -> {group.right_kind}"


def next_steps(report: Report, html: str = "") -> Sequence[str]:
    """Return what to do, the most useful first; none for a run that passed. `html` is where the whole report lies."""
    steps = []
    if report.counts.unexplained:
        steps.append("Mend the first cause above and run again; the groups under it go together.")
        if html:
            steps.append(f"Open {html} for both answers side by side, the curl lines and every exchange.")
        steps.append("To accept a difference, paste its rule into the ledger, with a reason and an owner.")
    if report.coverage.met < report.coverage.required:
        steps.append("Record the exchanges that are missing from the coverage, or generate them.")
    if report.ledger.expired or report.ledger.unused:
        steps.append("Take expired and unused rules out of the ledger.")
    return steps
