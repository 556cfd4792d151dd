"""Statements about users, their tokens and their failed logins."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Delete, Select, Update, case, delete, exists, func, literal, or_, select, update

from shared_models.base import PlainText
from shared_models.token import LoginFailure, RevokedToken
from shared_models.user import User
from shared_rules.policy import Role

__all__ = [
    "email_taken",
    "expired_revocations_removed",
    "failures_forgiven",
    "failures_since",
    "old_failures_removed",
    "other_active_admin",
    "revoked_among",
    "token_facts",
    "user_by_id",
    "user_by_login_name",
    "user_removed",
    "username_taken",
    "users_by_age",
]


def token_facts(user_id: str, jti: str) -> Select[User | None, str | None]:
    """Return always one row: the token's user or None, and the jti if the token was revoked, else None."""
    asked = select(literal(user_id, PlainText()).label("user_id"), literal(jti, PlainText()).label("jti")).subquery()
    return (
        select(User, RevokedToken.jti)
        .select_from(asked)
        .outerjoin(User, User.id == asked.c.user_id)
        .outerjoin(RevokedToken, RevokedToken.jti == asked.c.jti)
    )


def user_by_id(user_id: str) -> Select[User]:
    return select(User).where(User.id == user_id)


def user_by_login_name(name: str) -> Select[User]:
    """Return at most one user, by username or e-mail in any case; nobody can take a username's place by their e-mail."""
    named = func.lower(User.username) == func.lower(name)
    return select(User).where(or_(named, User.email == name.lower())).order_by(case((named, 0), else_=1)).limit(1)


def users_by_age() -> Select[User]:
    return select(User).order_by(User.created_at, User.id)


def username_taken(username: str) -> Select[bool]:
    return select(exists(select(User.id).where(func.lower(User.username) == username.lower())))


def email_taken(email: str, *, but: str | None = None) -> Select[bool]:
    """Whether another user than `but` has the address, given in lower case."""
    other = select(User.id).where(User.email == email)
    return select(exists(other if but is None else other.where(User.id != but)))


def other_active_admin(user_id: str) -> Select[bool]:
    """Whether there is an active admin besides this user."""
    return select(exists(select(User.id).where(User.role == Role.ADMIN, User.is_active, User.id != user_id)))


def user_removed(user_id: str) -> Delete:
    """Remove the user; preferences and notifications go with the row, jobs stay without an owner."""
    return delete(User).where(User.id == user_id)


def revoked_among(jtis: Collection[str]) -> Select[str]:
    return select(RevokedToken.jti).where(RevokedToken.jti.in_(jtis))


def expired_revocations_removed(now: datetime) -> Delete:
    """Remove what need not be remembered: those tokens are refused as expired."""
    return delete(RevokedToken).where(RevokedToken.expires_at <= now)


def failures_since(account: str, address: str, since: datetime) -> Select[LoginFailure]:
    """Return the failed logins after `since` of an account or from an address."""
    return select(LoginFailure).where(
        LoginFailure.failed_at > since, or_(LoginFailure.account == account, LoginFailure.address == address)
    )


def failures_forgiven(account: str) -> Update:
    """Take the failures off an account. They stay those of their addresses."""
    return update(LoginFailure).where(LoginFailure.account == account).values(account="")


def old_failures_removed(until: datetime) -> Delete:
    return delete(LoginFailure).where(LoginFailure.failed_at <= until)
