"""What one process says of itself to the others: that it lives, what it is, and which fire times it computes."""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from scheduler.services import VERSION
from shared_models.job import Job, JobSchedule
from shared_models.migrate import expected_revision
from shared_rules.cron import InvalidCron, next_fires
from shared_rules.settings import Settings
from shared_rules.ticks import next_tick

__all__ = ["asked_at", "facts_of", "fires_digest", "question"]

_FIRES = 20
_MOST_FIRES = 4_000
_ROWS = 200


def facts_of(settings: Settings, clock_ahead_s: float) -> dict[str, Any]:
    """Return what must be alike in every process that could own; the clock's lead over the database's is in seconds."""
    return {
        "version": VERSION,
        "revision": expected_revision(),
        "zone": settings.scheduler_timezone,
        "clock_ahead_s": round(clock_ahead_s, 3),
    }


def fires_digest(connection: Connection, zone: ZoneInfo, at: datetime) -> str:
    """Return a digest of the next tick after `at` of every active job, and of the next fires of every expression.

    Equal on two processes when their code, zone data and settings agree on when each job runs. Which jobs these are is
    left out: jobs come and go while processes answer one after the other. Of each expression it is 20 fires, or fewer where
    there are hundreds of expressions: whoever asks waits for seconds. Ends the transaction that it reads in.
    """
    digest = hashlib.sha256()
    expressions = set()
    for job in _schedules(connection):
        expressions.add(job.cron_expression)
        digest.update(f"{job.cron_expression} {job.end_date} {job.every_s} {next_tick(job, zone, at)}\n".encode())
    # PostgreSQL ends a session that thinks for a second inside a transaction.
    connection.rollback()
    count = max(1, min(_FIRES, _MOST_FIRES // max(1, len(expressions))))
    for expression in sorted(expressions):
        digest.update(f"{expression} {_fires(expression, zone, at, count)}\n".encode())
    return digest.hexdigest()


def question(at: datetime) -> str:
    """Return a fresh question to all processes: the fire times after the whole minute `at`, in UTC."""
    return f"{at:%Y-%m-%dT%H:%MZ}/{secrets.token_hex(4)}"


def asked_at(asked: str) -> datetime:
    """Return the instant a question is about."""
    return datetime.strptime(asked.partition("/")[0], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)


def _schedules(connection: Connection) -> Iterator[Any]:
    """Yield all that decides when active jobs run, each once."""
    columns = (Job.cron_expression, Job.end_date, Job.is_active, JobSchedule.every_s)
    statement = (
        select(*columns)
        .join(JobSchedule, JobSchedule.job_id == Job.id)
        .where(Job.is_active)
        .distinct()
        .order_by(*columns)
    )
    yield from connection.execution_options(yield_per=_ROWS).execute(statement)


def _fires(expression: str, zone: ZoneInfo, at: datetime, count: int) -> list[str]:
    try:
        return [fire.isoformat() for fire in next_fires(expression, zone, at, count)]
    except InvalidCron:
        return []
