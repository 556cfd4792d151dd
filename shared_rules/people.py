"""People: who asks, what a user's row shows, and what may be done to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeVar

from shared_rules import passwords, wire
from shared_rules.errors import BadRequest, Conflict, Forbidden, NotFound, wrong_type
from shared_rules.fields import Fields
from shared_rules.policy import Role
from shared_rules.text import EMAIL_MAX_CHARS, is_email
from shared_rules.tokens import Claims, TokenUser, check_not_revoked, check_user

__all__ = [
    "GONE",
    "Actor",
    "Registration",
    "UserRow",
    "admit",
    "apply_update",
    "check_an_admin_stays",
    "check_email_free",
    "check_found",
    "check_not_self",
    "check_self_or_admin",
    "check_username_free",
    "columns_of_new",
    "me",
    "user",
    "verified",
    "wanted_for_register",
    "wanted_for_update",
]

GONE: Final[Mapping[str, Any]] = {"is_active": False}
"""What a removal wants of a row, for `check_an_admin_stays`."""

_USERNAME_MIN_CHARS = 3
_USERNAME_MAX_CHARS = 80
_USERNAME = re.compile(r"[A-Za-z0-9_.-]+")


class UserRow(TokenUser, Protocol):
    """The columns of a user's row."""

    username: Any
    password_hash: Any
    created_at: Any
    updated_at: Any


_Row = TypeVar("_Row", bound=UserRow)


@dataclass(frozen=True)
class Actor:
    """Who asks: the user's row decides, not the token's claims.

    `token` is the one the request came with, `profile` the user as answers show it.
    """

    id: str
    username: str
    email: str
    role: str
    token: Claims
    profile: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN


@dataclass(frozen=True)
class Registration:
    """A user to be made."""

    username: str
    email: str
    password: str = field(repr=False)
    role: str
    is_active: bool


def admit(claims: Claims, row: UserRow | None, revoked: bool) -> Actor:
    """Return the actor of a checked token; raise 401 Token revoked or User not found or inactive."""
    check_not_revoked(claims, revoked, row)
    row = check_user(row)
    return Actor(row.id, row.username, row.email, row.role, claims, user(row))


def user(row: UserRow) -> dict[str, Any]:
    """`{"id", "username", "email", "role", "is_active", "created_at", "updated_at"}`"""
    return {
        "id": row.id,
        "username": row.username,
        "email": row.email,
        "role": row.role,
        "is_active": row.is_active,
        "created_at": wire.instant(row.created_at),
        "updated_at": wire.instant(row.updated_at),
    }


def me(actor: Actor) -> dict[str, Any]:
    """The user's fields flat, for the plan's clients, and again under `user`, for the legacy ones."""
    return {**actor.profile, "user": actor.profile}


def verified(actor: Actor) -> dict[str, Any]:
    """`{"valid", "user_id", "username", "role", "message"}`"""
    return {
        "valid": True,
        "user_id": actor.id,
        "username": actor.username,
        "role": actor.role,
        "message": "Token is valid",
    }


def wanted_for_register(body: Fields) -> Registration:
    missing = [name for name in ("username", "email", "password") if _is_missing(name, body.raw(name))]
    if missing:
        raise BadRequest("Missing required fields", missing=missing)
    username = body.text("username", _USERNAME_MAX_CHARS) or ""
    if len(username) < _USERNAME_MIN_CHARS:
        raise BadRequest(f"Username must be at least {_USERNAME_MIN_CHARS} characters long")
    if not _USERNAME.fullmatch(username):
        raise BadRequest("Invalid username", "Username may contain letters, digits, _ - and . only.")
    email = _email(body) or ""
    password = _password(body) or ""
    role = _role(body.raw("role")) or Role.VIEWER.value
    is_active = body.flag("is_active")
    return Registration(username, email, password, role, True if is_active is None else is_active)


def columns_of_new(wanted: Registration, password_hash: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a new user's row, all but the id."""
    return {
        "username": wanted.username,
        "email": wanted.email,
        "password_hash": password_hash,
        "role": wanted.role,
        "is_active": wanted.is_active,
        "created_at": now,
        "updated_at": now,
    }


def check_username_free(taken: bool | None) -> None:
    if taken:
        raise Conflict("Username already exists")


def check_email_free(taken: bool | None) -> None:
    if taken:
        raise Conflict("Email already exists")


def check_self_or_admin(actor: Actor, user_id: str, doing: Literal["view", "update"]) -> None:
    """Raise 403 for somebody else's account, whether or not it exists."""
    if not actor.is_admin and actor.id != user_id:
        raise Forbidden(f"Forbidden. You can only {doing} your own profile.")


def check_not_self(actor: Actor, user_id: str) -> None:
    if actor.id == user_id:
        raise BadRequest("Cannot delete your own account")


def check_found(row: _Row | None) -> _Row:
    """Return the row that was looked up; raise 404 when there is none."""
    if row is None:
        raise NotFound("User not found")
    return row


def wanted_for_update(actor: Actor, body: Fields) -> dict[str, Any]:
    """Return the fields sent, of email, password, role and is_active in this order; the password as sent."""
    sent = {
        "email": _email(body),
        "password": _password(body),
        "role": _role_by(actor, body),
        "is_active": _is_active_by(actor, body),
    }
    wanted = {name: value for name, value in sent.items() if value is not None}
    if not wanted:
        raise BadRequest("No valid fields to update")
    return wanted


def check_an_admin_stays(row: UserRow, wanted: Mapping[str, Any], others: bool | None) -> None:
    """Raise 400 when the last active admin would be one no longer; `others` tells of other active admins."""
    is_one = row.role == Role.ADMIN and row.is_active
    stays_one = wanted.get("role", row.role) == Role.ADMIN and wanted.get("is_active", row.is_active)
    if is_one and not stays_one and not others:
        raise BadRequest("Cannot remove the last active admin")


def apply_update(
    row: UserRow, wanted: Mapping[str, Any], password_hash: str | None, actor: Actor, now: datetime
) -> None:
    """Set the columns; a new password ends the user's tokens, but the one they changed it with."""
    for column in ("email", "role", "is_active"):
        if column in wanted:
            setattr(row, column, wanted[column])
    if password_hash is not None:
        row.password_hash = password_hash
        row.password_changed_at = now
        row.password_changed_by = actor.token.jti if actor.id == row.id else None
    row.updated_at = now


def _is_missing(name: str, value: Any) -> bool:
    """Tell whether a required string was not sent, null or blank; blanks make a password."""
    return value is None or (isinstance(value, str) and not (value if name == "password" else value.strip()))


def _email(body: Fields) -> str | None:
    """Return the address lower-cased, None when not sent or blank."""
    email = body.text("email", EMAIL_MAX_CHARS)
    if email is not None and not is_email(email):
        raise BadRequest("Invalid email", f'"{email}" is not an email address.')
    return None if email is None else email.lower()


def _password(body: Fields) -> str | None:
    """Return the password as sent, None when not sent or empty."""
    password = body.verbatim("password", passwords.MAX_CHARS)
    if password and len(password) < passwords.MIN_CHARS:
        raise BadRequest(f"Password must be at least {passwords.MIN_CHARS} characters long")
    return password or None


def _role(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise wrong_type("role", "a string")
    if value is not None and value not in set(Role):
        raise BadRequest("Invalid role", f"Role must be one of: {', '.join(Role)}")
    return value


def _role_by(actor: Actor, body: Fields) -> str | None:
    value = body.raw("role")
    if value is not None and not actor.is_admin:
        raise Forbidden("Only admins can change user roles")
    return _role(value)


def _is_active_by(actor: Actor, body: Fields) -> bool | None:
    if body.raw("is_active") is not None and not actor.is_admin:
        raise Forbidden("Only admins can change user active status")
    return body.flag("is_active")
