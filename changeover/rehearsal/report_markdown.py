"""The report as Markdown, for a pull request or a terminal."""

from collections.abc import Sequence

from changeover.rehearsal.outcome import Outcome
from changeover.rehearsal.tables import Table, faults, steps

__all__ = ["LOST_SHOWN", "markdown_of"]

LOST_SHOWN = 20


def markdown_of(outcome: Outcome) -> str:
    """Return the whole report."""
    noted = outcome.noted
    parts = [
        f"# Rehearsal of the migration: {outcome.verdict}",
        f"{outcome.summary}. {noted.ended - noted.began:.0f} seconds of load.",
        *([bullets(outcome.wrong)] if outcome.wrong else []),
        *([bullets(noted.notes)] if noted.notes else []),
        "## Faults",
        table(faults(outcome)),
        "## Steps",
        table(steps(outcome)),
        *lost(outcome),
        "## Machine",
        bullets([f"{name}: {value}" for name, value in noted.machine.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def lost(outcome: Outcome) -> list[str]:
    if not outcome.lost:
        return []
    shown = [f"{one.what}: {one.bad} ({one.rid})" for one in outcome.lost[:LOST_SHOWN]]
    return ["## Lost outside the faults", bullets(shown)]


def bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {plain(line)}" for line in lines)


def table(content: Table) -> str:
    head = [f"| {' | '.join(content.head)} |", f"|{'---|' * len(content.head)}"]
    return "\n".join([*head, *(f"| {' | '.join(map(plain, row))} |" for row in content.rows)])


def plain(text: str) -> str:
    """Return the text on one line, with nothing in it that would end a cell."""
    return " ".join(text.split()).replace("|", "\\|")
