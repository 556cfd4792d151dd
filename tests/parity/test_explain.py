"""What a report says of a shrunk group: its requests as curl for each stack, a pytest file, and what it depends on."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from parity.explain import explain
from parity.grouping import Grouper, group_id, group_key
from parity.journal import Played
from parity.recording import Header, Writer, read
from parity.replayed import Replayed
from parity.report.value import Comparison, Group, StackInfo
from parity.routes import Route
from parity.shrink import Shrunken
from parity.values import Difference, Entry
from tests.parity.exchanges import different, entry, played

STACKS = StackInfo("old", "/api", "http://127.0.0.1:5001"), StackInfo("new", "/api/v2", "http://127.0.0.1:5002")
ROUTE = Route("POST", "/orders/{id}", "orders")
FOUND, ROWS = different("$.total"), different("lines.count", where="rows")
Shows = Callable[[list[int]], bool]


def recorded(tmp_path: Path, name: str = "walk", count: int = 8) -> Replayed:
    path = tmp_path / f"{name}.jsonl"
    with Writer(path, Header(prefixes=("/api", "/api/v2"))) as writer:
        for number in range(1, count + 1):
            writer.write(entry(number, "POST", f"/orders/{number}", b'{"total": 1, "note": "it\'s"}'))
    ground: Any = None
    golden: Any = None
    return Replayed(path, writer.header, "", count, ground, path, golden)


def compared(*exchanges: Played) -> Comparison:
    grouper = Grouper()
    for one in exchanges:
        route = one.route
        facts = {"method": route.method, "route": route.template, "route_group": route.group}
        grouper.feed(one.id, **facts, differences=one.differences)
    causes, groups = grouper.result()
    return Comparison(len(exchanges), 0, len(exchanges), groups, causes)


def explained(
    replays: dict[str, Replayed],
    shows: Shows,
    *exchanges: Played,
    most: int = 5,
    seconds: float = 60,
    early: Difference | None = None,
    tell: list[tuple[Group, Shrunken]] | None = None,
) -> dict[str, Group]:
    """Return the groups by path; the last of the entries played differs where `shows` says so of all their numbers."""

    async def play(replayed: Replayed, entries: Sequence[Entry]) -> list[Played]:
        done = [played(one.seq, *([early] if early and one.seq == 2 else []), route=ROUTE) for one in entries]
        if shows([one.seq for one in entries]):
            done[-1] = played(entries[-1].seq, *exchanges[0].differences, route=ROUTE)
        return done

    kept = {one.id: one for one in exchanges}
    told = (lambda group, shrunken: tell.append((group, shrunken))) if tell is not None else None
    running = explain(compared(*exchanges), replays, kept, STACKS, play, most=most, seconds=seconds, shrunk=told)
    return {group.path: group for group in asyncio.run(running).groups}


def test_a_group_that_shows_alone_is_one_request_for_each_stack(tmp_path: Path) -> None:
    exchange = played(8, FOUND, route=ROUTE)
    group = explained({"": recorded(tmp_path)}, lambda _: True, exchange)["$.total"]

    assert group.shrunk
    assert (group.order_dependent, group.shrunk.requests, group.shrunk.leaves) == (False, 1, 0)
    assert "http://127.0.0.1:5001/api/orders/8" in group.shrunk.curl["old"]
    assert "http://127.0.0.1:5002/api/v2/orders/8" in group.shrunk.curl["new"]


def test_a_group_that_shows_after_others_depends_on_the_order(tmp_path: Path) -> None:
    group = explained({"": recorded(tmp_path)}, lambda seqs: 3 in seqs, played(8, FOUND, route=ROUTE))["$.total"]

    assert group.shrunk
    assert (group.state, group.order_dependent, group.shrunk.requests) == ("unexplained", True, 2)
    assert group.shrunk.curl["old"].count("curl ") == 2


def test_a_group_that_comes_with_an_earlier_ones_difference_is_caused_by_it(tmp_path: Path) -> None:
    exchanges = played(8, FOUND, route=ROUTE), played(2, ROWS, route=ROUTE)
    groups = explained({"": recorded(tmp_path)}, lambda seqs: 2 in seqs, *exchanges, early=ROWS)

    assert groups["$.total"].state == "caused_by"
    assert groups["$.total"].caused_by == groups["lines.count"].id == group_id(group_key("POST", ROUTE.template, ROWS))


def test_what_does_not_show_again_is_left_open_and_not_hidden(tmp_path: Path) -> None:
    group = explained({"": recorded(tmp_path)}, lambda _: False, played(8, FOUND, route=ROUTE))["$.total"]

    assert (group.state, group.order_dependent, group.shrunk) == ("unexplained", None, None)


@pytest.mark.parametrize(("most", "seconds", "shrunk"), [(5, 60, 2), (1, 60, 1), (0, 60, 0), (5, 0, 0)])
def test_so_many_groups_are_shrunk_as_was_asked_for(most: int, seconds: float, shrunk: int, tmp_path: Path) -> None:
    told: list[tuple[Group, Shrunken]] = []
    exchange = played(8, FOUND, different("$.b"), route=ROUTE)
    groups = explained({"": recorded(tmp_path)}, lambda _: True, exchange, most=most, seconds=seconds, tell=told)

    assert len(groups) == 2
    assert sum(group.shrunk is not None for group in groups.values()) == shrunk == len(told)


def test_of_many_recordings_the_one_is_played_that_has_the_example(tmp_path: Path) -> None:
    replays = {name: recorded(tmp_path, name, count) for name, count in (("short", 2), ("long", 8))}
    exchange = played(8, FOUND, route=ROUTE, id="long/e8")
    group = explained(replays, lambda _: True, exchange)["$.total"]

    assert group.shrunk
    assert "/orders/8" in group.shrunk.curl["old"]


def test_an_example_that_was_not_kept_is_not_shrunk(tmp_path: Path) -> None:
    exchange = played(8, FOUND, route=ROUTE, id="gone/e8")
    group = explained({"walk": recorded(tmp_path)}, lambda _: True, exchange)["$.total"]

    assert group.shrunk is None


def test_the_pytest_file_holds_a_recording_that_can_be_replayed(tmp_path: Path) -> None:
    group = explained({"": recorded(tmp_path)}, lambda seqs: 3 in seqs, played(8, FOUND, route=ROUTE))["$.total"]
    assert group.shrunk
    names: dict[str, Any] = {}

    exec(compile(group.shrunk.pytest, "shrunk.py", "exec"), names)

    again = tmp_path / "again.jsonl"
    again.write_text(names["RECORDING"])
    header, entries = read(again)
    assert header.prefixes == ("/api", "/api/v2")
    assert [(one.seq, json.loads(one.request.body)["note"]) for one in entries] == [(3, "it's"), (8, "it's")]
    assert callable(names["test_post__orders__id_is_the_same_on_both_stacks"])
