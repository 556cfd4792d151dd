"""Health of the whole system, and its scheduler."""

from collections.abc import Sequence
from typing import cast

from flask import Blueprint, Response
from flask_sqlalchemy.session import Session
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import scoped_session

from legacy_flask.auth import requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, services, settings
from legacy_flask.readers import readers_of_pause
from scheduler.messages import send_after_pause
from scheduler.services import VERSION
from shared_models.engine import is_unavailable
from shared_models.queries import scheduler as queries
from shared_rules import health as rules
from shared_rules.maintenance import TimetableRow, decide_resync

__all__ = ["system"]

system = Blueprint("system", __name__)


@system.get("/health")
def health() -> Response:
    try:
        with reading() as session:
            facts = _facts(session)
    except SQLAlchemyError as error:
        if is_unavailable(error):
            raise rules.Unhealthy(VERSION, clock().now()) from error
        raise
    return answer(rules.health(facts, VERSION, clock().now()))


@system.get("/health/live")
def health_live() -> Response:
    return answer({"status": "alive"})


@system.get("/scheduler/status")
@requires("scheduler_status")
def scheduler_status() -> Response:
    with reading() as session:
        facts = _facts(session)
        handover = session.scalar(queries.newest_handover())
    return answer(rules.scheduler_status(facts, handover, settings().zone))


@system.post("/scheduler/resync")
@requires("scheduler_resync")
def resync_scheduler() -> Response:
    with writing() as session:
        now = clock().now()
        rows = cast(Sequence[TimetableRow], session.execute(queries.job_timetable()).all())
        plan = decide_resync(rows, settings().zone, now)
        admins = session.scalars(queries.active_admin_ids()).all()
        for statement, values in queries.resync_writes(plan, admins, now):
            session.execute(statement, values)
        readers = [readers_of_pause(session, job) for job in plan.paused]
        session.commit()
    for job, who in zip(plan.paused, readers, strict=True):
        send_after_pause(services(), job, who)
    return answer(plan.answer)


def _facts(session: scoped_session[Session]) -> rules.SchedulerFacts:
    lease, beat_age_s = session.execute(queries.lease()).one_or_none() or (None, None)
    count, next_due_at = session.execute(queries.scheduled_jobs()).one()
    return rules.SchedulerFacts(lease, beat_age_s, count, next_due_at)
