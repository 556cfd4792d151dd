"""Cases: logging in, renewing, logging out, and who a token belongs to."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import jwt
import pytest
from sqlalchemy import update

from shared_models import LoginFailure, RevokedToken, User
from shared_rules import login_limits, passwords
from tests.contract import world
from tests.contract.api import Answer, Api
from tests.contract.at_once import ask_at_once, ask_while_writing

USER: dict[str, Any] = {
    "id": world.user_id("user"),
    "username": "user",
    "email": "user@example.com",
    "role": "user",
    "is_active": True,
    "created_at": "2026-01-02T03:04:05.678Z",
    "updated_at": "2026-01-02T03:04:05.678Z",
}
RIGHT = {"username": "user", "password": world.PASSWORD}
WRONG = {"username": "user", "password": "guess"}
INVALID_CREDENTIALS = {"error": "Invalid credentials", "message": "Invalid email/username or password"}
INACTIVE = {"error": "Account is inactive. Contact administrator."}
NEEDED = {"error": "Email/Username and password are required"}
NOT_JSON_TYPE = {"error": "Content-Type must be application/json"}
NOT_JSON = {"error": "Invalid JSON", "message": "Request body is not valid JSON."}
NOT_AN_OBJECT = {"error": "Invalid payload", "message": "JSON body must be an object."}
MISSING_TOKEN = {"error": "Missing token", "message": "Send the header Authorization: Bearer <token>."}
INVALID_TOKEN = {"error": "Invalid token", "message": "The token is not valid."}
REVOKED = {"error": "Token revoked", "message": "Log in again."}


def invalid(message: str) -> dict[str, str]:
    return {"error": "Invalid payload", "message": message}


def log_in(api: Api, body: object, **options: Any) -> Answer:
    return api.post("/auth/login", body, as_=None, **options)


def claims_of(api: Api, token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, api.stack.settings.jwt_secret_key, algorithms=["HS256"])
    return claims


# Logging in


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"username": "user"}, id="username"),
        pytest.param({"username": "USER"}, id="username in another case"),
        pytest.param({"username": "  user \t"}, id="username with blanks around"),
        pytest.param({"email": "user@example.com"}, id="email"),
        pytest.param({"email": " User@Example.COM "}, id="email in another case, blanks around"),
        pytest.param({"username": "user@example.com"}, id="email as username"),
        pytest.param({"email": "user"}, id="username as email"),
        pytest.param({"username": "user", "email": "nobody@example.com"}, id="username before email"),
        pytest.param({"username": "", "email": "user@example.com"}, id="empty username, then email"),
        pytest.param({"username": "  ", "email": "user@example.com"}, id="blank username, then email"),
        pytest.param({"username": None, "email": "user@example.com"}, id="null username, then email"),
        pytest.param({"username": "user", "remember": True, "extra": {}}, id="more keys"),
    ],
)
def test_a_user_logs_in_by_either_name(api: Api, body: dict[str, Any]) -> None:
    before = api.everything()

    answer = log_in(api, body | {"password": world.PASSWORD})

    assert answer.status == 200
    assert list(answer.json) == ["message", "access_token", "refresh_token", "token_type", "expires_in", "user"]
    assert answer.json["message"] == "Login successful"
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 3600)
    assert list(answer.json["user"].items()) == list(USER.items())
    assert answer.headers["cache-control"] == "no-store"
    assert api.everything() == before


@pytest.mark.parametrize(
    ("kind", "fresh", "lifetime_s"), [("access", True, 3600), ("refresh", False, 2_592_000)], ids=["access", "refresh"]
)
def test_the_tokens_of_a_login_hold_the_contract_s_claims(api: Api, kind: str, fresh: bool, lifetime_s: int) -> None:
    start = datetime.now(UTC).timestamp()
    claims = claims_of(api, log_in(api, RIGHT).json[f"{kind}_token"])

    jti, issued_at, expires_at = claims.pop("jti"), claims.pop("iat"), claims.pop("exp")
    assert len(jti) == 36
    assert start <= issued_at <= datetime.now(UTC).timestamp()
    assert claims.pop("nbf") == issued_at
    assert expires_at == int(issued_at) + lifetime_s
    assert claims == {
        "sub": world.user_id("user"),
        "role": "user",
        "email": "user@example.com",
        "type": kind,
        "fresh": fresh,
    }


def test_the_tokens_of_a_login_work(api: Api) -> None:
    answer = log_in(api, RIGHT).json

    assert api.get("/auth/me", token=answer["access_token"]).json["username"] == "user"
    assert api.post("/auth/refresh", token=answer["refresh_token"]).status == 200


def test_two_logins_share_no_token_id(api: Api) -> None:
    answers = [log_in(api, RIGHT).json for _ in range(2)]

    tokens = [answer[name] for answer in answers for name in ("access_token", "refresh_token")]
    assert len({claims_of(api, token)["jti"] for token in tokens}) == 4


def test_the_lifetimes_are_settings(api_with: Callable[..., Api]) -> None:
    api = api_with(jwt_access_token_expires=61, jwt_refresh_token_expires=3601)

    answer = log_in(api, RIGHT).json

    assert answer["expires_in"] == 61
    for name, seconds in (("access_token", 61), ("refresh_token", 3601)):
        claims = claims_of(api, answer[name])
        assert claims["exp"] - int(claims["iat"]) == seconds


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"password": world.PASSWORD}, id="no name"),
        pytest.param({"username": " ", "email": "", "password": world.PASSWORD}, id="blank names"),
        pytest.param({"username": None, "email": None, "password": world.PASSWORD}, id="null names"),
        pytest.param({"username": "user"}, id="no password"),
        pytest.param({"username": "user", "password": None}, id="null password"),
        pytest.param({"username": "user", "password": ""}, id="empty password"),
    ],
)
@pytest.mark.parametrize("path", ["/auth/login", "/auth/login/form"], ids=["json", "form"])
def test_a_login_without_name_or_password_is_refused(api: Api, path: str, body: dict[str, str | None]) -> None:
    if path == "/auth/login":
        answer = log_in(api, body)
    else:
        answer = api.post(path, as_=None, data={name: value for name, value in body.items() if value is not None})

    assert (answer.status, answer.json) == (400, NEEDED)
    assert api.rows(LoginFailure) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"username": 7, "password": "x"}, '"username" must be a string.', id="username a number"),
        pytest.param({"username": ["user"], "password": "x"}, '"username" must be a string.', id="username a list"),
        pytest.param({"username": {}, "password": "x"}, '"username" must be a string.', id="username an object"),
        pytest.param({"username": "user", "email": True}, '"email" must be a string.', id="email true"),
        pytest.param({"username": "user", "password": 123456}, '"password" must be a string.', id="password a number"),
        pytest.param(
            {"username": "user", "password": {"$ne": None}}, '"password" must be a string.', id="password an object"
        ),
        pytest.param(
            {"username": "a" * 121, "password": "x"}, '"username" must be at most 120 characters.', id="username long"
        ),
        pytest.param({"email": "a" * 121, "password": "x"}, '"email" must be at most 120 characters.', id="email long"),
        pytest.param(
            {"username": "user", "password": "x" * 4097},
            '"password" must be at most 4096 characters.',
            id="password long",
        ),
        pytest.param(
            {"username": "us\x00er", "password": "x"}, '"username" must not contain control characters.', id="NUL"
        ),
        pytest.param(
            {"email": "user@example.com\r\nX: y", "password": "x"},
            '"email" must not contain control characters.',
            id="CRLF",
        ),
    ],
)
def test_a_login_with_a_value_that_cannot_be_is_refused(api: Api, body: dict[str, Any], message: str) -> None:
    answer = log_in(api, body)

    assert (answer.status, answer.json) == (400, invalid(message))
    assert api.rows(LoginFailure) == []


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        pytest.param(b'{"username":"user"}', None, NOT_JSON_TYPE, id="no content type"),
        pytest.param(b'{"username":"user"}', "text/plain", NOT_JSON_TYPE, id="text"),
        pytest.param(b"username=user&password=x", "application/x-www-form-urlencoded", NOT_JSON_TYPE, id="a form"),
        pytest.param(b"", "application/json", NOT_JSON, id="empty"),
        pytest.param(b"{", "application/json", NOT_JSON, id="cut off"),
        pytest.param(b'{"username":"\xff"}', "application/json", NOT_JSON, id="not UTF-8"),
        pytest.param(b'{"username":"\\ud800","password":"x"}', "application/json", NOT_JSON, id="a lone surrogate"),
        pytest.param(b'{"a":' * 50_000, "application/json", NOT_JSON, id="deep"),
        pytest.param(b"null", "application/json", NOT_AN_OBJECT, id="null"),
        pytest.param(b"[]", "application/json", NOT_AN_OBJECT, id="a list"),
        pytest.param(b'"user"', "application/json", NOT_AN_OBJECT, id="a string"),
        pytest.param(b"{}", "application/json; charset=utf-8", NEEDED, id="with a charset"),
        pytest.param(b"\xef\xbb\xbf{}", "APPLICATION/VND.API+JSON", NEEDED, id="another JSON type, with a BOM"),
    ],
)
def test_a_login_body_that_is_no_json_object_is_refused(
    api: Api, content: bytes, content_type: str | None, expected: dict[str, str]
) -> None:
    answer = api.post("/auth/login", as_=None, content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (400, expected)


def test_a_login_body_of_megabytes_is_refused(api: Api) -> None:
    body = {"username": "user", "password": "x" * 1_048_576}

    answer = log_in(api, body)

    assert answer.status == 413
    assert answer.json == {
        "error": "Payload too large",
        "message": "The request body may be at most 1048576 bytes.",
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(WRONG, INVALID_CREDENTIALS, id="wrong password"),
        pytest.param(RIGHT | {"password": world.PASSWORD.upper()}, INVALID_CREDENTIALS, id="password in upper case"),
        pytest.param(RIGHT | {"password": f" {world.PASSWORD} "}, INVALID_CREDENTIALS, id="blanks around the password"),
        pytest.param(RIGHT | {"password": world.PASSWORD_HASH}, INVALID_CREDENTIALS, id="the hash as password"),
        pytest.param(RIGHT | {"username": "nobody"}, INVALID_CREDENTIALS, id="unknown username"),
        pytest.param({"email": "no@example.com", "password": "x"}, INVALID_CREDENTIALS, id="unknown email"),
        pytest.param(RIGHT | {"username": "use%"}, INVALID_CREDENTIALS, id="a pattern"),
        pytest.param(RIGHT | {"username": "' OR 1=1 --"}, INVALID_CREDENTIALS, id="SQL"),
        pytest.param(RIGHT | {"username": "пользователь"}, INVALID_CREDENTIALS, id="not ASCII"),
        pytest.param(RIGHT | {"username": world.user_id("user")}, INVALID_CREDENTIALS, id="the id"),
        pytest.param({"username": "inactive", "password": "guess"}, INVALID_CREDENTIALS, id="inactive, wrong password"),
        pytest.param(RIGHT | {"username": "inactive"}, INACTIVE, id="inactive, right password"),
    ],
)
def test_a_login_that_proves_nothing_is_refused(api: Api, body: dict[str, str], expected: dict[str, str]) -> None:
    before = api.everything()

    answer = log_in(api, body)

    assert (answer.status, answer.json) == (401, expected)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert api.everything() | {"login_failures": []} == before


@pytest.mark.parametrize(("owner", "taker"), [("admin", "viewer"), ("viewer", "admin")])
def test_a_username_goes_before_somebody_else_s_email(api: Api, owner: str, taker: str) -> None:
    """Else whoever takes a username as their e-mail locks its owner out."""
    api.change(User, world.user_id(owner), username="me@example.com", password_hash=passwords.hash_password("mine"))
    api.change(User, world.user_id(taker), email="me@example.com")

    answer = log_in(api, {"username": "me@example.com", "password": "mine"})

    assert (answer.status, answer.json["user"]["id"]) == (200, world.user_id(owner))


def test_a_password_changed_while_it_is_checked_opens_nothing(api: Api) -> None:
    new_hash = passwords.hash_password("another one")

    (answer,) = ask_while_writing(
        api,
        [lambda aside: log_in(aside, RIGHT)],
        lambda connection: connection.execute(
            update(User).where(User.id == world.user_id("user")).values(password_hash=new_hash)
        ),
    )

    assert (answer.status, answer.json) == (401, INVALID_CREDENTIALS)


def test_an_account_deactivated_while_its_password_is_checked_opens_nothing(api: Api) -> None:
    (answer,) = ask_while_writing(
        api,
        [lambda aside: log_in(aside, RIGHT)],
        lambda connection: connection.execute(
            update(User).where(User.id == world.user_id("user")).values(is_active=False)
        ),
    )

    assert (answer.status, answer.json) == (401, INACTIVE)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        pytest.param("verify", lambda api: log_in(api, RIGHT), id="checked"),
        pytest.param(
            "hash_password",
            lambda api: api.post("/auth/register", {"username": "ana", "email": "a@b.c", "password": "secret"}),
            id="hashed for a new user",
        ),
        pytest.param(
            "hash_password",
            lambda api: api.put(f"/auth/users/{world.user_id('other')}", {"password": "secret"}),
            id="hashed for a change",
        ),
    ],
)
def test_nobody_waits_while_a_password_is(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str, ask: Callable[[Api], Answer]
) -> None:
    """Neither those who write, as they would for an open transaction, nor those whom the same event loop serves."""
    begun, done = Event(), Event()

    def slow(password: str, *more: Any) -> Any:
        begun.set()
        assert done.wait(30)
        return quick(password, *more)

    quick = getattr(passwords, name)
    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as threads:
        patched.setattr(passwords, name, slow)
        asked = threads.submit(ask, Api(api.stack, alone=False))
        try:
            assert begun.wait(30)
            assert api.get("/auth/me", as_="user").status == 200
            moved = api.put(f"/auth/users/{world.user_id('viewer')}", {"email": "moved@example.com"})
            assert moved.status == 200
            assert not asked.done()
        finally:
            done.set()
        assert asked.result(30).status in (200, 201)


# By form


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("username=user&password=correct+horse", id="as browsers encode"),
        pytest.param("username=user&password=correct%20horse", id="blanks in percent"),
        pytest.param("grant_type=password&username=user&password=correct+horse&scope=&client_id=x", id="all of OAuth2"),
        pytest.param("username=User%40Example.com&password=correct+horse", id="email as username"),
        pytest.param("email=user%40example.com&password=correct+horse", id="email"),
        pytest.param("username=&email=user%40example.com&password=correct+horse", id="empty username, then email"),
        pytest.param("username=user&username=admin&password=correct+horse&password=x", id="twice: the first counts"),
    ],
)
def test_a_user_logs_in_by_form(api: Api, form: str) -> None:
    answer = by_form(api, form.encode())

    assert answer.status == 200
    assert list(answer.json) == ["message", "access_token", "refresh_token", "token_type", "expires_in", "user"]
    assert (answer.json["message"], answer.json["user"]) == ("Login successful", USER)
    assert claims_of(api, answer.json["access_token"])["fresh"] is True


@pytest.mark.parametrize(
    ("form", "status", "expected"),
    [
        pytest.param(b"", 400, NEEDED, id="nothing"),
        pytest.param(b"username=user", 400, NEEDED, id="no password"),
        pytest.param(b"username=+&password=x", 400, NEEDED, id="blank username"),
        pytest.param(b'{"username":"user","password":"correct horse"}', 400, NEEDED, id="JSON"),
        pytest.param(b"username=user&password=x", 401, INVALID_CREDENTIALS, id="wrong password"),
        pytest.param(b"username=user&password=%FF%FE", 401, INVALID_CREDENTIALS, id="password not UTF-8"),
        pytest.param(b"username=\xff&password=x", 401, INVALID_CREDENTIALS, id="username not UTF-8"),
        pytest.param(b"username=inactive&password=correct+horse", 401, INACTIVE, id="inactive"),
        pytest.param(
            b"username=us%00er&password=x",
            400,
            invalid('"username" must not contain control characters.'),
            id="NUL",
        ),
        pytest.param(
            b"username=" + b"a" * 121 + b"&password=x",
            400,
            invalid('"username" must be at most 120 characters.'),
            id="username long",
        ),
        pytest.param(b"&" * 100_000, 400, NEEDED, id="many empty fields"),
    ],
)
def test_a_form_that_proves_nothing_is_refused(api: Api, form: bytes, status: int, expected: dict[str, str]) -> None:
    answer = by_form(api, form)

    assert (answer.status, answer.json) == (status, expected)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        pytest.param("application/x-www-form-urlencoded; charset=utf-8", 200, id="with a charset"),
        pytest.param("APPLICATION/X-WWW-FORM-URLENCODED", 200, id="in upper case"),
        pytest.param("application/json", 400, id="JSON"),
        pytest.param("text/plain", 400, id="text"),
        pytest.param(None, 400, id="none"),
    ],
)
def test_only_a_form_is_read_as_one(api: Api, content_type: str | None, status: int) -> None:
    answer = by_form(api, b"username=user&password=correct+horse", content_type)

    assert answer.status == status
    if status == 400:
        assert answer.json == NEEDED


def by_form(api: Api, form: bytes, content_type: str | None = "application/x-www-form-urlencoded") -> Answer:
    return api.post("/auth/login/form", as_=None, content=form, headers={"Content-Type": content_type})


# How often a login may fail


def fail(api: Api, times: int, username: str = "user", **options: Any) -> None:
    for _ in range(times):
        answer = log_in(api, {"username": username, "password": "guess"}, **options)
        assert (answer.status, answer.json) == (401, INVALID_CREDENTIALS)


def add_failures(api: Api, times: int, *, name: str = "user", address: str = "198.51.100.9", age_s: float = 0) -> None:
    """Add failures as if another process, or the other stack, had seen them."""
    user_id = world.PEOPLE[name][0] if name in world.PEOPLE else None
    failed_at = datetime.now(UTC) - timedelta(seconds=age_s)
    account = login_limits.attempt(user_id, name, address).account
    for _ in range(times):
        api.add(LoginFailure, account=account, address=address, failed_at=failed_at)


def assert_too_many(answer: Answer, *, at_most_s: int = 300) -> None:
    seconds = int(answer.headers["retry-after"])
    assert answer.status == 429
    assert answer.json == {"error": "Too many attempts", "message": f"Try again in {seconds} seconds."}
    assert at_most_s - 30 < seconds <= at_most_s


def from_address(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def test_after_ten_failures_even_the_right_password_has_to_wait(api: Api) -> None:
    fail(api, 10)
    before = api.everything()

    for body in (WRONG, RIGHT, {"email": "USER@example.com", "password": world.PASSWORD}):
        assert_too_many(log_in(api, body))

    assert api.everything() == before
    assert len(api.rows(LoginFailure)) == 10
    assert log_in(api, {"username": "other", "password": world.PASSWORD}).status == 200


def test_nine_failures_are_forgiven_by_a_success(api: Api) -> None:
    fail(api, 9)
    assert log_in(api, RIGHT).status == 200

    fail(api, 9)
    assert log_in(api, RIGHT).status == 200


def test_a_form_and_either_name_count_together(api: Api) -> None:
    fail(api, 4)
    fail(api, 3, "USER@example.com")
    for _ in range(3):
        assert by_form(api, b"username=user&password=guess").status == 401

    assert_too_many(by_form(api, b"username=user&password=correct+horse"))


def test_a_failure_is_kept_without_what_was_typed(api: Api) -> None:
    log_in(api, {"username": "my secret, typed into the wrong field", "password": "guess"})

    (row,) = api.rows(LoginFailure)
    assert "secret" not in str(row)
    assert row["address"] == "127.0.0.1"


def test_an_unknown_name_counts_like_a_known_one(api: Api) -> None:
    fail(api, 5, "nobody")
    fail(api, 5, " NoBody ")

    assert_too_many(log_in(api, {"username": "nobody", "password": "guess"}))
    assert log_in(api, {"username": "nobody2", "password": "guess"}).status == 401


def test_a_right_password_of_an_inactive_account_is_no_failure(api: Api) -> None:
    add_failures(api, 9, name="inactive")
    body = {"username": "inactive", "password": world.PASSWORD}

    for _ in range(3):
        assert log_in(api, body).json == INACTIVE

    fail(api, 1, "inactive")
    assert_too_many(log_in(api, body))


def test_failures_seen_by_another_process_count(api: Api) -> None:
    add_failures(api, 9, age_s=60)
    fail(api, 1)

    assert_too_many(log_in(api, RIGHT), at_most_s=240)


def test_failures_of_more_than_five_minutes_ago_do_not_count_and_go(api: Api) -> None:
    add_failures(api, 10, age_s=301)
    add_failures(api, 3, name="other", age_s=301)
    add_failures(api, 2, name="other", age_s=200)

    fail(api, 1)

    assert len(api.rows(LoginFailure)) == 3
    assert log_in(api, RIGHT).status == 200


def test_who_waits_as_long_as_told_is_let_in(api: Api, api_with: Callable[..., Api]) -> None:
    fail(api, 10)
    assert_too_many(api_with(clock_offset_s=200).post("/auth/login", RIGHT, as_=None), at_most_s=100)

    assert api_with(clock_offset_s=301).post("/auth/login", RIGHT, as_=None).status == 200


def test_fifty_failures_from_one_address_close_every_account_to_it(api: Api) -> None:
    for number in range(6):
        add_failures(api, 8, name=f"guessed {number}", address="203.0.113.7")
    here, elsewhere = from_address("203.0.113.7"), from_address("203.0.113.8")
    fail(api, 2, "other", headers=here)

    assert_too_many(log_in(api, RIGHT, headers=here))
    assert log_in(api, RIGHT, headers=elsewhere).status == 200
    assert log_in(api, RIGHT).status == 200


def test_a_success_does_not_reset_the_address(api: Api) -> None:
    """Else whoever owns an account guesses at others for ever."""
    here = from_address("203.0.113.7")
    add_failures(api, 41, name="others", address="203.0.113.7")
    fail(api, 9, headers=here)

    assert_too_many(log_in(api, RIGHT, headers=here))
    assert log_in(api, RIGHT).status == 200
    assert_too_many(log_in(api, RIGHT, headers=here))


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        pytest.param({}, "127.0.0.1", id="the peer"),
        pytest.param({"X-Forwarded-For": "203.0.113.7"}, "203.0.113.7", id="forwarded"),
        pytest.param({"X-Forwarded-For": "10.0.0.1, 203.0.113.7"}, "203.0.113.7", id="the last one forwarded"),
        pytest.param({"X-Real-IP": "203.0.113.7"}, "203.0.113.7", id="the real one"),
        pytest.param({"X-Forwarded-For": "x'; --"}, "127.0.0.1", id="no address"),
        pytest.param({"X-Forwarded-For": "2001:DB8::0:1"}, "2001:db8::1", id="IPv6"),
        pytest.param({"X-Forwarded-For": "fe80::1%" + "z" * 300}, "fe80::1", id="a long zone"),
        pytest.param({"Forwarded": "for=203.0.113.7"}, "127.0.0.1", id="another header"),
    ],
)
def test_the_address_is_the_one_a_trusted_proxy_names(api: Api, headers: dict[str, str], address: str) -> None:
    fail(api, 1, headers=headers)

    assert [row["address"] for row in api.rows(LoginFailure)] == [address]


def test_a_stranger_s_forwarding_is_not_believed(api: Api, api_with: Callable[..., Api]) -> None:
    fail(api_with(trusted_proxies=("203.0.113.200",)), 1, headers=from_address("203.0.113.7"))

    assert [row["address"] for row in api.rows(LoginFailure)] == ["127.0.0.1"]


def test_limits_can_be_switched_off(api: Api, api_with: Callable[..., Api]) -> None:
    unlimited = api_with(login_limits=False)
    add_failures(api, 60, address="127.0.0.1")
    before = api.everything()

    fail(unlimited, 12)

    assert log_in(unlimited, RIGHT).status == 200
    assert_too_many(log_in(api, RIGHT))
    kept = api.everything()
    assert kept["users"] == before["users"]
    assert len(kept["login_failures"]) == 60


def test_guessing_in_parallel_gives_no_more_than_ten_guesses(api: Api) -> None:
    answers = ask_at_once(api, [lambda aside: log_in(aside, WRONG)] * 14)

    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 4
    assert len(api.rows(LoginFailure)) == 10


# Renewing


def renew(api: Api, body: Any = ..., **options: Any) -> Answer:
    return api.post("/auth/refresh", body, as_=None, **options)


def assert_renewed(api: Api, answer: Answer, refresh_token: str) -> None:
    assert answer.status == 200
    assert list(answer.json) == ["access_token", "refresh_token", "token_type", "expires_in"]
    assert answer.json["refresh_token"] == refresh_token
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 3600)
    claims = claims_of(api, answer.json["access_token"])
    assert (claims["type"], claims["fresh"], claims["sub"]) == ("access", False, world.user_id("user"))
    assert claims["jti"] != claims_of(api, refresh_token)["jti"]
    assert api.get("/auth/verify", token=answer.json["access_token"]).status == 200


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param(b"", "application/json", id="nothing, as JSON"),
        pytest.param(b"", "text/plain", id="nothing, as text"),
        pytest.param(b"null", "application/json", id="null"),
        pytest.param(b"{}", "application/json", id="an empty object"),
        pytest.param(b'{"refresh_token":null}', "application/json", id="a null token"),
        pytest.param(b'{"refresh_token":"garbage"}', "application/json", id="another token, which does not count"),
    ],
)
def test_a_refresh_token_in_the_header_is_renewed(api: Api, content: bytes | None, content_type: str | None) -> None:
    token = api.token("user", "refresh")
    before = api.everything()

    answer = renew(api, token=token, content=content, headers={"Content-Type": content_type})

    assert_renewed(api, answer, token)
    assert api.everything() == before


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YTpi"], ids=["none", "empty", "no token", "Basic"])
def test_a_refresh_token_in_the_body_is_renewed(api: Api, header: str | None) -> None:
    token = api.token("user", "refresh")

    answer = renew(api, {"refresh_token": f" {token} "}, headers={"Authorization": header})

    assert_renewed(api, answer, token)


@pytest.mark.parametrize(
    ("header", "content", "content_type", "status", "expected"),
    [
        pytest.param("none", b"", None, 401, MISSING_TOKEN, id="nothing at all"),
        pytest.param("none", b"null", "application/json", 401, MISSING_TOKEN, id="null"),
        pytest.param("none", b"{}", "application/json", 401, MISSING_TOKEN, id="an empty object"),
        pytest.param("none", b'{"refresh_token":" "}', "application/json", 401, MISSING_TOKEN, id="a blank token"),
        pytest.param("none", b'{"refresh_token":"a.b.c"}', "application/json", 401, INVALID_TOKEN, id="garbage"),
        pytest.param(
            "none",
            b'{"refresh_token":7}',
            "application/json",
            400,
            invalid('"refresh_token" must be a string.'),
            id="a number",
        ),
        pytest.param(
            "none",
            b'{"refresh_token":"a\\u0000b"}',
            "application/json",
            400,
            invalid('"refresh_token" must not contain control characters.'),
            id="NUL",
        ),
        pytest.param("none", b"[]", "application/json", 400, NOT_AN_OBJECT, id="a list"),
        pytest.param("none", b"{", "application/json", 400, NOT_JSON, id="not JSON"),
        pytest.param("none", b"null", None, 400, NOT_JSON_TYPE, id="a body without content type"),
        pytest.param("none", b"refresh_token=x", "text/plain", 400, NOT_JSON_TYPE, id="a body of text"),
        pytest.param("good", b"x", "text/plain", 400, NOT_JSON_TYPE, id="a good header, a body of text"),
        pytest.param("good", b"{", "application/json", 400, NOT_JSON, id="a good header, not JSON"),
        pytest.param("good", b"[]", "application/json", 400, NOT_AN_OBJECT, id="a good header, a list"),
        pytest.param(
            "good",
            b'{"refresh_token":7}',
            "application/json",
            400,
            invalid('"refresh_token" must be a string.'),
            id="a good header, a number",
        ),
        pytest.param("bad", b"{", "application/json", 401, INVALID_TOKEN, id="a bad header goes before the body"),
    ],
)
def test_what_cannot_be_renewed_is_refused(
    api: Api, header: str, content: bytes, content_type: str | None, status: int, expected: dict[str, str]
) -> None:
    token = {"none": None, "good": api.token("user", "refresh"), "bad": "a.b.c"}[header]
    before = api.everything()

    answer = renew(api, token=token, content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (status, expected)
    assert api.everything() == before


def test_a_bad_header_is_not_mended_by_a_good_body(api: Api) -> None:
    body = {"refresh_token": api.token("user", "refresh")}

    assert renew(api, body, token="a.b.c").json == INVALID_TOKEN
    assert renew(api, body, token=api.token("user")).json["error"] == "Wrong token type"


def test_a_renewed_token_claims_what_the_row_says_now(api: Api) -> None:
    token = api.token("user", "refresh")
    api.change(User, world.user_id("user"), role="admin", email="moved@example.com")

    claims = claims_of(api, renew(api, token=token).json["access_token"])

    assert (claims["role"], claims["email"]) == ("admin", "moved@example.com")


def test_six_renewals_at_once_all_work(api: Api) -> None:
    token = api.token("user", "refresh")

    answers = ask_at_once(api, [lambda aside: renew(aside, None, token=token)] * 6)

    for answer in answers:
        assert_renewed(api, answer, token)
    assert len({answer.json["access_token"] for answer in answers}) == 6


def test_a_renewal_waits_for_a_password_change_on_its_way(api: Api) -> None:
    """Else it makes a token that is newer than the change, and outlives it."""
    token = api.token("user", "refresh")

    (answer,) = ask_while_writing(
        api,
        [lambda aside: renew(aside, token=token)],
        lambda connection: connection.execute(
            update(User).where(User.id == world.user_id("user")).values(password_changed_at=datetime.now(UTC))
        ),
    )

    assert (answer.status, answer.json) == (401, REVOKED)


# Logging out


def log_out(api: Api, token: str, body: Any = ..., **options: Any) -> Answer:
    return api.post("/auth/logout", body, token=token, **options)


def jtis(api: Api) -> set[str]:
    return {row["jti"] for row in api.rows(RevokedToken)}


@pytest.mark.parametrize("person", ["admin", "user", "viewer"])
def test_a_logout_ends_this_token_and_no_other(api: Api, person: str) -> None:
    token, other = api.token(person), api.token(person)

    answer = log_out(api, token)

    assert (answer.status, answer.json) == (200, {"message": "Logout successful"})
    assert api.get("/auth/verify", token=token).json == REVOKED
    assert log_out(api, token).json == REVOKED
    assert api.get("/auth/verify", token=other).status == 200
    claims = claims_of(api, token)
    (row,) = api.rows(RevokedToken)
    assert (row["jti"], row["expires_at"].timestamp()) == (claims["jti"], claims["exp"])
    assert abs(row["revoked_at"] - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        pytest.param(b"", None, id="no body, no content type"),
        pytest.param(b"", "application/json", id="nothing, as JSON"),
        pytest.param(b"", "text/plain;charset=UTF-8", id="nothing, as text"),
        pytest.param(b"null", "application/json", id="null"),
        pytest.param(b"{}", "application/json", id="an empty object"),
        pytest.param(b'{"refresh_token":null}', "application/json", id="a null token"),
        pytest.param(b'{"refresh_token":"  "}', "application/json", id="a blank token"),
        pytest.param(b'{"refresh_token":"a.b.c"}', "application/json", id="garbage"),
        pytest.param('{"refresh_token":"é.é.é"}'.encode(), "application/json", id="not ASCII"),
    ],
)
def test_a_logout_needs_no_body(api: Api, content: bytes, content_type: str | None) -> None:
    token = api.token("user")

    answer = log_out(api, token, content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (200, {"message": "Logout successful"})
    assert jtis(api) == {claims_of(api, token)["jti"]}


def test_a_logout_ends_the_refresh_token_sent(api: Api) -> None:
    token, refresh = api.token("user"), api.token("user", "refresh")

    assert log_out(api, token, {"refresh_token": refresh}).status == 200

    assert renew(api, token=refresh).json == REVOKED
    assert renew(api, {"refresh_token": refresh}).json == REVOKED
    assert jtis(api) == {claims_of(api, token)["jti"], claims_of(api, refresh)["jti"]}


@pytest.mark.parametrize(
    "refresh",
    [
        pytest.param(lambda api: api.token("other", "refresh", jti="sent"), id="somebody else's"),
        pytest.param(lambda api: api.token("user", "refresh", jti="sent", exp=1), id="expired"),
        pytest.param(lambda api: api.token("user", "access", jti="sent"), id="an access token"),
        pytest.param(lambda api: api.token("user", "refresh", jti="sent") + "x", id="a bad signature"),
        pytest.param(lambda api: api.token("user", "refresh", jti="sent", sub=7), id="a bad claim"),
    ],
)
def test_a_logout_leaves_tokens_alone_that_are_not_the_user_s_refresh_tokens(
    api: Api, refresh: Callable[[Api], str]
) -> None:
    token = api.token("user", jti="own")

    answer = log_out(api, token, {"refresh_token": refresh(api)})

    assert (answer.status, answer.json) == (200, {"message": "Logout successful"})
    assert jtis(api) == {"own"}


def test_a_logout_with_a_refresh_token_that_is_revoked_already_works(api: Api) -> None:
    refresh = api.token("user", "refresh", jti="twice")
    log_out(api, api.token("user", jti="first"), {"refresh_token": refresh})

    assert log_out(api, api.token("user", jti="second"), {"refresh_token": refresh}).status == 200
    assert log_out(api, api.token("user", jti="same"), {"refresh_token": api.token("user", "refresh", jti="same")})
    assert jtis(api) == {"first", "twice", "second", "same"}


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        pytest.param(b"x", "text/plain", NOT_JSON_TYPE, id="a body of text"),
        pytest.param(b"{}", None, NOT_JSON_TYPE, id="a body without content type"),
        pytest.param(b"{", "application/json", NOT_JSON, id="not JSON"),
        pytest.param(b"[]", "application/json", NOT_AN_OBJECT, id="a list"),
        pytest.param(
            b'{"refresh_token":["x"]}',
            "application/json",
            invalid('"refresh_token" must be a string.'),
            id="a list of tokens",
        ),
    ],
)
def test_a_logout_with_a_body_that_cannot_be_is_refused(
    api: Api, content: bytes, content_type: str | None, expected: dict[str, str]
) -> None:
    token = api.token("user")

    answer = log_out(api, token, content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (400, expected)
    assert api.rows(RevokedToken) == []
    assert api.get("/auth/verify", token=token).status == 200


def test_a_logout_forgets_what_has_expired_anyway(api: Api) -> None:
    now = datetime.now(UTC)
    api.add(RevokedToken, jti="over", expires_at=now - timedelta(seconds=1), revoked_at=now - timedelta(hours=1))
    api.add(RevokedToken, jti="good yet", expires_at=now + timedelta(minutes=1), revoked_at=now - timedelta(hours=1))

    log_out(api, api.token("user", jti="own"))

    assert jtis(api) == {"good yet", "own"}


def test_logging_out_twice_at_once_works_or_finds_it_done(api: Api) -> None:
    token = api.token("user", jti="own")

    answers = ask_at_once(api, [lambda aside: log_out(aside, token)] * 4)

    assert {answer.status for answer in answers} <= {200, 401}
    assert 200 in {answer.status for answer in answers}
    assert jtis(api) == {"own"}


# Who a token belongs to


@pytest.mark.parametrize("person", ["admin", "user", "viewer"])
def test_verify_tells_whose_token_it_is(api: Api, person: str) -> None:
    answer = api.get("/auth/verify", as_=person)

    assert answer.status == 200
    assert list(answer.json.items()) == [
        ("valid", True),
        ("user_id", world.user_id(person)),
        ("username", person),
        ("role", person),
        ("message", "Token is valid"),
    ]


def test_me_shows_the_user_flat_and_nested(api: Api) -> None:
    answer = api.get("/auth/me", as_="user")

    assert answer.status == 200
    assert list(answer.json.items()) == [*USER.items(), ("user", USER)]
    assert list(answer.json["user"]) == list(USER)
    assert answer.headers["content-type"] == "application/json"


def test_me_and_verify_show_the_row_as_it_is_now(api: Api) -> None:
    token = api.token("user")
    api.change(User, world.user_id("user"), username="renamed", email="moved@example.com", role="viewer")

    me = api.get("/auth/me", token=token).json

    assert (me["username"], me["user"]["email"], me["role"]) == ("renamed", "moved@example.com", "viewer")
    assert api.get("/auth/verify", token=token).json["username"] == "renamed"


@pytest.mark.parametrize("path", ["/auth/me", "/auth/verify"])
def test_head_is_get_without_body(api: Api, path: str) -> None:
    answer = api.request("HEAD", path, as_="user")

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        pytest.param("GET", "/auth/login", "OPTIONS, POST", id="GET login"),
        pytest.param("PUT", "/auth/login/form", "OPTIONS, POST", id="PUT form"),
        pytest.param("GET", "/auth/refresh", "OPTIONS, POST", id="GET refresh"),
        pytest.param("DELETE", "/auth/logout", "OPTIONS, POST", id="DELETE logout"),
        pytest.param("POST", "/auth/verify", "GET, HEAD, OPTIONS", id="POST verify"),
        pytest.param("POST", "/auth/me", "GET, HEAD, OPTIONS", id="POST me"),
        pytest.param("GET", "/auth/register", "OPTIONS, POST", id="GET register"),
        pytest.param("POST", "/auth/users", "GET, HEAD, OPTIONS", id="POST users"),
        pytest.param("POST", "/auth/users/x", "DELETE, GET, HEAD, OPTIONS, PUT", id="POST a user"),
    ],
)
def test_another_method_is_refused_before_the_token(api: Api, method: str, path: str, allow: str) -> None:
    answer = api.request(method, path, as_=None)

    assert answer.status == 405
    assert answer.json == {"error": "Method not allowed", "message": f"Allowed: {allow}."}
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/auth", "/auth/", "/auth/login/", "/auth//login", "/auth/me/x", "/auth/users/"])
def test_a_path_nearly_right_is_unknown(api: Api, path: str) -> None:
    answer = api.get(path)

    assert (answer.status, answer.json) == (404, {"error": "Not found", "message": "No such endpoint."})
