"""Passwords: what is kept proves the password it was made of, and nobody is found out by time."""

import pytest
from passlib.hash import pbkdf2_sha256

from shared_rules import passwords


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("secret", id="short"),
        pytest.param("  with blanks  ", id="blanks around"),
        pytest.param("a\x00b\nc", id="control characters"),
        pytest.param("пароль 密码 🔑", id="not ASCII"),
        pytest.param("é" * passwords.MAX_CHARS, id="as long as allowed"),
    ],
)
def test_a_kept_password_is_proven_by_itself_alone(password: str) -> None:
    kept = passwords.hash_password(password)

    assert passwords.verify(password, kept)
    assert not passwords.verify(password[:-1], kept)
    assert not passwords.verify(password[:-1] + "X", kept)


def test_the_same_password_is_kept_differently_each_time() -> None:
    assert passwords.hash_password("secret") != passwords.hash_password("secret")


def test_what_is_kept_fits_its_column() -> None:
    kept = passwords.hash_password("x" * passwords.MAX_CHARS)

    assert kept.startswith("$pbkdf2-sha256$")
    assert len(kept) <= 255


@pytest.mark.parametrize("kept", [None, "", "pbkdf2:sha256:1$salt$00", "$2b$12$abc"])
def test_nobody_and_a_foreign_hash_are_proven_by_nothing(kept: str | None) -> None:
    assert not passwords.verify("", kept)
    assert not passwords.verify("secret", kept)


@pytest.mark.parametrize("kept", [None, "", "pbkdf2:sha256:1$salt$00"])
def test_nobody_costs_as_many_rounds_as_somebody(monkeypatch: pytest.MonkeyPatch, kept: str | None) -> None:
    asked: list[str] = []
    monkeypatch.setattr(pbkdf2_sha256, "verify", lambda _password, verified: asked.append(verified))

    passwords.verify("secret", kept)
    passwords.verify("secret", passwords.hash_password("other"))

    nobody, somebody = (pbkdf2_sha256.from_string(verified) for verified in asked)
    assert nobody.rounds == somebody.rounds == passwords.ROUNDS
    assert len(nobody.salt) == len(somebody.salt)
