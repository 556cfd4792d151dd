"""The report as one page that asks nobody for anything: no script, its own style, its chart inline."""

from collections.abc import Sequence
from html import escape

from changeover.rehearsal.chart import chart_of
from changeover.rehearsal.outcome import Outcome
from changeover.rehearsal.report_markdown import LOST_SHOWN
from changeover.rehearsal.tables import Table, faults, steps

__all__ = ["html_of"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --dim: #5b6875; --line: #d5dbe1; --paper: #fff; --good: #1a7f45; --bad: #c22f2f;
  --primary: #4f7cac; --candidate: #d98e2b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ed; --dim: #9aa7b3; --line: #36424d; --paper: #151b21; --good: #4cc27f;
  --bad: #ff7b72; --primary: #7fa9d6; --candidate: #e8ab58; } }
body { margin: 2rem auto; max-width: 78rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } .good { color: var(--good); } .bad { color: var(--bad); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 600; } tr.marked td { color: var(--bad); }
svg { width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 11px; }
"""


def html_of(outcome: Outcome) -> str:
    """Return the whole page."""
    noted, colour = outcome.noted, "bad" if outcome.wrong else "good"
    parts = [
        f'<h1>Rehearsal of the migration: <span class="{colour}">{outcome.verdict}</span></h1>',
        f"<p>{escape(outcome.summary)}. {noted.ended - noted.began:.0f} seconds of load.</p>",
        bullets(outcome.wrong, "bad"),
        bullets(noted.notes),
        "<h2>Requests a second</h2>",
        chart_of(outcome),
        "<h2>Faults</h2>",
        table(faults(outcome)),
        "<h2>Steps</h2>",
        table(steps(outcome)),
        lost(outcome),
        "<h2>Machine</h2>",
        bullets([f"{name}: {value}" for name, value in noted.machine.items()]),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Rehearsal: {outcome.verdict}</title>\n<style>{_STYLE}</style>\n"
        + "\n".join(filter(None, parts))
        + "\n</html>\n"
    )


def lost(outcome: Outcome) -> str:
    if not outcome.lost:
        return ""
    shown = [f"{one.what}: {one.bad} ({one.rid})" for one in outcome.lost[:LOST_SHOWN]]
    return f"<h2>Lost outside the faults</h2>{bullets(shown, 'bad')}"


def bullets(lines: Sequence[str], style: str = "") -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="{style}">{items}</ul>' if items else ""


def table(content: Table) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in content.head)
    rows = "".join(
        f"<tr{' class=marked' if number in content.marked else ''}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for number, row in enumerate(content.rows)
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
