"""Logging in: what has to be sent, and whether it proves who somebody is."""

from dataclasses import dataclass, field
from typing import TypeVar

from shared_rules import passwords
from shared_rules.errors import BadRequest, Unauthorized
from shared_rules.fields import Fields
from shared_rules.people import UserRow
from shared_rules.text import EMAIL_MAX_CHARS

__all__ = ["Credentials", "check_may_log_in", "credentials", "invalid_credentials", "proven_user"]

_Row = TypeVar("_Row", bound=UserRow)


@dataclass(frozen=True)
class Credentials:
    """What somebody logs in with: username or e-mail as typed, trimmed, and the password as sent."""

    name: str
    password: str = field(repr=False)


def credentials(body: Fields) -> Credentials:
    """Return name and password of a login. Either field may hold either kind of name, so both may be as long as an e-mail."""
    username = body.text("username", EMAIL_MAX_CHARS)
    email = body.text("email", EMAIL_MAX_CHARS)
    password = body.verbatim("password", passwords.MAX_CHARS)
    name = username or email
    if name is None or not password:
        raise BadRequest("Email/Username and password are required")
    return Credentials(name, password)


def proven_user(row: _Row | None, checked_hash: str | None, matches: bool) -> _Row | None:
    """Return the row whose password was proven, or None.

    The password was checked outside the transaction: it proves nothing when the row has another hash by now.
    """
    return row if row is not None and matches and row.password_hash == checked_hash else None


def invalid_credentials() -> Unauthorized:
    """The same for an unknown name and for a wrong password."""
    return Unauthorized("Invalid credentials", "Invalid email/username or password")


def check_may_log_in(row: UserRow) -> None:
    """Raise 401 for an inactive account; said only to those who know its password."""
    if not row.is_active:
        raise Unauthorized("Account is inactive. Contact administrator.")
