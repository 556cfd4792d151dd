"""The report as one HTML file that works offline: the page, its style and its script in `page/`, and the data as JSON in it.

The page asks nobody for anything: its policy allows its own style and script, named by their digests, and nothing else, so
that content of answers is shown and never run.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import astuple
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO

from parity.report.as_json import dumps, plain
from parity.report.files import whole_or_not
from parity.report.summary import headline, matrix, numbers
from parity.report.value import Detail, Line, Report

__all__ = ["write_html"]

_SCRIPTS = ("dom.js", "data.js", "sides.js", "overview.js", "differences.js", "exchanges.js", "run.js", "main.js")


def write_html(report: Report, path: Path) -> Path:
    """Write the page whole or not at all, and return the path."""
    return whole_or_not(path, lambda file: _write(report, file))


def _write(report: Report, file: TextIO) -> None:
    style = _part("page.css")
    script = '"use strict";\n(() => {\n' + "\n".join(_part(name) for name in _SCRIPTS) + "})();\n"
    own = f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    policy = f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"
    head, tail = _part("page.html").split("{{report}}")
    names = " and ".join(dict.fromkeys(stack.name for stack in report.stacks))
    file.write(
        head.replace("{{policy}}", policy)
        .replace("{{title}}", escape(f"Parity {report.verdict}: {names}"))
        .replace("{{style}}", style)
    )
    for chunk in _data(report):
        # The end of a script and the start of a comment are all that could leave the element.
        file.write(chunk.replace("<", "\\u003c"))
    file.write(tail.replace("{{script}}", script))


def _part(name: str) -> str:
    return (files("parity.report") / "page" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _data(report: Report) -> Iterator[str]:
    """Yield the data as JSON: the report, then one row an exchange, then the texts that rows name by number."""
    everything = plain(report)
    columns, table = matrix(report.coverage)
    everything |= {
        "headline": headline(report),
        "numbers": numbers(report),
        "details": {name: _detail(detail, everything["details"][name]) for name, detail in report.details.items()},
        "matrix": {
            "columns": columns,
            "rows": [
                {"group": g, "method": m, "route": r, "cells": {c: _fields(cell) for c, cell in cells.items()}}
                for (g, m, r), cells in table.items()
            ],
        },
    }
    del everything["coverage"]["cells"]
    yield dumps(everything)[:-1]
    yield ',"exchanges":['
    texts: dict[str, int] = {}
    for number, line in enumerate(report.lines()):
        yield f"{',' if number else ''}{_row(line, texts)}\n"
    yield f'],"tables":{dumps(list(texts))}}}'


def _fields(cell: Any) -> dict[str, int]:
    return {"wanted": cell.wanted, "missing": cell.missing, "seen": cell.seen, "different": cell.different}


def _detail(detail: Detail, written: dict[str, Any]) -> dict[str, Any]:
    """Return the detail with its lines as rows, and without the bodies that the lines show."""
    for answer in (written["left"], written["right"], written["recorded"]):
        if answer:
            answer["body"]["text"] = ""
    effects = {kind: [astuple(line) for line in lines] for kind, lines in detail.effects.items()}
    return {**written, "lines": [astuple(line) for line in detail.lines], "effects": effects}


def _row(line: Line, texts: dict[str, int]) -> str:
    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    row: list[Any] = [
        line.id,
        line.seq,
        number(line.session),
        number(line.method),
        line.target,
        number(line.route),
        number(line.route_group),
        number(line.verdict),
        line.recorded,
        line.left,
        line.right,
    ]
    if line.groups or line.reason:
        row.append(line.groups)
    if line.reason:
        row.append(number(line.reason))
    return json.dumps(row, separators=(",", ":"))
