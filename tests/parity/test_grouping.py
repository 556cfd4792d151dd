"""Groups and causes: nothing is lost in a count, and what has one cause stands together."""

from collections.abc import Sequence

import pytest

from parity.grouping import OTHER_PATH, Grouper, group_id, group_key, heads, leaf
from parity.report.value import Rule
from parity.values import Difference

MILLIS, MICROS = "time(iso,ms,Z)", "time(iso,us,none)"


def different(
    axis: str = "value", path: str = "$.name", left: str = "str", right: str = "str", where: str = "answer"
) -> Difference:
    return Difference(where, axis, path, path, None, None, left, right)  # type: ignore[arg-type]


STATUS = different("status", "status", "404", "200")


def feed(grouper: Grouper, exchange: str, route: str, *differences: Difference, **more: object) -> tuple[str, ...]:
    return grouper.feed(exchange, method="GET", route=route, route_group="jobs", differences=differences, **more)  # type: ignore[arg-type]


def paths(differences: Sequence[Difference]) -> list[str]:
    return [head.difference.path for head in heads(differences)]


BODY = [different(path="$.a"), different("presence", "$.b", "missing", "int"), different("type", "$.c", "int", "str")]


@pytest.mark.parametrize(
    ("differences", "left"),
    [
        (BODY, ["$.a", "$.b", "$.c"]),
        ([STATUS, *BODY, different("header", "allow", "str", "missing")], ["status"]),
        ([different("media", "media", "json", "html"), *BODY], ["media"]),
        (
            [different("media", "media", "json", "html"), different("header", "allow", "str", "missing")],
            ["media", "allow"],
        ),
        ([*BODY, different("media", "media", "json", "html"), STATUS], ["status"]),
        ([different("transport", "connection", "answered", "broken"), STATUS], ["connection"]),
        ([STATUS, *BODY, different(path="users.email", where="rows")], ["status", "users.email"]),
        ([STATUS, *BODY, different(path="http.body.ref", where="effects")], ["status", "http.body.ref"]),
        ([STATUS, different("latency", "latency", "fast", "slow")], ["status", "latency"]),
        ([different("status", "http.status", "int", "int", "effects"), *BODY], ["http.status", "$.a", "$.b", "$.c"]),
        ([], []),
    ],
    ids=[
        "leaves of an equal status stand alone",
        "body and headers follow from the status",
        "a body follows from its media type",
        "a header does not follow from the media type",
        "the media type follows from the status",
        "all of the answer follows from a broken connection",
        "rows never follow",
        "effects never follow",
        "latency never follows",
        "only the answer's own status leads",
        "nothing",
    ],
)
def test_what_follows_from_a_difference_is_not_counted_again(differences: list[Difference], left: list[str]) -> None:
    assert paths(differences) == left


def test_followers_are_counted_beside_the_difference_they_follow_from() -> None:
    grouper = Grouper()
    feed(grouper, "1", "/jobs", STATUS, *BODY)
    feed(grouper, "2", "/jobs", STATUS, *BODY[:1])

    (group,) = grouper.result()[1]

    assert (group.count, group.folded, grouper.differences) == (2, 4, 2)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("$.jobs[*].created_at", "created_at"),
        ("$.jobs[*]", "jobs[*]"),
        ("$", "$"),
        ("$[*]", "$[*]"),
        ("users.email", "email"),
        ("http.body.ref", "ref"),
        ("content-type", "content-type"),
        ('$.a["b.c"]', '["b.c"]'),
        ("$.a['it\\'s']", "['it\\'s']"),
        ("$.grid[*][*]", "grid[*][*]"),
        ("$.日付", "日付"),
        ("$.a[", "$.a["),
        ("", ""),
    ],
)
def test_the_leaf_is_the_last_name_of_a_path(path: str, name: str) -> None:
    assert leaf(path) == name


def test_the_name_of_a_group_is_the_same_in_every_run() -> None:
    assert group_id(group_key("GET", "/jobs", STATUS)) == "g67d542e1"


def test_differences_of_one_kind_at_one_path_are_one_group_and_other_kinds_another() -> None:
    grouper = Grouper()
    feed(grouper, "1", "/jobs", different(), different())
    feed(grouper, "2", "/jobs", different("type", "$.name", "str", "int"))
    feed(grouper, "3", "/jobs/{id}", different())

    causes, groups = grouper.result()

    assert sorted((g.route, g.axis, g.count, g.exchanges) for g in groups) == [
        ("/jobs", "type", 1, ("2",)),
        ("/jobs", "value", 2, ("1",)),
        ("/jobs/{id}", "value", 1, ("3",)),
    ]
    assert sum(group.count for group in groups) == sum(cause.count for cause in causes) == grouper.differences == 4


def test_the_same_leaf_and_kinds_on_many_routes_are_one_cause() -> None:
    grouper = Grouper()
    for number in range(14):
        feed(grouper, str(number), f"/route-{number}", different("format", "$.created_at", MILLIS, MICROS))
    feed(grouper, "x", "/jobs", different("type", "$.count", "int", "str"))

    causes, groups = grouper.result()

    assert [cause.title for cause in causes] == [
        f"created_at: {MILLIS} -> {MICROS} in 14 routes",
        "count: int -> str in GET /jobs",
    ]
    assert (len(groups), [cause.count for cause in causes]) == (15, [14, 1])
    assert [group_ for cause in causes for group_ in cause.groups] == [group.id for group in groups]


@pytest.mark.parametrize(
    ("fed", "titles"),
    [
        (
            [[different("format", f"$.{name}", MILLIS, MICROS)] for name in ("a", "b", "c", "d", "e")],
            [f"a, b, c and 2 more: {MILLIS} -> {MICROS} in GET /jobs"],
        ),
        (
            [[different("presence", "$.a", "null", "missing")], [different("presence", "$.b", "null", "missing")]],
            ["a, b: null -> missing in GET /jobs"],
        ),
        (
            [[different("presence", "$.a", "str", "missing")], [different("presence", "$.b", "str", "missing")]],
            ["a: str -> missing in GET /jobs", "b: str -> missing in GET /jobs"],
        ),
        (
            [[different("presence", "$.error", "str", "missing"), different("presence", "$.detail", "missing", "str")]],
            ["error is called detail in GET /jobs"],
        ),
        (
            [
                [
                    different("presence", "$.error", "str", "missing"),
                    different("presence", "$.detail", "missing", "str"),
                ],
                [different("presence", "$.error", "str", "missing")],
            ],
            ["error: str -> missing in GET /jobs", "detail: missing -> str in GET /jobs"],
        ),
        (
            [[different("presence", "$.a.x", "str", "missing"), different("presence", "$.b.y", "missing", "str")]],
            ["x: str -> missing in GET /jobs", "y: missing -> str in GET /jobs"],
        ),
        (
            [[different("presence", "$.x", "str", "missing"), different("presence", "$.y", "missing", "int")]],
            ["x: str -> missing in GET /jobs", "y: missing -> int in GET /jobs"],
        ),
        ([[STATUS]], ["status 404 -> 200 in GET /jobs"]),
        ([[different("order", "$.jobs", "list", "list")]], ["jobs: another order in GET /jobs"]),
        ([[different()]], ["name: another value in GET /jobs"]),
        ([[different(left="int", right="float")]], ["name: another value (int -> float) in GET /jobs"]),
        ([[different("header", "allow", "str", "missing")]], ["header allow: str -> missing in GET /jobs"]),
        ([[different(path="users.email", where="rows")]], ["rows: email: another value in GET /jobs"]),
    ],
    ids=[
        "one format for many leaves",
        "nulls left out",
        "fields that are missing are causes of their own",
        "a key with another name",
        "a key that is also missing alone was not renamed",
        "keys of two objects were not renamed",
        "a key of another kind was not renamed",
        "a status",
        "an order",
        "a value",
        "a value of another kind",
        "a header",
        "a row",
    ],
)
def test_causes_are_named_by_what_changed(fed: list[list[Difference]], titles: list[str]) -> None:
    grouper = Grouper()
    for number, differences in enumerate(fed):
        feed(grouper, str(number), "/jobs", *differences)

    assert sorted(cause.title for cause in grouper.result()[0]) == sorted(titles)


def test_the_example_has_the_least_around_it() -> None:
    grouper = Grouper()
    feed(grouper, "two differences", "/jobs", different(), different(path="$.b"), size_bytes=1)
    feed(grouper, "large", "/jobs", different(), size_bytes=900)
    feed(grouper, "small", "/jobs", different(), size_bytes=90)
    feed(grouper, "as small but later", "/jobs", different(), size_bytes=90)

    group = next(g for g in grouper.result()[1] if g.path == "$.name")

    assert (group.example, group.count) == ("small", 4)


def test_the_example_is_one_that_was_kept_whole() -> None:
    grouper = Grouper()
    feed(grouper, "small", "/jobs", different(), size_bytes=1, kept=False)
    feed(grouper, "kept", "/jobs", different(), size_bytes=900)
    feed(grouper, "smaller", "/jobs", different(), size_bytes=0, kept=False)

    assert grouper.result()[1][0].example == "kept"


def test_the_first_exchanges_are_kept_once_each() -> None:
    grouper = Grouper(first=3)
    for number in range(10):
        feed(grouper, str(number), "/jobs", different(), different())

    (group,) = grouper.result()[1]

    assert (group.exchanges, group.count) == (("0", "1", "2"), 20)


RULE = Rule("r1", "agreed", "ada", "2027-01-31")


def test_a_group_is_accepted_only_if_all_of_it_is() -> None:
    grouper = Grouper()
    feed(grouper, "1", "/jobs", different(), different(path="$.b"), rules=[RULE, None])
    feed(grouper, "2", "/jobs", different(), different(path="$.b"), rules=[RULE, RULE])

    states = {group.path: (group.state, group.rule) for group in grouper.result()[1]}

    assert states == {"$.name": ("accepted", RULE), "$.b": ("unexplained", None)}


def test_a_group_is_caused_by_another_only_if_all_of_it_is() -> None:
    grouper = Grouper()
    feed(grouper, "1", "/jobs", different(), different(path="$.b"), caused_by="g0")
    feed(grouper, "2", "/jobs", different())

    states = {group.path: (group.state, group.caused_by) for group in grouper.result()[1]}

    assert states == {"$.name": ("unexplained", None), "$.b": ("caused_by", "g0")}


def test_unexplained_groups_come_first_in_the_order_in_which_they_were_seen() -> None:
    grouper = Grouper()
    for number in range(5):
        feed(grouper, str(number), "/jobs", different(path="$.accepted"), rules=[RULE])
    feed(grouper, "6", "/jobs", different(path="$.first"))
    for number in range(3):
        feed(grouper, f"7{number}", "/jobs", different(path="$.later"))

    assert [group.path for group in grouper.result()[1]] == ["$.first", "$.later", "$.accepted"]


def test_ids_for_keys_do_not_make_a_group_an_id() -> None:
    grouper = Grouper(limit=50)
    for number in range(1000):
        feed(grouper, str(number), "/jobs", different(path=f"$.by_id.{number}"))

    groups = grouper.result()[1]

    assert len(groups) == 51
    assert sum(group.count for group in groups) == 1000
    assert next(group.count for group in groups if group.path == OTHER_PATH) == 950


def test_lone_surrogates_in_keys_are_no_obstacle() -> None:
    grouper = Grouper()
    feed(grouper, "1", "/jobs", different(path="$.\ud800"))

    assert len(grouper.result()[1]) == 1
