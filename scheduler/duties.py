"""The owner's duties besides jobs, each done in one transaction with everything it causes and with its next time.

So a duty is done exactly once: whoever sees it done sees its next time too. The transaction is the caller's, and fenced.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Select, insert

from scheduler.messages import PauseReaders, messages_after_pause, slack_channel
from scheduler.outbox import queue
from shared_models.notification import Notification
from shared_models.queries import duties as queries
from shared_models.queries.bulk import rows_added
from shared_models.queries.outbox import old_removed, team_handles
from shared_models.queries.scheduler import active_admin_ids
from shared_models.scheduler import SchedulerDuty
from shared_rules.duties import (
    DAILY_DIGEST,
    DUTIES,
    ENDING_SOON,
    MAINTENANCE,
    NOT_RUN_KEPT_DAYS,
    SENT_KEPT_DAYS,
    UNSENT_KEPT_DAYS,
    WEEKLY_REPORT,
    Occasion,
    SummaryDuty,
    mail_of_summary,
    next_time,
    occasion,
)
from shared_rules.mails import Message
from shared_rules.maintenance import (
    ENDING_SOON_DAYS,
    ENDING_SOON_TITLE,
    EndingJob,
    audience,
    notice_of_ending,
    notice_of_pause,
    slack_of_ending,
)
from shared_rules.notices import Notice, notice_rows
from shared_rules.settings import Settings

__all__ = ["DutiesDone", "ensure", "next_due", "pause_over", "run_due"]

_log = structlog.get_logger(__name__)
_AGAIN_AFTER: Final = timedelta(minutes=5)
_BATCH: Final = 500
_MOST_REMOVED: Final = 5_000
"""Jobs paused and rows removed in one transaction: nobody else writes meanwhile."""


@dataclass(frozen=True)
class DutiesDone:
    """How many messages were queued, and when the next duty is due (UTC): maybe still, when there was much to do."""

    messages: int
    next_at: datetime | None


@dataclass(frozen=True)
class _Work:
    """What one transaction did for a duty: messages queued, and whether the duty is done with it."""

    messages: int
    finished: bool = True


def ensure(connection: Connection, now: datetime, zone: ZoneInfo) -> None:
    """Bring the timetable up to date for a new owner: every duty is in it, at its time in this zone."""
    stored = {row.name: row for row in connection.execute(queries.duties())}
    for duty in DUTIES:
        row = stored.get(duty.name)
        if row is None:
            at = next_time(duty, None, now, zone, same_zone=False)
            connection.execute(insert(SchedulerDuty).values(name=duty.name, zone=zone.key, next_run_at=at))
            continue
        at = next_time(duty, row.next_run_at, now, zone, same_zone=row.zone == zone.key)
        if (row.zone, row.next_run_at) != (zone.key, at):
            connection.execute(queries.rescheduled(duty.name, zone.key, at))


def next_due() -> Select[datetime]:
    """When the first duty is due (UTC); no row before any owner was there."""
    return queries.next_due([duty.name for duty in DUTIES])


def run_due(connection: Connection, now: datetime, settings: Settings) -> DutiesDone:
    """Do every duty that is due, and set when it is next. One that was missed for days is done once.

    One with much to do does a part, and stays due. One that fails is undone, and tried again later; the others are done.
    """
    due = dict(connection.execute(queries.due(now)).all())
    messages = 0
    for duty in DUTIES:
        if duty.name not in due:
            continue
        this = occasion(duty, due[duty.name], now, settings.zone)
        try:
            with connection.begin_nested():
                work = _WAYS[duty.name](connection, this, now, settings)
        except Exception:
            _log.exception("scheduler.duty_failed", duty=duty.name)
            connection.execute(queries.rescheduled(duty.name, settings.zone.key, now + _AGAIN_AFTER))
            continue
        messages += work.messages
        if work.finished:
            following = duty.next_after(now, settings.zone)
            connection.execute(queries.rescheduled(duty.name, settings.zone.key, following))
    return DutiesDone(messages, connection.scalar(next_due()))


def pause_over(connection: Connection, job_ids: Sequence[str], now: datetime, settings: Settings) -> int:
    """Pause those of the jobs that are past their end date and tell everybody concerned; return how many messages wait.

    A job that is inactive already is left alone, so that nobody hears of it twice.
    """
    today = now.astimezone(settings.zone).date()
    jobs: list[Any] = []
    for ids in _batches(job_ids):
        jobs += connection.execute(queries.paused(ids, today, now))
    if not jobs:
        return 0
    for ids in _batches([job.id for job in jobs]):
        connection.execute(queries.unscheduled(ids))
    _ring(connection, jobs, notice_of_pause, now)
    base_url = settings.frontend_base_url
    messages = [
        message
        for job, readers in _with_readers(connection, jobs)
        for message in messages_after_pause(job, readers, base_url, f"pause:{job.end_date.isoformat()}:{job.id}")
    ]
    return queue(connection, messages, now)


def _maintain(connection: Connection, this: Occasion, now: datetime, settings: Settings) -> _Work:
    """Pause what is over, and remove old rows that nobody but the scheduler writes."""
    over = connection.scalars(queries.jobs_over(this.today, _BATCH)).all()
    messages = pause_over(connection, over, now, settings)
    sent_until, unsent_until, not_run_until = (
        now - timedelta(days=days) for days in (SENT_KEPT_DAYS, UNSENT_KEPT_DAYS, NOT_RUN_KEPT_DAYS)
    )
    removals = (
        old_removed(sent_until, unsent_until, _MOST_REMOVED),
        queries.ticks_not_run_removed(not_run_until, _MOST_REMOVED),
    )
    removed = [connection.execute(removal).rowcount for removal in removals]
    return _Work(messages, finished=len(over) < _BATCH and max(removed) < _MOST_REMOVED)


def _warn_of_ends(connection: Connection, this: Occasion, now: datetime, settings: Settings) -> _Work:
    """Announce ends: who was told of which job on this occasion already is seen by the bell of an admin, who is told of all."""
    last = this.today + timedelta(days=ENDING_SOON_DAYS)
    ending: Sequence[Any] = connection.execute(queries.jobs_ending(this.today, last)).all()
    admin = connection.scalars(active_admin_ids()).first()
    told = set(connection.scalars(queries.jobs_told_of(admin or "", ENDING_SOON_TITLE, this.since)))
    left = [job for job in ending if job.id not in told]
    jobs = left[:_BATCH] if admin else left
    _ring(connection, jobs, lambda job: notice_of_ending(job, this.today), now)
    lines = [
        (job.id, slack_of_ending(job, this.today, readers.team_handle, settings.frontend_base_url))
        for job, readers in _with_readers(connection, jobs)
        if readers.slack is not None
    ]
    messages = [Message.of_line(f"{this.key}:{job_id}", line) for job_id, line in lines]
    return _Work(queue(connection, messages, now), finished=len(jobs) == len(left))


def _summarise(summary: SummaryDuty) -> "_Way":
    def mail(connection: Connection, this: Occasion, now: datetime, _settings: Settings) -> _Work:
        readers = connection.execute(queries.users_who_want(summary.name)).all()
        if not readers:
            return _Work(0)
        last = this.today + timedelta(days=summary.ahead_days)
        range = this.instants(summary.days)
        runs = _by_owner(connection.execute(queries.runs_of_users_who_want(summary.name, range)))
        ends = _by_owner(connection.execute(queries.ends_of_users_who_want(summary.name, this.today, last)))
        mails = (
            (user_id, mail_of_summary(this, summary, address, runs[user_id], ends[user_id]))
            for user_id, address in readers
        )
        messages = [Message.of_mail(f"{this.key}:{user}", mail) for user, mail in mails if mail]
        return _Work(queue(connection, messages, now))

    return mail


_Way = Callable[[Connection, Occasion, datetime, Settings], _Work]
"""How a duty is done: everything it causes is written to the connection."""

_WAYS: Final[dict[str, _Way]] = {
    MAINTENANCE.name: _maintain,
    ENDING_SOON.name: _warn_of_ends,
    DAILY_DIGEST.name: _summarise(DAILY_DIGEST),
    WEEKLY_REPORT.name: _summarise(WEEKLY_REPORT),
}


def _ring(connection: Connection, jobs: Iterable[Any], notice_of: Callable[[EndingJob], Notice], now: datetime) -> None:
    """Add a notification of each job for its creator and the active admins."""
    admins = connection.scalars(active_admin_ids()).all()
    rows = [row for job in jobs for row in notice_rows(notice_of(job), audience(job, admins), now)]
    if rows:
        connection.execute(rows_added(Notification), rows)


def _with_readers(connection: Connection, jobs: Iterable[Any]) -> Iterator[tuple[Any, PauseReaders]]:
    slack = slack_channel(connection)
    handles = dict(connection.execute(team_handles()).all())
    addresses = dict(connection.execute(queries.users_who_want("email_on_job_disabled")).all())
    for job in jobs:
        yield job, PauseReaders(addresses.get(job.created_by), slack, handles.get(job.pic_team))


def _by_owner(rows: Iterable[Any]) -> defaultdict[str, list[Any]]:
    owners: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        owners[row.created_by].append(row)
    return owners


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
