"""The report of a rehearsal in three forms of one content: a page, Markdown, JSON."""

import json
from pathlib import Path

from changeover.rehearsal.outcome import Outcome
from changeover.rehearsal.report_html import html_of
from changeover.rehearsal.report_markdown import markdown_of

__all__ = ["write_reports"]


def write_reports(outcome: Outcome, folder: Path) -> Path:
    """Write index.html, summary.md and report.json, each whole or not at all, and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.json": json.dumps(outcome.as_json(), indent=2) + "\n",
        "summary.md": markdown_of(outcome),
        "index.html": html_of(outcome),
    }
    for name, text in texts.items():
        draft = folder / f".{name}.new"
        draft.write_text(text, encoding="utf-8")
        draft.replace(folder / name)
    return folder / "index.html"
