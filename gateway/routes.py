"""Route groups and phases: which group a request belongs to, and whether an app's routes are all covered, once each."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal

from gateway.cohorts import SHARES
from gateway.tables import Table, load_toml

__all__ = [
    "UNMATCHED",
    "Group",
    "Match",
    "Phase",
    "Problem",
    "Requirement",
    "RouteTable",
    "check_coverage",
    "load_routes",
]

UNMATCHED = "unmatched"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
GROUP_ID = re.compile(r"[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*")
CHECK = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
SEGMENT = re.compile(r"\{[A-Za-z_]\w*\}|[A-Za-z0-9._~-]+")
PARAMETER = re.compile(r"\{[^{}]*\}|<[^<>]*>")
# Added by the frameworks or answered alike for every path: no group of their own.
IMPLIED = frozenset({"HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Match:
    """Methods of one path. `path` has no prefix; `{name}` stands for one segment."""

    methods: tuple[str, ...]
    path: str

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple("{}" if part.startswith("{") else part for part in self.path.split("/")[1:])

    @property
    def regex(self) -> str:
        """A pattern of the decoded path, for PCRE and `re` alike."""
        return "".join("/[^/]+" if part == "{}" else "/" + part.replace(".", r"\.") for part in self.segments)

    def overlaps(self, other: "Match") -> bool:
        """Whether one request can fit both."""
        if len(self.segments) != len(other.segments) or not set(self.methods) & set(other.methods):
            return False
        return all("{}" in pair or pair[0] == pair[1] for pair in zip(self.segments, other.segments, strict=True))


@dataclass(frozen=True)
class Requirement:
    """Another group, and the share (in %) that the candidate must have of it first."""

    group: str
    share: int

    def __str__(self) -> str:
        return f"{self.group}@{self.share}"


@dataclass(frozen=True)
class Group:
    """Operations that move together, once what is required is there; `gates` are names the command line knows."""

    id: str
    title: str
    matches: tuple[Match, ...]
    requires: tuple[Requirement, ...] = ()
    gates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phase:
    """A step of the plan: its groups, the words by which its success is judged, and the names of the checks that do it."""

    id: int
    title: str
    groups: tuple[str, ...]
    success: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RouteTable:
    """Every group and phase, in the order of the file."""

    groups: tuple[Group, ...]
    phases: tuple[Phase, ...]

    @property
    def operations(self) -> list[tuple[str, str]]:
        """Return each `(method, path)` of the table, in its order."""
        return [(method, match.path) for group in self.groups for match in group.matches for method in match.methods]

    def classify(self, method: str, path: str) -> str:
        """Return the group of a request, or `unmatched`. `path` is decoded and has neither prefix nor query."""
        wanted = "GET" if method == "HEAD" else method
        for group in self.groups:
            for match in group.matches:
                if wanted in match.methods and re.fullmatch(match.regex, path):
                    return group.id
        return UNMATCHED

    def owners(self, method: str, template: str) -> list[str]:
        """Return the ids of the groups that list exactly this operation; parameter names do not count."""
        shape = Match((method,), plain_template(template)).segments
        return [
            group.id
            for group in self.groups
            for match in group.matches
            if method in match.methods and match.segments == shape
        ]


@dataclass(frozen=True)
class Problem:
    """An operation that is not in exactly one group and in the app."""

    kind: Literal["gap", "overlap", "unserved"]
    method: str
    path: str
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        operation = f"{self.method} {self.path}"
        if self.kind == "gap":
            return f"{operation}: the app serves it, no group lists it"
        if self.kind == "overlap":
            return f"{operation}: listed by {' and '.join(self.groups)}; one group must own it"
        return f"{operation}: listed by {self.groups[0]}, the app does not serve it"


def check_coverage(
    table: RouteTable, routes: Iterable[tuple[str, str]], *, prefix: str = "", ignore: Collection[str] = ()
) -> list[Problem]:
    """Return what keeps an app's routes from being in exactly one group each, sorted by path.

    `routes` are `(method, template)`; parameters may be written `{id}` or `<string:id>`. Templates outside `prefix` are
    not the gateway's business and are skipped, as are `ignore` (without prefix), HEAD and OPTIONS.
    """
    served = {
        (method, plain_template(template.removeprefix(prefix)))
        for method, template in routes
        if method not in IMPLIED and (template + "/").startswith(prefix + "/")
    }
    served = {(method, path) for method, path in served if path not in ignore}
    problems = []
    for method, path in served:
        owners = table.owners(method, path)
        if len(owners) != 1:
            problems.append(Problem("overlap" if owners else "gap", method, path, tuple(owners)))
    shapes = {(method, PARAMETER.sub("{}", path)) for method, path in served}
    for method, path in table.operations:
        if (method, PARAMETER.sub("{}", path)) not in shapes:
            problems.append(Problem("unserved", method, path, tuple(table.owners(method, path))))
    return sorted(problems, key=lambda problem: (problem.path, problem.method, problem.kind))


def plain_template(template: str) -> str:
    """Return a framework's template in this file's form: `/jobs/<string:id>` and `/jobs/{id:path}` are `/jobs/{id}`."""

    def plain(found: re.Match[str]) -> str:
        words = found[0][1:-1].split(":")
        return "{" + (words[-1] if found[0].startswith("<") else words[0]) + "}"

    return PARAMETER.sub(plain, template)


def load_routes(path: Path, source: str) -> RouteTable:
    """Return the table of the file. Raise ConfigError on the first thing in it that cannot be meant."""
    top = load_toml(path, source)
    groups = tuple(read_group(table) for table in top.tables("group"))
    phases = tuple(read_phase(table) for table in top.tables("phase", []))
    top.done()
    check_groups(top, groups)
    check_phases(top, groups, phases)
    return RouteTable(groups, phases)


def read_group(table: Table) -> Group:
    group_id = table.text("id")
    if not GROUP_ID.fullmatch(group_id):
        raise table.error("id", group_id, "must be lower-case words joined by . or -, such as jobs.read")
    title = table.text("title")
    matches = tuple(read_match(table, text) for text in table.texts("match"))
    requires = tuple(read_requirement(table, text) for text in table.texts("requires", []))
    gates = table.texts("gates", [])
    for name in gates:
        if not CHECK.fullmatch(name):
            raise table.error("gates", name, "must be lower-case words joined by -")
    table.done()
    return Group(group_id, title, matches, requires, gates)


def read_requirement(table: Table, text: str) -> Requirement:
    group, _, share = text.partition("@")
    if share not in {str(one) for one in SHARES[1:]}:
        shares = ", ".join(map(str, SHARES[1:]))
        raise table.error("requires", text, f"must be a group and a share such as jobs.read@100, with one of {shares}")
    return Requirement(group, int(share))


def read_match(table: Table, text: str) -> Match:
    methods, _, path = text.partition(" ")
    names = tuple(methods.split(","))
    if not set(names) <= set(METHODS) or len(set(names)) != len(names):
        raise table.error(
            "match", text, f"must begin with methods of {', '.join(METHODS)}, each once, joined by commas"
        )
    if not path.startswith("/") or not all(SEGMENT.fullmatch(part) for part in path.split("/")[1:]):
        raise table.error("match", text, "must name a path such as /jobs/{id}, with no prefix and no slash at its end")
    return Match(names, path)


def read_phase(table: Table) -> Phase:
    phase = Phase(
        table.whole("id", 1, 99),
        table.text("title"),
        table.texts("groups"),
        table.text("success"),
        table.texts("checks", []),
    )
    for name in phase.checks:
        if not CHECK.fullmatch(name) or phase.checks.count(name) > 1:
            raise table.error("checks", name, "must be lower-case words joined by -, each check once")
    table.done()
    return phase


def check_groups(top: Table, groups: tuple[Group, ...]) -> None:
    """Refuse two groups of one name, and a request that fits two groups or is listed twice."""
    ids = [group.id for group in groups]
    for group_id in ids:
        if ids.count(group_id) > 1 or group_id == UNMATCHED:
            raise top.error("group.id", group_id, "is taken; choose another id")
    check_requirements(top, groups)
    listed = [(group.id, match) for group in groups for match in group.matches]
    for number, (group_id, match) in enumerate(listed):
        for other_id, other in listed[:number]:
            same = match.segments == other.segments
            if match.overlaps(other) and (same or group_id != other_id):
                remedy = f"overlaps {','.join(other.methods)} {other.path} of {other_id}; a request must fit one group"
                raise top.error(f"group {group_id}.match", f"{','.join(match.methods)} {match.path}", remedy)


def check_requirements(top: Table, groups: tuple[Group, ...]) -> None:
    """Refuse a requirement of an unknown group, and groups that wait for each other."""
    needed = {group.id: {requirement.group for requirement in group.requires} for group in groups}
    for group in groups:
        for requirement in group.requires:
            if requirement.group not in needed:
                raise top.error(f"group {group.id}.requires", str(requirement), "names no group; correct the id")
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise top.error("group.requires", circle, "is a circle: none of them could move first") from None


def check_phases(top: Table, groups: tuple[Group, ...], phases: tuple[Phase, ...]) -> None:
    """Refuse phases out of order, an unknown group, and a group that is in no phase or in two."""
    numbers = [phase.id for phase in phases]
    if numbers != list(range(1, len(phases) + 1)):
        raise top.error("phase.id", numbers, "must count 1, 2, 3 in the order of the file")
    known = {group.id for group in groups}
    planned = [group_id for phase in phases for group_id in phase.groups]
    for phase in phases:
        for group_id in phase.groups:
            if group_id not in known:
                raise top.error(f"phase {phase.id}.groups", group_id, "is no group; add a [[group]] or correct the id")
            if planned.count(group_id) > 1:
                raise top.error(f"phase {phase.id}.groups", group_id, "is listed twice; a group moves in one phase")
    for group in groups:
        if phases and group.id not in planned:
            raise top.error("phase.groups", group.id, "is in no phase; add it to the phase in which it moves")
