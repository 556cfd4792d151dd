"""Tokens: their claims, and when they are refused. Signing and sending them is the stacks' business."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypeVar

import jwt

from shared_rules.edge import BODY_LIMIT_BYTES
from shared_rules.errors import Unauthorized
from shared_rules.fields import Fields

__all__ = [
    "ALGORITHM",
    "Claims",
    "Kind",
    "TokenHolder",
    "TokenUser",
    "bearer_token",
    "check_claims",
    "check_not_revoked",
    "check_user",
    "invalid_token",
    "missing_token",
    "new_claims",
    "pair",
    "read_token",
    "refresh_token_in",
    "revocations",
    "sent_bearer_token",
    "to_revoke",
]

ALGORITHM = "HS256"
Kind = Literal["access", "refresh"]

_NAME_MAX_CHARS = 255
# The end of the year 9999, the last a datetime knows.
_LAST_SECOND = 253_402_300_799


@dataclass(frozen=True)
class Claims:
    """A checked token. `issued_at` and `expires_at` are seconds since 1970 in UTC, with a fraction."""

    user_id: str
    jti: str
    kind: Kind
    issued_at: float
    expires_at: float


class TokenHolder(Protocol):
    """Whom a token is made for."""

    @property
    def id(self) -> Any: ...
    @property
    def email(self) -> Any: ...
    @property
    def role(self) -> Any: ...


class TokenUser(Protocol):
    """The columns of a user's row that decide about its tokens."""

    id: Any
    email: Any
    role: Any
    is_active: Any
    password_changed_at: Any
    password_changed_by: Any


_User = TypeVar("_User", bound=TokenUser)


def bearer_token(authorization: str | None) -> str:
    """Return the token of an `Authorization: Bearer <token>` header, scheme in any case; raise 401 Missing token."""
    token = sent_bearer_token(authorization)
    if token is None:
        raise missing_token()
    return token


def sent_bearer_token(authorization: str | None) -> str | None:
    """Return the same, or None without header, for another scheme, and for an empty token."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def refresh_token_in(body: Fields) -> str | None:
    """Return the refresh token of a body; as long as a body may be."""
    return body.text("refresh_token", BODY_LIMIT_BYTES)


def missing_token() -> Unauthorized:
    return Unauthorized("Missing token", "Send the header Authorization: Bearer <token>.")


def invalid_token() -> Unauthorized:
    return Unauthorized("Invalid token", "The token is not valid.")


def new_claims(user: TokenHolder, kind: Kind, now: datetime, lifetime_s: int, *, fresh: bool = False) -> dict[str, Any]:
    """Return the claims of a new token, whose user's row is read after `now`: a later password change ends it.

    `iat` and `nbf` keep their fraction of a second (RFC 7519 allows it), so that a token of the second in which a
    password changes falls on the right side of the change.
    """
    issued_at = now.timestamp()
    return {
        "sub": user.id,
        "role": str(user.role),
        "email": user.email,
        "type": kind,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": int(issued_at) + lifetime_s,
        "jti": str(uuid.uuid4()),
        "fresh": fresh,
    }


def read_token(token: str, secret: str, now: datetime, want: Kind) -> Claims:
    """Return the checked claims of a signed token; raise 401 Invalid token, Token has expired or Wrong token type."""
    try:
        payload = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            # `check_claims` judges times, by the caller's clock.
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise invalid_token() from None
    return check_claims(payload, now, want)


def check_claims(payload: dict[str, Any], now: datetime, want: Kind) -> Claims:
    """Return the claims of a token whose signature was verified; every claim must be there, of its type."""
    well_typed = (
        all(_is_name(payload.get(name)) for name in ("sub", "jti"))
        and all(isinstance(payload.get(name), str) and payload[name] for name in ("email", "role"))
        and all(_is_time(payload.get(name)) for name in ("iat", "nbf", "exp"))
        and payload.get("type") in ("access", "refresh")
        and isinstance(payload.get("fresh"), bool)
    )
    if not well_typed or max(payload["nbf"], payload["iat"]) > now.timestamp() + 1:
        raise invalid_token()
    if payload["exp"] <= now.timestamp():
        raise Unauthorized("Token has expired", "Log in again or refresh the token.")
    if payload["type"] != want:
        article = "an access" if want == "access" else "a refresh"
        raise Unauthorized("Wrong token type", f"This endpoint needs {article} token.")
    return Claims(payload["sub"], payload["jti"], payload["type"], payload["iat"], payload["exp"])


def check_not_revoked(claims: Claims, revoked: bool, user: TokenUser | None) -> None:
    """Raise 401 Token revoked after a logout, or for a token older than the user's last password change.

    The access token that changed the password stays good.
    """
    outdated = (
        user is not None
        and user.password_changed_at is not None
        and claims.issued_at <= user.password_changed_at.timestamp()
        and claims.jti != user.password_changed_by
    )
    if revoked or outdated:
        raise Unauthorized("Token revoked", "Log in again.")


def check_user(user: _User | None) -> _User:
    """Return the token's user; raise 401 when gone or inactive."""
    if user is None or not user.is_active:
        raise Unauthorized("User not found or inactive")
    return user


def pair(access_token: str, refresh_token: str, expires_in_s: int) -> dict[str, Any]:
    """`{"access_token", "refresh_token", "token_type", "expires_in"}`"""
    return {
        "access_token": access_token,
        "refresh_token": refresh_token,
        "token_type": "bearer",
        "expires_in": expires_in_s,
    }


def to_revoke(own: Claims, sent: Claims | None) -> list[Claims]:
    """Return the tokens a logout ends: the one it came with, and the refresh token sent if it is the same user's."""
    if sent is None or sent.user_id != own.user_id or sent.jti == own.jti:
        return [own]
    return [own, sent]


def revocations(ended: Iterable[Claims], known: Collection[str], now: datetime) -> list[dict[str, Any]]:
    """Return the columns of one row for each token that is not revoked yet; `known` are the jtis of those that are."""
    return [
        {"jti": claims.jti, "expires_at": datetime.fromtimestamp(claims.expires_at, UTC), "revoked_at": now}
        for claims in ended
        if claims.jti not in known
    ]


def _is_name(value: Any) -> bool:
    """Tell whether a claim can be looked up: what our tokens never hold, some databases refuse."""
    return isinstance(value, str) and 0 < len(value) <= _NAME_MAX_CHARS and value.isascii() and value.isprintable()


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND
