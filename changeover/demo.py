"""A realistic data set to look at: people of each role, teams, 25 jobs of both kinds, a month of runs, notifications."""

import random
import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from changeover.problems import Problem
from scheduler.clock import Clock
from shared_models import Job, JobExecution, JobSchedule, Notification, PicTeam, User, new_id
from shared_models.engine import WRITES, sync_engine
from shared_rules.cron import next_fire, next_fire_within
from shared_rules.passwords import hash_password
from shared_rules.settings import Settings
from shared_rules.text import slugify

__all__ = ["DEMO_PEOPLE", "fill"]

DEMO_PEOPLE = {"demo-admin": "admin", "demo-mika": "user", "demo-jun": "user", "demo-viewer": "viewer"}
_TEAMS = {"Platform": "@platform", "Payments": "@payments-oncall", "Search": "@search", "Data": "@data-eng"}
_HISTORY = timedelta(days=30)
_RUNS_PER_JOB = 200
_FAILURES = (
    (500, "Webhook returned status 500", "Internal Server Error"),
    (503, "Webhook returned status 503", "upstream connect error"),
    (None, "Webhook call failed: Timed out after 10 s.", None),
)

_GITHUB_FAILURES = ((422, "GitHub Actions dispatch failed. Status: 422, Response: No ref found for main", None),)
_SUCCESSES = {
    True: ((204, None, "Workflow triggered successfully on branch main"),),
    False: ((200, None, "ok"),),
}

# name, cron, category, team, active; GitHub workflows where the name begins with "CI".
_JOBS = (
    ("Nightly database backup", "0 2 * * *", "general", "Platform", True),
    ("Rotate access logs", "15 3 * * *", "general", "Platform", True),
    ("Renew certificates", "30 4 1 * *", "general", "Platform", True),
    ("Warm the page cache", "*/30 * * * *", "general", "Platform", True),
    ("CI nightly regression", "0 1 * * *", "regression", "Platform", True),
    ("CI weekly full regression", "0 0 * * sat", "regression", "Search", True),
    ("CI backward compatibility", "0 22 * * 1-5", "backward-compatibility", "Platform", True),
    ("CI mobile compatibility", "30 22 * * 1-5", "backward-compatibility", "Search", False),
    ("Failover drill, east", "0 10 1 * *", "dr-testing", "Platform", True),
    ("Failover drill, west", "0 10 15 * *", "dr-testing", "Platform", True),
    ("Restore last backup", "0 6 * * sun", "dr-testing", "Data", True),
    ("CI checkout feature suite", "0 */6 * * *", "feature-testing", "Payments", True),
    ("CI search feature suite", "20 */6 * * *", "feature-testing", "Search", True),
    ("CI profile feature suite", "40 */8 * * *", "feature-testing", "Data", True),
    ("Canary: checkout", "*/20 * * * *", "prod-canary", "Payments", True),
    ("Canary: search", "5-59/20 * * * *", "prod-canary", "Search", True),
    ("Canary: login", "10-59/20 * * * *", "prod-canary", "Platform", True),
    ("Refund reconciliation", "0 5 * * *", "refund", "Payments", True),
    ("Refund reminders", "0 9 * * mon-fri", "refund", "Payments", True),
    ("Stale refund report", "0 8 * * mon", "refund", "Payments", True),
    ("Rebuild search index", "45 1 * * *", "general", "Search", True),
    ("Export to the warehouse", "10 0 * * *", "general", "Data", True),
    ("Quarterly archive", "0 3 1 1,4,7,10 *", "general", "Data", True),
    ("Old price import", "0 7 * * *", "general", "Data", False),
    ("CI load test", "0 3 * * sun", "feature-testing", "Platform", True),
)


@dataclass(frozen=True)
class Filled:
    """What was added. `password` is the demo people's, generated here and stored nowhere."""

    password: str
    jobs: int
    executions: int
    notifications: int


def fill(settings: Settings, progress: Callable[[str], None]) -> Filled:
    """Add the data set in one transaction. Raise Problem in production and where it already is."""
    if settings.production:
        raise Problem(
            "ENVIRONMENT=production: demo data is for development only; unset ENVIRONMENT or use another VAR_DIR."
        )
    now = Clock(settings.clock_offset_s).now()
    engine = sync_engine(settings.database_url)
    try:
        with Session(engine) as session:
            session.connection(execution_options=WRITES)
            if session.scalar(select(exists(select(User.id).where(User.username == "demo-admin")))):
                raise Problem(
                    "The demo data is already there (user demo-admin exists); log in, or start with an empty VAR_DIR."
                )
            password = secrets.token_urlsafe(9)
            people = _add_people(session, password, now)
            progress(f"{len(people)} people")
            _add_teams(session, now)
            jobs = _add_jobs(session, people, settings.zone, now)
            progress(f"{len(jobs)} jobs")
            runs = [run for job in jobs for run in _runs_of(job, settings.zone, now)]
            session.execute(insert(JobExecution), runs)
            progress(f"{len(runs)} executions")
            notices = _notices(jobs, runs, list(people.values()))
            session.execute(insert(Notification), notices)
            progress(f"{len(notices)} notifications")
            session.commit()
            return Filled(password, len(jobs), len(runs), len(notices))
    finally:
        engine.dispose()


def _add_people(session: Session, password: str, now: datetime) -> dict[str, str]:
    """Return username -> id."""
    ids = {username: new_id() for username in DEMO_PEOPLE}
    rows = [
        {
            "id": ids[username],
            "username": username,
            "email": f"{username}@example.com",
            "password_hash": hash_password(password),
            "role": role,
            "is_active": True,
            "created_at": now - _HISTORY,
            "updated_at": now - _HISTORY,
        }
        for username, role in DEMO_PEOPLE.items()
    ]
    session.execute(insert(User), rows)
    return ids


def _add_teams(session: Session, now: datetime) -> None:
    stamps = {"created_at": now - _HISTORY, "updated_at": now - _HISTORY}
    present = set(session.scalars(select(PicTeam.slug)))
    missing = [
        {"id": new_id(), "slug": slugify(name), "name": name, "slack_handle": handle, "is_active": True, **stamps}
        for name, handle in _TEAMS.items()
        if slugify(name) not in present
    ]
    if missing:
        session.execute(insert(PicTeam), missing)


def _add_jobs(session: Session, people: dict[str, str], zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    """Return the columns of the jobs added; names already taken are left alone."""
    owners = [people["demo-mika"], people["demo-jun"], people["demo-admin"]]
    taken = set(session.scalars(select(Job.name)))
    jobs = [
        _job(number, columns, owners[number % len(owners)], zone, now)
        for number, columns in enumerate(_JOBS)
        if columns[0] not in taken
    ]
    session.execute(insert(Job), jobs)
    schedules = [
        {
            "job_id": job["id"],
            "next_run_at": next_fire_within(job["cron_expression"], zone, now, job["end_date"])
            if job["is_active"]
            else None,
            "schedule_rev": 1,
        }
        for job in jobs
    ]
    session.execute(insert(JobSchedule), schedules)
    return jobs


def _job(
    number: int, columns: tuple[str, str, str, str, bool], owner: str, zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    name, cron, category, team, active = columns
    made = now - _HISTORY + timedelta(minutes=number)
    on_github = name.startswith("CI ")
    return {
        "id": new_id(),
        "name": name,
        "cron_expression": cron,
        "target_url": None if on_github else f"https://hooks.example.com/{slugify(name)}",
        "github_owner": "example" if on_github else None,
        "github_repo": "checks" if on_github else None,
        "github_workflow_name": f"{slugify(name.removeprefix('CI '))}.yml" if on_github else None,
        "job_metadata": {"branchDetails": "main"} if on_github else {},
        "category": category,
        "end_date": now.astimezone(zone).date() + timedelta(days=20 + number * 15),
        "pic_team": slugify(team),
        "enable_email_notifications": number % 4 == 0,
        "notification_emails": ["oncall@example.com"] if number % 4 == 0 else [],
        "notify_on_success": False,
        "created_by": owner,
        "is_active": active,
        "created_at": made,
        "updated_at": made,
    }


def _runs_of(job: dict[str, Any], zone: ZoneInfo, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the last runs of a job, at the times its cron expression gives; about one in fifteen failed."""
    chance = random.Random(job["name"])  # noqa: S311 - the same history for everybody
    for started_at in list(_fires(job, zone, now))[-_RUNS_PER_JOB:]:
        duration = round(chance.lognormvariate(0.2, 0.7), 3)
        on_github = job["target_url"] is None
        ends = (_GITHUB_FAILURES if on_github else _FAILURES) if chance.random() < 1 / 15 else _SUCCESSES[on_github]
        status, error, output = chance.choice(ends)
        yield {
            "id": str(uuid.uuid4()),
            "job_id": job["id"],
            "status": "failed" if error else "success",
            "trigger_type": "scheduled",
            "started_at": started_at,
            "completed_at": started_at + timedelta(seconds=duration),
            "duration_seconds": duration,
            "execution_type": "github_actions" if on_github else "webhook",
            "target": f"example/checks/{job['github_workflow_name']}" if on_github else job["target_url"],
            "response_status": status,
            "error_message": error,
            "output": output,
            "phase": "done",
            "scheduled_for": started_at,
        }


def _fires(job: dict[str, Any], zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    fire = next_fire(job["cron_expression"], zone, now - _HISTORY)
    while fire < now:
        yield fire
        fire = next_fire(job["cron_expression"], zone, fire)


def _notices(jobs: list[dict[str, Any]], runs: list[dict[str, Any]], user_ids: list[str]) -> list[dict[str, Any]]:
    """Return notifications of the last runs for the demo people; the older half is read."""
    names = {job["id"]: job["name"] for job in jobs}
    latest = sorted(runs, key=lambda run: run["started_at"])[-40:]
    rows: list[dict[str, Any]] = []
    for user_id in user_ids:
        for number, run in enumerate(latest):
            failed = run["status"] == "failed"
            name = names[run["job_id"]]
            text = f'Job "{name}" failed: {run["error_message"]}' if failed else f'Job "{name}" completed successfully.'
            read = number < len(latest) // 2
            rows.append(
                {
                    "id": str(uuid.uuid4()),
                    "user_id": user_id,
                    "title": "Job Failed" if failed else "Job Completed",
                    "message": text,
                    "type": "error" if failed else "success",
                    "related_job_id": run["job_id"],
                    "related_execution_id": run["id"],
                    "is_read": read,
                    "read_at": run["completed_at"] if read else None,
                    "created_at": run["completed_at"],
                }
            )
    return rows
