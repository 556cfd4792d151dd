"""Which route a request belongs to, with a table and without one."""

import pytest

from parity.routes import UNMATCHED, Route, RouteBook

BOOK = RouteBook(
    [
        Route("GET", "/jobs", "jobs"),
        Route("GET", "/jobs/export", "exports"),
        Route("GET", "/jobs/{id}", "jobs"),
        Route("PUT", "/jobs/{id}", "jobs.write"),
        Route("GET", "/jobs/{id}/runs/{run}", "runs"),
        Route("GET", "/files/{name}.csv", "files"),
        Route("GET", "/jobs/{other}", "never"),
    ]
)
UUID = "6d1540f8-031b-411d-b8e6-89255b0c93db"


@pytest.mark.parametrize(
    ("method", "target", "template", "group"),
    [
        ("GET", "/jobs", "/jobs", "jobs"),
        ("GET", "/jobs?limit=5&q=/jobs/7", "/jobs", "jobs"),
        ("GET", "/jobs/7", "/jobs/{id}", "jobs"),
        ("PUT", "/jobs/7", "/jobs/{id}", "jobs.write"),
        ("GET", "/jobs/export", "/jobs/export", "exports"),
        ("GET", "/jobs/a%20b", "/jobs/{id}", "jobs"),
        ("GET", "/jobs/a%2Fb", "/jobs/a/b", UNMATCHED),
        ("GET", "/jobs/7/runs/8", "/jobs/{id}/runs/{run}", "runs"),
        ("GET", "/files/year.csv", "/files/{name}.csv", "files"),
        ("GET", "/files/yearxcsv", "/files/yearxcsv", UNMATCHED),
        ("GET", "/jobs/", "/jobs/", UNMATCHED),
        ("GET", f"/nowhere/{UUID}", "/nowhere/{id}", UNMATCHED),
        ("DELETE", "/jobs/7", "/jobs/{id}", UNMATCHED),
    ],
    ids=[
        "a plain path",
        "the query does not count",
        "a parameter",
        "the method decides",
        "an exact path before a pattern",
        "a percent-encoded segment",
        "an encoded slash divides segments",
        "two parameters",
        "a parameter with an ending",
        "a dot is a dot",
        "a slash at the end is another path",
        "an unknown path is guessed",
        "an unknown method",
    ],
)
def test_the_first_listed_route_that_fits_counts(method: str, target: str, template: str, group: str) -> None:
    assert BOOK.find(method, target) == Route(method, template, group)


def test_a_head_goes_with_the_template_of_its_get() -> None:
    assert BOOK.find("HEAD", "/jobs/7") == Route("HEAD", "/jobs/{id}", "jobs")
    assert BOOK.find("HEAD", "/nowhere").group == UNMATCHED


@pytest.mark.parametrize(
    ("target", "template", "group"),
    [
        ("/orders/17/lines/3", "/orders/{id}/lines/{id}", "orders"),
        (f"/orders/{UUID}", "/orders/{id}", "orders"),
        ("/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/orders/{id}", "orders"),
        ("/orders/0123456789abcdef", "/orders/{id}", "orders"),
        ("/orders/open", "/orders/open", "orders"),
        ("/reset/<jwt-3>", "/reset/{id}", "reset"),
        ("/", "/", "root"),
    ],
    ids=["numbers", "uuid", "ulid", "hex", "a word is no id", "a blanked token", "the root"],
)
def test_without_a_table_what_looks_like_an_id_is_a_parameter(target: str, template: str, group: str) -> None:
    assert RouteBook().find("GET", target) == Route("GET", template, group)


def test_a_path_is_found_again_for_each_method_by_itself() -> None:
    """What was found is remembered; it must not be remembered for another method."""
    assert [BOOK.find(method, "/jobs/9").group for method in ("GET", "PUT", "GET", "PUT")] == [
        "jobs",
        "jobs.write",
        "jobs",
        "jobs.write",
    ]
