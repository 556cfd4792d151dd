"""Bulk upload: jobs from a CSV file."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from fastapi_app.auth import requires
from fastapi_app.csv_thread import CsvThreadDep
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import ServicesDep, answer, read_body
from fastapi_app.docs import documented
from fastapi_app.schemas import bulk as schemas
from shared_models import Job, JobCategory, JobSchedule, Notification, PicTeam
from shared_models.queries.bulk import names_among, rows_added
from shared_models.queries.jobs import choices
from shared_rules import csv_import as rules
from shared_rules.job_fields import Terms
from shared_rules.people import Actor

__all__ = ["bulk"]

bulk = APIRouter(tags=["jobs"])


@bulk.post(
    "/jobs/bulk-upload",
    **documented(
        "bulk_upload",
        summary="Create jobs from a CSV file, row by row; what is wrong with a row is in the answer",
        answers=schemas.BulkUploaded,
        body=schemas.BulkForm,
        media_type="multipart/form-data",
        refuses={400: ["Missing file", "Invalid CSV"]},
    ),
)
async def bulk_upload(
    actor: Annotated[Actor, requires("bulk_upload")],
    request: Request,
    database: DatabaseDep,
    services: ServicesDep,
    thread: CsvThreadDep,
) -> Response:
    body, zone, now = await read_body(request), services.settings.zone, services.clock.now()
    upload = await thread.run(rules.read_upload, request.headers.get("content-type"), body)
    terms = Terms.at(now, services.settings, services.targets)
    async with database.reading() as session:
        facts = await _facts(session, upload)
    plan = await thread.run(rules.decide, upload, facts, terms)
    if upload.dry_run:
        return answer(rules.validated(upload, plan))
    rows = await thread.run(rules.new_rows, plan, actor, zone, now)
    async with database.writing() as session:
        # Rows are judged before everybody else has to wait, and once more only if somebody was faster.
        if (newer := await _facts(session, upload)) != facts:
            # Not in the CSV thread: who writes must not wait for somebody else's file.
            plan = await to_thread.run_sync(rules.decide, upload, newer, terms)
            rows = await to_thread.run_sync(rules.new_rows, plan, actor, zone, now)
        for jobs, schedules in rows.batches():
            await session.execute(rows_added(Job), jobs)
            await session.execute(rows_added(JobSchedule), schedules)
        if rows.notifications:
            await session.execute(rows_added(Notification), rows.notifications)
        await session.commit()
    return answer(rules.processed(upload, plan, rows))


async def _facts(session: AsyncSession, upload: rules.Upload) -> rules.Facts:
    taken = upload.names & set(await session.scalars(names_among(upload.names)))
    categories = frozenset(await session.execute(choices(JobCategory)))
    return rules.Facts(taken, categories, frozenset(await session.execute(choices(PicTeam))))
