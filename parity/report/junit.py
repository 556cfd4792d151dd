"""The report as JUnit XML, for CI servers: one test case a route, and one for the gate itself."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from parity.report.summary import headline, matrix, numbers, show
from parity.report.value import Group, Report

__all__ = ["junit", "write_junit"]

_MOST = 20


def write_junit(report: Report, path: Path) -> Path:
    """Write the XML and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(junit(report))
    return path


def junit(report: Report) -> bytes:
    """Return XML that fits the JUnit schemas in use: a suite for the run, with the counts as its properties.

    A route fails that has an unexplained group; the case `gate` fails with the reasons of the verdict.
    """
    unexplained = _unexplained(report)
    routes = {f"{method} {route}": area for area, method, route in matrix(report.coverage)[1]}
    routes |= {f"{g.method} {g.route}": g.route_group for g in report.groups}
    failures = len(unexplained) + (report.verdict == "failed")
    totals = {
        "tests": str(len(routes) + 1),
        "failures": str(failures),
        "errors": "0",
        "time": f"{report.duration_s:.3f}",
    }
    root = Element("testsuites", {"name": "parity", **totals})
    timestamp = report.created.removesuffix("Z").partition("+")[0].partition(".")[0]
    suite = SubElement(root, "testsuite", {"name": "parity", **totals, "skipped": "0", "timestamp": timestamp})
    properties = SubElement(suite, "properties")
    for name, number in numbers(report):
        SubElement(properties, "property", {"name": name, "value": str(number)})
    for route in sorted(routes, key=lambda name: (routes[name], name.partition(" ")[2], name)):
        case = _case(suite, f"parity.{routes[route]}", route)
        if route in unexplained:
            _failure(case, f"{len(unexplained[route])} unexplained", _told(unexplained[route]))
    gate = _case(suite, "parity", "gate")
    if report.verdict == "failed":
        _failure(gate, headline(report), "\n".join(report.reasons))
    indent(root)
    out = BytesIO()
    ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue() + b"\n"


def _unexplained(report: Report) -> dict[str, list[Group]]:
    found: dict[str, list[Group]] = {}
    for group in report.groups:
        if group.state == "unexplained":
            found.setdefault(f"{group.method} {group.route}", []).append(group)
    return found


def _case(suite: Element, area: str, name: str) -> Element:
    return SubElement(suite, "testcase", {"classname": _xml(area), "name": _xml(name), "time": "0"})


def _failure(case: Element, message: str, text: str) -> None:
    SubElement(case, "failure", {"message": _xml(message), "type": "parity"}).text = _xml(text)


def _told(groups: Sequence[Group]) -> str:
    lines = [f"{show(group)}  ({group.count} times, first {group.example})" for group in groups[:_MOST]]
    more = len(groups) - _MOST
    return "\n".join(lines + ([f"and {more} more"] if more > 0 else []))


def _xml(text: str) -> str:
    """Return the text without the characters that XML has no way to write."""
    return "".join(letter if _writable(letter) else "\ufffd" for letter in text)


def _writable(letter: str) -> bool:
    return letter in "\t\n" or (letter >= " " and not "\ud800" <= letter <= "\udfff" and letter not in "\ufffe\uffff")
