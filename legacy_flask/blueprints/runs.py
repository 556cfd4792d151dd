"""Running a job by hand, and trying a target without a job."""

from flask import Blueprint, Response
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from legacy_flask.auth import current_actor, requires
from legacy_flask.db import writing
from legacy_flask.http import answer, clock, json_body, services, settings
from legacy_flask.notices import tell_everybody
from legacy_flask.readers import readers_of_pause, readers_of_run
from scheduler.messages import send_after_pause, send_after_run
from shared_models import Job, JobExecution, JobSchedule, Notification, new_id
from shared_models.queries.jobs import job_by_id
from shared_models.queries.runs import run_by_id
from shared_models.queries.scheduler import active_admin_ids
from shared_rules import execution as calls
from shared_rules import executions, maintenance, runs
from shared_rules import jobs as job_rules
from shared_rules.notices import notice_rows

__all__ = ["running"]

running = Blueprint("runs", __name__)


@running.post("/jobs/<job_id>/execute")
@requires("execute_job")
def execute_job(job_id: str) -> Response:
    body = json_body(optional=True)
    with writing() as session:
        job = job_rules.check_found(session.scalar(job_by_id(job_id)), job_id)
        job_rules.check_may(current_actor(), job, "execute")
        _pause_if_over(session, job)
        overrides = calls.read_overrides(job, body, services().targets)
        call = calls.choose_call(job, overrides, timeout_s=settings().scheduler_run_timeout_s)
        run = JobExecution(**runs.columns_of_start(new_id(), job, call, "manual", clock().now()))
        session.add(run)
        session.commit()
    outcome = services().runner.run(
        call,
        idempotency_key=run.id,
        execution_id=run.id,
        job_name=job.name,
        github_token_override=overrides.github_token,
    )
    execution = executions.execution(_end(job, run, outcome), job.name, job.github_repo)
    return answer({"message": "Job triggered successfully", "job_id": job.id, "execution": execution})


@running.post("/jobs/test-run")
@requires("test_run")
def test_run() -> Response:
    call = calls.read_test_run(json_body(), services().targets, settings().default_github_owner)
    return answer(services().runner.test_run(call, run_id=new_id()))


def _pause_if_over(session: scoped_session[Session], job: Job) -> None:
    """Pause a job past its end date, for good, and refuse to run it."""
    now = clock().now()
    today = now.astimezone(settings().zone).date()
    if maintenance.is_over(job, today):
        job.is_active, job.updated_at = False, now
        schedule = session.get(JobSchedule, job.id)
        if schedule is not None:
            job_rules.reschedule(schedule, job, settings().zone, now)
        told = maintenance.audience(job, session.scalars(active_admin_ids()))
        notices = notice_rows(maintenance.notice_of_pause(job), told, now)
        session.add_all(Notification(**columns) for columns in notices)
        readers = readers_of_pause(session, job)
        session.commit()
        send_after_pause(services(), job, readers)
    runs.check_not_over(job, today)


def _end(job: Job, run: JobExecution, outcome: calls.Outcome) -> JobExecution:
    """Write how the run ended and tell everybody; return the run as it is then, also when its job went meanwhile."""
    now = clock().now()
    with writing() as session:
        stored = session.scalar(run_by_id(run.id))
        ended = run if stored is None else stored
        for column, value in runs.columns_of_end(outcome, run.started_at, now).items():
            setattr(ended, column, value)
        if stored is not None:
            tell_everybody(session, runs.notice_of_end(job.id, job.name, run.id, outcome), now)
        readers = readers_of_run(session, job)
        session.commit()
    send_after_run(services(), job, outcome, readers)
    return ended
