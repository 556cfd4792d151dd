"""Reports of a run: one value, and a format each for terminals, machines, CI servers, pull requests and browsers."""

from pathlib import Path

from parity.report.as_json import read_json, write_json
from parity.report.html import write_html
from parity.report.junit import write_junit
from parity.report.markdown import write_markdown
from parity.report.terminal import print_report
from parity.report.value import Report

__all__ = ["Report", "print_report", "read_json", "write_reports"]


def write_reports(report: Report, folder: Path) -> dict[str, Path]:
    """Write `index.html`, `report.json`, `junit.xml` and `summary.md` into the folder; return their paths by format."""
    return {
        "html": write_html(report, folder / "index.html"),
        "json": write_json(report, folder / "report.json"),
        "junit": write_junit(report, folder / "junit.xml"),
        "markdown": write_markdown(report, folder / "summary.md"),
    }
