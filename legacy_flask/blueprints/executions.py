"""Executions: of one job, of all jobs, and their figures."""

from flask import Blueprint, Response

from legacy_flask.auth import requires
from legacy_flask.db import reading
from legacy_flask.http import answer, query
from shared_models.queries.executions import figures, run_by_id, run_count, runs
from shared_models.queries.jobs import job_by_id
from shared_rules import executions as rules
from shared_rules import jobs

__all__ = ["executions"]

executions = Blueprint("executions", __name__)


@executions.get("/jobs/<job_id>/executions")
@requires("list_job_executions")
def list_job_executions(job_id: str) -> Response:
    with reading() as session:
        job = jobs.check_found(session.scalar(job_by_id(job_id)), job_id)
        wanted = rules.wanted_of_job(job_id, query())
        found = session.execute(runs(wanted, rules.job_list_size(query()))).all()
    return answer(rules.execution_list(job, found))


@executions.get("/jobs/<job_id>/executions/stats")
@requires("job_statistics")
def job_statistics(job_id: str) -> Response:
    wanted = rules.Wanted(job_id=job_id)
    with reading() as session:
        job = jobs.check_found(session.scalar(job_by_id(job_id)), job_id)
        counted = [rules.Figures(*row) for row in session.execute(figures(wanted))]
        latest = session.execute(runs(wanted, 1)).one_or_none()
    return answer(rules.job_statistics(job, counted, latest))


@executions.get("/jobs/<job_id>/executions/<execution_id>")
@requires("get_job_execution")
def get_job_execution(job_id: str, execution_id: str) -> Response:
    with reading() as session:
        job = jobs.check_found(session.scalar(job_by_id(job_id)), job_id)
        row = session.execute(run_by_id(execution_id, job_id)).one_or_none()
        found = rules.check_found(row, execution_id, job_id)
    return answer({"job": {"id": job.id, "name": job.name}, "execution": rules.execution(*found)})


@executions.get("/executions")
@requires("list_executions")
def list_executions() -> Response:
    wanted, page = rules.wanted_of_all(query()), rules.list_page(query())
    with reading() as session:
        total = session.execute(run_count(wanted)).scalar_one()
        found = session.execute(runs(wanted, page.size, page.offset)).all()
    return answer(rules.execution_page(found, total, page))


@executions.get("/executions/statistics")
@requires("execution_statistics")
def execution_statistics() -> Response:
    wanted = rules.wanted_of_statistics(query())
    with reading() as session:
        counted = [rules.Figures(*row) for row in session.execute(figures(wanted))]
    return answer(rules.statistics(counted, wanted.span))


@executions.get("/executions/<execution_id>")
@requires("get_execution")
def get_execution(execution_id: str) -> Response:
    with reading() as session:
        row = session.execute(run_by_id(execution_id)).one_or_none()
        found = rules.check_found(row, execution_id)
    return answer({"execution": rules.execution(*found)})
