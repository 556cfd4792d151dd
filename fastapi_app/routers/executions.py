"""Executions: of one job, of all jobs, and their figures."""

from fastapi import APIRouter, Response

from fastapi_app.auth import requires
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import QueryDep, answer
from fastapi_app.docs import documented, query_parameter
from fastapi_app.schemas import executions as schemas
from fastapi_app.schemas.date_range import DATE_REFUSALS, FROM_TO
from shared_models.queries.executions import figures, run_by_id, run_count, runs
from shared_models.queries.jobs import job_by_id
from shared_rules import executions as rules
from shared_rules import jobs

__all__ = ["executions"]

executions = APIRouter(tags=["executions"])

FILTERS = [
    query_parameter("status", "success, failed, running or several of them with commas", example="failed,running"),
    query_parameter("trigger_type", "scheduled or manual", example="manual"),
    *FROM_TO,
]
JOB_ID = query_parameter("job_id", "Of this job only", example="3f0c2b29-c379-44fd-bb7a-7e2a2f3a9d10")
PAGE = [
    query_parameter("page", "From 1", kind="integer", example=1),
    query_parameter("limit", "Executions a page, at most 200, 20 when absent", kind="integer", example=20),
]


@executions.get(
    "/jobs/{job_id}/executions",
    dependencies=[requires("list_job_executions")],
    **documented(
        "list_job_executions",
        summary="List a job's executions, newest first",
        answers=schemas.JobExecutions,
        query=[query_parameter("limit", "At most 200, 50 when absent", kind="integer", example=50), *FILTERS],
        refuses={400: DATE_REFUSALS, 404: ["Job not found"]},
    ),
)
async def list_job_executions(job_id: str, query: QueryDep, database: DatabaseDep) -> Response:
    async with database.reading() as session:
        job = jobs.check_found(await session.scalar(job_by_id(job_id)), job_id)
        wanted = rules.wanted_of_job(job_id, query)
        found = (await session.execute(runs(wanted, rules.job_list_size(query)))).all()
    return answer(rules.execution_list(job, found))


@executions.get(
    "/jobs/{job_id}/executions/stats",
    dependencies=[requires("job_statistics")],
    **documented(
        "job_statistics",
        summary="Count a job's executions",
        answers=schemas.JobStatistics,
        refuses={404: ["Job not found"]},
    ),
)
async def job_statistics(job_id: str, database: DatabaseDep) -> Response:
    wanted = rules.Wanted(job_id=job_id)
    async with database.reading() as session:
        job = jobs.check_found(await session.scalar(job_by_id(job_id)), job_id)
        counted = [rules.Figures(*row) for row in await session.execute(figures(wanted))]
        latest = (await session.execute(runs(wanted, 1))).one_or_none()
    return answer(rules.job_statistics(job, counted, latest))


@executions.get(
    "/jobs/{job_id}/executions/{execution_id}",
    dependencies=[requires("get_job_execution")],
    **documented(
        "get_job_execution",
        summary="Get an execution of a job",
        answers=schemas.JobExecution,
        refuses={404: ["Job not found", "Execution not found"]},
    ),
)
async def get_job_execution(job_id: str, execution_id: str, database: DatabaseDep) -> Response:
    async with database.reading() as session:
        job = jobs.check_found(await session.scalar(job_by_id(job_id)), job_id)
        row = (await session.execute(run_by_id(execution_id, job_id))).one_or_none()
        found = rules.check_found(row, execution_id, job_id)
    return answer({"job": {"id": job.id, "name": job.name}, "execution": rules.execution(*found)})


@executions.get(
    "/executions",
    dependencies=[requires("list_executions")],
    **documented(
        "list_executions",
        summary="List executions of all jobs, newest first",
        answers=schemas.ExecutionPage,
        query=[
            *PAGE,
            JOB_ID,
            query_parameter("execution_type", "github_actions or webhook", example="webhook"),
            *FILTERS,
        ],
        refuses={400: DATE_REFUSALS},
    ),
)
async def list_executions(query: QueryDep, database: DatabaseDep) -> Response:
    wanted, page = rules.wanted_of_all(query), rules.list_page(query)
    async with database.reading() as session:
        total = (await session.execute(run_count(wanted))).scalar_one()
        found = (await session.execute(runs(wanted, page.size, page.offset))).all()
    return answer(rules.execution_page(found, total, page))


@executions.get(
    "/executions/statistics",
    dependencies=[requires("execution_statistics")],
    **documented(
        "execution_statistics",
        summary="Count executions",
        answers=schemas.ExecutionStatistics,
        query=[JOB_ID, *FROM_TO],
        refuses={400: DATE_REFUSALS},
    ),
)
async def execution_statistics(query: QueryDep, database: DatabaseDep) -> Response:
    wanted = rules.wanted_of_statistics(query)
    async with database.reading() as session:
        counted = [rules.Figures(*row) for row in await session.execute(figures(wanted))]
    return answer(rules.statistics(counted, wanted.span))


@executions.get(
    "/executions/{execution_id}",
    dependencies=[requires("get_execution")],
    **documented(
        "get_execution",
        summary="Get an execution",
        answers=schemas.ExecutionAnswer,
        refuses={404: ["Execution not found"]},
    ),
)
async def get_execution(execution_id: str, database: DatabaseDep) -> Response:
    async with database.reading() as session:
        row = (await session.execute(run_by_id(execution_id))).one_or_none()
        found = rules.check_found(row, execution_id)
    return answer({"execution": rules.execution(*found)})
