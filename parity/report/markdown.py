"""The report as a comment on a pull request: verdict, counts, causes, gaps; the rest is in the HTML file."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from parity.report.files import whole_or_not
from parity.report.summary import (
    NOTHING_WANTED,
    gaps,
    headline,
    next_steps,
    nothing_wanted,
    numbers,
    of_cause,
    other_reasons,
    plural,
    show,
    sides,
    witness_line,
)
from parity.report.value import Cause, Group, Report

__all__ = ["markdown", "write_markdown"]

_MOST_CAUSES = 20
_MOST_GROUPS = 8
_MOST_GAPS = 20
_LONGEST_TEXT = 200
# GitHub refuses a comment of more than 65,536 characters; what is not a cause fits in the difference.
_LONGEST_CAUSES = 45_000


def write_markdown(report: Report, path: Path) -> Path:
    """Write the comment and return the path."""
    return whole_or_not(path, lambda file: _none(file.write(markdown(report))))


def _none(_: object) -> None: ...


def markdown(report: Report) -> str:
    """Return the comment in GitHub's Markdown, in less than 65,536 characters."""
    parts = [
        f"## {'✅' if report.verdict == 'passed' else '❌'} {_text(headline(report))}",
        f"{_text(sides(report))}, {_code(report.created)}, {report.duration_s:.1f} s.",
        *[f"- {_text(reason)}" for reason in other_reasons(report)[:_MOST_GAPS]],
        _table(report),
        _coverage(report),
        *_causes(report),
        *[
            f"_{_text(line)}._"
            for line in (
                witness_line("Recorded answers", report.witness),
                witness_line("Golden answers", report.golden),
            )
            if line
        ],
        _ledger(report),
        _list("What to do next", next_steps(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(report: Report) -> str:
    found = numbers(report)
    return "\n".join(
        [
            f"| {' | '.join(name for name, _ in found)} |",
            f"|{'---:|' * len(found)}",
            f"| {' | '.join(f'{number:,}' for _, number in found)} |",
        ]
    )


def _coverage(report: Report) -> str:
    coverage = report.coverage
    if nothing_wanted(coverage):
        return _text(NOTHING_WANTED)
    missing = gaps(coverage)
    text = f"Coverage <b>{coverage.met:.1%}</b> of what is wanted, {coverage.required:.0%} required."
    if not missing:
        return text
    lines = [f"- `{_code(f'{cell.method} {cell.route}')}` {_text(cell.status)}" for cell in missing[:_MOST_GAPS]]
    return _folded(f"{text} {len(missing)} missing", [*lines, *_more(len(missing) - _MOST_GAPS)])


def _causes(report: Report) -> list[str]:
    shown = [cause for cause in report.causes if any(g.state == "unexplained" for g in of_cause(cause, report.groups))]
    parts: list[str] = []
    for cause in shown[:_MOST_CAUSES]:
        part = _cause(cause, of_cause(cause, report.groups), report)
        if sum(map(len, parts)) + len(part) > _LONGEST_CAUSES:
            break
        parts.append(part)
    return [*parts, *_more(len(shown) - len(parts), "cause")]


def _cause(cause: Cause, groups: Sequence[Group], report: Report) -> str:
    lines = [
        f"- `{_code(show(group))}` {group.state.replace('_', ' ')}, {group.count:,}×" for group in groups[:_MOST_GROUPS]
    ]
    return _folded(
        f"<b>{_html(cause.title)}</b> ({plural(cause.count, 'difference')})",
        [*lines, *_more(len(groups) - _MOST_GROUPS), *_example(groups[0], report)],
    )


def _example(group: Group, report: Report) -> list[str]:
    """Return one difference of the group as a diff."""
    detail = report.details.get(group.example)
    spots = [spot for spot in detail.spots if spot.group == group.id] if detail else []
    if not spots:
        return []
    spot = spots[0]
    left, right = (stack.name for stack in report.stacks)
    lines = [f"- {left}: {_short(spot.left) or '(nothing)'}", f"+ {right}: {_short(spot.right) or '(nothing)'}"]
    return ["", f"`{_code(spot.spot)}` of {_text(group.example)}:", "", *_fenced("diff", lines)]


def _ledger(report: Report) -> str:
    # Rules that expired or that nothing uses are among the reasons at the top.
    lines = [f"rule `{_code(used.rule.id)}` silences {plural(used.groups, 'group')}" for used in report.ledger.broad]
    return _list("Ledger", lines[:_MOST_GAPS], escaped=True)


def _list(title: str, lines: Sequence[str], escaped: bool = False) -> str:
    return (
        "\n".join([f"**{title}**", "", *[f"- {line if escaped else _text(line)}" for line in lines]]) if lines else ""
    )


def _folded(title: str, lines: Sequence[str]) -> str:
    return "\n".join(["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"])


def _more(count: int, noun: str = "") -> list[str]:
    return [f"- and {count:,} more{f' {noun}s' if noun else ''}, see the HTML report"] if count > 0 else []


def _fenced(language: str, lines: Sequence[str]) -> list[str]:
    text = "\n".join(lines)
    fence = "```"
    while fence in text:
        fence += "`"
    return [fence + language, text, fence]


def _short(text: str) -> str:
    one_line = "".join(letter if letter.isprintable() else "·" for letter in text)
    return one_line if len(one_line) <= _LONGEST_TEXT else one_line[:_LONGEST_TEXT] + "…"


def _html(text: str) -> str:
    """Return the text for inside of an HTML tag, where Markdown is not read."""
    return escape(_short(text)).replace("@", "@&#8203;")


def _code(text: str) -> str:
    """Return the text fit for a span of code in a list: on one line, without what would end it."""
    return _short(text).replace("`", "ˋ")


def _text(text: str) -> str:
    """Return the text with nothing left that Markdown or HTML would act on; a mention notifies nobody."""
    plain = "".join(f"\\{letter}" if letter in "\\`*_[]|#~" else letter for letter in _short(text))
    return escape(plain, quote=False).replace("@", "@&#8203;")
