"""Jobs for the cases: a body that can be saved, rows put straight into the database, and what the API says of a row."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from shared_models import Job, JobExecution, JobSchedule, Notification, new_id
from tests.contract import world
from tests.contract.api import Api

ZONE: Final = ZoneInfo("Asia/Tokyo")
END_DATE: Final = "2099-12-31"
YEARLY: Final = "0 0 1 1 *"
"""Fires on New Year's Day in Tokyo, so that no case sees the next run change."""

ACTIVE: Final = ("admin", "admin2", "other", "user", "viewer")
"""The people who are told of a change: all but the inactive one."""

KEYS: Final = [
    *("id", "name", "cron_expression", "target_url", "github_owner", "github_repo", "github_workflow_name"),
    *("metadata", "category", "end_date", "pic_team", "enable_email_notifications", "notification_emails"),
    *("notify_on_success", "created_by", "is_active", "created_at", "updated_at"),
    *("last_execution_at", "next_execution_at"),
]


def job_body(**changes: Any) -> dict[str, Any]:
    """Return a body that makes a webhook job; a change of ... leaves the key out."""
    body: dict[str, Any] = {
        "name": "Nightly deploy",
        "cron_expression": YEARLY,
        "end_date": END_DATE,
        "pic_team": "core",
        "target_url": "https://hooks.example.com/deploy",
    } | changes
    return {key: value for key, value in body.items() if value is not ...}


def github_body(**changes: Any) -> dict[str, Any]:
    """Return a body that makes a GitHub job; a change of ... leaves the key out."""
    github = {"github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy.yml"}
    return job_body(**({"target_url": ...} | github | changes))


def add_job(api: Api, *, next_run_at: datetime | None = None, schedule_rev: int = 1, **columns: Any) -> dict[str, Any]:
    """Insert an active webhook job of the person called user, and its schedule; return the job's columns.

    Ids and names count up, so that ties are broken alike in both runs of a case.
    """
    number = len(api.rows(Job)) + 1
    row = {
        "id": f"10000000-0000-4000-8000-{number:012d}",
        "name": f"Job {number}",
        "cron_expression": YEARLY,
        "target_url": "https://hooks.example.com/deploy",
        "job_metadata": {},
        "category": "general",
        "end_date": date.fromisoformat(END_DATE),
        "pic_team": "core",
        "notification_emails": [],
        "created_by": world.user_id("user"),
        "created_at": world.CREATED,
        "updated_at": world.CREATED,
    } | columns
    added = api.add(Job, **row)
    api.add(JobSchedule, job_id=row["id"], next_run_at=next_run_at, schedule_rev=schedule_rev)
    return added


def add_execution(api: Api, job: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """Insert a run of the job that succeeded; return its columns."""
    row = {
        "id": new_id(),
        "job_id": job["id"],
        "status": "success",
        "trigger_type": "scheduled",
        "started_at": world.CREATED,
        "execution_type": "webhook",
        "phase": "done",
    } | columns
    return api.add(JobExecution, **row)


def new_year() -> str:
    """Return when a YEARLY job fires next, as the API says it."""
    return f"{datetime.now(UTC).astimezone(ZONE).year + 1}-01-01T00:00:00+09:00"


def today() -> date:
    """Return the date in the scheduler zone."""
    return datetime.now(UTC).astimezone(ZONE).date()


def told(api: Api) -> list[tuple[str, str, str, str | None]]:
    """Return each distinct notification as (title, message, type, related_job_id), after checking who got one."""
    rows = api.rows(Notification)
    distinct = {(row["title"], row["message"], row["type"], row["related_job_id"]) for row in rows}
    everybody = sorted(map(world.user_id, ACTIVE))
    for notice in distinct:
        assert sorted(_recipients(rows, notice)) == everybody
    return sorted(distinct)


def _recipients(rows: Iterable[dict[str, Any]], notice: tuple[Any, ...]) -> list[str]:
    keys = ("title", "message", "type", "related_job_id")
    return [row["user_id"] for row in rows if tuple(row[key] for key in keys) == notice]
