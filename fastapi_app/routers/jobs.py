"""Jobs: list, create, read, change, delete; and the two questions of the cron editor."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.auth import requires
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import ClockDep, QueryDep, ServicesDep, SettingsDep, answer, json_body
from fastapi_app.docs import documented, query_parameter
from fastapi_app.notices import tell_everybody
from fastapi_app.schemas import jobs as schemas
from scheduler.messages import send_mail
from scheduler.services import Services
from shared_models import Job, JobCategory, JobSchedule, PicTeam, new_id
from shared_models.queries.jobs import choices, job_by_id, job_rows, job_sketches, last_run_of, name_taken
from shared_models.queries.notices import address_for_disabled_jobs
from shared_rules import cron_tools
from shared_rules import job_list as listing
from shared_rules import jobs as rules
from shared_rules.job_fields import Terms
from shared_rules.people import Actor

__all__ = ["jobs"]

jobs = APIRouter(tags=["jobs"])

LIST_QUERY = [
    query_parameter("page", "From 1; with it or per_page the answer is a page", kind="integer", example=1),
    query_parameter("per_page", "Jobs a page, at most 200", kind="integer", example=20),
    query_parameter("search", "Part of the name, in any case", example="deploy"),
    query_parameter("category", "Slug", example="general"),
    query_parameter("pic_team", "Slug", example="core"),
    query_parameter("is_active", "true or false", kind="boolean", example=True),
    query_parameter(
        "sort", "name, created_at, next_execution_at or end_date; - in front descends", example="-created_at"
    ),
]
JOB_REFUSALS = [
    "Invalid cron expression",
    "Invalid metadata",
    "Invalid end_date",
    "Missing target configuration",
    "Invalid target_url",
    "Invalid GitHub configuration",
    "Invalid github_workflow_name",
    "Invalid notification_emails",
    "Duplicate job name",
    "Invalid category",
    "Invalid PIC team",
]
CREATE_REFUSALS = ["Missing required fields", "Job name cannot be empty", *JOB_REFUSALS]
UPDATE_REFUSALS = ["Job name cannot be empty", *JOB_REFUSALS, "Job expired"]


@jobs.get(
    "/jobs",
    dependencies=[requires("list_jobs")],
    **documented(
        "list_jobs",
        summary="List jobs, newest created first",
        answers=schemas.JobList,
        query=LIST_QUERY,
        refuses={400: ["Invalid payload"]},
    ),
)
async def list_jobs(query: QueryDep, database: DatabaseDep, settings: SettingsDep, clock: ClockDep) -> Response:
    wanted, zone, now = listing.read_wanted(query), settings.zone, clock.now()
    async with database.reading() as session:
        if wanted.page is None:
            rows = cast(Sequence[listing.ListedJob], (await session.execute(job_rows())).all())
            chosen = listing.choose(rows, wanted, zone, now)
        else:
            sketches = cast(Sequence[listing.JobSketch], (await session.execute(job_sketches())).all())
            page = listing.choose(sketches, wanted, zone, now)
            found = await session.execute(job_rows([row.id for row in page.rows]))
            chosen = listing.in_order(page, cast(Sequence[listing.ListedJob], found.all()))
    return answer(listing.job_list(chosen, wanted.page, zone, now))


@jobs.post(
    "/jobs",
    **documented(
        "create_job",
        summary="Create a job and schedule it",
        answers=schemas.JobAnswer,
        status=201,
        body=schemas.JobCreate,
        refuses={400: CREATE_REFUSALS},
    ),
)
async def create_job(
    actor: Annotated[Actor, requires("create_job")], request: Request, database: DatabaseDep, services: ServicesDep
) -> Response:
    zone, clock = services.settings.zone, services.clock
    wanted = rules.wanted_for_create(await json_body(request), _terms(services))
    async with database.writing() as session:
        columns = rules.decide_create(wanted, await _facts(session, wanted))
        now = clock.now()
        job = Job(id=new_id(), created_by=actor.id, created_at=now, updated_at=now, **columns)
        session.add(job)
        # The other rows refer to it.
        await session.flush()
        session.add(JobSchedule(job_id=job.id, next_run_at=rules.next_run(job, zone, now)))
        await tell_everybody(session, rules.notice_of_creation(job, actor), now)
        await session.commit()
    return answer({"message": "Job created successfully", "job": rules.job(job, None, zone, now)}, 201)


@jobs.post(
    "/jobs/validate-cron",
    dependencies=[requires("validate_cron")],
    **documented(
        "validate_cron",
        summary="Tell whether a cron expression is valid, and what it says",
        answers=schemas.CronValidated,
        body=schemas.CronQuestion,
    ),
)
async def validate_cron(request: Request) -> Response:
    return answer(cron_tools.validate(await json_body(request)))


@jobs.post(
    "/jobs/cron-preview",
    dependencies=[requires("preview_cron")],
    **documented(
        "preview_cron",
        summary="Show when a cron expression fires next",
        answers=schemas.CronPreviewed,
        body=schemas.CronPreview,
        refuses={400: ["Invalid cron expression"]},
    ),
)
async def preview_cron(request: Request, settings: SettingsDep, clock: ClockDep) -> Response:
    return answer(cron_tools.preview(await json_body(request), settings.zone, clock.now()))


@jobs.get(
    "/jobs/{job_id}",
    dependencies=[requires("get_job")],
    **documented("get_job", summary="Show a job", answers=schemas.OneJob, refuses={404: ["Job not found"]}),
)
async def get_job(job_id: str, database: DatabaseDep, settings: SettingsDep, clock: ClockDep) -> Response:
    async with database.reading() as session:
        job = rules.check_found(await session.scalar(job_by_id(job_id)), job_id)
        last_run = await session.scalar(last_run_of(job_id))
    return answer({"job": rules.job(job, last_run, settings.zone, clock.now())})


@jobs.put(
    "/jobs/{job_id}",
    **documented(
        "update_job",
        summary="Change a job, switch it on or off",
        answers=schemas.JobAnswer,
        body=schemas.JobUpdate,
        refuses={400: UPDATE_REFUSALS, 403: ["Insufficient permissions"], 404: ["Job not found"]},
    ),
)
async def update_job(
    actor: Annotated[Actor, requires("update_job")],
    job_id: str,
    request: Request,
    database: DatabaseDep,
    services: ServicesDep,
) -> Response:
    body, zone, terms = await json_body(request), services.settings.zone, _terms(services)
    async with database.writing() as session:
        job = rules.check_found(await session.scalar(job_by_id(job_id)), job_id)
        rules.check_may(actor, job, "update")
        wanted = rules.wanted_for_update(body, terms)
        change = rules.decide_update(job, wanted, await _facts(session, wanted, but=job_id), terms)
        now = services.clock.now()
        rules.apply(job, change, now)
        if change.reschedules:
            schedule = await session.get(JobSchedule, job_id) or JobSchedule(job_id=job_id, schedule_rev=0)
            rules.reschedule(schedule, job, zone, now)
            session.add(schedule)
        if change:
            await tell_everybody(session, rules.notice_of_change(job, change, actor), now)
        last_run = await session.scalar(last_run_of(job_id))
        owner = await session.scalar(address_for_disabled_jobs(job.created_by)) if change.disables else None
        await session.commit()
    if owner is not None:
        send_mail(services, rules.mail_when_disabled(job, owner, actor))
    return answer({"message": "Job updated successfully", "job": rules.job(job, last_run, zone, now)})


@jobs.delete(
    "/jobs/{job_id}",
    **documented(
        "delete_job",
        summary="Delete a job and its executions",
        answers=schemas.JobDeleted,
        refuses={403: ["Insufficient permissions"], 404: ["Job not found"]},
    ),
)
async def delete_job(
    actor: Annotated[Actor, requires("delete_job")], job_id: str, database: DatabaseDep, clock: ClockDep
) -> Response:
    async with database.writing() as session:
        job = rules.check_found(await session.scalar(job_by_id(job_id)), job_id)
        rules.check_may(actor, job, "delete")
        await session.delete(job)
        await tell_everybody(session, rules.notice_of_deletion(job, actor), clock.now())
        await session.commit()
    return answer({"message": "Job deleted successfully", "deleted_job": {"id": job.id, "name": job.name}})


def _terms(services: Services) -> Terms:
    return Terms.at(services.clock.now(), services.settings, services.targets)


async def _facts(session: AsyncSession, wanted: Mapping[str, Any], *, but: str | None = None) -> rules.Facts:
    taken = "name" in wanted and bool(await session.scalar(name_taken(wanted["name"], but=but)))
    categories = (await session.execute(choices(JobCategory))).all()
    return rules.Facts(taken, categories, (await session.execute(choices(PicTeam))).all())
