"""This app's operations and its route groups: each is in exactly one group, and no group lists what nobody serves."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.routes import RouteTable, check_coverage, load_routes
from shared_rules.policy import OPERATIONS

ROUTES = Path(__file__).parents[2] / "contract/routes.toml"
SERVED = [(operation.method, operation.path) for operation in OPERATIONS.values()]


@pytest.fixture(scope="module")
def table() -> RouteTable:
    return load_routes(ROUTES, "contract/routes.toml")


def said(table: RouteTable, served: list[tuple[str, str]]) -> list[str]:
    return [str(problem) for problem in check_coverage(table, served)]


def test_every_operation_is_in_exactly_one_group_and_every_group_is_served(table: RouteTable) -> None:
    assert said(table, SERVED) == []


def test_a_planted_operation_without_a_group_is_seen(table: RouteTable) -> None:
    assert said(table, [*SERVED, ("POST", "/jobs/{job_id}/pause")]) == [
        "POST /jobs/{job_id}/pause: the app serves it, no group lists it"
    ]


def test_a_group_taken_out_of_the_table_is_seen(table: RouteTable) -> None:
    without = RouteTable(tuple(group for group in table.groups if group.id != "jobs.read"), table.phases)

    assert said(without, SERVED) == [
        "GET /jobs: the app serves it, no group lists it",
        "GET /jobs/{job_id}: the app serves it, no group lists it",
    ]


def test_a_planted_overlap_is_seen(table: RouteTable) -> None:
    reading = next(group for group in table.groups if group.id == "jobs.read")
    twice = RouteTable((*table.groups, replace(reading, id="jobs.again")), table.phases)

    assert said(twice, SERVED) == [
        "GET /jobs: listed by jobs.read and jobs.again; one group must own it",
        "GET /jobs/{job_id}: listed by jobs.read and jobs.again; one group must own it",
    ]


def test_a_group_of_something_nobody_serves_is_seen(table: RouteTable) -> None:
    served = [operation for operation in SERVED if operation != ("GET", "/pic-teams")]

    assert said(table, served) == ["GET /pic-teams: listed by taxonomy.read, the app does not serve it"]
