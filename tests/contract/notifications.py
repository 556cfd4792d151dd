"""Cases: a user's notifications: list and count, and the rows that all cases of notifications use."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared_models import Notification
from tests.contract import world
from tests.contract.api import Api
from tests.contract.execution_filters import INVALID_DATE, INVALID_RANGE, REVERSED, UNREADABLE
from tests.contract.jobs import add_execution, add_job

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
OPEN = {"from": None, "to": None}
NOT_FOUND = {"error": "Notification not found"}
KEYS = [
    *("id", "user_id", "title", "message", "type", "related_job_id", "related_execution_id"),
    *("is_read", "read_at", "created_at"),
]
PEOPLE = [name for name in world.PEOPLE if name != "inactive"]


def nid(number: int) -> str:
    return f"30000000-0000-4000-8000-{number:012d}"


def add_notification(api: Api, number: int, owner: str = "user", **columns: Any) -> None:
    """Insert an unread notification, `number` minutes after noon; read ones were read at CREATED."""
    row = {
        "id": nid(number),
        "user_id": world.user_id(owner),
        "title": f"Title {number}",
        "message": f"Message {number}",
        "type": "info",
        "is_read": False,
        "created_at": NOON + timedelta(minutes=number),
    } | columns
    if row["is_read"]:
        row.setdefault("read_at", world.CREATED)
    api.add(Notification, **row)


def numbers(answer: Any) -> list[int]:
    return [int(row["id"][-12:]) for row in answer.json["notifications"]]


def listed(api: Api, params: dict[str, str | int] | None = None, as_: str = "user") -> list[int]:
    answer = api.get("/notifications", params=params, as_=as_)
    assert answer.status == 200
    return numbers(answer)


def left(api: Api) -> list[int]:
    return [int(row["id"][-12:]) for row in api.rows(Notification)]


def unread(api: Api) -> list[int]:
    return [int(row["id"][-12:]) for row in api.rows(Notification) if not row["is_read"]]


def test_a_notification_is_shown_whole(api: Api) -> None:
    job = add_job(api)
    run = add_execution(api, job, id="20000000-0000-4000-8000-000000000001")
    links = {"related_job_id": job["id"], "related_execution_id": run["id"]}
    add_notification(api, 1, title="Ünï", message='Job "x"\nfailed: <b>', type="error", **links)

    answer = api.get("/notifications", as_="user")

    assert answer.json == {
        "notifications": [
            {
                "id": nid(1),
                "user_id": world.user_id("user"),
                "title": "Ünï",
                "message": 'Job "x"\nfailed: <b>',
                "type": "error",
                **links,
                "is_read": False,
                "read_at": None,
                "created_at": "2026-03-04T12:01:00.000Z",
            }
        ],
        "total": 1,
        "page": 1,
        "per_page": 20,
        "total_pages": 1,
        "range": OPEN,
    }
    assert list(answer.json) == ["notifications", "total", "page", "per_page", "total_pages", "range"]
    assert list(answer.json["notifications"][0]) == KEYS


def test_there_are_none(api: Api) -> None:
    none = {"notifications": [], "total": 0, "page": 1, "per_page": 20, "total_pages": 0, "range": OPEN}

    assert api.get("/notifications", as_="user").json == none
    assert api.get("/notifications/unread-count", as_="user").json == {"unread_count": 0, "range": OPEN}


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_sees_their_own_and_no_others_admins_too(api: Api, who: str) -> None:
    for number, owner in enumerate(world.PEOPLE, start=1):
        add_notification(api, number, owner)

    own = list(world.PEOPLE).index(who) + 1
    assert listed(api, as_=who) == [own]
    assert api.get("/notifications/unread-count", as_=who).json["unread_count"] == 1


def test_nobody_else_is_asked_for_by_parameter(api: Api) -> None:
    add_notification(api, 1, "other")

    assert listed(api, {"user_id": world.user_id("other")}, as_="admin") == []


def test_the_newest_comes_first_and_ties_go_by_id(api: Api) -> None:
    micro = timedelta(microseconds=1)
    times = {3: NOON, 1: NOON, 2: NOON, 4: NOON - micro, 5: NOON + micro, 6: NOON.replace(year=2025)}
    for number, created_at in times.items():
        add_notification(api, number, created_at=created_at)

    assert listed(api) == [5, 3, 2, 1, 4, 6]


@pytest.mark.parametrize(
    ("params", "page", "per_page", "expected"),
    [
        pytest.param({}, 1, 20, [5, 4, 3, 2, 1], id="absent"),
        pytest.param({"per_page": 2}, 1, 2, [5, 4], id="two a page"),
        pytest.param({"per_page": 2, "page": 3}, 3, 2, [1], id="the last page"),
        pytest.param({"per_page": 2, "page": 4}, 4, 2, [], id="past the end"),
        pytest.param({"per_page": 0, "page": 0}, 1, 1, [5], id="zeros"),
        pytest.param({"per_page": -3, "page": -3}, 1, 1, [5], id="negative"),
        pytest.param({"per_page": 100}, 1, 100, [5, 4, 3, 2, 1], id="the cap"),
        pytest.param({"per_page": 101}, 1, 100, [5, 4, 3, 2, 1], id="over the cap"),
        pytest.param({"per_page": "x", "page": "y"}, 1, 20, [5, 4, 3, 2, 1], id="words"),
        pytest.param({"per_page": "", "page": ""}, 1, 20, [5, 4, 3, 2, 1], id="empty"),
        pytest.param({"per_page": "1.5", "page": "1.5"}, 1, 20, [5, 4, 3, 2, 1], id="fractions"),
        pytest.param({"page": "9" * 40}, 10**18 - 1, 20, [], id="huge"),
        pytest.param({"limit": 1}, 1, 20, [5, 4, 3, 2, 1], id="limit is another list's word"),
    ],
)
def test_pages_are_counted_from_one(
    api: Api, params: dict[str, str | int], page: int, per_page: int, expected: list[int]
) -> None:
    for number in range(1, 6):
        add_notification(api, number)

    answer = api.get("/notifications", params=params, as_="user")

    assert (answer.status, numbers(answer)) == (200, expected)
    assert {key: answer.json[key] for key in ("total", "page", "per_page", "total_pages")} == {
        "total": 5,
        "page": page,
        "per_page": per_page,
        "total_pages": -(-5 // per_page),
    }


@pytest.mark.parametrize(
    ("word", "only"),
    [
        *[pytest.param(word, True, id=word) for word in ("1", "true", "yes", "y", "on", "TRUE", "Yes", "oN")],
        pytest.param(" true ", True, id="blanks around"),
        *[pytest.param(word, False, id=word) for word in ("0", "false", "no", "off", "2", "t", "truee", "null")],
        pytest.param("", False, id="empty"),
        pytest.param(" ", False, id="blank"),
        pytest.param("１", False, id="a wide digit"),
    ],
)
def test_unread_only_takes_the_words_for_true(api: Api, word: str, only: bool) -> None:
    add_notification(api, 1)
    add_notification(api, 2, is_read=True)

    answer = api.get("/notifications", params={"unread_only": word}, as_="user")

    assert (numbers(answer), answer.json["total"]) == (([1], 1) if only else ([2, 1], 2))


def test_the_count_is_of_unread_ones(api: Api) -> None:
    add_notification(api, 1)
    add_notification(api, 2, is_read=True)
    add_notification(api, 3)

    answer = api.get("/notifications/unread-count", as_="user")

    assert (answer.status, answer.json) == (200, {"unread_count": 2, "range": OPEN})
    assert list(answer.json) == ["unread_count", "range"]


DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 4, tzinfo=UTC)
EDGES = {
    1: MIDNIGHT - timedelta(microseconds=1),
    2: MIDNIGHT,
    3: MIDNIGHT + timedelta(hours=9),
    4: MIDNIGHT + DAY - timedelta(microseconds=1),
    5: MIDNIGHT + DAY,
}
RANGES = [
    pytest.param({}, [5, 4, 3, 2, 1], OPEN, id="open"),
    pytest.param({"from": " ", "to": ""}, [5, 4, 3, 2, 1], OPEN, id="blank and empty"),
    pytest.param(
        {"from": "2026-03-04"}, [5, 4, 3, 2], {"from": "2026-03-04T00:00:00.000Z", "to": None}, id="from a day"
    ),
    pytest.param({"to": "2026-03-04"}, [4, 3, 2, 1], {"from": None, "to": "2026-03-05T00:00:00.000Z"}, id="to a day"),
    pytest.param(
        {"from": "2026-03-04", "to": "2026-03-04"},
        [4, 3, 2],
        {"from": "2026-03-04T00:00:00.000Z", "to": "2026-03-05T00:00:00.000Z"},
        id="one day",
    ),
    pytest.param(
        {"from": "2026-03-04T18:00:00+09:00", "to": "2026-03-05T00:00:00Z"},
        [4, 3],
        {"from": "2026-03-04T09:00:00.000Z", "to": "2026-03-05T00:00:00.000Z"},
        id="instants, the second exclusive",
    ),
]


@pytest.mark.parametrize(("params", "expected", "echo"), RANGES)
def test_dates_bound_the_creation(
    api: Api, params: dict[str, str | int], expected: list[int], echo: dict[str, str | None]
) -> None:
    for number, created_at in EDGES.items():
        add_notification(api, number, created_at=created_at)

    answer = api.get("/notifications", params=params, as_="user")
    count = api.get("/notifications/unread-count", params=params, as_="user")

    assert (numbers(answer), answer.json["total"], answer.json["range"]) == (expected, len(expected), echo)
    assert count.json == {"unread_count": len(expected), "range": echo}


def test_list_and_count_join_their_filters(api: Api) -> None:
    add_notification(api, 1, created_at=MIDNIGHT - DAY)
    add_notification(api, 2, created_at=MIDNIGHT, is_read=True)
    add_notification(api, 3, created_at=MIDNIGHT)
    add_notification(api, 4, "other", created_at=MIDNIGHT)

    assert listed(api, {"unread_only": "1", "from": "2026-03-04"}) == [3]
    counted = api.get("/notifications/unread-count", params={"from": "2026-03-04"}, as_="user")
    assert counted.json["unread_count"] == 1


@pytest.fixture(params=["list", "count", "delete"])
def dated(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return method and path of each endpoint that takes dates."""
    return {
        "list": ("GET", "/notifications"),
        "count": ("GET", "/notifications/unread-count"),
        "delete": ("DELETE", "/notifications/delete-read"),
    }[request.param]


@pytest.mark.parametrize("params", UNREADABLE)
def test_an_unreadable_date_is_refused(api: Api, dated: tuple[str, str], params: dict[str, str | int]) -> None:
    add_notification(api, 1, is_read=True)
    before = api.everything()

    answer = api.request(*dated, params=params, as_="user")

    assert (answer.status, answer.json) == (400, INVALID_DATE)
    assert api.everything() == before


@pytest.mark.parametrize("params", REVERSED)
def test_a_range_that_ends_before_it_starts_is_refused(
    api: Api, dated: tuple[str, str], params: dict[str, str | int]
) -> None:
    add_notification(api, 1, is_read=True)
    before = api.everything()

    answer = api.request(*dated, params=params, as_="user")

    assert (answer.status, answer.json) == (400, INVALID_RANGE)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        pytest.param("GET", "/notifications/xyz", "DELETE, OPTIONS", id="get one"),
        pytest.param("GET", f"/notifications/{nid(1)}", "DELETE, OPTIONS", id="get one that exists"),
        pytest.param("HEAD", "/notifications/xyz", "DELETE, OPTIONS", id="head of one"),
        pytest.param("PUT", "/notifications/xyz", "DELETE, OPTIONS", id="put one"),
        pytest.param("GET", "/notifications/read-all", "DELETE, OPTIONS, PUT", id="get read-all"),
        pytest.param("POST", "/notifications/read-all", "DELETE, OPTIONS, PUT", id="post read-all"),
        pytest.param("GET", "/notifications/delete-read", "DELETE, OPTIONS", id="get delete-read"),
        pytest.param("PUT", "/notifications/delete-read", "DELETE, OPTIONS", id="put delete-read"),
        pytest.param("PUT", "/notifications/unread-count", "DELETE, GET, HEAD, OPTIONS", id="put unread-count"),
        pytest.param("GET", "/notifications/xyz/read", "OPTIONS, PUT", id="get read"),
        pytest.param("POST", "/notifications", "GET, HEAD, OPTIONS", id="post to the list"),
        pytest.param("DELETE", "/notifications", "GET, HEAD, OPTIONS", id="delete the list"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(api: Api, method: str, path: str, allow: str) -> None:
    add_notification(api, 1)

    answer = api.request(method, path, as_=None)

    assert (answer.status, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert answer.json == {"error": "Method not allowed", "message": f"Allowed: {allow}."}
    assert left(api) == [1]


@pytest.mark.parametrize("path", ["/notifications", "/notifications/unread-count"])
def test_head_answers_like_get_without_a_body(api: Api, path: str) -> None:
    head = api.request("HEAD", path, as_="user")

    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("path", ["/notifications/", f"/notifications/{nid(1)}/", f"/notifications/{nid(1)}/read/"])
def test_a_path_with_a_slash_more_is_unknown(api: Api, path: str) -> None:
    assert api.delete(path).json == {"error": "Not found", "message": "No such endpoint."}
