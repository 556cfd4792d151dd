"""Slack settings: one row for the whole system, for admins."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.auth import requires
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import ClockDep, SettingsDep, answer, json_body
from fastapi_app.docs import documented
from fastapi_app.schemas import slack as schemas
from shared_models import SlackSettings, new_id
from shared_models.queries.slack import slack_settings
from shared_rules import slack as rules
from shared_rules.changes import apply

__all__ = ["settings"]

settings = APIRouter(tags=["settings"])


@settings.get(
    "/settings/slack",
    dependencies=[requires("get_slack_settings")],
    **documented(
        "get_slack_settings",
        summary="Read the Slack settings; the first read makes them",
        answers=schemas.SlackAnswer,
    ),
)
async def get_slack_settings(database: DatabaseDep, clock: ClockDep) -> Response:
    async with database.reading() as session:
        row = await session.scalar(slack_settings())
    if row is None:
        async with database.writing() as session:
            row = await session.scalar(slack_settings()) or await _new(session, clock.now())
            await session.commit()
    return answer({"slack_settings": rules.slack_settings(row)})


@settings.put(
    "/settings/slack",
    dependencies=[requires("update_slack_settings")],
    **documented(
        "update_slack_settings",
        summary="Update the Slack settings; what is not sent stays",
        answers=schemas.SlackUpdated,
        body=schemas.SlackUpdate,
        refuses={400: ["Invalid settings"]},
    ),
)
async def update_slack_settings(
    request: Request, database: DatabaseDep, clock: ClockDep, settings: SettingsDep
) -> Response:
    body = await json_body(request)
    async with database.writing() as session:
        now = clock.now()
        row = await session.scalar(slack_settings())
        wanted = rules.wanted_for_update(row, body, production=settings.production)
        row = row or await _new(session, now)
        apply(row, wanted, now)
        await session.commit()
    return answer({"message": "Slack settings updated", "slack_settings": rules.slack_settings(row)})


async def _new(session: AsyncSession, now: datetime) -> SlackSettings:
    """Return the row, made on first use, with its defaults."""
    row = SlackSettings(id=new_id(), created_at=now, updated_at=now)
    session.add(row)
    await session.flush()
    return row
