"""What `token inspect` says of good and bad tokens, with and without running stacks."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from pytest_httpserver import HTTPServer

from changeover.problems import Problem
from changeover.token import inspect
from shared_rules.tokens import Kind, new_claims

SECRET = "of-these-tests-only-0123456789abcdef"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOBODY = {"legacy": "http://127.0.0.1:1/api"}
USER = SimpleNamespace(
    id="u-1", email="a@b.example", role="user", is_active=True, password_changed_at=None, password_changed_by=None
)


def made(kind: Kind = "access", secret: str = SECRET, age: timedelta = timedelta(0), **changed: Any) -> str:
    claims = new_claims(USER, kind, NOW - age, 3600) | changed
    return jwt.encode(claims, secret, algorithm="HS256")


@pytest.mark.parametrize(
    ("token", "accepted", "reason"),
    [
        pytest.param(made(), True, "accepted, unless it was revoked or its user is inactive", id="access"),
        pytest.param(made("refresh"), True, "accepted, unless it was revoked or its user is inactive", id="refresh"),
        pytest.param(made(age=timedelta(hours=2)), False, "Token has expired", id="expired"),
        pytest.param(made(age=timedelta(hours=-1)), False, "Invalid token", id="not yet valid"),
        pytest.param(made(secret="another" * 6), False, "Invalid token", id="foreign signature"),
        pytest.param(made(jti=None), False, "Invalid token", id="no jti"),
        pytest.param(made(type="other"), False, "Invalid token", id="unknown type"),
        pytest.param(made(exp=True), False, "Invalid token", id="exp of another type"),
    ],
)
def test_without_stacks_the_shared_rules_decide(token: str, accepted: bool, reason: str) -> None:
    found = inspect(token, SECRET, NOW, NOBODY)

    assert (found.rules.accepted, found.rules.reason) == (accepted, reason)
    assert (found.stacks["legacy"].accepted, found.stacks["legacy"].reason) == (None, "not running")
    assert found.accepted == accepted


@pytest.mark.parametrize(
    ("age", "expiry"),
    [
        (timedelta(0), "expires in 1 hour"),
        (timedelta(minutes=59), "expires in 1 minute"),
        (timedelta(hours=1), "expired 0 seconds ago"),
        (timedelta(days=2, hours=4, minutes=30), "expired 2 days 3 hours ago"),
    ],
    ids=["fresh", "nearly over", "just over", "long over"],
)
def test_expiry_is_told_in_words(age: timedelta, expiry: str) -> None:
    assert inspect(made(age=age), SECRET, NOW, {}).expiry == expiry


def test_a_foreign_signature_is_said_although_the_claims_are_shown() -> None:
    found = inspect(made(secret="another" * 6), SECRET, NOW, {})

    assert found.signature == "not made with this system's secret"
    assert found.claims["sub"] == "u-1"


def test_neither_secret_nor_signature_is_shown() -> None:
    token = made()
    shown = json.dumps(inspect(token, SECRET, NOW, NOBODY).as_json())

    assert SECRET not in shown
    assert token.rpartition(".")[2] not in shown
    assert "u-1" in shown


@pytest.mark.parametrize("text", ["", "abc", "a.b", "a.b.c", "e30.e30", "a" * 5000, "é.é.é"])
def test_a_text_that_is_no_token_is_one_line_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(Problem, match="is not a token; give the three parts of one") as caught:
        inspect(text, SECRET, NOW, {})

    assert not text or text not in str(caught.value)


class TestRunningStacks:
    """The stacks are asked, because only they know what was revoked."""

    def test_an_access_token_is_shown_to_verify(self, httpserver: HTTPServer) -> None:
        token = made()
        httpserver.expect_oneshot_request(
            "/api/auth/verify", method="GET", headers={"Authorization": f"Bearer {token}"}
        ).respond_with_json({"valid": True})
        found = inspect(token, SECRET, NOW, {"legacy": httpserver.url_for("/api")})

        httpserver.check()
        assert found.stacks["legacy"].accepted
        assert found.accepted

    def test_a_refresh_token_is_shown_to_refresh(self, httpserver: HTTPServer) -> None:
        httpserver.expect_oneshot_request("/api/auth/refresh", method="POST").respond_with_json({"access_token": "new"})
        found = inspect(made("refresh"), SECRET, NOW, {"legacy": httpserver.url_for("/api")})

        httpserver.check()
        assert found.stacks["legacy"].accepted
        assert '"new"' not in json.dumps(found.as_json())

    @pytest.mark.parametrize("reason", ["Token revoked", "User not found or inactive"])
    def test_one_refusing_stack_is_enough(self, httpserver: HTTPServer, reason: str) -> None:
        httpserver.expect_request("/api/auth/verify").respond_with_json({"error": reason}, status=401)
        httpserver.expect_request("/api/v2/auth/verify").respond_with_json({"valid": True})
        stacks = {"legacy": httpserver.url_for("/api"), "modern": httpserver.url_for("/api/v2")}
        found = inspect(made(), SECRET, NOW, stacks)

        assert (found.stacks["legacy"].accepted, found.stacks["legacy"].reason) == (False, reason)
        assert found.stacks["modern"].accepted
        assert not found.accepted

    def test_a_stack_in_trouble_gives_no_verdict(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/api/auth/verify").respond_with_data("<h1>broken</h1>", status=500)
        found = inspect(made(), SECRET, NOW, {"legacy": httpserver.url_for("/api")})

        assert (found.stacks["legacy"].accepted, found.stacks["legacy"].reason) == (None, "answered 500")
        assert found.accepted, "the rules decide then"
