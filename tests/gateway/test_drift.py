"""Drift: what was served, and what lies on disk, held against what the audit says."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.access_log import ACCESS_LOG
from gateway.cohorts import key_in
from gateway.drift import Drift, find_drift
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, make_project, wait_for


@pytest.fixture
def edge(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("drift")
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as running:
        yield running


def flips_of(edge: Edge) -> Flips:
    return Flips.of(edge.config, edge.var_dir)


def drift(edge: Edge) -> Drift:
    return find_drift(flips_of(edge), edge.var_dir / "gateway/log", 0)


def ask_everything(edge: Edge) -> None:
    """Send what may look like drift and is none: each cohort, pins, testers, pages, unknown and refused paths."""
    asked = 0
    for cohort in ("c1", "c25", "c100"):
        cookie = ("Cookie", f"gwb={key_in(cohort, edge.config.sticky.salt)}")
        for target in ("/api/things", "/api/v2/things", "/api/unknown", "/docs", "/", "/api/../x"):
            edge.ask("GET", target, [cookie])
            edge.ask("GET", target, [cookie, ("X-Stack", "modern")])
            asked += 2
    wait_for(lambda: len(edge.log_lines()) >= asked, "the log")


@pytest.mark.parametrize("loose", [frozenset(), frozenset({"/api/v2"})], ids=["pinned", "loose"])
@pytest.mark.parametrize("share", [0, 5, 100])
def test_what_is_served_by_the_table_is_no_drift(edge: Edge, share: int, loose: frozenset[str]) -> None:
    wanted = Ownership({"things.read": share, "things.write": share}, loose)
    flips_of(edge).carry_out(Order("flip", wanted))
    ask_everything(edge)
    found = drift(edge)

    assert not found.is_there, found
    assert found.examined >= 9


def test_a_request_of_the_wrong_stack_is_named(edge: Edge) -> None:
    flips_of(edge).carry_out(Order("flip", Ownership({"things.read": 5})))
    ask_everything(edge)
    log = edge.var_dir / "gateway/log" / ACCESS_LOG
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    unforced = [line for line in lines if line["o"] == "modern" and not line["forced"]]
    first = {line["p"]: line for line in reversed(unforced)}
    with log.open("a") as file:
        for rid, path in (("planted", "/api/things"), ("pinned", "/api/v2/things")):
            file.write(json.dumps(first[path] | {"rid": rid, "o": "legacy"}, separators=(",", ":")) + "\n")
    found = drift(edge)

    assert [(stray.rid, stray.owner, stray.expected) for stray in found.strays] == [
        ("planted", "legacy", "modern"),
        ("pinned", "legacy", "modern"),
    ]
    assert found.is_there


def test_requests_decided_without_the_table_are_counted(edge: Edge) -> None:
    flips_of(edge).carry_out(Order("flip", Ownership({"things.read": 100})))
    (edge.var_dir / "gateway/state/current").unlink()
    edge.ask("GET", "/api/things", [("X-Request-Id", "blind-one")])
    edge.log_line("blind-one")
    found = drift(edge)

    assert (found.blind, found.blind_count) == (("blind-one",), 1)
    assert found.table == ("the table is gone, by the audit it must be g0002",)


def test_a_file_too_few_and_one_too_many_are_named(edge: Edge) -> None:
    flips_of(edge).carry_out(Order("flip", Ownership({"things.read": 1})))
    folder = flips_of(edge).table.generation("g0002")
    (folder / "2.things.read.c1.modern").rename(folder / "2.things.read.c1.legacy")
    found = drift(edge)

    assert found.table == (
        "g0002 lacks 2.things.read.c1.modern",
        "g0002 has too much: 2.things.read.c1.legacy",
    )


def test_another_generation_on_disk_is_named(edge: Edge) -> None:
    flips_of(edge).carry_out(Order("flip", Ownership({"things.read": 1})))
    flips_of(edge).table.swap("g0001")

    assert drift(edge).table == ("the table is g0001, by the audit it must be g0002",)


def test_an_edited_audit_is_named(edge: Edge) -> None:
    flips_of(edge).carry_out(Order("flip", Ownership({"things.read": 1})))
    audit = flips_of(edge).audit.path
    audit.write_text(audit.read_text().replace('"what":"flip"', '"what":"step"'))

    assert any(problem.startswith("audit: ") for problem in drift(edge).table)
