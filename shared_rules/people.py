"""People: who asks, what a user's row shows, and what may be done to it."""

from dataclasses import dataclass
from typing import Any, Protocol

from shared_rules import wire
from shared_rules.policy import Role
from shared_rules.tokens import Claims, TokenUser, check_not_revoked, check_user

__all__ = ["Actor", "UserRow", "admit", "user"]


class UserRow(TokenUser, Protocol):
    """The columns of a user's row."""

    username: Any
    password_hash: Any
    created_at: Any
    updated_at: Any


@dataclass(frozen=True)
class Actor:
    """Who asks: the user's row decides, not the token's claims; `token` is the one the request came with."""

    id: str
    username: str
    email: str
    role: str
    token: Claims

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN


def admit(claims: Claims, row: UserRow | None, revoked: bool) -> Actor:
    """Return the actor of a checked token; raise 401 Token revoked or User not found or inactive."""
    check_not_revoked(claims, revoked, row)
    row = check_user(row)
    return Actor(row.id, row.username, row.email, row.role, claims)


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
