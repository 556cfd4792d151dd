"""The journal: what was written is read again, whatever the stacks said, and after a crash as well."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parity.journal import Detail, Journal, Played, read_journal
from parity.values import Answer, Effect, Entry, Outcome, Request, RowChange
from tests.parity.exchanges import different, played

HALF = "\ud800"
BIG = 123456789012345678901234567890


def again(tmp_path: Path, *exchanges: Played) -> list[Played]:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for one in exchanges:
        journal.add(one)
    journal.close()
    return list(read_journal(path))


def detail(**changed: Any) -> Detail:
    request = Request("PUT", "/jobs/7?x=%C3%BC", (("accept", "*/*"), ("accept", "text/html")), b'{"a": 1}\xff')
    said = Answer(400, (("content-type", "application/json"),), b"{}", 0.01)
    facts: dict[str, Any] = {
        "entry": Entry("e1", 1, "s1", request, said, "2026-11-22T10:00:00Z"),
        "sent": (request, replace(request, target="/jobs/8")),
        "left": Outcome(said),
        "right": Outcome(Answer(0, error="The connection was reset."), effects=(Effect("mail", {"to": ["ann"]}),)),
    }
    return Detail(**{**facts, **changed})


@pytest.mark.parametrize(
    "exchange",
    [
        played(),
        played(statuses=(None, 200, 0)),
        played(2, different(), different("users.email", None, 1.5, where="rows", kinds=("null", "float"))),
        played(witness=(), golden=()),
        played(witness=(different(),), golden=None),
        played(skipped="was given up", not_carried=("id 7", "token"), wrote=True, caused_by="e1"),
        played(1, different(), detail=detail()),
        played(1, different(), detail=detail(entry=Entry("e1", 1, "s1", Request("GET", "/"), None))),
    ],
    ids=[
        "equal",
        "no recorded answer and a broken connection",
        "differences",
        "third voices that agree",
        "a third voice that is not there",
        "everything else",
        "the whole exchange",
        "the whole of one without a recorded answer",
    ],
)
def test_an_exchange_is_read_as_it_was_written(exchange: Played, tmp_path: Path) -> None:
    assert again(tmp_path, exchange) == [exchange]


@pytest.mark.parametrize(
    "value",
    [BIG, -BIG, {"ids": [BIG, HALF]}, HALF, "\u2028\x00", {"a": [1, 1.0, True, None]}, 2**63, 1e300],
    ids=["big", "negative", "within", "half a pair", "line ends", "every type", "64 bits", "a large float"],
)
def test_values_that_json_libraries_trip_over_come_back(value: Any, tmp_path: Path) -> None:
    rows = [RowChange("jobs", "update", {"id": "7", "v": None}, {"id": "7", "v": value})]
    whole = detail(left=Outcome(Answer(200), rows, [Effect("http", {"method": "GET", "body": {"v": value}})]))
    [read] = again(tmp_path, played(1, different(left=value, right=[value]), detail=whole))

    assert json.dumps([d.left for d in read.differences]) == json.dumps([value])
    assert json.dumps([d.right for d in read.differences]) == json.dumps([[value]])
    assert read.detail
    assert json.dumps(dict(read.detail.left.rows[0].after or {})) == json.dumps({"id": "7", "v": value})
    assert json.dumps(read.detail.left.effects[0].content["body"]) == json.dumps({"v": value})


def test_a_path_with_half_a_surrogate_pair_comes_back(tmp_path: Path) -> None:
    exchange = played(1, different(f"$.{HALF}"))

    assert again(tmp_path, exchange) == [exchange]


@pytest.mark.parametrize("value", ["x" * 100_000, {"a": ["y" * 100_000]}, [BIG] * 10_000], ids=["text", "tree", "big"])
def test_long_values_are_cut_short(value: Any, tmp_path: Path) -> None:
    [read] = again(tmp_path, played(1, different(left=value, right=1)))

    [found] = read.differences
    assert isinstance(found.left, str)
    assert found.left.endswith("…")
    assert len(found.left) < 3_000
    assert found.right == 1


def test_a_body_is_kept_up_to_a_quarter_of_a_mebibyte(tmp_path: Path) -> None:
    whole = detail(left=Outcome(Answer(200, (), b"z" * 300_000)))
    [read] = again(tmp_path, played(1, different(), detail=whole))

    assert read.detail
    assert read.detail.left.answer.body == b"z" * 262_144


@pytest.mark.parametrize("cut", [1, 2, 40], ids=["line end", "bracket", "middle"])
def test_a_torn_last_line_is_left_out(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    again(tmp_path, played(1), played(2))
    path.write_bytes(path.read_bytes()[:-cut])

    assert [one.seq for one in read_journal(path)] == [1]


def test_a_journal_is_carried_on(tmp_path: Path) -> None:
    again(tmp_path, played(1))

    assert [one.seq for one in again(tmp_path, played(2))] == [1, 2]


def test_of_each_kind_of_difference_the_first_three_are_kept_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    name, other = different("$.name"), different("$.other")

    wanted = [journal.wants_detail(played(number, name)) for number in range(1, 6)]
    wanted.append(journal.wants_detail(played(6, name, other)))
    wanted.append(journal.wants_detail(played(7, witness=(name,))))
    wanted.append(journal.wants_detail(played(8, golden=(name,))))
    wanted.append(journal.wants_detail(played(9)))
    journal.close()

    assert wanted == [True, True, True, False, False, True, True, True, False]
