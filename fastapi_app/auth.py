"""Who asks: the bearer token, checked by the shared rules, and the user's row as it is now."""

from datetime import datetime
from typing import Annotated, Any

import jwt
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.db import Database, DatabaseDep
from fastapi_app.deps import ClockDep, SettingsDep, header
from shared_models.queries.people import token_facts
from shared_rules import people, tokens
from shared_rules.people import Actor
from shared_rules.policy import OPERATIONS, check_role
from shared_rules.settings import Settings

__all__ = ["admit", "bearer_scheme", "find_actor", "new_access_token", "new_refresh_token", "requires"]

# Only documents the scheme: `auto_error` would answer in FastAPI's words.
bearer_scheme = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer")


def requires(name: str) -> Any:
    """Return the dependency that admits by the policy of an operation and yields the actor."""
    operation = OPERATIONS[name]

    async def actor(
        request: Request,
        database: DatabaseDep,
        settings: SettingsDep,
        clock: ClockDep,
        _documented: Annotated[Any, Security(bearer_scheme)],
    ) -> Actor:
        token = tokens.bearer_token(header(request, "authorization"))
        claims = tokens.read_token(token, settings.jwt_secret_key, clock.now(), "access")
        who = await admit(claims, database)
        check_role(operation, who.role)
        return who

    return Depends(actor)


async def admit(claims: tokens.Claims, database: Database) -> Actor:
    """Return the actor of checked claims, by the user's row as it is now."""
    async with database.reading() as session:
        return await find_actor(session, claims)


async def find_actor(session: AsyncSession, claims: tokens.Claims) -> Actor:
    """Return the same, in a transaction that is open."""
    row, revoked = (await session.execute(token_facts(claims.user_id, claims.jti))).one()
    return people.admit(claims, row, revoked is not None)


def new_access_token(user: tokens.TokenHolder, settings: Settings, now: datetime, *, fresh: bool = False) -> str:
    claims = tokens.new_claims(user, "access", now, settings.jwt_access_token_expires, fresh=fresh)
    return jwt.encode(claims, settings.jwt_secret_key, algorithm=tokens.ALGORITHM)


def new_refresh_token(user: tokens.TokenHolder, settings: Settings, now: datetime) -> str:
    claims = tokens.new_claims(user, "refresh", now, settings.jwt_refresh_token_expires)
    return jwt.encode(claims, settings.jwt_secret_key, algorithm=tokens.ALGORITHM)
