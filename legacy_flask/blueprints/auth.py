"""Logging in and out, and who a token belongs to."""

from datetime import datetime

from flask import Blueprint, Response, request
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from legacy_flask.auth import current_actor, find_actor, new_access_token, new_refresh_token, read_token, requires
from legacy_flask.db import reading, writing
from legacy_flask.http import address_of_client, answer, clock, form_body, json_body, settings
from shared_models import LoginFailure, RevokedToken, new_id
from shared_models.queries import people as queries
from shared_rules import login as rules
from shared_rules import login_limits, passwords, people, tokens
from shared_rules.errors import Unauthorized

__all__ = ["auth"]

auth = Blueprint("auth", __name__)


@auth.post("/auth/login")
def log_in() -> Response:
    return _log_in(rules.credentials(json_body()))


@auth.post("/auth/login/form")
def log_in_by_form() -> Response:
    return _log_in(rules.credentials(form_body()))


def _log_in(typed: rules.Credentials) -> Response:
    with reading() as session:
        seen = session.scalar(queries.user_by_login_name(typed.name))
        attempt = login_limits.attempt(seen.id if seen else None, typed.name, address_of_client())
        _check_limits(session, attempt)
    password_hash = seen.password_hash if seen else None
    matches = passwords.verify(typed.password, password_hash)
    with writing() as session:
        now = clock().now()
        _check_limits(session, attempt)
        row = session.scalar(queries.user_by_id(seen.id)) if seen else None
        user = rules.proven_user(row, password_hash, matches)
        if user is None:
            _count_failure(session, attempt, now)
            session.commit()
            raise rules.invalid_credentials()
        rules.check_may_log_in(user)
        session.execute(queries.failures_forgiven(attempt.account))
        session.commit()
    access, refresh = new_access_token(user, now, fresh=True), new_refresh_token(user, now)
    pair = tokens.pair(access, refresh, settings().jwt_access_token_expires)
    return answer({"message": "Login successful", **pair, "user": people.user(user)})


def _check_limits(session: scoped_session[Session], attempt: login_limits.Attempt) -> None:
    if settings().login_limits:
        now = clock().now()
        since = login_limits.window_start(now)
        failures = session.scalars(queries.failures_since(attempt.account, attempt.address, since)).all()
        login_limits.check(attempt, failures, now)


def _count_failure(session: scoped_session[Session], attempt: login_limits.Attempt, now: datetime) -> None:
    if settings().login_limits:
        session.execute(queries.old_failures_removed(login_limits.window_start(now)))
        session.add(LoginFailure(id=new_id(), account=attempt.account, address=attempt.address, failed_at=now))


@auth.post("/auth/refresh")
def refresh() -> Response:
    """Answer with a new access token. A header's refresh token goes before the body's, and is checked before the body."""
    in_header = tokens.sent_bearer_token(request.headers.get("Authorization"))
    access = _renew(in_header) if in_header else None
    in_body = tokens.refresh_token_in(json_body(optional=True))
    token = in_header or in_body
    if token is None:
        raise tokens.missing_token()
    return answer(tokens.pair(access or _renew(token), token, settings().jwt_access_token_expires))


def _renew(refresh_token: str) -> str:
    """Return a new access token. A password change on its way is waited for, hence the writing transaction."""
    claims = read_token(refresh_token, "refresh")
    with writing() as session:
        now = clock().now()
        holder = find_actor(session, claims)
    return new_access_token(holder, now)


@auth.post("/auth/logout")
@requires("logout")
def log_out() -> Response:
    sent = tokens.refresh_token_in(json_body(optional=True))
    ended = tokens.to_revoke(current_actor().token, _claims_of(sent) if sent else None)
    with writing() as session:
        now = clock().now()
        session.execute(queries.expired_revocations_removed(now))
        known = session.scalars(queries.revoked_among([claims.jti for claims in ended])).all()
        session.add_all(RevokedToken(**columns) for columns in tokens.revocations(ended, known, now))
        session.commit()
    return answer({"message": "Logout successful"})


def _claims_of(refresh_token: str) -> tokens.Claims | None:
    """Return None for a token that is no good: it needs no logout, and must not stop one."""
    try:
        return read_token(refresh_token, "refresh")
    except Unauthorized:
        return None


@auth.get("/auth/verify")
@requires("verify")
def verify() -> Response:
    return answer(people.verified(current_actor()))


@auth.get("/auth/me")
@requires("me")
def me() -> Response:
    return answer(people.me(current_actor()))
