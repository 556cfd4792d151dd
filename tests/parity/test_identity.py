"""One bijection per kind: no wrong pairs, no forgotten ones, nothing lost between two runs."""

import json
import random
from typing import Any

import pytest

from parity.compare import Identities, Terms, compare
from parity.values import Answer, Difference, Outcome, ParityError
from tests.parity.planted import own_id

JSON = (("content-type", "application/json"),)


def compared(left: Any, right: Any, identities: Identities, route: str = "GET /things") -> list[Difference]:
    outcomes = [Outcome(Answer(200, JSON, json.dumps(body).encode())) for body in (left, right)]
    return compare(outcomes[0], outcomes[1], route=route, terms=Terms(), identities=identities)


def test_a_pair_once_learned_holds() -> None:
    identities = Identities()

    assert identities.pair("uuid", "a", "b")
    assert identities.pair("uuid", "a", "b")
    assert not identities.pair("uuid", "a", "c")
    assert not identities.pair("uuid", "c", "b")
    assert not identities.pair("uuid", "a", "a")
    assert not identities.pair("uuid", "b", "b")
    assert identities.pair("hex", "a", "c")


def test_what_was_equal_is_not_paired_with_another() -> None:
    identities = Identities()

    assert identities.pair("uuid", "a", "a")
    assert not identities.pair("uuid", "a", "b")
    assert not identities.pair("uuid", "b", "a")


def test_looking_whether_a_pair_fits_learns_nothing() -> None:
    identities = Identities()

    assert identities.fits("uuid", "a", "b")
    assert identities.fits("uuid", "a", "c")
    assert not identities.known("uuid", "a", "b")


def test_a_value_of_the_start_state_is_itself() -> None:
    identities = Identities()
    identities.seed([own_id("both", "x"), "short", 12, None])
    identities.seed_rows(
        "jobs", [{"id": 5, "owner_id": 9, "title": 7}], {("jobs", "id"): "jobs", ("jobs", "owner_id"): "users"}
    )

    key = own_id("both", "x").replace("-", "")
    assert identities.known("uuid", key, key)
    assert not identities.pair("uuid", key, "f" * 32)
    assert not identities.pair("int:job", "5", "6")
    assert not identities.pair("int:user", "8", "9")
    assert identities.pair("int:title", "7", "8")


def test_a_number_of_a_deleted_row_may_come_back() -> None:
    identities = Identities()
    identities.pair("int:job", "5", "6")

    identities.forget("int:job", "5", "6")

    assert identities.pair("int:job", "5", "7")


def test_what_was_learned_survives_a_kill() -> None:
    identities = Identities()
    identities.pair("uuid", "a", "b")
    identities.pair("uuid", "c", "c")

    again = Identities()
    again.restore(json.loads(json.dumps(identities.export())))

    assert again.export() == identities.export()
    assert again.texts_moved
    assert not again.numbers_moved
    assert not again.pair("uuid", "c", "d")
    assert not again.pair("uuid", "x", "b")


@pytest.mark.parametrize("broken", [{"uuid": 1}, {"uuid": {}}, [1]], ids=["a number", "no parts", "a list"])
def test_what_cannot_be_read_back_is_said_in_one_line(broken: Any) -> None:
    with pytest.raises(ParityError, match="run again from the start"):
        Identities().restore(broken)


IDS = {side: [own_id(side, str(n)) for n in range(10_000)] for side in ("left", "right")}


def references(side: str, order: list[int]) -> list[dict[str, Any]]:
    return [{"n": n, "thing": IDS[side][at]} for n, at in enumerate(order)]


@pytest.fixture(scope="module")
def learned() -> dict[str, Any]:
    identities = Identities()
    things = [[{"id": value, "n": n} for n, value in enumerate(IDS[side])] for side in ("left", "right")]
    assert compared(things[0], things[1], identities) == []
    return identities.export()


def restored(learned: dict[str, Any]) -> Identities:
    identities = Identities()
    identities.restore(learned)
    return identities


def test_ten_thousand_ids_are_paired_without_a_wrong_one(learned: dict[str, Any]) -> None:
    pairs = learned["uuid"]["moved"]

    assert len(pairs) == 10_000
    assert all(
        pairs[left.replace("-", "")] == right.replace("-", "") for left, right in zip(*IDS.values(), strict=True)
    )


def test_references_to_ten_thousand_ids_hold_in_any_order(learned: dict[str, Any]) -> None:
    order = list(range(10_000))
    random.Random(1).shuffle(order)

    assert compared(references("left", order), references("right", order), restored(learned)) == []


def test_two_swapped_references_among_ten_thousand_are_found(learned: dict[str, Any]) -> None:
    order = list(range(10_000))
    swapped = order.copy()
    swapped[17], swapped[4711] = swapped[4711], swapped[17]

    found = compared(references("left", order), references("right", swapped), restored(learned))

    assert [(d.axis, d.spot) for d in found] == [("value", "$[17].thing"), ("value", "$[4711].thing")]
    assert found[0].right_kind == "uuid(other)"


def test_swapped_references_are_found_in_the_document_that_introduces_the_ids() -> None:
    left = {
        "things": [{"id": v, "n": n} for n, v in enumerate(IDS["left"][:50])],
        "first": IDS["left"][0],
        "last": IDS["left"][49],
    }
    right = {
        "things": [{"id": v, "n": n} for n, v in enumerate(IDS["right"][:50])],
        "first": IDS["right"][49],
        "last": IDS["right"][0],
    }

    assert [d.spot for d in compared(left, right, Identities())] == ["$.first", "$.last"]


def test_an_id_of_the_other_stack_in_an_equal_answer_is_found() -> None:
    left, right = own_id("left", "x"), own_id("right", "x")
    identities = Identities()
    compared({"id": left}, {"id": right}, identities)

    for body in (
        {"id": left},
        {"message": f"No thing with ID: {left}"},
        {"a": [{"b": f"/things/{right}"}]},
        {right: 1},
    ):
        assert len(compared(body, body, identities)) == 1, body


def test_an_id_that_was_equal_in_an_earlier_answer_is_not_paired_later() -> None:
    identities = Identities()
    same, other = own_id("both", "x"), own_id("right", "x")
    compared({"id": same, "job": {"id": 12}}, {"id": same, "job": {"id": 12}}, identities)

    assert [d.spot for d in compared({"id": same}, {"id": other}, identities)] == ["$.id"]
    assert [d.spot for d in compared({"job_id": 12}, {"job_id": 13}, identities)] == ["$.job_id"]
    assert [d.spot for d in compared({"job_id": 14}, {"job_id": 12}, identities)] == ["$.job_id"]


@pytest.mark.parametrize(
    ("left", "right", "route"),
    [
        ({"id": 12}, {"job_id": 13}, "GET /jobs/{id}"),
        ({"jobs": [{"id": 12}]}, {"jobId": 13}, "GET /lists"),
        ({"data": {"id": 12}}, {"job": {"id": 13}}, "POST /jobs"),
        ({"job_id": 12}, {"link": "/jobs/13"}, "GET /lists"),
        ({"job_id": 12}, {"ids": {"job_ids": [13]}}, "GET /lists"),
    ],
    ids=["from the route", "from the list's name", "through an envelope", "in a link", "in a list of ids"],
)
def test_a_number_is_an_id_of_its_entity_wherever_it_stands(left: Any, right: Any, route: str) -> None:
    identities = Identities()
    text = json.dumps(left)
    assert compared(left, json.loads(text.replace("12", "31")), identities, route) == []

    text = json.dumps(right)
    broken = compared(json.loads(text.replace("13", "12")), right, identities, route)

    assert [d.axis for d in broken] == ["value"]


def test_plain_numbers_are_never_paired() -> None:
    assert [d.path for d in compared({"count": 1, "page": 2}, {"count": 2, "page": 2}, Identities())] == ["$.count"]


def test_ids_are_not_learned_where_it_is_unsure_what_belongs_together() -> None:
    identities = Identities()
    left = [{"id": value, "state": "queued"} for value in IDS["left"][:3]]
    right = [{"id": value, "state": "queued"} for value in IDS["right"][1:3]]

    assert [d.axis for d in compared(left, right, identities)] == ["presence"]
    assert identities.export() == {}
    assert compared({"id": IDS["left"][1]}, {"id": IDS["right"][1]}, identities) == []
