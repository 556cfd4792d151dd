"""Route groups: the group of a request, and what is wrong with a table or with an app that does not fit it."""

from pathlib import Path

import pytest

from gateway.routes import Problem, RouteTable, check_coverage, load_routes
from gateway.tables import ConfigError
from tests.gateway.edge import GROUPS


def table_of(folder: Path, text: str) -> RouteTable:
    (folder / "groups.toml").write_text(text)
    return load_routes(folder / "groups.toml", "groups.toml")


@pytest.fixture
def table(tmp_path: Path) -> RouteTable:
    return table_of(tmp_path, GROUPS)


CLASSIFIED = {
    "a list": ("GET", "/things", "things.read"),
    "HEAD is as GET": ("HEAD", "/things", "things.read"),
    "one of them": ("GET", "/things/7", "things.read"),
    "a decoded blank in an id": ("GET", "/things/a b", "things.read"),
    "a line feed in an id": ("GET", "/things/a\nb", "things.read"),
    "a change": ("PUT", "/things/7", "things.write"),
    "an upload": ("POST", "/things/bulk", "things.write"),
    "no segment": ("GET", "/things/", "unmatched"),
    "two segments": ("GET", "/things/7/parts", "unmatched"),
    "a method nobody lists": ("PATCH", "/things/7", "unmatched"),
    "another name": ("GET", "/thing", "unmatched"),
    "the start of a name": ("GET", "/things2", "unmatched"),
    "a line feed at the end": ("GET", "/things\n", "unmatched"),
    "OPTIONS": ("OPTIONS", "/things", "unmatched"),
}


@pytest.mark.parametrize(("method", "path", "group"), CLASSIFIED.values(), ids=CLASSIFIED.keys())
def test_a_request_has_one_group(table: RouteTable, method: str, path: str, group: str) -> None:
    assert table.classify(method, path) == group


def group(group_id: str, *matches: str, title: str = "T") -> str:
    listed = ", ".join(f'"{match}"' for match in matches)
    return f'[[group]]\nid = "{group_id}"\ntitle = "{title}"\nmatch = [{listed}]\n'


def phase(number: object, *groups: str) -> str:
    listed = ", ".join(f'"{name}"' for name in groups)
    return f'[[phase]]\nid = {number}\ntitle = "T"\ngroups = [{listed}]\nsuccess = "S"\n'


METHODS = "must begin with methods of GET, POST, PUT, PATCH, DELETE, each once, joined by commas"
PATH = "must name a path such as /jobs/{id}, with no prefix and no slash at its end"
BAD = {
    "the same operation in two groups": (
        group("a", "GET /x") + group("b", "POST,GET /x"),
        "group b.match = 'POST,GET /x': overlaps GET /x of a; a request must fit one group",
    ),
    "the same operation twice in a group": (
        group("a", "GET /x/{id}", "GET,PUT /x/{other}"),
        "group a.match = 'GET,PUT /x/{other}': overlaps GET /x/{id} of a; a request must fit one group",
    ),
    "a name that fits another group's parameter": (
        group("a", "GET /x/{id}") + group("b", "GET /x/all"),
        "group b.match = 'GET /x/all': overlaps GET /x/{id} of a; a request must fit one group",
    ),
    "parameters in different places": (
        group("a", "GET /x/{id}/z") + group("b", "GET /x/y/{id}"),
        "group b.match = 'GET /x/y/{id}': overlaps GET /x/{id}/z of a; a request must fit one group",
    ),
    "two groups of one name": (
        group("a", "GET /x") + group("a", "GET /y"),
        "group.id = 'a': is taken; choose another id",
    ),
    "a name that is taken": (group("unmatched", "GET /x"), "group.id = 'unmatched': is taken; choose another id"),
    "a name in capitals": (
        group("Jobs", "GET /x"),
        "group[1].id = 'Jobs': must be lower-case words joined by . or -, such as jobs.read",
    ),
    "HEAD of its own": (group("a", "HEAD /x"), f"group[1].match = 'HEAD /x': {METHODS}"),
    "a method twice": (group("a", "GET,GET /x"), f"group[1].match = 'GET,GET /x': {METHODS}"),
    "no method": (group("a", "/x"), f"group[1].match = '/x': {METHODS}"),
    "no path": (group("a", "GET"), f"group[1].match = 'GET': {PATH}"),
    "a slash at the end": (group("a", "GET /x/"), f"group[1].match = 'GET /x/': {PATH}"),
    "a pattern": (group("a", "GET /x/.*"), f"group[1].match = 'GET /x/.*': {PATH}"),
    "a misspelt key": (
        group("a", "GET /x") + 'matches = "GET /y"\n',
        "group[1].matches = 'GET /y': is not a known key; known here: gates, id, match, requires, title",
    ),
    "a requirement without a share": (
        group("a", "GET /x") + 'requires = ["b"]\n' + group("b", "GET /y"),
        "group[1].requires = 'b': must be a group and a share such as jobs.read@100, with one of 1, 5, 25, 50, 100",
    ),
    "a requirement of nothing": (
        group("a", "GET /x") + 'requires = ["b@100"]\n',
        "group a.requires = 'b@100': names no group; correct the id",
    ),
    "groups that wait for each other": (
        group("a", "GET /x") + 'requires = ["b@100"]\n' + group("b", "GET /y") + 'requires = ["a@1"]\n',
        "group.requires = 'a -> b -> a': is a circle: none of them could move first",
    ),
    "a gate with a blank": (
        group("a", "GET /x") + 'gates = ["the scheduler"]\n',
        "group[1].gates = 'the scheduler': must be lower-case words joined by -",
    ),
    "no groups": ("", "group: is missing; add it"),
    "a phase out of order": (
        group("a", "GET /x") + phase(2, "a"),
        "phase.id = [2]: must count 1, 2, 3 in the order of the file",
    ),
    "a phase of an unknown group": (
        group("a", "GET /x") + phase(1, "a", "b"),
        "phase 1.groups = 'b': is no group; add a [[group]] or correct the id",
    ),
    "a group in two phases": (
        group("a", "GET /x") + phase(1, "a") + phase(2, "a"),
        "phase 1.groups = 'a': is listed twice; a group moves in one phase",
    ),
    "a group in no phase": (
        group("a", "GET /x") + group("b", "GET /y") + phase(1, "a"),
        "phase.groups = 'b': is in no phase; add it to the phase in which it moves",
    ),
    "a check in capitals": (
        group("a", "GET /x") + phase(1, "a") + 'checks = ["Respond"]\n',
        "phase[1].checks = 'Respond': must be lower-case words joined by -, each check once",
    ),
    "a check named twice": (
        group("a", "GET /x") + phase(1, "a") + 'checks = ["respond", "respond"]\n',
        "phase[1].checks = 'respond': must be lower-case words joined by -, each check once",
    ),
    "a phase whose number is a word": (
        group("a", "GET /x") + phase('"one"', "a"),
        "phase[1].id = 'one': must be a whole number from 1 to 99",
    ),
}


@pytest.mark.parametrize(("text", "line"), BAD.values(), ids=BAD.keys())
def test_a_table_that_cannot_be_meant_is_named_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table_of(tmp_path, text)

    assert str(caught.value) == f"groups.toml: {line}"


def test_within_a_group_a_name_may_stand_beside_a_parameter(tmp_path: Path) -> None:
    table = table_of(tmp_path, group("a", "GET /x/{id}", "GET /x/all"))

    assert table.classify("GET", "/x/all") == "a"


def test_a_phase_names_its_checks_or_none(tmp_path: Path) -> None:
    text = group("a", "GET /x") + group("b", "GET /y") + phase(1, "a") + 'checks = ["respond"]\n' + phase(2, "b")

    assert [each.checks for each in table_of(tmp_path, text).phases] == [("respond",), ()]


APP = [
    ("GET", "/api/things"),
    ("HEAD", "/api/things"),
    ("OPTIONS", "/api/things"),
    ("POST", "/api/things"),
    ("GET", "/api/things/<string:thing_id>"),
    ("PUT", "/api/things/{thing_id}"),
    ("DELETE", "/api/things/{thing_id:path}"),
    ("POST", "/api/things/bulk"),
    ("GET", "/static/<path:filename>"),
    ("GET", "/apis"),
    ("GET", "/api/openapi.json"),
]
IGNORED = ["/openapi.json"]


def test_an_app_that_fits_has_no_problems(table: RouteTable) -> None:
    assert check_coverage(table, APP, prefix="/api", ignore=IGNORED) == []


def test_a_route_without_a_group_is_a_gap(table: RouteTable) -> None:
    problems = check_coverage(table, [*APP, ("PATCH", "/api/things/<id>")], prefix="/api", ignore=IGNORED)

    assert problems == [Problem("gap", "PATCH", "/things/{id}")]
    assert str(problems[0]) == "PATCH /things/{id}: the app serves it, no group lists it"


def test_a_name_that_only_fits_a_parameter_is_a_gap(table: RouteTable) -> None:
    problems = check_coverage(table, [*APP, ("GET", "/api/things/bulk")], prefix="/api", ignore=IGNORED)

    assert [str(problem) for problem in problems] == ["GET /things/bulk: the app serves it, no group lists it"]


def test_what_nothing_ignores_is_a_gap(table: RouteTable) -> None:
    problems = check_coverage(table, APP, prefix="/api")

    assert [(problem.kind, problem.path) for problem in problems] == [("gap", "/openapi.json")]


def test_an_operation_the_app_lacks_is_unserved(table: RouteTable) -> None:
    routes = [route for route in APP if route != ("POST", "/api/things/bulk")]

    problems = check_coverage(table, routes, prefix="/api", ignore=IGNORED)

    assert [str(problem) for problem in problems] == [
        "POST /things/bulk: listed by things.write, the app does not serve it"
    ]


def test_an_operation_of_two_groups_is_an_overlap(table: RouteTable) -> None:
    twice = RouteTable((*table.groups, table.groups[0]), table.phases)

    problems = check_coverage(twice, APP, prefix="/api", ignore=IGNORED)

    assert {problem.kind for problem in problems} == {"overlap"}
    assert str(problems[0]) == "GET /things: listed by things.read and things.read; one group must own it"
