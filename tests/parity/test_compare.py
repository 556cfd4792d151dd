"""What comparison does with lists, noise, deep and broken documents, and how long it takes."""

import copy
import json
import random
import time
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.compare import Identities, Terms, compare
from parity.compare.noise import noise_class
from parity.values import Answer, Difference, Effect, Outcome, RowChange
from tests.parity.planted import leaves, own_id, removed, replaced, stamp

JSON = (("content-type", "application/json"),)
ROUTE = "GET /things"


def outcome(body: Any, **changes: Any) -> Outcome:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Outcome(Answer(200, JSON, written), **changes)


def compared(left: Any, right: Any, terms: Terms | None = None) -> list[Difference]:
    outcomes = [body if isinstance(body, Outcome) else outcome(body) for body in (left, right)]
    return compare(outcomes[0], outcomes[1], route=ROUTE, terms=terms or Terms(), identities=Identities())


def told(left: Any, right: Any, terms: Terms | None = None) -> list[tuple[str, str]]:
    return [(difference.axis, difference.spot) for difference in compared(left, right, terms)]


THINGS = [{"id": own_id("both", f"thing {n}"), "name": f"Thing {n}", "size": n, "open": n % 2 == 0} for n in range(40)]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([1, 1, 2], [1, 2], [("presence", "$[1]")]),
        ([1, 2], [1, 2, 2], [("presence", "$[2]")]),
        (["a", "b"], ["b", "a"], [("order", "$")]),
        ([1, 2, 3], [1, 9, 3], [("value", "$[1]")]),
        ([1, 2, 3], [1, "2", 3], [("type", "$[1]")]),
        ([1, 2, 3, 4, 5], [1, True, 3, 4, 5.0], [("type", "$[1]"), ("type", "$[4]")]),
        ([], [None], [("presence", "$[0]")]),
        (THINGS, THINGS[1:], [("presence", "$[0]")]),
        (THINGS, [*THINGS[:7], *THINGS[9:]], [("presence", "$[7]"), ("presence", "$[8]")]),
        (THINGS[1:], THINGS, [("presence", "$[0]")]),
        (THINGS, THINGS[::-1], [("order", "$")]),
        (THINGS, [*THINGS[5:], *THINGS[:5]], [("order", "$")]),
        (THINGS, [THINGS[0] | {"size": -1}, *THINGS[1:]], [("value", "$[0].size")]),
        (
            THINGS,
            [*THINGS[1:8], THINGS[8] | {"name": "New"}, *THINGS[9:]],
            [("value", "$[8].name"), ("presence", "$[0]")],
        ),
        (THINGS[:2], [THINGS[1], THINGS[0] | {"size": -1}], [("order", "$"), ("value", "$[0].size")]),
    ],
    ids=[
        "a repetition lost",
        "a repetition won",
        "two swapped",
        "one changed",
        "one of another type",
        "types python takes for equal",
        "null too much",
        "first missing",
        "two missing",
        "one more at the front",
        "turned round",
        "rotated",
        "first changed",
        "first missing and one changed",
        "swapped and changed",
    ],
)
def test_lists_are_aligned_before_elements_are_compared(left: Any, right: Any, expected: list[tuple[str, str]]) -> None:
    assert told(left, right) == expected


def test_new_elements_are_told_apart_by_what_they_are_though_all_ids_differ() -> None:
    left, right = (
        [{"id": own_id(side, str(n)), "name": f"n{n}", "at": stamp(side)} for n in range(9)]
        for side in ("left", "right")
    )

    assert told(left, right) == []
    assert told(left, right[::-1]) == [("order", "$")]
    assert told(left, right[1:]) == [("presence", "$[0]")]
    assert told(left, [*right[:4], right[4] | {"name": "other"}, *right[5:]]) == [("value", "$[4].name")]


def test_equal_ends_are_strictly_equal() -> None:
    assert told([1, 2, 3], [True, 2, 5, 3]) == [("type", "$[0]"), ("presence", "$[2]")]
    assert told([7, 2, 1.0], [7, 1]) == [("value", "$[1]"), ("presence", "$[2]")]


def test_times_in_another_order_are_a_matter_of_order() -> None:
    left, right = (
        [{"id": own_id(side, str(n)), "at": stamp("left", 60.0 * n)} for n in range(6)] for side in ("left", "right")
    )

    assert told(left, right) == []
    assert told(left, right[::-1]) == [("order", "$")]


def test_times_may_differ_by_the_tolerance_and_the_time_the_exchange_took() -> None:
    bodies = [json.dumps({"at": stamp("left", more_s)}).encode() for more_s in (0, 4.9)]

    assert told(outcome(bodies[0]), outcome(bodies[1])) == [("value", "$.at")]
    assert told(outcome(bodies[0]), Outcome(Answer(200, JSON, bodies[1], elapsed_s=3.0))) == []


def test_a_link_in_location_that_leads_both_clients_to_one_stack_is_found() -> None:
    terms = Terms(prefixes=("/api", "/api/v2"))
    bodies = [b'{"next": "/api/things"}', b'{"next": "/api/v2/things"}']

    def sent(location: str, body: bytes = b"{}") -> Outcome:
        return Outcome(Answer(307, (*JSON, ("location", location)), body))

    assert told(sent("/api/things", bodies[0]), sent("/api/v2/things", bodies[1]), terms) == []
    assert told(sent("/api/things"), sent("/api/things"), terms) == [("header", "location")]
    assert told(sent("/api/v2/things"), sent("/api/v2/things"), terms) == [("header", "location")]
    assert told(sent("/login"), sent("/login"), terms) == []


def test_a_text_that_differs_teaches_no_ids() -> None:
    identities = Identities()
    left, right = (f"Job {own_id(side, 'a')} of {side}" for side in ("left", "right"))

    found = compare(outcome({"m": left}), outcome({"m": right}), route=ROUTE, terms=Terms(), identities=identities)

    assert [difference.axis for difference in found] == ["value"]
    left, right = (f"Job {own_id(side, 'a')} took {n} s" for side, n in (("left", 3), ("right", 4)))
    found = compare(outcome({"m": left}), outcome({"m": right}), route=ROUTE, terms=Terms(), identities=identities)
    assert [difference.axis for difference in found] == ["value"]
    assert identities.export() == {}


def test_a_number_of_a_deleted_row_may_be_given_out_again() -> None:
    terms, identities = Terms(references={("jobs", "id"): "jobs"}), Identities()

    def done(left: RowChange, right: RowChange) -> list[Difference]:
        outcomes = [outcome({}, rows=[row]) for row in (left, right)]
        return compare(outcomes[0], outcomes[1], route=ROUTE, terms=terms, identities=identities)

    def made(number: int) -> RowChange:
        return RowChange("jobs", "insert", None, {"id": number, "name": "x"})

    def gone(number: int) -> RowChange:
        return RowChange("jobs", "delete", {"id": number, "name": "x"}, None)

    assert done(made(5), made(6)) == []
    assert [difference.path for difference in done(gone(5), gone(7))] == ["jobs.id"]
    assert done(gone(5), gone(6)) == []
    assert done(made(5), made(7)) == []


def test_paths_are_the_same_for_all_elements_and_spots_are_not() -> None:
    found = compared({"a b": [{"x": 1}], "12": {"y": None}}, {"a b": [{"x": "1"}], "12": {}})

    assert [(d.path, d.spot) for d in found] == [('$["a b"][*].x', '$["a b"][0].x'), ("$.{int}.y", '$["12"].y')]


def test_a_missing_value_is_told_with_what_the_other_side_has() -> None:
    (difference,) = compared({"a": 1}, {"a": 1, "b": [2]})

    assert (difference.left, difference.left_kind) == (None, "missing")
    assert (difference.right, difference.right_kind) == ([2], "array")


def test_the_order_of_keys_counts_only_when_asked() -> None:
    left, right = {"x": [{"a": 1, "b": 2}] * 9}, {"x": [{"a": 1, "b": 2}] * 8 + [{"b": 2, "a": 1}]}

    assert told(left, right) == []
    assert told(left, right, Terms(key_order=True)) == [("order", "$.x[8]")]


def nested(depth: int, inside: bytes) -> bytes:
    return b"[" * depth + inside + b"]" * depth


@pytest.mark.parametrize("depth", [10, 180, 250, 900, 10_000, 100_000])
def test_a_deep_document_is_compared_whatever_its_depth(depth: int) -> None:
    assert told(nested(depth, b"1"), nested(depth, b"1") + b"\n") == []
    assert len(told(nested(depth, b"1"), nested(depth, b"2"))) == 1


def test_deep_objects_are_compared_too() -> None:
    left, right = (b'{"a":' * 240 + value + b"}" * 240 for value in (b"1", b"2"))

    assert len(told(left, right)) == 1


def test_a_difference_can_be_written_as_json() -> None:
    found = compared(b'{"a": [NaN, {"b": Infinity}], "c": NaN}', b"{}")

    assert "NaN" in json.dumps([difference.left for difference in found], allow_nan=False)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"took": 0.25}, {"took": 0.75}, {"$.took": "float"}),
        ({"log": "a few words"}, {"log": "other words"}, {"$.log": "text"}),
        ({"on": True}, {"on": False}, {"$.on": "bool"}),
        ({"all": [1, 2]}, {"all": [2, 1]}, {"$.all": "order"}),
        ({"n": 1}, {"n": 1.0}, {"$.n": ""}),
        ({"day": "2026-11-22"}, {"day": "2026-11-22T10:00:00Z"}, {"$.day": ""}),
        ({"gone": 1}, {}, {"$.gone": ""}),
    ],
    ids=["measured", "text", "flag", "order", "another type", "another format", "missing"],
)
def test_only_values_and_order_have_a_class_of_noise(left: Any, right: Any, expected: dict[str, str]) -> None:
    assert {difference.path: noise_class(difference) for difference in compared(left, right)} == expected


def test_a_status_and_a_media_type_are_never_noise() -> None:
    answers = [
        Outcome(Answer(status, (("content-type", media),), b"{}")) for status, media in ((200, "a/b"), (201, "a/c"))
    ]

    assert {noise_class(difference) for difference in compared(*answers)} == {""}


def test_an_id_broken_inside_a_row_is_told_where_it_stands() -> None:
    rows = {side: [RowChange("jobs", "insert", None, {"id": n, "name": side}) for n in (1, 2)] for side in ("same",)}[
        "same"
    ]
    other = [replace(rows[0], after={"id": 1, "name": "other"}), rows[1]]

    (difference,) = compared(outcome({}, rows=rows), outcome({}, rows=other))

    assert (difference.where, difference.path, difference.spot) == ("rows", "jobs.name", "jobs[insert #1].name")


def test_rows_teach_the_ids_that_the_answer_then_has() -> None:
    terms = Terms(references={("jobs", "id"): "jobs"})
    rows = [[RowChange("jobs", "insert", None, {"id": n, "name": "x"})] for n in (5, 6)]

    assert told(outcome({"job_id": 5}, rows=rows[0]), outcome({"job_id": 6}, rows=rows[1]), terms) == []
    assert told(outcome({"job_id": 5}, rows=rows[0]), outcome({"job_id": 7}, rows=rows[1]), terms) == [
        ("value", "$.job_id")
    ]


def test_a_refusal_that_writes_all_the_same_is_found() -> None:
    refused = Answer(400, JSON, b'{"error": "no"}')
    row = RowChange("jobs", "update", {"id": 1, "name": "a"}, {"id": 1, "name": "b"})

    assert told(Outcome(refused), Outcome(refused, rows=[row])) == [("presence", "jobs[update #1]")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abcdefg"), inner, max_size=5),
    max_leaves=20,
)
DOCUMENTS = st.fixed_dictionaries({"r": VALUES, "s": VALUES})


@settings(deadline=None, max_examples=150)
@given(VALUES)
def test_every_document_is_equal_to_itself(value: Any) -> None:
    assert told(value, json.dumps(value, indent=1, sort_keys=True).encode()) == []


@settings(deadline=None, max_examples=300)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_a_single_change_is_always_found_exactly_once(document: dict[str, Any], chance: random.Random) -> None:
    steps, value = chance.choice(list(leaves(document)))
    changes = [
        removed(document, steps),
        replaced(document, steps, "other" if value != "other" and value is not None else 0.5),
    ]
    if isinstance(value, list):
        at = chance.randrange(len(value) + 1)
        changes.append(replaced(document, steps, [*value[:at], {"new": 1}, *value[at:]]))
    if isinstance(value, bool):
        changes.append(replaced(document, steps, int(value)))

    for changed in changes:
        if json.dumps(changed) != json.dumps(document):
            assert len(told(document, changed)) == 1, changed


@settings(deadline=None, max_examples=100)
@given(VALUES, VALUES)
def test_any_two_documents_are_told_apart_unless_they_are_equal(left: Any, right: Any) -> None:
    same = json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)

    assert (told(left, right) == []) == same
    assert (told(right, left) == []) == same


def large(count: int = 7_200) -> dict[str, Any]:
    return {
        "jobs": [
            {
                "id": own_id("both", str(n)),
                "name": f"Job {n}",
                "open": n % 2 == 0,
                "tries": n % 7,
                "at": stamp("left", n),
                "ratio": n / 7,
            }
            for n in range(count)
        ]
    }


def seconds(left: bytes, right: bytes) -> tuple[float, int]:
    """Return the best of some tries, in seconds of this thread, and how many differences were found."""
    best, found = 9.0, 0
    for _ in range(4):
        started = time.thread_time()
        found = len(told(left, right))
        best = min(best, time.thread_time() - started)
    return best, found


def test_a_document_of_one_megabyte_is_compared_in_milliseconds() -> None:
    """The goals are 25 and 30 ms; three times as much is allowed here, for busy machines."""
    body = large()
    written = json.dumps(body, separators=(",", ":")).encode()
    changed, longer = copy.deepcopy(body), copy.deepcopy(body)
    for job in random.Random(3).sample(changed["jobs"], len(body["jobs"]) * 5 // 100):
        job["tries"] += 1
    longer["jobs"].insert(0, {"id": own_id("right", "new"), "name": "New"})

    assert len(written) > 1_000_000
    for name, other, limit_s, expected in (
        ("equal bytes", written, 0.001, 0),
        ("equal, spelled otherwise", json.dumps(body).encode(), 0.025, 0),
        ("1 % of the leaves changed", json.dumps(changed).encode(), 0.030, len(body["jobs"]) * 5 // 100),
        ("one more at the front", json.dumps(longer).encode(), 0.030, 1),
    ):
        took_s, found = seconds(written, other)
        assert found == expected, name
        assert took_s < 3 * limit_s, f"{name}: {took_s * 1000:.1f} ms"


@pytest.mark.parametrize("kind", ["mail", "http"])
def test_effects_for_one_destination_have_an_order_and_those_for_several_have_none(
    kind: Literal["mail", "http"],
) -> None:
    def sent(*effects: tuple[str, str]) -> Outcome:
        contents = {
            "mail": [
                {"from": "a@b.test", "to": [to], "subject": text, "headers": {}, "body": text} for to, text in effects
            ],
            "http": [{"method": "POST", "host": to, "path": "/", "headers": {}, "body": text} for to, text in effects],
        }
        return Outcome(Answer(200), effects=[Effect(kind, content) for content in contents[kind]])

    def found(left: Outcome, right: Outcome) -> list[str]:
        return [d.axis for d in compare(left, right, route="POST /x", terms=Terms(), identities=Identities())]

    assert found(sent(("ann", "1"), ("bob", "1")), sent(("bob", "1"), ("ann", "1"))) == []
    assert found(sent(("ann", "1"), ("ann", "2")), sent(("ann", "2"), ("ann", "1"))) == ["order"]


HEADERS_ALIKE = {
    "methods in another order": ("allow", "GET, HEAD, POST", "POST,GET, HEAD", []),
    "another method": ("allow", "GET, HEAD", "GET, POST", ["header"]),
    "variants in another order": ("vary", "Origin, Accept", "Accept, Origin", []),
    "cookie attributes in another order and case": ("set-cookie", "a=1; Path=/; HttpOnly", "a=1; httponly; path=/", []),
    "a cookie that scripts may read": ("set-cookie", "a=1; Path=/; HttpOnly", "a=1; Path=/", ["header"]),
    "another cookie's name": ("set-cookie", "a=1; Path=/", "b=1; Path=/", ["header"]),
}


@pytest.mark.parametrize("case", HEADERS_ALIKE.values(), ids=HEADERS_ALIKE.keys())
def test_headers_are_compared_by_what_they_mean(case: tuple[str, str, str, list[str]]) -> None:
    name, left, right, axes = case
    outcomes = [Outcome(Answer(200, ((name, value),))) for value in (left, right)]

    found = compare(*outcomes, route="GET /x", terms=Terms(headers=(name,)), identities=Identities())

    assert [difference.axis for difference in found] == axes


def test_a_number_under_its_entity_s_name_is_an_id_once_the_pair_is_known() -> None:
    identities = Identities()

    def found(left: dict[str, int], right: dict[str, int]) -> list[str]:
        outcomes = [
            Outcome(Answer(200, (("content-type", "application/json"),), json.dumps(body).encode()))
            for body in (left, right)
        ]
        return [d.axis for d in compare(*outcomes, route="GET /x", terms=Terms(), identities=identities)]

    assert found({"loan": 2}, {"loan": 502}) == ["value"]
    assert found({"loan_id": 2}, {"loan_id": 502}) == []
    assert found({"loan": 2}, {"loan": 502}) == []
    assert found({"loan": 2}, {"loan": 503}) == ["value"]
