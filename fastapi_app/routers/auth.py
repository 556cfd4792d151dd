"""Logging in and out, and who a token belongs to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.auth import bearer_scheme, find_actor, new_access_token, new_refresh_token, requires
from fastapi_app.db import Database, DatabaseDep
from fastapi_app.deps import ClientAddressDep, ClockDep, SettingsDep, answer, form_body, header, json_body
from fastapi_app.docs import documented
from fastapi_app.hashing import Hashing, HashingDep
from fastapi_app.schemas import people as schemas
from scheduler.clock import Clock
from shared_models import LoginFailure, RevokedToken, new_id
from shared_models.queries import people as queries
from shared_rules import login as rules
from shared_rules import login_limits, people, tokens
from shared_rules.errors import Unauthorized
from shared_rules.people import Actor
from shared_rules.settings import Settings

__all__ = ["auth"]

auth = APIRouter(tags=["auth"])

LOGIN_REFUSALS = {
    400: ["Email/Username and password are required"],
    401: ["Invalid credentials", "Account is inactive. Contact administrator."],
    429: ["Too many attempts"],
}


@dataclass(frozen=True)
class Door:
    """What a login works with."""

    database: Database
    hashing: Hashing
    settings: Settings
    clock: Clock
    address: str


def _door(
    database: DatabaseDep, hashing: HashingDep, settings: SettingsDep, clock: ClockDep, address: ClientAddressDep
) -> Door:
    return Door(database, hashing, settings, clock, address)


DoorDep = Annotated[Door, Depends(_door)]


@auth.post(
    "/auth/login",
    **documented(
        "login",
        summary="Log in with username or e-mail",
        answers=schemas.LoginAnswer,
        body=schemas.Login,
        refuses=LOGIN_REFUSALS,
    ),
)
async def log_in(request: Request, door: DoorDep) -> Response:
    return await _log_in(rules.credentials(await json_body(request)), door)


@auth.post(
    "/auth/login/form",
    **documented(
        "login_form",
        summary="Log in by an OAuth2 password form",
        answers=schemas.LoginAnswer,
        body=schemas.LoginForm,
        media_type="application/x-www-form-urlencoded",
        refuses=LOGIN_REFUSALS,
    ),
)
async def log_in_by_form(request: Request, door: DoorDep) -> Response:
    return await _log_in(rules.credentials(await form_body(request)), door)


async def _log_in(typed: rules.Credentials, door: Door) -> Response:
    async with door.database.reading() as session:
        seen = await session.scalar(queries.user_by_login_name(typed.name))
        attempt = login_limits.attempt(seen.id if seen else None, typed.name, door.address)
        await _check_limits(session, attempt, door)
    password_hash = seen.password_hash if seen else None
    matches = await door.hashing.verify(typed.password, password_hash)
    async with door.database.writing() as session:
        now = door.clock.now()
        await _check_limits(session, attempt, door)
        row = await session.scalar(queries.user_by_id(seen.id)) if seen else None
        user = rules.proven_user(row, password_hash, matches)
        if user is None:
            await _count_failure(session, attempt, now, door)
            await session.commit()
            raise rules.invalid_credentials()
        rules.check_may_log_in(user)
        await session.execute(queries.failures_forgiven(attempt.account))
        await session.commit()
    access = new_access_token(user, door.settings, now, fresh=True)
    refresh = new_refresh_token(user, door.settings, now)
    pair = tokens.pair(access, refresh, door.settings.jwt_access_token_expires)
    return answer({"message": "Login successful", **pair, "user": people.user(user)})


async def _check_limits(session: AsyncSession, attempt: login_limits.Attempt, door: Door) -> None:
    if door.settings.login_limits:
        now = door.clock.now()
        since = login_limits.window_start(now)
        failures = (await session.scalars(queries.failures_since(attempt.account, attempt.address, since))).all()
        login_limits.check(attempt, failures, now)


async def _count_failure(session: AsyncSession, attempt: login_limits.Attempt, now: datetime, door: Door) -> None:
    if door.settings.login_limits:
        await session.execute(queries.old_failures_removed(login_limits.window_start(now)))
        session.add(LoginFailure(id=new_id(), account=attempt.account, address=attempt.address, failed_at=now))


@auth.post(
    "/auth/refresh",
    dependencies=[Security(bearer_scheme)],
    **documented(
        "refresh",
        summary="Get a new access token for a refresh token, in the header or in the body",
        answers=schemas.TokenPair,
        body=schemas.RefreshToken,
        body_optional=True,
    ),
)
async def refresh(request: Request, database: DatabaseDep, settings: SettingsDep, clock: ClockDep) -> Response:
    """Answer with a new access token. A header's refresh token goes before the body's, and is checked before the body."""
    in_header = tokens.sent_bearer_token(header(request, "authorization"))
    access = await _renew(in_header, database, settings, clock) if in_header else None
    in_body = tokens.refresh_token_in(await json_body(request, optional=True))
    token = in_header or in_body
    if token is None:
        raise tokens.missing_token()
    access = access or await _renew(token, database, settings, clock)
    return answer(tokens.pair(access, token, settings.jwt_access_token_expires))


async def _renew(refresh_token: str, database: Database, settings: Settings, clock: Clock) -> str:
    """Return a new access token. A password change on its way is waited for, hence the writing transaction."""
    claims = tokens.read_token(refresh_token, settings.jwt_secret_key, clock.now(), "refresh")
    async with database.writing() as session:
        now = clock.now()
        holder = await find_actor(session, claims)
    return new_access_token(holder, settings, now)


@auth.post(
    "/auth/logout",
    **documented(
        "logout",
        summary="End this access token, and the refresh token sent",
        answers=schemas.Message,
        body=schemas.RefreshToken,
        body_optional=True,
    ),
)
async def log_out(
    request: Request,
    actor: Annotated[Actor, requires("logout")],
    database: DatabaseDep,
    settings: SettingsDep,
    clock: ClockDep,
) -> Response:
    sent = tokens.refresh_token_in(await json_body(request, optional=True))
    ended = tokens.to_revoke(actor.token, _claims_of(sent, settings, clock) if sent else None)
    async with database.writing() as session:
        now = clock.now()
        await session.execute(queries.expired_revocations_removed(now))
        known = (await session.scalars(queries.revoked_among([claims.jti for claims in ended]))).all()
        session.add_all(RevokedToken(**columns) for columns in tokens.revocations(ended, known, now))
        await session.commit()
    return answer({"message": "Logout successful"})


def _claims_of(refresh_token: str, settings: Settings, clock: Clock) -> tokens.Claims | None:
    """Return None for a token that is no good: it needs no logout, and must not stop one."""
    try:
        return tokens.read_token(refresh_token, settings.jwt_secret_key, clock.now(), "refresh")
    except Unauthorized:
        return None


@auth.get("/auth/verify", **documented("verify", summary="Tell whether the token is good", answers=schemas.Verified))
async def verify(actor: Annotated[Actor, requires("verify")]) -> Response:
    return answer(people.verified(actor))


@auth.get("/auth/me", **documented("me", summary="Show who is asking", answers=schemas.Me))
async def me(actor: Annotated[Actor, requires("me")]) -> Response:
    return answer(people.me(actor))
