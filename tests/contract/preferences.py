"""Cases: what users want to be told, and which columns they see."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared_models import UserNotificationPreferences, UserUiPreferences
from tests.contract import world
from tests.contract.api import Api

USER = world.user_id("user")
OTHER = world.user_id("other")
NOBODY = "99999999-0000-4000-8000-000000000000"
PREFERENCES = f"/auth/users/{USER}/preferences"
UI = f"/auth/users/{USER}/ui-preferences"
FLAGS = {
    "email_on_job_success": True,
    "email_on_job_failure": True,
    "email_on_job_disabled": False,
    "browser_notifications": False,
    "daily_digest": False,
    "weekly_report": False,
}
COLUMNS = {
    "pic_team": True,
    "end_date": True,
    "cron_expression": False,
    "target_url": False,
    "last_execution_at": False,
}
WRONG_BOOLEANS: list[Any] = ["true", "", 1, 0, 1.5, [], {}, [True]]


def add_preferences(api: Api, **columns: Any) -> None:
    row = {"id": NOBODY, "user_id": USER, "created_at": world.CREATED, "updated_at": world.CREATED}
    api.add(UserNotificationPreferences, **row | columns)


def add_ui_preferences(api: Api, columns: dict[str, Any]) -> None:
    row = {"id": NOBODY, "user_id": USER, "created_at": world.CREATED, "updated_at": world.CREATED}
    api.add(UserUiPreferences, **row, jobs_table_columns=columns)


# Notification preferences


@pytest.mark.parametrize("who", ["user", "admin"])
def test_the_first_read_makes_the_row_with_its_defaults(api: Api, who: str) -> None:
    answer = api.get(PREFERENCES, as_=who)

    assert answer.status == 200
    assert list(answer.json) == ["message", "preferences"]
    assert answer.json["message"] == "Notification preferences retrieved successfully"
    shown = answer.json["preferences"]
    assert list(shown) == ["id", "user_id", *FLAGS, "created_at", "updated_at"]
    assert {flag: shown[flag] for flag in FLAGS} == FLAGS
    assert shown["created_at"] == shown["updated_at"]
    row = api.row(UserNotificationPreferences)
    assert (row["id"], row["user_id"]) == (shown["id"], USER)
    assert {flag: row[flag] for flag in FLAGS} == FLAGS


def test_the_second_read_shows_the_same_row_and_writes_nothing(api: Api) -> None:
    first = api.get(PREFERENCES, as_="user")
    before = api.everything()

    second = api.get(PREFERENCES, as_="user")

    assert second.body == first.body
    assert api.everything() == before


def test_a_viewer_reads_their_own_preferences(api: Api) -> None:
    viewer = world.user_id("viewer")

    assert api.get(f"/auth/users/{viewer}/preferences", as_="viewer").json["preferences"]["user_id"] == viewer


def test_an_admin_reads_the_preferences_of_a_deactivated_user(api: Api) -> None:
    assert api.get(f"/auth/users/{world.user_id('inactive')}/preferences").status == 200


def test_the_first_update_makes_the_row_with_the_other_defaults(api: Api) -> None:
    answer = api.put(PREFERENCES, {"daily_digest": True, "email_on_job_success": False}, as_="user")

    assert answer.status == 200
    assert answer.json["message"] == "Notification preferences updated successfully"
    shown = answer.json["preferences"]
    assert list(shown) == ["id", "user_id", *FLAGS, "created_at", "updated_at"]
    assert {flag: shown[flag] for flag in FLAGS} == FLAGS | {"daily_digest": True, "email_on_job_success": False}
    assert shown["created_at"] == shown["updated_at"]
    row = api.row(UserNotificationPreferences)
    assert {flag: row[flag] for flag in FLAGS} == {flag: shown[flag] for flag in FLAGS}


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_can_be_turned(api: Api, flag: str) -> None:
    add_preferences(api)

    answer = api.put(PREFERENCES, {flag: not FLAGS[flag]}, as_="user")

    expected = FLAGS | {flag: not FLAGS[flag]}
    assert {name: answer.json["preferences"][name] for name in FLAGS} == expected
    row = api.row(UserNotificationPreferences)
    assert {name: row[name] for name in FLAGS} == expected
    assert row["created_at"] == world.CREATED < row["updated_at"]


def test_an_update_leaves_what_is_not_sent(api: Api) -> None:
    add_preferences(api, weekly_report=True, email_on_job_failure=False)

    shown = api.put(PREFERENCES, {"browser_notifications": True}, as_="user").json["preferences"]

    wanted = {"weekly_report": True, "email_on_job_failure": False, "browser_notifications": True}
    assert {flag: shown[flag] for flag in FLAGS} == FLAGS | wanted


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing sent"),
        pytest.param({"daily_digest": False}, id="the value it has"),
        pytest.param(dict.fromkeys(FLAGS), id="null for each"),
        pytest.param({"unknown": 7, "id": NOBODY[::-1], "user_id": OTHER, "created_at": "now"}, id="unknown keys"),
    ],
)
def test_an_update_that_changes_nothing_leaves_the_row_as_it_was(api: Api, body: Any) -> None:
    add_preferences(api)
    before = api.everything()

    answer = api.put(PREFERENCES, body, as_="user")

    assert answer.status == 200
    assert answer.json["preferences"]["updated_at"] == "2026-01-02T03:04:05.678Z"
    assert api.everything() == before


@pytest.mark.parametrize("value", WRONG_BOOLEANS, ids=repr)
@pytest.mark.parametrize("flag", ["email_on_job_success", "weekly_report"])
def test_a_flag_that_is_no_boolean_is_refused_and_makes_no_row(api: Api, flag: str, value: Any) -> None:
    before = api.everything()

    answer = api.put(PREFERENCES, {"daily_digest": True, flag: value}, as_="user")

    assert answer.status == 400
    assert answer.json == {"error": "Invalid payload", "message": f'"{flag}" must be true or false.'}
    assert api.everything() == before


def test_the_first_wrong_flag_in_the_contracts_order_is_named(api: Api) -> None:
    answer = api.put(PREFERENCES, {"weekly_report": 1, "email_on_job_failure": 1}, as_="user")

    assert answer.json["message"] == '"email_on_job_failure" must be true or false.'


# Columns of the jobs table


@pytest.mark.parametrize("who", ["user", "admin"])
def test_the_first_read_of_columns_makes_the_row_and_shows_the_defaults(api: Api, who: str) -> None:
    answer = api.get(UI, as_=who)

    assert (answer.status, answer.json) == (200, {"preferences": {"jobs_table_columns": COLUMNS}})
    assert list(answer.json["preferences"]["jobs_table_columns"]) == list(COLUMNS)
    row = api.row(UserUiPreferences)
    assert row["user_id"] == USER
    assert row["created_at"] == row["updated_at"]


def test_the_second_read_of_columns_writes_nothing(api: Api) -> None:
    first = api.get(UI, as_="user")
    before = api.everything()

    assert api.get(UI, as_="user").body == first.body
    assert api.everything() == before


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({}, id="nothing"),
        pytest.param(
            {"pic_team": "yes", "target_url": None, "gone": True}, id="what no longer is a column or a boolean"
        ),
    ],
)
def test_whatever_is_stored_every_column_is_shown(api: Api, stored: dict[str, Any]) -> None:
    add_ui_preferences(api, stored)

    assert api.get(UI, as_="user").json == {"preferences": {"jobs_table_columns": COLUMNS}}


@pytest.mark.parametrize(
    ("sent", "differences"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"target_url": True}, {"target_url": True}, id="one shown"),
        pytest.param(
            {"last_execution_at": True, "pic_team": False}, {"last_execution_at": True, "pic_team": False}, id="two"
        ),
        pytest.param(
            {name: not shown for name, shown in COLUMNS.items()}, {n: not s for n, s in COLUMNS.items()}, id="all"
        ),
        pytest.param({"unknown": True, "__proto__": False}, {}, id="unknown columns"),
        pytest.param({"end_date": None}, {}, id="null"),
    ],
)
def test_columns_are_the_defaults_overlaid_by_those_sent(api: Api, sent: Any, differences: dict[str, bool]) -> None:
    answer = api.put(UI, {"jobs_table_columns": sent}, as_="user")

    assert (answer.status, answer.json) == (200, {"preferences": {"jobs_table_columns": COLUMNS | differences}})
    assert list(answer.json["preferences"]["jobs_table_columns"]) == list(COLUMNS)
    assert api.row(UserUiPreferences)["jobs_table_columns"] == COLUMNS | differences
    assert api.get(UI, as_="user").body == answer.body


def test_an_update_of_columns_does_not_keep_what_was_stored(api: Api) -> None:
    add_ui_preferences(api, COLUMNS | {"target_url": True})

    answer = api.put(UI, {"jobs_table_columns": {"cron_expression": True}}, as_="user")

    assert answer.json["preferences"]["jobs_table_columns"] == COLUMNS | {"cron_expression": True}
    row = api.row(UserUiPreferences)
    assert row["jobs_table_columns"] == COLUMNS | {"cron_expression": True}
    assert row["created_at"] == world.CREATED < row["updated_at"]


def test_the_same_columns_again_leave_the_row_as_it_was(api: Api) -> None:
    add_ui_preferences(api, COLUMNS)
    before = api.everything()

    assert api.put(UI, {"jobs_table_columns": {}}, as_="user").status == 200
    assert api.everything() == before


REQUIRED = {"error": "Missing required fields", "message": '"jobs_table_columns" is required.'}
NO_OBJECT = {"error": "Invalid payload", "message": '"jobs_table_columns" must be an object.'}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, REQUIRED, id="not sent"),
        pytest.param({"pic_team": False}, REQUIRED, id="columns without their object"),
        pytest.param({"jobs_table_columns": None}, REQUIRED, id="null"),
        *(
            pytest.param({"jobs_table_columns": value}, NO_OBJECT, id=f"object is {value!r}")
            for value in ["", "pic_team", 7, 0, True, [], ["pic_team"]]
        ),
        *(
            pytest.param(
                {"jobs_table_columns": {"pic_team": False, "target_url": value}},
                {"error": "Invalid payload", "message": '"target_url" must be true or false.'},
                id=f"column is {value!r}",
            )
            for value in WRONG_BOOLEANS
        ),
        pytest.param(
            {"jobs_table_columns": {"späť\u2028": "on"}},
            {"error": "Invalid payload", "message": '"späť\u2028" must be true or false.'},
            id="an unknown column that is no boolean",
        ),
    ],
)
def test_columns_that_cannot_be_read_are_refused_and_make_no_row(api: Api, body: Any, expected: Any) -> None:
    before = api.everything()

    answer = api.put(UI, body, as_="user")

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


# Both

BOTH = pytest.mark.parametrize("kind", ["preferences", "ui-preferences"])
BODIES: dict[str, Any] = {"preferences": {"daily_digest": True}, "ui-preferences": {"jobs_table_columns": {}}}


@BOTH
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("who", ["user", "viewer"])
@pytest.mark.parametrize(
    "whose",
    [
        pytest.param(OTHER, id="of somebody"),
        pytest.param(NOBODY, id="of nobody"),
        pytest.param(f"%20{USER}", id="with a blank in the id"),
        pytest.param(USER.replace("-", ""), id="of an id without dashes"),
    ],
)
def test_others_preferences_are_refused_before_existence(
    api: Api, kind: str, method: str, who: str, whose: str
) -> None:
    before = api.everything()
    options = {"json": BODIES[kind]} if method == "PUT" else {}

    answer = api.request(method, f"/auth/users/{whose}/{kind}", as_=who, **options)

    verb = "update" if method == "PUT" else "access"
    assert (answer.status, answer.json) == (403, {"error": f"Forbidden: Cannot {verb} other users preferences"})
    assert api.everything() == before


@BOTH
def test_refused_ownership_comes_before_the_body(api: Api, kind: str) -> None:
    answer = api.put(f"/auth/users/{OTHER}/{kind}", as_="user", content=b"{", headers={"Content-Type": "text/plain"})

    assert answer.status == 403


@BOTH
@pytest.mark.parametrize("whose", [NOBODY, "%20", "%C3%A9", "x" * 300, f"{USER}%20"], ids=lambda whose: whose[:40])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_unknown_user_has_no_preferences(api: Api, kind: str, whose: str, method: str) -> None:
    before = api.everything()
    options = {"json": BODIES[kind]} if method == "PUT" else {}

    answer = api.request(method, f"/auth/users/{whose}/{kind}", **options)

    assert (answer.status, answer.json) == (404, {"error": "User not found"})
    assert api.everything() == before


@BOTH
def test_an_unknown_user_comes_after_the_body_and_before_the_fields(api: Api, kind: str) -> None:
    path = f"/auth/users/{NOBODY}/{kind}"

    assert api.put(path, content=b"{", headers={"Content-Type": "application/json"}).status == 400
    assert api.put(path, []).json == {"error": "Invalid payload", "message": "JSON body must be an object."}
    assert api.put(path, {"daily_digest": 7, "jobs_table_columns": 7}).status == 404


@BOTH
def test_two_first_uses_at_once_make_one_row(api: Api, kind: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: api.get(f"/auth/users/{USER}/{kind}", as_="user"), range(8)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(api.rows(UserNotificationPreferences)) + len(api.rows(UserUiPreferences)) == 1
