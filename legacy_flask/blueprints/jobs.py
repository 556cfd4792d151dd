"""Jobs: list, create, read, change, delete; and the two questions of the cron editor."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flask import Blueprint, Response
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from legacy_flask.auth import current_actor, requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, json_body, query, services, settings
from legacy_flask.notices import tell_everybody
from scheduler.messages import send_mail
from shared_models import Job, JobCategory, JobSchedule, PicTeam, new_id
from shared_models.queries.jobs import choices, job_by_id, job_rows, job_sketches, last_run_of, name_taken
from shared_models.queries.notices import address_for_disabled_jobs
from shared_rules import cron_tools
from shared_rules import job_list as listing
from shared_rules import jobs as rules
from shared_rules.job_fields import Terms

__all__ = ["jobs"]

jobs = Blueprint("jobs", __name__)


@jobs.get("/jobs")
@requires("list_jobs")
def list_jobs() -> Response:
    wanted, zone, now = listing.read_wanted(query()), settings().zone, clock().now()
    with reading() as session:
        if wanted.page is None:
            rows = cast(Sequence[listing.ListedJob], session.execute(job_rows()).all())
            chosen = listing.choose(rows, wanted, zone, now)
        else:
            sketches = cast(Sequence[listing.JobSketch], session.execute(job_sketches()).all())
            page = listing.choose(sketches, wanted, zone, now)
            rows = cast(Sequence[listing.ListedJob], session.execute(job_rows([row.id for row in page.rows])).all())
            chosen = listing.in_order(page, rows)
    return answer(listing.job_list(chosen, wanted.page, zone, now))


@jobs.post("/jobs")
@requires("create_job")
def create_job() -> Response:
    actor, zone = current_actor(), settings().zone
    wanted = rules.wanted_for_create(json_body(), _terms())
    with writing() as session:
        columns = rules.decide_create(wanted, _facts(session, wanted))
        now = clock().now()
        job = Job(id=new_id(), created_by=actor.id, created_at=now, updated_at=now, **columns)
        session.add(job)
        # The other rows refer to it.
        session.flush()
        session.add(JobSchedule(job_id=job.id, next_run_at=rules.next_run(job, zone, now)))
        tell_everybody(session, rules.notice_of_creation(job, actor), now)
        session.commit()
    return answer({"message": "Job created successfully", "job": rules.job(job, None, zone, now)}, 201)


@jobs.post("/jobs/validate-cron")
@requires("validate_cron")
def validate_cron() -> Response:
    return answer(cron_tools.validate(json_body()))


@jobs.post("/jobs/cron-preview")
@requires("preview_cron")
def preview_cron() -> Response:
    return answer(cron_tools.preview(json_body(), settings().zone, clock().now()))


@jobs.get("/jobs/<job_id>")
@requires("get_job")
def get_job(job_id: str) -> Response:
    with reading() as session:
        job = rules.check_found(session.scalar(job_by_id(job_id)), job_id)
        last_run = session.scalar(last_run_of(job_id))
    return answer({"job": rules.job(job, last_run, settings().zone, clock().now())})


@jobs.put("/jobs/<job_id>")
@requires("update_job")
def update_job(job_id: str) -> Response:
    body, actor, zone, terms = json_body(), current_actor(), settings().zone, _terms()
    with writing() as session:
        job = rules.check_found(session.scalar(job_by_id(job_id)), job_id)
        rules.check_may(actor, job, "update")
        wanted = rules.wanted_for_update(body, terms)
        change = rules.decide_update(job, wanted, _facts(session, wanted, but=job_id), terms)
        now = clock().now()
        rules.apply(job, change, now)
        if change.reschedules:
            schedule = session.get(JobSchedule, job_id) or JobSchedule(job_id=job_id, schedule_rev=0)
            rules.reschedule(schedule, job, zone, now)
            session.add(schedule)
        if change:
            tell_everybody(session, rules.notice_of_change(job, change, actor), now)
        last_run = session.scalar(last_run_of(job_id))
        owner = session.scalar(address_for_disabled_jobs(job.created_by)) if change.disables else None
        session.commit()
    if owner is not None:
        send_mail(services(), rules.mail_when_disabled(job, owner, actor))
    return answer({"message": "Job updated successfully", "job": rules.job(job, last_run, zone, now)})


@jobs.delete("/jobs/<job_id>")
@requires("delete_job")
def delete_job(job_id: str) -> Response:
    actor = current_actor()
    with writing() as session:
        job = rules.check_found(session.scalar(job_by_id(job_id)), job_id)
        rules.check_may(actor, job, "delete")
        session.delete(job)
        tell_everybody(session, rules.notice_of_deletion(job, actor), clock().now())
        session.commit()
    return answer({"message": "Job deleted successfully", "deleted_job": {"id": job.id, "name": job.name}})


def _terms() -> Terms:
    return Terms.at(clock().now(), settings(), services().targets)


def _facts(session: scoped_session[Session], wanted: Mapping[str, Any], *, but: str | None = None) -> rules.Facts:
    taken = "name" in wanted and bool(session.scalar(name_taken(wanted["name"], but=but)))
    return rules.Facts(taken, session.execute(choices(JobCategory)).all(), session.execute(choices(PicTeam)).all())
