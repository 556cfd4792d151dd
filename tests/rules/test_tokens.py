"""Tokens: which claims count, and when a token ends."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared_rules import tokens
from shared_rules.errors import Unauthorized
from shared_rules.fields import Fields

NOW = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass
class User:
    id: str = "an id"
    email: str = "ana@example.com"
    role: str = "user"
    is_active: bool = True
    password_changed_at: datetime | None = None
    password_changed_by: str | None = None


def claims(kind: tokens.Kind = "access", **changed: Any) -> dict[str, Any]:
    return tokens.new_claims(User(), kind, NOW, 3600) | changed


def test_the_claims_of_a_token_are_all_there_in_the_contract_s_types() -> None:
    made = tokens.new_claims(User(), "access", NOW, 3600, fresh=True)

    jti = made.pop("jti")
    assert len(jti) == 36
    assert made == {
        "sub": "an id",
        "role": "user",
        "email": "ana@example.com",
        "type": "access",
        "iat": NOW.timestamp(),
        "nbf": NOW.timestamp(),
        "exp": int(NOW.timestamp()) + 3600,
        "fresh": True,
    }


WRONG: list[Any] = [None, "", [], {}, -1, float("nan"), float("inf"), 10**400, "é", "\ud800", "word"]
# Role and e-mail are never looked up in a database: any text will do.
RIGHT: dict[str, list[Any]] = {
    "sub": ["word"],
    "jti": ["word"],
    "role": ["word", "é", "\ud800"],
    "email": ["word", "é", "\ud800"],
}
CLAIMS = ["sub", "role", "email", "type", "iat", "nbf", "exp", "jti", "fresh"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name} is {str(value)[:9]!a}")
        for name in CLAIMS
        for value in WRONG
        if value not in RIGHT.get(name, [])
    ],
)
def test_a_claim_of_the_wrong_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(Unauthorized) as refusal:
        tokens.check_claims(claims(**{name: value}), NOW, "access")

    assert refusal.value.error == "Invalid token"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"exp": NOW.timestamp()}, "Token has expired", id="ends now"),
        pytest.param({"exp": NOW.timestamp() - 1}, "Token has expired", id="ended"),
        pytest.param({"nbf": NOW.timestamp() + 1.1}, "Invalid token", id="starts later"),
        pytest.param({"iat": NOW.timestamp() + 1.1}, "Invalid token", id="made later"),
        pytest.param({"type": "refresh"}, "Wrong token type", id="a refresh token"),
        pytest.param({"type": "refresh", "exp": 0}, "Token has expired", id="expired goes before type"),
        pytest.param({"jti": "x" * 256}, "Invalid token", id="an id too long to remember"),
        pytest.param({"exp": 253_402_300_800}, "Invalid token", id="ends after the last date there is"),
    ],
)
def test_a_token_that_is_not_good_now_is_refused(changed: dict[str, Any], error: str) -> None:
    with pytest.raises(Unauthorized) as refusal:
        tokens.check_claims(claims(**changed), NOW, "access")

    assert refusal.value.error == error


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"exp": NOW.timestamp() + 0.1}, id="about to end"),
        pytest.param({"nbf": NOW.timestamp() + 1, "iat": NOW.timestamp() + 1}, id="a clock one second ahead"),
        pytest.param({"iat": 0, "nbf": 0}, id="very old"),
        pytest.param({"extra": "claim"}, id="a claim more"),
        pytest.param({"jti": "x" * 255}, id="the longest id"),
    ],
)
def test_a_token_that_is_good_now_is_accepted(changed: dict[str, Any]) -> None:
    assert tokens.check_claims(claims(**changed), NOW, "access").user_id == "an id"


@pytest.mark.parametrize(
    ("changed_after_s", "changed_by", "revoked"),
    [
        pytest.param(None, None, False, id="never changed"),
        pytest.param(-0.001, None, False, id="changed a moment before the token"),
        pytest.param(0, None, True, id="changed in the same instant"),
        pytest.param(0.001, None, True, id="changed a moment after"),
        pytest.param(5, "somebody else's", True, id="changed by another token"),
        pytest.param(5, "this one", False, id="changed by this token"),
    ],
)
def test_a_password_change_ends_the_tokens_before_it(
    changed_after_s: float | None, changed_by: str | None, revoked: bool
) -> None:
    changed_at = None if changed_after_s is None else NOW + timedelta(seconds=changed_after_s)
    user = User(password_changed_at=changed_at, password_changed_by=changed_by)
    token = tokens.check_claims(claims(jti="this one"), NOW, "access")

    if revoked:
        with pytest.raises(Unauthorized, match="Log in again"):
            tokens.check_not_revoked(token, False, user)
    else:
        tokens.check_not_revoked(token, False, user)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        pytest.param("Bearer abc", "abc", id="as usual"),
        pytest.param("bearer abc", "abc", id="lower case"),
        pytest.param("BEARER   abc  ", "abc", id="more blanks"),
        pytest.param("Bearer abc def", "abc def", id="two words stay one bad token"),
        pytest.param("Bearer abc,Bearer def", "abc,Bearer def", id="two headers stay one bad token"),
        pytest.param(None, None, id="no header"),
        pytest.param("", None, id="empty"),
        pytest.param("Bearer", None, id="no token"),
        pytest.param("Bearer  ", None, id="a blank token"),
        pytest.param("abc", None, id="no scheme"),
        pytest.param("Basic abc", None, id="another scheme"),
        pytest.param("Bearer:abc", None, id="a colon"),
        pytest.param("Bearerabc", None, id="no blank"),
    ],
)
def test_the_bearer_token_of_a_header(header: str | None, token: str | None) -> None:
    assert tokens.sent_bearer_token(header) == token


@pytest.mark.parametrize(
    ("body", "token"),
    [({}, None), ({"refresh_token": None}, None), ({"refresh_token": "  "}, None), ({"refresh_token": " a "}, "a")],
)
def test_the_refresh_token_of_a_body(body: dict[str, Any], token: str | None) -> None:
    assert tokens.refresh_token_in(Fields(body)) == token


def claims_of(user_id: str, jti: str) -> tokens.Claims:
    return tokens.Claims(user_id, jti, "refresh", 0, 100)


@pytest.mark.parametrize(
    ("sent", "jtis"),
    [
        pytest.param(None, ["own"], id="nothing sent"),
        pytest.param(claims_of("me", "refresh"), ["own", "refresh"], id="the user's refresh token"),
        pytest.param(claims_of("you", "refresh"), ["own"], id="somebody else's"),
        pytest.param(claims_of("me", "own"), ["own"], id="the same id twice"),
    ],
)
def test_a_logout_ends_own_tokens_only(sent: tokens.Claims | None, jtis: list[str]) -> None:
    assert [ended.jti for ended in tokens.to_revoke(claims_of("me", "own"), sent)] == jtis


def test_a_token_is_remembered_once_until_it_ends() -> None:
    rows = tokens.revocations([claims_of("me", "known"), claims_of("me", "new")], ["known"], NOW)

    assert rows == [{"jti": "new", "expires_at": datetime(1970, 1, 1, 0, 1, 40, tzinfo=UTC), "revoked_at": NOW}]
