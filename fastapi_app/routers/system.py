"""Health of the whole system, and its scheduler."""

from collections.abc import Sequence
from typing import cast

from anyio import to_thread
from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.auth import requires
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import ClockDep, ServicesDep, SettingsDep, answer
from fastapi_app.docs import documented
from fastapi_app.readers import readers_of_pause
from fastapi_app.schemas import system as schemas
from scheduler.messages import send_after_pause
from scheduler.services import VERSION
from shared_models.engine import is_unavailable
from shared_models.queries import scheduler as queries
from shared_rules import health as rules
from shared_rules.maintenance import TimetableRow, decide_resync

__all__ = ["system"]

system = APIRouter(tags=["system"])


@system.get(
    "/health",
    **documented(
        "health",
        summary="Say how the whole system feels, from the database",
        answers=schemas.Healthy,
        also_answers={503: schemas.Unhealthy},
    ),
)
async def health(database: DatabaseDep, clock: ClockDep) -> Response:
    try:
        async with database.reading() as session:
            facts = await _facts(session)
    except SQLAlchemyError as error:
        if is_unavailable(error):
            raise rules.Unhealthy(VERSION, clock.now()) from error
        raise
    return answer(rules.health(facts, VERSION, clock.now()))


@system.get(
    "/health/live",
    **documented("health_live", summary="Say that this process answers", answers=schemas.Alive),
)
async def health_live() -> Response:
    return answer({"status": "alive"})


@system.get(
    "/scheduler/status",
    dependencies=[requires("scheduler_status")],
    **documented(
        "scheduler_status", summary="Say who runs the scheduler and what is next", answers=schemas.SchedulerStatus
    ),
)
async def scheduler_status(database: DatabaseDep, settings: SettingsDep) -> Response:
    async with database.reading() as session:
        facts = await _facts(session)
        handover = await session.scalar(queries.newest_handover())
    return answer(rules.scheduler_status(facts, handover, settings.zone))


@system.post(
    "/scheduler/resync",
    dependencies=[requires("scheduler_resync")],
    **documented(
        "scheduler_resync", summary="Work out every next run afresh; pause what is over", answers=schemas.Resynced
    ),
)
async def resync_scheduler(database: DatabaseDep, services: ServicesDep) -> Response:
    async with database.writing() as session:
        now, zone = services.clock.now(), services.settings.zone
        rows = cast(Sequence[TimetableRow], (await session.execute(queries.job_timetable())).all())
        # A few hundred milliseconds with very many jobs, which other requests need not wait for.
        plan = await to_thread.run_sync(decide_resync, rows, zone, now)
        admins = (await session.scalars(queries.active_admin_ids())).all()
        for statement, values in queries.resync_writes(plan, admins, now):
            await session.execute(statement, values)
        readers = [await readers_of_pause(session, job) for job in plan.paused]
        await session.commit()
    for job, who in zip(plan.paused, readers, strict=True):
        send_after_pause(services, job, who)
    return answer(plan.answer)


async def _facts(session: AsyncSession) -> rules.SchedulerFacts:
    lease, beat_age_s = (await session.execute(queries.lease())).one_or_none() or (None, None)
    count, next_due_at = (await session.execute(queries.scheduled_jobs())).one()
    return rules.SchedulerFacts(lease, beat_age_s, count, next_due_at)
