"""Bulk upload: jobs from a CSV file."""

from flask import Blueprint, Response, request
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from legacy_flask.auth import current_actor, requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, read_body, services, settings
from shared_models import Job, JobCategory, JobSchedule, Notification, PicTeam
from shared_models.queries.bulk import names_among, rows_added
from shared_models.queries.jobs import choices
from shared_rules import csv_import as rules
from shared_rules.job_fields import Terms

__all__ = ["bulk"]

bulk = Blueprint("bulk", __name__)


@bulk.post("/jobs/bulk-upload")
@requires("bulk_upload")
def bulk_upload() -> Response:
    actor, zone, now = current_actor(), settings().zone, clock().now()
    upload = rules.read_upload(request.headers.get("Content-Type"), read_body())
    terms = Terms.at(now, settings(), services().targets)
    with reading() as session:
        facts = _facts(session, upload)
    plan = rules.decide(upload, facts, terms)
    if upload.dry_run:
        return answer(rules.validated(upload, plan))
    rows = rules.new_rows(plan, actor, zone, now)
    with writing() as session:
        # Rows are judged before everybody else has to wait, and once more only if somebody was faster.
        if (newer := _facts(session, upload)) != facts:
            plan = rules.decide(upload, newer, terms)
            rows = rules.new_rows(plan, actor, zone, now)
        for jobs, schedules in rows.batches():
            session.execute(rows_added(Job), jobs)
            session.execute(rows_added(JobSchedule), schedules)
        if rows.notifications:
            session.execute(rows_added(Notification), rows.notifications)
        session.commit()
    return answer(rules.processed(upload, plan, rows))


def _facts(session: scoped_session[Session], upload: rules.Upload) -> rules.Facts:
    taken = upload.names & set(session.scalars(names_among(upload.names)))
    categories = frozenset(session.execute(choices(JobCategory)))
    return rules.Facts(taken, categories, frozenset(session.execute(choices(PicTeam))))
