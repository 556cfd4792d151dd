"""What keeps schedules true: jobs past their end date are paused, and every next run can be worked out afresh."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from shared_rules.jobs import ScheduledJob, due_or_next_run
from shared_rules.mails import Mail, slack_text
from shared_rules.notices import Notice, notice_rows

__all__ = [
    "ENDING_SOON_DAYS",
    "ENDING_SOON_TITLE",
    "EndingJob",
    "NextRun",
    "Resync",
    "TimetableRow",
    "audience",
    "decide_resync",
    "is_over",
    "mail_of_pause",
    "notice_of_ending",
    "notice_of_pause",
    "slack_of_ending",
    "slack_of_pause",
]

ENDING_SOON_DAYS: Final = 30
"""A job whose end date is at most so many days after today ends soon."""
ENDING_SOON_TITLE: Final = "Job ending soon"


class EndingJob(Protocol):
    """The columns of a job that decide its end and say whom it concerns."""

    id: Any
    name: Any
    end_date: Any
    pic_team: Any
    created_by: Any
    is_active: Any


class TimetableRow(EndingJob, ScheduledJob, Protocol):
    """A job and its schedule; `schedule_rev` is None where there is no schedule yet."""

    next_run_at: Any
    schedule_rev: Any


@dataclass(frozen=True)
class NextRun:
    """A schedule to write. `schedule_rev` rises with each change; 1 is a new row."""

    job_id: str
    next_run_at: datetime | None
    schedule_rev: int

    @property
    def columns(self) -> dict[str, Any]:
        return {"job_id": self.job_id, "next_run_at": self.next_run_at, "schedule_rev": self.schedule_rev}


@dataclass(frozen=True)
class Resync:
    """What a resync changes. `rescheduled` counts active jobs whose next run was missing or another one."""

    total: int
    active: int
    rescheduled: int
    paused: Sequence[EndingJob]
    new: Sequence[NextRun]
    changed: Sequence[NextRun]

    def pauses(self, now: datetime) -> list[dict[str, Any]]:
        """Return the columns to set in each job that is paused, by its id."""
        return [{"id": job.id, "is_active": False, "updated_at": now} for job in self.paused]

    def notices(self, active_admin_ids: Sequence[str], now: datetime) -> list[dict[str, Any]]:
        """Return the rows of the notifications about them."""
        return [
            row
            for job in self.paused
            for row in notice_rows(notice_of_pause(job), audience(job, active_admin_ids), now)
        ]

    @property
    def answer(self) -> dict[str, Any]:
        """`{"message", "jobs_total", "jobs_active", "rescheduled", "paused"}`"""
        return {
            "message": "Scheduler resync completed",
            "jobs_total": self.total,
            "jobs_active": self.active,
            "rescheduled": self.rescheduled,
            "paused": len(self.paused),
        }


def is_over(job: EndingJob, today: date) -> bool:
    """Tell whether an active job has to be paused: `today`, in the scheduler zone, lies after its end date."""
    return bool(job.is_active and job.end_date < today)


def notice_of_pause(job: EndingJob) -> Notice:
    return Notice(
        "Job auto-paused (end date passed)",
        f'Job "{job.name}" passed its end_date ({job.end_date.isoformat()} JST) and was auto-paused. '
        f"PIC Team: {job.pic_team or '-'}",
        "warning",
        job_id=job.id,
    )


def mail_of_pause(job: EndingJob, to: str) -> Mail:
    """Return what the owner of a job gets who wants to know when it is disabled."""
    return Mail(to, f"Job disabled: {job.name}", notice_of_pause(job).message + "\n")


def slack_of_pause(job: EndingJob, team_handle: str | None, frontend_base_url: str) -> str:
    """Return the line for Slack: the team's handle, what happened, and where to change it."""
    return _slack_line(notice_of_pause(job), team_handle, frontend_base_url)


def notice_of_ending(job: EndingJob, today: date) -> Notice:
    """Return the warning that the job ends soon; `today` is in the scheduler zone, and its last day counts as none left."""
    return Notice(
        ENDING_SOON_TITLE,
        f'Job "{job.name}" ends on {job.end_date.isoformat()} JST ({(job.end_date - today).days} day(s) left). '
        f"PIC Team: {job.pic_team or '-'}",
        "warning",
        job_id=job.id,
    )


def slack_of_ending(job: EndingJob, today: date, team_handle: str | None, frontend_base_url: str) -> str:
    """Return the line for Slack, made as that of a pause."""
    return _slack_line(notice_of_ending(job, today), team_handle, frontend_base_url)


def audience(job: EndingJob, active_admin_ids: Iterable[str]) -> list[str]:
    """Return who is told about a job's end: its creator and the active admins, each once."""
    return list(dict.fromkeys([*([job.created_by] if job.created_by else []), *active_admin_ids]))


def decide_resync(rows: Sequence[TimetableRow], zone: ZoneInfo, now: datetime) -> Resync:
    """Return what makes every schedule true again. A run that is due stays: it waits to be claimed, and must not be lost."""
    today = now.astimezone(zone).date()
    paused = [row for row in rows if is_over(row, today)]
    running = [row for row in rows if row.is_active and not is_over(row, today)]
    wanted = {row.id: due_or_next_run(row, zone, now, row.next_run_at) for row in running}
    moved = [row for row in rows if row.next_run_at != wanted.get(row.id)]
    missing = [row for row in running if row.schedule_rev is None]
    return Resync(
        total=len(rows),
        active=len(running),
        rescheduled=sum(row.id in wanted for row in moved),
        paused=paused,
        new=[NextRun(row.id, wanted[row.id], 1) for row in missing],
        changed=[
            NextRun(row.id, wanted.get(row.id), row.schedule_rev + 1) for row in moved if row.schedule_rev is not None
        ],
    )


def _slack_line(notice: Notice, team_handle: str | None, frontend_base_url: str) -> str:
    line = f"{slack_text(notice.message)} {frontend_base_url}/jobs/{notice.job_id}/edit"
    return f"{team_handle} {line}" if team_handle else line
