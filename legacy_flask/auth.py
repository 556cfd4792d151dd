"""Who asks: Flask-JWT-Extended signs and verifies tokens, the shared rules say which ones count."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jwt
from flask import Flask, g, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from legacy_flask.db import reading
from legacy_flask.http import clock, settings
from shared_models.queries.people import token_facts
from shared_rules import people, tokens
from shared_rules.people import Actor
from shared_rules.policy import OPERATIONS, check_role
from shared_rules.settings import Settings

__all__ = [
    "admit",
    "current_actor",
    "find_actor",
    "init_auth",
    "new_access_token",
    "new_refresh_token",
    "read_token",
    "requires",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def init_auth(app: Flask, settings: Settings) -> None:
    app.config["JWT_SECRET_KEY"] = settings.jwt_secret_key
    app.config["JWT_ALGORITHM"] = tokens.ALGORITHM
    # Else each token has a claim for cookies, which we do not use.
    app.config["JWT_COOKIE_CSRF_PROTECT"] = False
    # The shared rules judge iat, nbf and exp by our clock, which may be moved; the library's must not get in first.
    app.config["JWT_DECODE_LEEWAY"] = timedelta(days=36_500)
    JWTManager(app)


def requires(name: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let only those reach the view whom the policy admits to the operation; they are `current_actor()` there."""
    operation = OPERATIONS[name]

    def decorate(view: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            actor = admit(read_token(tokens.bearer_token(request.headers.get("Authorization")), "access"))
            check_role(operation, actor.role)
            g.actor = actor
            return view(*args, **kwargs)

        return guarded

    return decorate


def current_actor() -> Actor:
    actor: Actor = g.actor
    return actor


def admit(claims: tokens.Claims) -> Actor:
    """Return the actor of checked claims, by the user's row as it is now."""
    with reading() as session:
        return find_actor(session, claims)


def find_actor(session: scoped_session[Session], claims: tokens.Claims) -> Actor:
    """Return the same, in a transaction that is open."""
    row, revoked = session.execute(token_facts(claims.user_id, claims.jti)).one()
    return people.admit(claims, row, revoked is not None)


def read_token(token: str, want: tokens.Kind) -> tokens.Claims:
    """Return the checked claims of a token, or raise 401."""
    try:
        decode_token(token, allow_expired=True)
        # The library fills in claims that are missing; which ones really are there, only the token itself tells.
        payload: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, JWTExtendedException, ValueError, TypeError, RecursionError):
        raise tokens.invalid_token() from None
    return tokens.check_claims(payload, clock().now(), want)


def new_access_token(user: tokens.TokenHolder, now: datetime, *, fresh: bool = False) -> str:
    claims = tokens.new_claims(user, "access", now, settings().jwt_access_token_expires, fresh=fresh)
    token: str = create_access_token(user.id, additional_claims=claims)
    return token


def new_refresh_token(user: tokens.TokenHolder, now: datetime) -> str:
    claims = tokens.new_claims(user, "refresh", now, settings().jwt_refresh_token_expires)
    token: str = create_refresh_token(user.id, additional_claims=claims)
    return token
