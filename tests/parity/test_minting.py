"""Tokens made from recorded claims are as old, as valid and as much somebody's as the recorded ones were."""

import jwt
import pytest

from parity.carry.minting import Minting, has_expired

SECRET = "a-secret-that-is-long-enough-for-hs256"
NOW = 2_000_000_000.0
USED = "2026-11-22T06:32:00Z"  # 1795329120
USED_S = 1_795_329_120
CLAIMS = {
    "sub": "u-1",
    "iat": USED_S - 60,
    "nbf": USED_S - 60,
    "exp": USED_S + 840,
    "jti": "old",
    "type": "access",
    "valid": True,
}


def claims_of(token: str) -> dict[str, object]:
    return jwt.decode(
        token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    )


def test_a_minted_token_is_as_old_as_the_recorded_one_was() -> None:
    made = claims_of(Minting(SECRET, lambda: NOW).mint("<jwt-1>", CLAIMS, USED))

    assert (made["iat"], made["nbf"], made["exp"]) == (NOW - 60, NOW - 60, NOW + 840)


def test_a_minted_token_keeps_the_other_claims_and_drops_our_own() -> None:
    made = claims_of(Minting(SECRET, lambda: NOW).mint("<jwt-1>", CLAIMS, USED))

    assert (made["sub"], made["type"]) == ("u-1", "access")
    assert "valid" not in made


def test_times_stay_whole_numbers() -> None:
    made = claims_of(Minting(SECRET, lambda: NOW + 0.7).mint("<jwt-1>", CLAIMS, USED))

    assert all(type(made[key]) is int for key in ("iat", "nbf", "exp"))


def test_a_serial_number_is_new_and_the_same_each_time() -> None:
    mint = Minting(SECRET, lambda: NOW).mint
    first, again, other = (claims_of(mint(token, CLAIMS, USED))["jti"] for token in ("<jwt-1>", "<jwt-1>", "<jwt-2>"))

    assert first == again
    assert len({"old", first, other}) == 3


def test_an_expired_token_stays_expired() -> None:
    claims = {**CLAIMS, "exp": USED_S - 1}
    token = Minting(SECRET, lambda: NOW).mint("<jwt-1>", claims, USED)

    assert claims_of(token)["exp"] == NOW - 1
    assert has_expired(claims, USED)
    assert not has_expired(CLAIMS, USED)


def test_an_invalid_token_has_the_claims_and_a_broken_signature() -> None:
    token = Minting(SECRET, lambda: NOW).mint("<jwt-1>", CLAIMS, USED, valid=False)

    assert jwt.decode(token, options={"verify_signature": False})["sub"] == "u-1"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})


def test_without_a_time_of_use_a_token_counts_as_new() -> None:
    made = claims_of(Minting(SECRET, lambda: NOW).mint("<jwt-1>", CLAIMS, ""))

    assert made["iat"] == NOW
