"""Side by side: every line of both bodies, aligned, and marks on what the comparison found, nowhere else."""

import json
from typing import Any

import pytest

from parity.report.aligned import side_by_side
from parity.report.value import AlignedLine, Spot


def spot(axis: str, at: str, left: str = "str", right: str = "str") -> Spot:
    return Spot("answer", axis, at, at, "", "", left, right)  # type: ignore[arg-type]


def aligned(left: Any, right: Any, *spots: Spot, recorded: Any = None, witness: tuple[Spot, ...] = ()) -> Any:
    texts = [value if isinstance(value, str) else json.dumps(value) for value in (left, right)]
    third = None if recorded is None else json.dumps(recorded)
    return side_by_side(texts[0], texts[1], third, spots, witness)


def marked(lines: tuple[AlignedLine, ...]) -> list[tuple[str, str | None, str | None]]:
    return [(line.mark, line.left, line.right) for line in lines if line.mark]


LEFT = {"a": 1, "list": [{"id": 1, "t": "x"}, {"id": 2, "t": "y"}], "b": {"c": None}}


@pytest.mark.parametrize(
    ("left", "right", "spots", "expected"),
    [
        (LEFT, LEFT, [], []),
        (LEFT, {**LEFT, "a": 2}, [spot("value", "$.a")], [("value", '"a": 1,', '"a": 2,')]),
        (LEFT, {**LEFT, "a": 2}, [], []),
        (
            LEFT,
            {**LEFT, "list": [{"id": 1, "t": "x"}, {"id": 2, "t": "z"}]},
            [spot("value", "$.list[1].t")],
            [("value", '"t": "y"', '"t": "z"')],
        ),
        (
            LEFT,
            {**LEFT, "b": {}},
            [spot("presence", "$.b.c", "null", "missing")],
            [("presence", '"c": null', None)],
        ),
        (
            {"n": [1, 2]},
            {"n": [0, 1, 2]},
            [spot("presence", "$.n[0]", "missing", "int")],
            [("presence", None, "0,")],
        ),
        (
            {"n": [0, 1, 2]},
            {"n": [1, 2]},
            [spot("presence", "$.n[0]", "int", "missing")],
            [("presence", "0,", None)],
        ),
        (
            {"o": {"x": 1}},
            {"o": "text"},
            [spot("type", "$.o", "object", "str")],
            [("type", '"o": {', '"o": "text"'), ("type", '"x": 1', None), ("type", "}", None)],
        ),
        (
            {"token": "e.1.x"},
            {"token": "e.2.x"},
            [spot("value", "$.token(jwt).claims.sub")],
            [("value", '"token": "e.1.x"', '"token": "e.2.x"')],
        ),
        ({"a b": 1}, {"a b": 2}, [spot("value", '$["a b"]')], [("value", '"a b": 1', '"a b": 2')]),
        (1, 2, [spot("value", "$")], [("value", "1", "2")]),
        (
            "",
            {"a": 1},
            [spot("presence", "$", "missing", "object")],
            [("presence", None, "{"), ("presence", None, '"a": 1'), ("presence", None, "}")],
        ),
        ("<p>one</p>\n<p>two</p>", "<p>one</p>\n<p>2</p>", [spot("value", "$")], [("value", "<p>two</p>", "<p>2</p>")]),
        (
            {"n": [3, 1, 2]},
            {"n": [1, 2, 3]},
            [spot("order", "$.n", "array", "array")],
            [("order", '"n": [', '"n": ['), ("order", "3,", "1,"), ("order", "1,", "2,"), ("order", "2", "3")],
        ),
        (
            {"rows": [{"id": n, "v": "same"} for n in (10, 11)]},
            {"rows": [{"id": n, "v": "same"} for n in (20, 21)]},
            [],
            [],
        ),
    ],
    ids=[
        "nothing differs",
        "a value",
        "another value that counts as equal",
        "one leaf of an element",
        "a key that is missing",
        "an element more",
        "an element less",
        "another type",
        "a claim inside a token",
        "a key that is no name",
        "a bare value",
        "no body on one side",
        "no JSON",
        "another order",
        "ids of each stack",
    ],
)
def test_exactly_what_differs_is_marked(
    left: Any, right: Any, spots: list[Spot], expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert marked(aligned(left, right, *spots)) == expected


@pytest.mark.parametrize("side", ["left", "right"])
def test_nothing_of_either_body_is_lost_or_turned_around(side: str) -> None:
    left = '{"b": 1.0, "a": [1e400, {"x": [], "y": {}}], "big": 12345678901234567890, "b": "\\u0041\\u2028"}'
    right = '{"a": [0, 1e400], "new": NaN, "b": -0.0}'
    lines = side_by_side(left, right, None, [], [])

    texts = [getattr(line, side) for line in lines]
    again = json.loads(
        "\n".join(text for text in texts if text is not None), parse_float=str, parse_int=str, parse_constant=str
    )

    assert again == json.loads(left if side == "left" else right, parse_float=str, parse_int=str, parse_constant=str)


def test_a_repeated_key_and_numbers_stay_as_they_were_sent() -> None:
    texts = [line.left for line in side_by_side('{"a": 1.0, "a": 1E2, "c": 1e400}', "{}", None, [], [])]

    assert texts == ["{", '"a": 1.0,', '"a": 1E2,', '"c": 1e400', "}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\u202e", '"\\u202e"'),
        ("\u2028", '"\\u2028"'),
        ("\ud800", '"\\ud800"'),
        ("\x7f", '"\\u007f"'),
        ("é日", '"é日"'),
    ],
    ids=["a turn of direction", "a line separator", "half a pair", "delete", "letters"],
)
def test_what_cannot_be_seen_is_written_by_number(value: str, text: str) -> None:
    assert aligned(json.dumps(value), "1")[0].left == text


def test_the_recorded_answer_stands_beside_with_marks_of_its_own() -> None:
    lines = aligned(
        {"total": 2, "x": 1},
        {"total": 2, "x": "1"},
        spot("type", "$.x", "int", "str"),
        recorded={"total": 3, "x": 1, "old": True},
        witness=(spot("value", "$.total"), spot("presence", "$.old", "bool", "missing")),
    )

    assert [(line.recorded, line.left, line.right, line.mark, line.witness) for line in lines] == [
        ("{", "{", "{", "", ""),
        ('"total": 3,', '"total": 2,', '"total": 2,', "", "value"),
        ('"x": 1,', '"x": 1', '"x": "1"', "type", ""),
        ('"old": true', None, None, "", "presence"),
        ("}", "}", "}", "", ""),
    ]


def test_of_a_value_that_differs_as_a_whole_the_first_line_begins() -> None:
    lines = aligned({}, {"o": {"x": [1]}}, spot("presence", "$.o", "missing", "object"))

    assert [(line.right, line.begins) for line in lines if line.mark] == [
        ('"o": {', True),
        ('"x": [', False),
        ("1", False),
        ("]", False),
        ("}", False),
    ]


def test_a_spot_that_fits_only_by_position_is_found_there() -> None:
    # Aligned by equal elements, 2 would meet nothing; the comparison paired the elements by position.
    lines = aligned({"n": [1, 2]}, {"n": [2, 3]}, spot("value", "$.n[0]"), spot("value", "$.n[1]"))

    assert marked(lines) == [("value", "1,", "2,"), ("value", "2", "3")]


def test_of_a_long_document_only_what_is_around_a_difference_is_kept() -> None:
    left = {"items": [{"n": n} for n in range(900)]}
    right = {"items": [{"n": n if n != 450 else -1} for n in range(900)]}

    lines = aligned(left, right, spot("value", "$.items[450].n"))

    assert len(lines) < 40
    assert marked(lines) == [("value", '"n": 450', '"n": -1')]
    assert sum(line.gap or 1 for line in lines) == 2 + 2 + 3 * 900
    assert all(line.left is None for line in lines if line.gap)


def test_a_body_nested_too_deeply_says_so() -> None:
    deep = "[" * 500 + "]" * 500

    assert "too deeply" in str(side_by_side(deep, "[]", None, [], [])[0].left)


def test_a_very_long_value_is_cut_and_says_how_long_it_is() -> None:
    (line,) = aligned(json.dumps("x" * 5000), json.dumps("x"))

    assert str(line.left).endswith("… (5,002 characters)")
