"""The report in a terminal: what happened, what is missing, the causes with one example each, what to do next."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from parity.report.summary import (
    NOTHING_WANTED,
    count_lines,
    gaps,
    headline,
    next_steps,
    nothing_wanted,
    of_cause,
    other_reasons,
    plural,
    show,
    sides,
    witness_line,
)
from parity.report.value import Cause, Group, Report

__all__ = ["print_report"]

_WIDTH = 100
_MOST_CAUSES = 12
_MOST_GROUPS = 4
_MOST_GAPS = 8
_STATE = {"unexplained": "red", "accepted": "green", "caused_by": "yellow"}


def print_report(report: Report, console: Console | None = None, html: str = "") -> None:
    """Print the report; coloured on a terminal only, at most 100 columns wide. `html` is where the whole report lies."""
    console = console or Console(highlight=False)
    console.width = min(console.width, _WIDTH)
    _say(console, Text(headline(report), style="bold green" if report.verdict == "passed" else "bold red"))
    for reason in other_reasons(report):
        _say(console, Text(f"  {reason}"))
    about = f"  {sides(report)}, {report.duration_s:.1f} s, " + ", ".join(
        f"{recording.name} ({plural(recording.entries, 'exchange')})" for recording in report.recordings
    )
    _say(console, Text(about, style="dim"))
    _counts(console, report)
    _coverage(console, report, html)
    shown = [cause for cause in report.causes if any(g.state == "unexplained" for g in of_cause(cause, report.groups))]
    for number, cause in enumerate(shown[:_MOST_CAUSES], 1):
        _cause(console, number, cause, report, html)
    _more(console, len(shown) - _MOST_CAUSES, "cause", html)
    _beside(console, report)
    steps = next_steps(report, html)
    if steps:
        _say(console, Text("\nWhat to do next", style="bold"))
    for step in steps:
        _say(console, Text(f"  • {step}"))


def _say(console: Console, text: Text) -> None:
    console.print(text, overflow="fold", soft_wrap=False)


def _clean(text: str) -> str:
    """Return the text on one line, without what a terminal would act on."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)


def _cut(text: str, width: int) -> str:
    text = _clean(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _counts(console: Console, report: Report) -> None:
    console.print()
    for line in count_lines(report):
        _say(console, Text(line))
    for reason, count in report.counts.skipped.items():
        _say(console, Text(f"  {count:,} × {_clean(reason)}", style="dim"))
    for reason, count in report.counts.not_carried.items():
        examples = ", ".join(map(_clean, report.counts.not_carried_examples.get(reason, ())))
        _say(console, Text(f"  {count:,} × {_clean(reason)}{examples and f', e.g. {examples}'}", style="dim"))


def _coverage(console: Console, report: Report, html: str) -> None:
    coverage = report.coverage
    if nothing_wanted(coverage):
        _say(console, Text(f"\n{NOTHING_WANTED}"))
        return
    missing = gaps(coverage)
    good = coverage.met >= coverage.required
    line = Text("\nCoverage ")
    line.append(f"{coverage.met:.1%}", style="green" if good else "red")
    line.append(f" of routes and statuses wanted, {coverage.required:.0%} required")
    _say(console, line)
    for cell in missing[:_MOST_GAPS]:
        _say(console, Text(f"  never seen: {cell.status} of {_clean(cell.method)} {_clean(cell.route)}"))
    _more(console, len(missing) - _MOST_GAPS, "gap", html)


def _cause(console: Console, number: int, cause: Cause, report: Report, html: str) -> None:
    groups = of_cause(cause, report.groups)
    title = Text(f"\n{number}. ", style="bold")
    title.append(_clean(cause.title), style="bold")
    title.append(f"  {plural(cause.count, 'difference')}", style="dim")
    _say(console, title)
    for group in groups[:_MOST_GROUPS]:
        _say(console, _group(group))
    _more(console, len(groups) - _MOST_GROUPS, "group", html)
    for line in _example(groups[0], report):
        _say(console, line)


def _group(group: Group) -> Text:
    line = Text("   ")
    line.append(group.state.replace("_", " "), style=_STATE[group.state])
    where = "" if group.where == "answer" else f"{group.where} "
    line.append(
        f"  {_clean(group.method)} {_cut(group.route, 40)}  {where}{group.axis} {_cut(group.path, 60)}  {group.count:,}×"
    )
    if group.folded:
        line.append(f", {group.folded:,} more follow from it", style="dim")
    if group.order_dependent:
        line.append(", only in this order", style="yellow")
    return line


def _example(group: Group, report: Report) -> Sequence[Text]:
    detail = report.details.get(group.example)
    spot = next((spot for spot in detail.spots if spot.group == group.id), None) if detail else None
    if detail is None or spot is None:
        return []
    left, right = (stack.name for stack in report.stacks)
    wide = max(len(left), len(right))
    return [
        Text(
            f"   e.g. {group.example}: {detail.request.method} {_cut(detail.request.target, 60)} at {_cut(spot.spot, 60)}",
            style="dim",
        ),
        Text(f"     {left:{wide}}  {_value(spot.left, spot.left_kind)}"),
        Text(f"     {right:{wide}}  {_value(spot.right, spot.right_kind)}"),
    ]


def _value(text: str, kind: str) -> str:
    return f"{_cut(text, 60)}  {_cut(kind, 30)}" if text else _cut(kind, 60)


def _beside(console: Console, report: Report) -> None:
    lines = [witness_line("Recorded answers", report.witness), witness_line("Golden answers", report.golden)]
    lines += [f"  {show(group)}" for group in report.golden.groups[:_MOST_GROUPS]]
    # Rules that expired or that nothing uses are among the reasons at the top.
    lines += [f"Rule {u.rule.id} silences {plural(u.groups, 'group')}: {u.rule.reason}" for u in report.ledger.broad]
    shown = [line for line in lines if line]
    if shown:
        console.print()
    for line in shown:
        _say(console, Text(_clean(line)))


def _more(console: Console, count: int, noun: str, html: str) -> None:
    if count > 0:
        _say(console, Text(f"   and {plural(count, f'more {noun}')}, see {html or 'the HTML report'}", style="dim"))
