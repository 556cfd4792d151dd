"""Statements about users and their tokens."""

from sqlalchemy import Select, literal, select

from shared_models.token import RevokedToken
from shared_models.user import User

__all__ = ["token_facts"]


def token_facts(user_id: str, jti: str) -> Select[User | None, str | None]:
    """Return always one row: the token's user or None, and the jti if the token was revoked, else None."""
    asked = select(literal(user_id).label("user_id"), literal(jti).label("jti")).subquery()
    return (
        select(User, RevokedToken.jti)
        .select_from(asked)
        .outerjoin(User, User.id == asked.c.user_id)
        .outerjoin(RevokedToken, RevokedToken.jti == asked.c.jti)
    )
