"""One system on two stacks: what one of them says or does about logins and tokens, the other one knows at once."""

import pytest

from shared_models import LoginFailure
from tests.contract import world
from tests.contract.api import Answer, Api, Stack

REVOKED = {"error": "Token revoked", "message": "Log in again."}
USER_PATH = f"/auth/users/{world.user_id('user')}"


@pytest.fixture(params=["legacy first", "modern first"])
def pair(twins: tuple[Stack, Stack], request: pytest.FixtureRequest) -> tuple[Api, Api]:
    """Return (one, the other) over the same fresh rows."""
    twins[0].start_over()
    one, other = twins if request.param == "legacy first" else twins[::-1]
    return Api(one), Api(other)


def log_in(api: Api, password: str = world.PASSWORD) -> Answer:
    return api.post("/auth/login", {"username": "user", "password": password}, as_=None)


def test_a_token_of_either_works_on_the_other(pair: tuple[Api, Api]) -> None:
    one, other = pair

    tokens = log_in(one).json
    assert other.get("/auth/me", token=tokens["access_token"]).json["username"] == "user"

    renewed = other.post("/auth/refresh", token=tokens["refresh_token"]).json
    assert renewed["refresh_token"] == tokens["refresh_token"]
    assert one.get("/auth/me", token=renewed["access_token"]).status == 200


def test_a_token_logged_out_on_one_works_on_neither(pair: tuple[Api, Api]) -> None:
    one, other = pair
    tokens = log_in(one).json
    body = {"refresh_token": tokens["refresh_token"]}

    assert other.post("/auth/logout", body, token=tokens["access_token"]).status == 200

    for api in pair:
        assert api.get("/auth/me", token=tokens["access_token"]).json == REVOKED
        assert api.post("/auth/refresh", token=tokens["refresh_token"]).json == REVOKED


def test_a_password_changed_on_one_ends_the_tokens_on_both(pair: tuple[Api, Api]) -> None:
    one, other = pair
    earlier, mine = log_in(one).json, log_in(one).json

    assert other.put(USER_PATH, {"password": "a new password"}, token=mine["access_token"]).status == 200

    for api in pair:
        assert api.get("/auth/me", token=earlier["access_token"]).json == REVOKED
        assert api.post("/auth/refresh", token=mine["refresh_token"]).json == REVOKED
        assert api.get("/auth/me", token=mine["access_token"]).status == 200
        assert log_in(api).status == 401
        assert log_in(api, "a new password").status == 200


@pytest.mark.parametrize(
    ("change", "status"), [({"is_active": False}, 401), ({"role": "viewer"}, 403)], ids=["deactivated", "demoted"]
)
def test_an_admin_of_one_is_none_on_the_other_once_the_row_says_so(
    pair: tuple[Api, Api], change: dict[str, object], status: int
) -> None:
    one, other = pair
    token = one.token("admin2")

    assert one.put(f"/auth/users/{world.user_id('admin2')}", change).status == 200

    assert other.get("/auth/users", token=token).status == status


def test_a_user_deleted_on_one_is_gone_on_both(pair: tuple[Api, Api]) -> None:
    one, other = pair
    token = log_in(other).json["access_token"]

    assert one.delete(USER_PATH).status == 200

    for api in pair:
        assert api.get("/auth/me", token=token).json == {"error": "User not found or inactive"}


def test_failed_logins_of_both_count_together(pair: tuple[Api, Api]) -> None:
    one, _ = pair
    for number in range(10):
        assert log_in(pair[number % 2], "guess").status == 401

    for api in pair:
        assert log_in(api).status == 429
    assert len(one.rows(LoginFailure)) == 10


def test_a_success_on_one_resets_the_count_on_the_other(pair: tuple[Api, Api]) -> None:
    one, other = pair
    for _ in range(9):
        log_in(one, "guess")

    assert log_in(other).status == 200

    assert log_in(one, "guess").status == 401
    assert log_in(one).status == 200
