"""Running a job by hand, and trying a target without a job."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.auth import requires
from fastapi_app.calling import CallingDep
from fastapi_app.db import Database, DatabaseDep
from fastapi_app.deps import ServicesDep, SettingsDep, answer, json_body
from fastapi_app.docs import documented
from fastapi_app.notices import tell_everybody
from fastapi_app.readers import readers_of_pause, readers_of_run
from fastapi_app.schemas import runs as schemas
from scheduler.messages import send_after_pause, send_after_run
from scheduler.services import Services
from shared_models import Job, JobExecution, JobSchedule, Notification, new_id
from shared_models.queries.jobs import job_by_id
from shared_models.queries.runs import run_by_id
from shared_models.queries.scheduler import active_admin_ids
from shared_rules import execution as calls
from shared_rules import executions, maintenance, runs
from shared_rules import jobs as job_rules
from shared_rules.notices import notice_rows
from shared_rules.people import Actor

__all__ = ["running"]

running = APIRouter(tags=["runs"])

TARGET_REFUSALS = [
    "Missing target configuration",
    "Invalid target_url",
    "Invalid GitHub configuration",
    "Invalid github_workflow_name",
]


@running.post(
    "/jobs/test-run",
    dependencies=[requires("test_run")],
    **documented(
        "test_run",
        summary="Call a target once; nothing is stored",
        answers=schemas.TestRunAnswer,
        body=schemas.TestRun,
        refuses={400: ["Invalid metadata", *TARGET_REFUSALS]},
    ),
)
async def test_run(request: Request, services: ServicesDep, settings: SettingsDep, calling: CallingDep) -> Response:
    call = calls.read_test_run(await json_body(request), services.targets, settings.default_github_owner)
    return answer(await calling.run(partial(services.runner.test_run, call, run_id=new_id())))


@running.post(
    "/jobs/{job_id}/execute",
    **documented(
        "execute_job",
        summary="Run a job now and wait for its target, 10 seconds at most",
        answers=schemas.ExecuteAnswer,
        body=schemas.Execute,
        body_optional=True,
        refuses={400: ["Job expired", *TARGET_REFUSALS], 404: ["Job not found"]},
    ),
)
async def execute_job(
    job_id: str,
    actor: Annotated[Actor, requires("execute_job")],
    request: Request,
    database: DatabaseDep,
    services: ServicesDep,
    calling: CallingDep,
) -> Response:
    body = await json_body(request, optional=True)
    async with database.writing() as session:
        job = job_rules.check_found(await session.scalar(job_by_id(job_id)), job_id)
        job_rules.check_may(actor, job, "execute")
        await _pause_if_over(session, job, services)
        overrides = calls.read_overrides(job, body, services.targets)
        call = calls.choose_call(job, overrides, timeout_s=services.settings.scheduler_run_timeout_s)
        run = JobExecution(**runs.columns_of_start(new_id(), job, call, "manual", services.clock.now()))
        session.add(run)
        await session.commit()
    send = partial(
        services.runner.run,
        call,
        idempotency_key=run.id,
        execution_id=run.id,
        job_name=job.name,
        github_token_override=overrides.github_token,
    )
    outcome = await calling.run(send)
    execution = executions.execution(await _end(database, services, job, run, outcome), job.name, job.github_repo)
    return answer({"message": "Job triggered successfully", "job_id": job.id, "execution": execution})


async def _pause_if_over(session: AsyncSession, job: Job, services: Services) -> None:
    """Pause a job past its end date, for good, and refuse to run it."""
    now, zone = services.clock.now(), services.settings.zone
    today = now.astimezone(zone).date()
    if maintenance.is_over(job, today):
        job.is_active, job.updated_at = False, now
        schedule = await session.get(JobSchedule, job.id)
        if schedule is not None:
            job_rules.reschedule(schedule, job, zone, now)
        told = maintenance.audience(job, await session.scalars(active_admin_ids()))
        notices = notice_rows(maintenance.notice_of_pause(job), told, now)
        session.add_all(Notification(**columns) for columns in notices)
        readers = await readers_of_pause(session, job)
        await session.commit()
        send_after_pause(services, job, readers)
    runs.check_not_over(job, today)


async def _end(
    database: Database, services: Services, job: Job, run: JobExecution, outcome: calls.Outcome
) -> JobExecution:
    """Write how the run ended and tell everybody; return the run as it is then, also when its job went meanwhile."""
    now = services.clock.now()
    async with database.writing() as session:
        stored = await session.scalar(run_by_id(run.id))
        ended = run if stored is None else stored
        for column, value in runs.columns_of_end(outcome, run.started_at, now).items():
            setattr(ended, column, value)
        if stored is not None:
            await tell_everybody(session, runs.notice_of_end(job.id, job.name, run.id, outcome), now)
        readers = await readers_of_run(session, job)
        await session.commit()
    send_after_run(services, job, outcome, readers)
    return ended
