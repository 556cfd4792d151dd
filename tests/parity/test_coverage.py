"""Coverage: what the contract names and a replay has seen, by route and status."""

from pathlib import Path

import pytest

from parity.coverage import Coverage, load_expected, measure
from parity.routes import Route, RouteBook
from parity.values import ParityError

LIST, ONE, MAKE = Route("GET", "/jobs", "jobs"), Route("GET", "/jobs/{id}", "jobs"), Route("POST", "/teams", "teams")
BOOK = RouteBook([ONE, LIST, MAKE])


def measured(
    seen: dict[tuple[Route, int], int],
    expected: dict[str, list[int]],
    different: dict[tuple[Route, int], int] | None = None,
    required: float = 0.95,
) -> Coverage:
    return measure(seen, different or {}, book=BOOK, expected=expected, required=required)


def test_what_was_seen_counts_against_what_is_wanted() -> None:
    coverage = measured({(LIST, 200): 7, (LIST, 401): 1}, {"GET /jobs": [200, 401, 403], "POST /teams": [201]})

    assert (coverage.wanted, coverage.share) == (4, 0.5)
    assert [(cell.route, cell.status) for cell in coverage.missing] == [("/jobs", 403), ("/teams", 201)]
    assert not coverage.met


def test_what_nobody_asked_for_is_listed_but_adds_nothing_to_the_share() -> None:
    coverage = measured({(LIST, 200): 1, (LIST, 500): 3}, {"GET /jobs": [200]})

    assert [(cell.status, cell.wanted, cell.seen) for cell in coverage.cells] == [(200, True, 1), (500, False, 3)]
    assert (coverage.wanted, coverage.share) == (1, 1.0)


def test_nothing_wanted_is_wholly_seen() -> None:
    assert measured({}, {}).share == 1.0
    assert measured({}, {}).met


@pytest.mark.parametrize(("required", "met"), [(0.5, True), (0.51, False), (0.0, True)])
def test_the_share_that_is_asked_for_is_enough(required: float, met: bool) -> None:
    assert measured({(LIST, 200): 1}, {"GET /jobs": [200, 401]}, required=required).met is met


def test_a_head_counts_for_its_get() -> None:
    head = Route("HEAD", "/jobs", "jobs")
    coverage = measured({(head, 200): 1, (LIST, 200): 2}, {"GET /jobs": [200]})

    assert [(cell.method, cell.seen) for cell in coverage.cells] == [("GET", 3)]


def test_cells_stand_in_the_order_of_the_table_and_unlisted_ones_last() -> None:
    coverage = measured({(Route("GET", "/a", "unmatched"), 404): 1}, {"GET /jobs": [404, 200], "GET /jobs/{id}": [200]})

    assert [(cell.route, cell.status) for cell in coverage.cells] == [
        ("/jobs/{id}", 200),
        ("/jobs", 200),
        ("/jobs", 404),
        ("/a", 404),
    ]


def test_a_groups_part_is_measured_by_itself() -> None:
    coverage = measured({(LIST, 200): 1}, {"GET /jobs": [200], "POST /teams": [201]}, {(LIST, 200): 1})

    assert coverage.of({"jobs"}).share == 1.0
    assert coverage.of({"teams"}).share == 0.0
    assert coverage.of({"jobs"}).cells[0].different == 1
    assert coverage.of({"none"}).met


def test_a_route_that_is_not_in_the_table_is_named() -> None:
    with pytest.raises(ParityError, match='"GET /nowhere" is no route'):
        measured({}, {"GET /nowhere": [200]})


def test_without_a_file_nothing_is_expected() -> None:
    assert load_expected(None) == {}


def test_the_file_names_statuses_by_route(tmp_path: Path) -> None:
    file = tmp_path / "statuses.json"
    file.write_text('{"GET /jobs": [200, 401]}')

    assert load_expected(file) == {"GET /jobs": [200, 401]}


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", '{"GET /jobs": 200}', '{"GET /jobs": ["200"]}', None],
    ids=["empty", "no JSON", "a list", "a number", "texts", "not there"],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "statuses.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(ParityError) as refused:
        load_expected(file)

    assert "statuses.json" in str(refused.value)
    assert "\n" not in str(refused.value)
