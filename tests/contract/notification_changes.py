"""Cases: notifications marked as read and deleted, one and all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared_models import Notification
from tests.contract.api import Api
from tests.contract.executions import UNKNOWN_ID
from tests.contract.jobs import add_execution, add_job
from tests.contract.notifications import (
    DAY,
    EDGES,
    KEYS,
    MIDNIGHT,
    NOON,
    NOT_FOUND,
    PEOPLE,
    RANGES,
    add_notification,
    left,
    nid,
    unread,
)


@pytest.mark.parametrize("who", PEOPLE)
def test_an_own_notification_is_marked_as_read(api: Api, who: str) -> None:
    add_notification(api, 1, who)
    add_notification(api, 2, who)
    began = datetime.now(UTC)

    answer = api.put(f"/notifications/{nid(1)}/read", as_=who)

    row = api.row(Notification, id=nid(1))
    assert (answer.status, list(answer.json)) == (200, ["message", "notification"])
    assert answer.json["message"] == "Notification marked as read"
    assert (list(answer.json["notification"]), answer.json["notification"]["is_read"]) == (KEYS, True)
    assert began <= row["read_at"] <= datetime.now(UTC)
    assert answer.json["notification"]["read_at"] == row["read_at"].isoformat(timespec="milliseconds")[:23] + "Z"
    assert (row["is_read"], row["created_at"], unread(api)) == (True, NOON + timedelta(minutes=1), [2])


def test_a_second_reading_keeps_the_time_of_the_first(api: Api) -> None:
    add_notification(api, 1, is_read=True, read_at=NOON)
    before = api.everything()

    answer = api.put(f"/notifications/{nid(1)}/read", as_="user")

    assert (answer.status, answer.json["notification"]["read_at"]) == (200, "2026-03-04T12:00:00.000Z")
    assert api.everything() == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"content": b"{", "headers": {"Content-Type": "application/json"}}, id="broken JSON"),
        pytest.param({"content": b"hello", "headers": {"Content-Type": "text/plain"}}, id="text"),
        pytest.param({"json": {"is_read": False}}, id="an object"),
        pytest.param({"json": None}, id="null"),
    ],
)
def test_no_body_is_asked_for_and_none_is_read(api: Api, body: dict[str, Any]) -> None:
    add_notification(api, 1)

    assert api.request("PUT", f"/notifications/{nid(1)}/read", as_="user", **body).status == 200
    assert api.request("PUT", "/notifications/read-all", as_="user", **body).json["updated_count"] == 0
    assert unread(api) == []


UNKNOWN = [
    pytest.param(UNKNOWN_ID, id="unknown"),
    pytest.param("7", id="no uuid"),
    pytest.param("a%20b", id="with a blank"),
    pytest.param("x" * 300, id="over-long"),
    pytest.param("%C3%BC", id="unicode"),
    pytest.param("'%20OR%20'1'='1", id="SQL"),
    pytest.param("read-all", id="the name of another endpoint"),
    pytest.param("unread-count", id="the name of a list"),
]


@pytest.mark.parametrize("wanted", [*UNKNOWN, pytest.param("delete-read", id="the name of a delete")])
def test_an_unknown_notification_cannot_be_read(api: Api, wanted: str) -> None:
    add_notification(api, 1)
    before = api.everything()

    answer = api.put(f"/notifications/{wanted}/read", as_="user")

    assert (answer.status, answer.json) == (404, NOT_FOUND)
    assert api.everything() == before


@pytest.mark.parametrize("wanted", UNKNOWN)
def test_an_unknown_notification_cannot_be_deleted(api: Api, wanted: str) -> None:
    add_notification(api, 1, is_read=True)
    before = api.everything()

    answer = api.delete(f"/notifications/{wanted}", as_="user")

    assert (answer.status, answer.json) == (404, NOT_FOUND)
    assert api.everything() == before


@pytest.mark.parametrize("who", ["admin", "admin2", "other", "viewer"])
@pytest.mark.parametrize(
    ("method", "rest", "verb"),
    [pytest.param("PUT", "/read", "access", id="read"), pytest.param("DELETE", "", "delete", id="delete")],
)
def test_nobody_touches_anothers_notification(api: Api, who: str, method: str, rest: str, verb: str) -> None:
    add_notification(api, 1)
    before = api.everything()

    answer = api.request(method, f"/notifications/{nid(1)}{rest}", as_=who)

    assert (answer.status, answer.json) == (403, {"error": f"Forbidden: Cannot {verb} other users notifications"})
    assert api.everything() == before


@pytest.mark.parametrize("who", PEOPLE)
def test_an_own_notification_is_deleted(api: Api, who: str) -> None:
    add_notification(api, 1, who)
    add_notification(api, 2, who, is_read=True)
    add_notification(api, 3, who)

    assert api.delete(f"/notifications/{nid(1)}", as_=who).json == {"message": "Notification deleted successfully"}
    assert api.delete(f"/notifications/{nid(2)}", as_=who).status == 200
    assert left(api) == [3]
    assert api.delete(f"/notifications/{nid(1)}", as_=who).json == NOT_FOUND


def test_a_deleted_notification_leaves_job_and_execution(api: Api) -> None:
    job = add_job(api)
    run = add_execution(api, job)
    add_notification(api, 1, related_job_id=job["id"], related_execution_id=run["id"])
    before = api.everything()

    api.delete(f"/notifications/{nid(1)}", as_="user")

    assert api.everything() == before | {"notifications": []}


def test_read_all_counts_and_changes_only_own_unread_ones(api: Api) -> None:
    add_notification(api, 1)
    add_notification(api, 2, is_read=True, read_at=NOON)
    add_notification(api, 3)
    add_notification(api, 4, "other")
    before = api.rows(Notification)
    began = datetime.now(UTC)

    answer = api.put("/notifications/read-all", as_="user")

    after = api.rows(Notification)
    assert (answer.status, answer.json) == (200, {"message": "All notifications marked as read", "updated_count": 2})
    assert list(answer.json) == ["message", "updated_count"]
    assert [after[1], after[3]] == [before[1], before[3]]
    for row, was in ((after[0], before[0]), (after[2], before[2])):
        assert began <= row["read_at"] <= datetime.now(UTC)
        assert row == was | {"is_read": True, "read_at": row["read_at"]}


def test_a_second_read_all_finds_nothing(api: Api) -> None:
    add_notification(api, 1)
    api.put("/notifications/read-all", as_="user")
    before = api.everything()

    answer = api.put("/notifications/read-all", as_="user")

    assert (answer.status, answer.json["updated_count"]) == (200, 0)
    assert api.everything() == before


def test_read_all_knows_no_dates(api: Api) -> None:
    add_notification(api, 1)

    answer = api.put("/notifications/read-all", params={"from": "nonsense", "to": "2000-01-01"}, as_="user")

    assert (answer.status, answer.json["updated_count"]) == (200, 1)


@pytest.mark.parametrize(("params", "gone", "_echo"), RANGES)
def test_delete_read_deletes_own_read_ones_created_in_the_range(
    api: Api, params: dict[str, str | int], gone: list[int], _echo: Any
) -> None:
    for number, created_at in EDGES.items():
        # When they were read does not count.
        add_notification(api, number, created_at=created_at, is_read=True, read_at=MIDNIGHT + 30 * DAY)
        add_notification(api, number + 10, created_at=created_at)
        add_notification(api, number + 20, "admin", created_at=created_at, is_read=True)

    answer = api.delete("/notifications/delete-read", params=params, as_="user")

    assert (answer.status, answer.json) == (200, {"deleted_count": len(gone)})
    kept = [number for number in EDGES if number not in gone]
    assert left(api) == [*kept, *(number + 10 for number in EDGES), *(number + 20 for number in EDGES)]


def test_delete_read_without_read_ones_deletes_nothing(api: Api) -> None:
    add_notification(api, 1)
    before = api.everything()

    assert api.delete("/notifications/delete-read", as_="user").json == {"deleted_count": 0}
    assert api.everything() == before
