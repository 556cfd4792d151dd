"""Which later differences follow from a write that went apart, and which only look like it."""

import pytest

from parity.causality import Divergences
from parity.values import Outcome, RowChange
from tests.parity.exchanges import answer, different

LEFT, RIGHT, OTHER = "6d1540f8-031b-411d-b8e6-89255b0c93db", "c7d7bdf0-b6dc-4b73-ae8f-349a70509077", "a" * 32
IN_ROWS = different("jobs.name", where="rows")


def wrote(row_id: object, table: str = "jobs", **columns: object) -> Outcome:
    return Outcome(answer(), [RowChange(table, "insert", None, {"id": row_id, **columns})])


def said(text: str) -> bytes:
    return f'{{"job": {{"id": "{text}"}}}}'.encode()


@pytest.fixture
def apart() -> Divergences:
    divergences = Divergences()
    divergences.note("e1", [IN_ROWS], wrote(LEFT, owner_id=OTHER), wrote(RIGHT, owner_id=OTHER))
    return divergences


@pytest.mark.parametrize(
    ("target", "left", "right", "cause"),
    [
        (f"/jobs/{LEFT}", b"", b"", "e1"),
        ("/jobs", said(LEFT), said(LEFT), "e1"),
        ("/jobs", b"", said(RIGHT), "e1"),
        ("/jobs", said(OTHER), said(OTHER), ""),
        ("/jobs", said(LEFT + "0"), said(RIGHT[:-1]), ""),
        ("/jobs", b"", b"", ""),
    ],
    ids=[
        "the request names the row",
        "the primary's answer shows it",
        "the other's answer shows it",
        "what the row points to did not go apart",
        "part of an id is no id",
        "nothing in common",
    ],
)
def test_what_names_or_shows_the_row_follows_from_its_write(
    target: str, left: bytes, right: bytes, cause: str, apart: Divergences
) -> None:
    assert apart.cause_of(target, answer(left), answer(right)) == cause


def test_the_first_write_that_went_apart_is_the_cause(apart: Divergences) -> None:
    apart.note("e2", [IN_ROWS], wrote(LEFT), wrote(RIGHT))

    assert apart.cause_of(f"/jobs/{LEFT}", answer(), answer()) == "e1"


@pytest.mark.parametrize(
    "differences",
    [[], [different()], [different("http.body", where="effects")]],
    ids=["none", "answer", "effects"],
)
def test_a_write_whose_rows_are_equal_causes_nothing(differences: list) -> None:
    divergences = Divergences()
    divergences.note("e1", differences, wrote(LEFT), wrote(RIGHT))

    assert divergences.cause_of(f"/jobs/{LEFT}", answer(), answer()) == ""


def test_only_the_tables_that_differ_count() -> None:
    divergences = Divergences()
    both = Outcome(
        answer(),
        [RowChange("jobs", "insert", None, {"id": LEFT}), RowChange("users", "update", {"id": OTHER}, {"id": OTHER})],
    )
    divergences.note("e1", [IN_ROWS], both, both)

    assert divergences.cause_of(f"/users/{OTHER}", answer(), answer()) == ""
    assert divergences.cause_of(f"/jobs/{LEFT}", answer(), answer()) == "e1"


@pytest.mark.parametrize("row_id", [7, "7", "short-id", None], ids=["number", "digits", "short", "null"])
def test_an_id_that_may_stand_anywhere_by_chance_is_not_followed(row_id: object) -> None:
    divergences = Divergences()
    divergences.note("e1", [IN_ROWS], wrote(row_id), wrote(row_id))

    assert divergences.cause_of(f"/jobs/{row_id}", answer(said(str(row_id))), answer()) == ""


def test_a_row_that_only_one_side_deleted_is_followed() -> None:
    divergences = Divergences()
    gone = Outcome(answer(), [RowChange("jobs", "delete", {"id": LEFT}, None)])
    divergences.note("e1", [different("jobs", axis="presence", where="rows")], gone, Outcome(answer()))

    assert divergences.cause_of(f"/jobs/{LEFT}", answer(), answer(b"", 404)) == "e1"
