"""Jobs: what a row shows, who may change it, what a body makes of it, and what everybody is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from shared_rules import wire
from shared_rules.cron import InvalidCron, next_fire_within
from shared_rules.errors import BadRequest, Forbidden, NotFound
from shared_rules.fields import Fields
from shared_rules.job_fields import (
    Choice,
    Target,
    Terms,
    find_category,
    find_team,
    read_category,
    read_cron,
    read_emails,
    read_end_date,
    read_metadata,
    read_name,
    read_target,
    read_team,
)
from shared_rules.mails import Mail
from shared_rules.notices import Notice
from shared_rules.people import Actor
from shared_rules.policy import Role

__all__ = [
    "Facts",
    "JobChange",
    "JobRow",
    "ScheduleRow",
    "ScheduledJob",
    "apply",
    "check_found",
    "check_may",
    "check_name_free",
    "decide_create",
    "decide_update",
    "due_or_next_run",
    "job",
    "mail_when_disabled",
    "next_run",
    "notice_of_change",
    "notice_of_creation",
    "notice_of_deletion",
    "reschedule",
    "wanted_for_create",
    "wanted_for_update",
]

_MOMENT = timedelta(microseconds=1)
_TARGET = frozenset({"target_url", "github_owner", "github_repo", "github_workflow_name"})
_MAIL = frozenset({"enable_email_notifications", "notification_emails", "notify_on_success"})
_SCHEDULE = frozenset({"cron_expression", "end_date", "is_active"})
_CHANGEABLE = _TARGET | _MAIL | _SCHEDULE | frozenset({"name", "job_metadata", "category", "pic_team"})


class ScheduledJob(Protocol):
    """The columns that decide when a job runs next."""

    @property
    def cron_expression(self) -> Any: ...
    @property
    def end_date(self) -> Any: ...
    @property
    def is_active(self) -> Any: ...


class JobRow(Protocol):
    """The columns of a job."""

    id: Any
    name: Any
    cron_expression: Any
    target_url: Any
    github_owner: Any
    github_repo: Any
    github_workflow_name: Any
    job_metadata: Any
    category: Any
    end_date: Any
    pic_team: Any
    enable_email_notifications: Any
    notification_emails: Any
    notify_on_success: Any
    created_by: Any
    is_active: Any
    created_at: Any
    updated_at: Any


class ScheduleRow(Protocol):
    """The columns of a job's schedule."""

    next_run_at: Any
    schedule_rev: Any


_Row = TypeVar("_Row", bound=JobRow)


@dataclass(frozen=True)
class Facts:
    """What the database knows about a wanted job: is the name another job's, which categories and teams are there."""

    name_taken: bool
    categories: Sequence[Choice]
    teams: Sequence[Choice]


@dataclass(frozen=True)
class JobChange:
    """The columns an update really changes; false when there are none."""

    columns: Mapping[str, Any]

    def __bool__(self) -> bool:
        return bool(self.columns)

    @property
    def reschedules(self) -> bool:
        return not _SCHEDULE.isdisjoint(self.columns)

    @property
    def enables(self) -> bool:
        return self.columns.get("is_active") is True

    @property
    def disables(self) -> bool:
        return self.columns.get("is_active") is False


def job(row: JobRow, last_execution_at: datetime | None, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """Return the 20 keys of a job, `{"id", "name", ..., "last_execution_at", "next_execution_at"}`."""
    return {
        "id": row.id,
        "name": row.name,
        "cron_expression": row.cron_expression,
        "target_url": row.target_url,
        "github_owner": row.github_owner,
        "github_repo": row.github_repo,
        "github_workflow_name": row.github_workflow_name,
        "metadata": row.job_metadata or {},
        "category": row.category,
        "end_date": wire.day(row.end_date),
        "pic_team": row.pic_team,
        "enable_email_notifications": row.enable_email_notifications,
        "notification_emails": row.notification_emails or [],
        "notify_on_success": row.notify_on_success,
        "created_by": row.created_by,
        "is_active": row.is_active,
        "created_at": wire.instant(row.created_at),
        "updated_at": wire.instant(row.updated_at),
        "last_execution_at": wire.instant(last_execution_at),
        "next_execution_at": wire.local_instant(next_run(row, zone, now), zone),
    }


def next_run(row: ScheduledJob, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the next fire after `now`, None for an inactive job and for one that is over."""
    if not row.is_active:
        return None
    try:
        return next_fire_within(row.cron_expression, zone, now, row.end_date)
    except InvalidCron:
        # Rows may be older than the rule that would refuse them: such a job never fires, and must not break a list.
        return None


def check_found(row: _Row | None, job_id: str) -> _Row:
    """Return the row that was looked up; raise 404 when there is none."""
    if row is None:
        raise NotFound("Job not found", f"No job found with ID: {job_id}")
    return row


def check_may(actor: Actor, row: JobRow, verb: Literal["update", "delete", "execute"]) -> None:
    """Raise 403 unless the actor is an admin, or a user whose own job it is; viewers only read, even their own."""
    if not actor.is_admin and not (actor.role == Role.USER and row.created_by == actor.id):
        raise Forbidden("Insufficient permissions", f"You can only {verb} your own jobs")


def wanted_for_create(body: Fields, terms: Terms) -> dict[str, Any]:
    """Return the columns a body asks for, checked as far as the request alone decides.

    `category` and `pic_team` are as sent, None when they were not: `decide_create` makes slugs of them.
    """
    if missing := body.missing("name", "cron_expression", "end_date"):
        raise BadRequest("Missing required fields", missing_fields=missing)
    no_end_date = BadRequest("Missing required fields", '"end_date" is required (YYYY-MM-DD).')
    wanted: dict[str, Any] = {
        "name": read_name(body),
        "cron_expression": read_cron(body, "cron_expression"),
        "category": read_category(body),
        "job_metadata": read_metadata(body),
        "end_date": read_end_date(body, terms.today, missing=no_end_date),
        "pic_team": read_team(body),
    }
    target = read_target(body).completed(terms.default_github_owner)
    target.check(terms.targets)
    flags = {"enable_email_notifications": False, "notify_on_success": False, "is_active": True}
    return wanted | target.columns() | flags | _mail_and_state(body)


def wanted_for_update(body: Fields, terms: Terms) -> dict[str, Any]:
    """Return the columns a body asks to change, checked as far as the request alone decides.

    A null or blank string that a job may do without clears it; null counts as absent for what is true or false.
    """
    wanted: dict[str, Any] = {}
    if "name" in body:
        wanted["name"] = read_name(body)
    if "cron_expression" in body:
        wanted["cron_expression"] = read_cron(body, "cron_expression")
    if "category" in body:
        wanted["category"] = read_category(body)
    if "metadata" in body:
        wanted["job_metadata"] = read_metadata(body)
    if "end_date" in body:
        no_end_date = BadRequest("Invalid end_date", "end_date is required (YYYY-MM-DD).")
        wanted["end_date"] = read_end_date(body, terms.today, missing=no_end_date)
    if "pic_team" in body or "pic_team_slug" in body:
        wanted["pic_team"] = read_team(body)
    target = read_target(body)
    target.check(terms.targets)
    wanted |= {column: value for column, value in target.columns().items() if column in body}
    return wanted | {column: value for column, value in _mail_and_state(body).items() if column in body}


def decide_create(wanted: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return the columns of the new job."""
    check_name_free(wanted["name"], facts.name_taken)
    category = find_category(facts.categories, wanted["category"])
    team = find_team(facts.teams, wanted["pic_team"])
    return _without_mail_when_off({**wanted, "category": category, "pic_team": team})


def decide_update(row: JobRow, wanted: Mapping[str, Any], facts: Facts, terms: Terms) -> JobChange:
    """Return what changes; the target and the end date are judged as they would be after it."""
    after = {column: getattr(row, column) for column in _CHANGEABLE} | dict(wanted)
    if "name" in wanted:
        check_name_free(wanted["name"], facts.name_taken, advice="")
    if "category" in wanted:
        after["category"] = find_category(facts.categories, wanted["category"])
    if "pic_team" in wanted:
        after["pic_team"] = find_team(facts.teams, wanted["pic_team"])
    if not _TARGET.isdisjoint(wanted):
        target = Target(**{column: after[column] for column in _TARGET})
        after |= target.completed(terms.default_github_owner).columns()
    if after["is_active"] and after["end_date"] < terms.today:
        raise BadRequest("Job expired", "Job cannot be enabled after end_date has passed. Update end_date first.")
    if not _MAIL.isdisjoint(wanted):
        after = _without_mail_when_off(after)
    return JobChange({column: value for column, value in after.items() if not _same(getattr(row, column), value)})


def check_name_free(name: str, taken: bool, *, advice: str = " Please use a unique name.") -> None:
    if taken:
        raise BadRequest("Duplicate job name", f'A job with the name "{name}" already exists.{advice}')


def apply(row: JobRow, change: JobChange, now: datetime) -> None:
    """Set the columns that differ; `updated_at` moves only when one does."""
    for column, value in change.columns.items():
        setattr(row, column, value)
    if change:
        row.updated_at = now


def reschedule(schedule: ScheduleRow, row: ScheduledJob, zone: ZoneInfo, now: datetime) -> None:
    """Set when the job runs next, as a new revision of its schedule."""
    schedule.next_run_at = due_or_next_run(row, zone, now, schedule.next_run_at)
    schedule.schedule_rev += 1


def due_or_next_run(row: ScheduledJob, zone: ZoneInfo, now: datetime, stored: datetime | None) -> datetime | None:
    """Return in UTC the due run that still waits to be claimed, which must not be lost, else the next one.

    A due run that the job as it is now would not have is no run. None when there is none up to the end date.
    """
    if stored is not None and stored <= now and _next_in_utc(row, zone, stored - _MOMENT) == stored:
        return stored
    return _next_in_utc(row, zone, now)


def _next_in_utc(row: ScheduledJob, zone: ZoneInfo, after: datetime) -> datetime | None:
    # In UTC: times of two zones never compare equal within an hour that the clocks repeat.
    fire = next_run(row, zone, after)
    return None if fire is None else fire.astimezone(UTC)


def notice_of_creation(row: JobRow, actor: Actor) -> Notice:
    return Notice("New Job Created", _says(row, "created", actor), "info", job_id=row.id)


def notice_of_change(row: JobRow, change: JobChange, actor: Actor) -> Notice:
    """Return the one message about a change; being switched on or off outweighs whatever else changed."""
    if change.disables:
        return Notice("Job Disabled", _says(row, "disabled", actor), "warning", job_id=row.id)
    done = "enabled" if change.enables else "updated"
    return Notice(f"Job {done.title()}", _says(row, done, actor), "info", job_id=row.id)


def notice_of_deletion(row: JobRow, actor: Actor) -> Notice:
    """Return the message about a job that is gone, so that it links to nothing."""
    return Notice("Job Deleted", _says(row, "deleted", actor), "warning")


def mail_when_disabled(row: JobRow, to: str, actor: Actor) -> Mail:
    """Return what the owner of a job gets who wants to know when it is disabled."""
    return Mail(to, f"Job disabled: {row.name}", _says(row, "disabled", actor) + "\n")


def _says(row: JobRow, done: str, actor: Actor) -> str:
    return f'Job "{row.name}" was {done} by {actor.email}.'


def _mail_and_state(body: Fields) -> dict[str, Any]:
    """Return the recipients and those flags that are true or false, not null or absent."""
    flags: dict[str, bool | None] = {"enable_email_notifications": body.flag("enable_email_notifications")}
    emails = read_emails(body)
    flags |= {"notify_on_success": body.flag("notify_on_success"), "is_active": body.flag("is_active")}
    return {"notification_emails": emails} | {name: flag for name, flag in flags.items() if flag is not None}


def _without_mail_when_off(columns: dict[str, Any]) -> dict[str, Any]:
    if columns["enable_email_notifications"]:
        return columns
    return columns | {"notification_emails": [], "notify_on_success": False}


def _same(stored: Any, wanted: Any) -> bool:
    """Compare as JSON where it is JSON: to Python, 1 and 1.0 and true are equal. The order of keys does not count."""
    if isinstance(wanted, dict | list):
        return json.dumps(stored, sort_keys=True) == json.dumps(wanted, sort_keys=True)
    return bool(stored == wanted)
