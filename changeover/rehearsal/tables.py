"""The report's tables as texts, for the page and for Markdown alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from changeover.rehearsal.outcome import FaultRow, Outcome, StepRow

__all__ = ["Table", "faults", "steps"]


@dataclass(frozen=True)
class Table:
    """`marked` are the numbers of the rows that were not as expected."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: frozenset[int]


def steps(outcome: Outcome) -> Table:
    primary, candidate = outcome.noted.stacks
    head = (
        "Group",
        "%",
        "Requests",
        "Lost",
        f"p50/p95 {primary}",
        f"p50/p95 {candidate}",
        "First answer",
        "Proven",
        "Fault",
    )
    rows = [step(row, primary, candidate) for row in outcome.steps]
    return Table(head, rows, frozenset(number for number, row in enumerate(outcome.steps) if row.errors))


def step(row: StepRow, primary: str, candidate: str) -> tuple[str, ...]:
    return (
        row.what,
        str(row.share),
        f"{row.requests:,}",
        str(row.errors),
        pace(row, primary),
        pace(row, candidate),
        f"{row.first_ms:g} ms",
        f"{row.proven_ms:g} ms",
        row.fault,
    )


def pace(row: StepRow, stack: str) -> str:
    found = row.paces[stack]
    return f"{found.p50_ms:g}/{found.p95_ms:g} ms" if found.requests else "-"


def faults(outcome: Outcome) -> Table:
    head = ("Fault", "During", "Expected", "Seen", "Bad reads", "Bad writes", "Bad, pinned", "Back after")
    rows = [fault(row) for row in outcome.faults]
    return Table(head, rows, frozenset(number for number, row in enumerate(outcome.faults) if row.problem))


def fault(row: FaultRow) -> tuple[str, ...]:
    back = "-" if row.back_after_s is None else f"{row.back_after_s:.1f} s"
    seen = "; ".join(filter(None, (row.seen, row.problem)))
    during = f"{row.group or 'everything'} at {row.share} %"
    return (row.name, during, row.expects, seen, str(row.reads), str(row.writes), str(row.pinned), back)
