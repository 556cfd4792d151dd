"""What users want to be told, and which columns they see."""

from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.auth import requires
from fastapi_app.db import Database, DatabaseDep
from fastapi_app.deps import ClockDep, answer, json_body
from fastapi_app.docs import documented
from fastapi_app.schemas import preferences as schemas
from scheduler.clock import Clock
from shared_models import UserNotificationPreferences, UserUiPreferences, new_id
from shared_models.queries.people import user_by_id
from shared_models.queries.preferences import preferences_of
from shared_rules import people
from shared_rules import preferences as rules
from shared_rules.changes import apply
from shared_rules.people import Actor

__all__ = ["preferences"]

preferences = APIRouter(tags=["preferences"])

Row = TypeVar("Row", UserNotificationPreferences, UserUiPreferences)

MAY_NOT_READ = {403: ["Forbidden: Cannot access other users preferences"], 404: ["User not found"]}
MAY_NOT_UPDATE = {403: ["Forbidden: Cannot update other users preferences"], 404: ["User not found"]}


@preferences.get(
    "/auth/users/{user_id}/preferences",
    **documented(
        "get_preferences",
        summary="Read notification preferences; the first read makes them",
        answers=schemas.PreferencesAnswer,
        refuses=MAY_NOT_READ,
    ),
)
async def get_preferences(
    user_id: str, actor: Annotated[Actor, requires("get_preferences")], database: DatabaseDep, clock: ClockDep
) -> Response:
    rules.check_may_read(actor, user_id)
    row = await _read_or_make(database, UserNotificationPreferences, user_id, clock)
    message = "Notification preferences retrieved successfully"
    return answer({"message": message, "preferences": rules.preferences(row)})


@preferences.put(
    "/auth/users/{user_id}/preferences",
    **documented(
        "update_preferences",
        summary="Update notification preferences; what is not sent stays",
        answers=schemas.PreferencesAnswer,
        body=schemas.PreferencesUpdate,
        refuses=MAY_NOT_UPDATE,
    ),
)
async def update_preferences(
    user_id: str,
    actor: Annotated[Actor, requires("update_preferences")],
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
) -> Response:
    rules.check_may_update(actor, user_id)
    body = await json_body(request)
    async with database.writing() as session:
        now = clock.now()
        people.check_found(await session.scalar(user_by_id(user_id)))
        wanted = rules.wanted_flags(body)
        row = await _found_or_new(session, UserNotificationPreferences, user_id, now)
        apply(row, wanted, now)
        await session.commit()
    message = "Notification preferences updated successfully"
    return answer({"message": message, "preferences": rules.preferences(row)})


@preferences.get(
    "/auth/users/{user_id}/ui-preferences",
    **documented(
        "get_ui_preferences",
        summary="Read which columns the jobs table shows; the first read makes the row",
        answers=schemas.UiPreferencesAnswer,
        refuses=MAY_NOT_READ,
    ),
)
async def get_ui_preferences(
    user_id: str, actor: Annotated[Actor, requires("get_ui_preferences")], database: DatabaseDep, clock: ClockDep
) -> Response:
    rules.check_may_read(actor, user_id)
    row = await _read_or_make(database, UserUiPreferences, user_id, clock)
    return answer({"preferences": rules.ui_preferences(row.jobs_table_columns)})


@preferences.put(
    "/auth/users/{user_id}/ui-preferences",
    **documented(
        "update_ui_preferences",
        summary="Choose the columns of the jobs table; what is not sent goes back to its default",
        answers=schemas.UiPreferencesAnswer,
        body=schemas.UiPreferencesUpdate,
        refuses={400: ["Missing required fields"], **MAY_NOT_UPDATE},
    ),
)
async def update_ui_preferences(
    user_id: str,
    actor: Annotated[Actor, requires("update_ui_preferences")],
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
) -> Response:
    rules.check_may_update(actor, user_id)
    body = await json_body(request)
    async with database.writing() as session:
        now = clock.now()
        people.check_found(await session.scalar(user_by_id(user_id)))
        wanted = {"jobs_table_columns": rules.wanted_columns(body)}
        row = await _found_or_new(session, UserUiPreferences, user_id, now)
        apply(row, wanted, now)
        await session.commit()
    return answer({"preferences": rules.ui_preferences(row.jobs_table_columns)})


async def _read_or_make(database: Database, model: type[Row], user_id: str, clock: Clock) -> Row:
    """Return the user's row, made on first use; only then is anything written."""
    async with database.reading() as session:
        people.check_found(await session.scalar(user_by_id(user_id)))
        row = await session.scalar(preferences_of(model, user_id))
    if row is None:
        async with database.writing() as session:
            people.check_found(await session.scalar(user_by_id(user_id)))
            row = await _found_or_new(session, model, user_id, clock.now())
            await session.commit()
    return row


async def _found_or_new(session: AsyncSession, model: type[Row], user_id: str, now: datetime) -> Row:
    row = await session.scalar(preferences_of(model, user_id))
    if row is None:
        row = model(id=new_id(), user_id=user_id, created_at=now, updated_at=now)
        session.add(row)
        # The flush puts the defaults into the row.
        await session.flush()
    return row
