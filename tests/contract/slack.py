"""Cases: the Slack settings."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared_models import SlackSettings
from tests.contract import world
from tests.contract.api import Api

PATH = "/settings/slack"
KEYS = ["id", "is_enabled", "webhook_url", "channel", "created_at", "updated_at"]
URL = "https://hooks.slack.com/services/T0/B0/x"
ROW_ID = "99999999-0000-4000-8000-000000000000"
NEEDS_URL = {"error": "Invalid settings", "message": "webhook_url is required when Slack is enabled."}
NO_URL = {"error": "Invalid settings", "message": "webhook_url must be an https URL."}


def add_settings(api: Api, **columns: Any) -> None:
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    api.add(SlackSettings, **({"id": ROW_ID, "webhook_url": None, "channel": None} | stamps | columns))


def not_text(field: str) -> dict[str, str]:
    return {"error": "Invalid payload", "message": f'"{field}" must be a string.'}


def test_the_first_read_makes_the_row_disabled_and_empty(api: Api) -> None:
    answer = api.get(PATH)

    assert answer.status == 200
    assert list(answer.json) == ["slack_settings"]
    shown = answer.json["slack_settings"]
    assert list(shown) == KEYS
    assert (shown["is_enabled"], shown["webhook_url"], shown["channel"]) == (False, None, None)
    assert shown["created_at"] == shown["updated_at"]
    assert api.row(SlackSettings)["id"] == shown["id"]


def test_the_second_read_shows_the_same_row_and_writes_nothing(api: Api) -> None:
    first = api.get(PATH)
    before = api.everything()

    assert api.get(PATH, as_="admin2").body == first.body
    assert api.everything() == before


def test_the_first_update_makes_the_row(api: Api) -> None:
    answer = api.put(PATH, {"is_enabled": True, "webhook_url": URL, "channel": "#jobs"})

    assert answer.status == 200
    assert list(answer.json) == ["message", "slack_settings"]
    assert answer.json["message"] == "Slack settings updated"
    shown = answer.json["slack_settings"]
    assert list(shown) == KEYS
    assert (shown["is_enabled"], shown["webhook_url"], shown["channel"]) == (True, URL, "#jobs")
    assert shown["created_at"] == shown["updated_at"]
    row = api.row(SlackSettings)
    assert (row["id"], row["is_enabled"], row["webhook_url"], row["channel"]) == (shown["id"], True, URL, "#jobs")


def test_two_first_uses_at_once_make_one_row(api: Api) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: api.get(PATH), range(8)))

    assert len({answer.body for answer in answers}) == 1
    assert len(api.rows(SlackSettings)) == 1


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        pytest.param({"channel": "#ops"}, {"channel": "#ops"}, id="another channel"),
        pytest.param({"channel": "  #ops\t"}, {"channel": "#ops"}, id="a channel with blanks around"),
        pytest.param({"channel": ""}, {"channel": None}, id="an empty channel"),
        pytest.param({"channel": " \n "}, {"channel": None}, id="a blank channel"),
        pytest.param({"channel": None}, {"channel": None}, id="channel null"),
        pytest.param({"channel": "日本語 " + "x" * 251}, {"channel": "日本語 " + "x" * 251}, id="255 characters"),
        pytest.param({"webhook_url": f" {URL}/2 "}, {"webhook_url": f"{URL}/2"}, id="a URL with blanks around"),
        pytest.param({"webhook_url": "HTTPS://EXAMPLE.COM/x"}, {"webhook_url": "HTTPS://EXAMPLE.COM/x"}, id="capitals"),
        pytest.param({"webhook_url": "http://127.0.0.1:9/x"}, {"webhook_url": "http://127.0.0.1:9/x"}, id="http"),
        pytest.param(
            {"webhook_url": "https://example.com/" + "x" * 480},
            {"webhook_url": "https://example.com/" + "x" * 480},
            id="a URL of 500 characters",
        ),
        pytest.param({"is_enabled": False}, {"is_enabled": False}, id="disabled"),
        pytest.param(
            {"is_enabled": False, "webhook_url": None},
            {"is_enabled": False, "webhook_url": None},
            id="disabled, no URL",
        ),
    ],
)
def test_an_update_sets_what_is_sent_and_leaves_the_rest(api: Api, body: Any, changes: dict[str, Any]) -> None:
    add_settings(api, is_enabled=True, webhook_url=URL, channel="#jobs")
    old = api.row(SlackSettings)

    answer = api.put(PATH, body)

    expected = {"is_enabled": True, "webhook_url": URL, "channel": "#jobs"} | changes
    assert answer.status == 200
    assert {key: answer.json["slack_settings"][key] for key in expected} == expected
    row = api.row(SlackSettings)
    assert row == old | expected | {"updated_at": row["updated_at"]}
    assert row["updated_at"] > old["updated_at"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"is_enabled": None}, id="is_enabled null"),
        pytest.param({"is_enabled": True, "webhook_url": URL, "channel": "#jobs"}, id="what is there"),
        pytest.param({"id": "x", "singleton": 2, "created_at": None, "unknown": []}, id="unknown keys"),
    ],
)
def test_an_update_that_changes_nothing_leaves_the_row_as_it_was(api: Api, body: Any) -> None:
    add_settings(api, is_enabled=True, webhook_url=URL, channel="#jobs")
    before = api.everything()

    answer = api.put(PATH, body)

    assert answer.status == 200
    assert answer.json["slack_settings"]["updated_at"] == "2026-01-02T03:04:05.678Z"
    assert api.everything() == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        *(
            pytest.param(
                {"is_enabled": value},
                {"error": "Invalid payload", "message": '"is_enabled" must be true or false.'},
                id=f"is_enabled is {value!r}",
            )
            for value in ["true", "", 0, 1, [], {}]
        ),
        *(
            pytest.param({field: value}, not_text(field), id=f"{field} is {value!r}")
            for field in ("webhook_url", "channel")
            for value in [7, 1.5, True, False, [], {}, ["#jobs"]]
        ),
        pytest.param({"is_enabled": True}, NEEDS_URL, id="enabled without URL"),
        pytest.param({"is_enabled": True, "webhook_url": None}, NEEDS_URL, id="enabled, URL null"),
        pytest.param({"is_enabled": True, "webhook_url": ""}, NEEDS_URL, id="enabled, URL empty"),
        pytest.param({"is_enabled": True, "webhook_url": " "}, NEEDS_URL, id="enabled, URL blank"),
        *(
            pytest.param({"webhook_url": url}, NO_URL, id=f"URL is {url}")
            for url in [
                "hooks.slack.com/services/x",
                "//hooks.slack.com/x",
                "ftp://hooks.slack.com/x",
                "javascript:alert(1)",
                "https:/hooks.slack.com",
                "https://",
                "https:///x",
                "https://user:password@hooks.slack.com/x",
                "https://hooks slack.com/x",
                "https://hooks.slack.com:99999/x",
                "https://hooks.slack.com\\x",
                "https://1.2.3.4.5/x",
            ]
        ),
        pytest.param(
            {"webhook_url": "https://example.com/" + "x" * 481},
            {"error": "Invalid payload", "message": '"webhook_url" must be at most 500 characters.'},
            id="a URL of 501 characters",
        ),
        pytest.param(
            {"channel": "x" * 256},
            {"error": "Invalid payload", "message": '"channel" must be at most 255 characters.'},
            id="a channel of 256 characters",
        ),
        *(
            pytest.param(
                {field: f"https://example.com/{character}x"},
                {"error": "Invalid payload", "message": f'"{field}" must not contain control characters.'},
                id=f"{character!r} in {field}",
            )
            for field in ("webhook_url", "channel")
            for character in ["\0", "\n", "\x7f", "\x85", "\u2028"]
        ),
        pytest.param(
            {"is_enabled": 1, "webhook_url": 1, "channel": 1},
            {"error": "Invalid payload", "message": '"is_enabled" must be true or false.'},
            id="all wrong, the first is named",
        ),
        pytest.param({"is_enabled": True, "channel": 1}, not_text("channel"), id="types come before the missing URL"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_make_no_row(api: Api, body: Any, expected: Any) -> None:
    before = api.everything()

    answer = api.put(PATH, body)

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("stored", "body", "expected"),
    [
        pytest.param({"is_enabled": True, "webhook_url": URL}, {"webhook_url": ""}, NEEDS_URL, id="URL taken away"),
        pytest.param({"is_enabled": False}, {"is_enabled": True, "channel": "#x"}, NEEDS_URL, id="no URL to enable"),
        pytest.param(
            {"is_enabled": True, "webhook_url": URL}, {"webhook_url": "x", "channel": "y"}, NO_URL, id="bad URL"
        ),
    ],
)
def test_a_refused_update_leaves_the_row_as_it_was(api: Api, stored: Any, body: Any, expected: Any) -> None:
    add_settings(api, **stored)
    before = api.everything()

    answer = api.put(PATH, body)

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


def test_slack_is_enabled_with_the_url_that_is_there(api: Api) -> None:
    add_settings(api, is_enabled=False, webhook_url=URL)

    assert api.put(PATH, {"is_enabled": True}).json["slack_settings"]["is_enabled"] is True


@pytest.mark.parametrize(
    ("stored", "body", "status"),
    [
        pytest.param({}, {"webhook_url": "http://hooks.slack.com/x"}, 400, id="http"),
        pytest.param({}, {"webhook_url": "Http://hooks.slack.com/x", "is_enabled": True}, 400, id="http, enabled"),
        pytest.param({}, {"webhook_url": URL, "is_enabled": True}, 200, id="https"),
        pytest.param({}, {"webhook_url": "HTTPS://hooks.slack.com/x"}, 200, id="https in capitals"),
        pytest.param({"webhook_url": "http://a.b/x"}, {"is_enabled": True}, 400, id="enabling an http URL of before"),
        pytest.param(
            {"webhook_url": "http://a.b/x", "is_enabled": True}, {"is_enabled": False}, 200, id="disabling it"
        ),
        pytest.param({"webhook_url": "http://a.b/x"}, {"channel": "#x"}, 200, id="another field while disabled"),
    ],
)
def test_production_takes_https_only(
    api: Api, api_with: Callable[..., Api], stored: dict[str, Any], body: Any, status: int
) -> None:
    production = api_with(environment="production")
    add_settings(production, **({"is_enabled": False} | stored))
    before = production.everything()

    answer = production.put(PATH, body)

    assert answer.status == status
    if status == 400:
        assert answer.json == NO_URL
        assert production.everything() == before


@pytest.mark.parametrize("who", ["user", "viewer"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_admins_reach_the_settings(api: Api, method: str, who: str) -> None:
    before = api.everything()

    answer = api.request(method, PATH, as_=who)

    assert answer.status == 403
    assert answer.json["message"] == "This endpoint requires one of the following roles: admin"
    assert api.everything() == before
