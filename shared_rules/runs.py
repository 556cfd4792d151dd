"""A run of a job as rows: what is written when it starts and when it ended, and what everybody is told."""

from datetime import date, datetime
from typing import Any, Literal

from shared_rules.errors import BadRequest
from shared_rules.execution import Call, Outcome
from shared_rules.jobs import JobRow
from shared_rules.notices import Notice

__all__ = ["check_not_over", "columns_of_end", "columns_of_start", "notice_of_end"]


def check_not_over(job: JobRow, today: date) -> None:
    """Raise Job expired when `today`, in the scheduler zone, lies after the job's end date; whoever asks pauses it."""
    if job.end_date < today:
        raise BadRequest("Job expired", "This job has passed its end_date and was auto-paused.")


def columns_of_start(
    execution_id: str, job: JobRow, call: Call, trigger: Literal["manual", "scheduled"], now: datetime
) -> dict[str, Any]:
    """Return the columns of a run that begins now."""
    return {
        "id": execution_id,
        "job_id": job.id,
        "status": "running",
        "trigger_type": trigger,
        "started_at": now,
        "execution_type": call.execution_type,
        "target": call.target,
        "phase": "running",
    }


def columns_of_end(outcome: Outcome, started_at: datetime, now: datetime) -> dict[str, Any]:
    """Return the columns that end a run; its duration is in seconds, to the millisecond, never negative."""
    return {
        "status": outcome.status,
        "completed_at": now,
        "duration_seconds": max(0.0, round((now - started_at).total_seconds(), 3)),
        "response_status": outcome.response_status,
        "error_message": outcome.error_message,
        "output": outcome.output,
        "phase": "done",
    }


def notice_of_end(job_id: str, job_name: str, execution_id: str, outcome: Outcome) -> Notice:
    if outcome.status == "success":
        text = f'Job "{job_name}" completed successfully.'
        return Notice("Job Completed", text, "success", job_id=job_id, execution_id=execution_id)
    text = f'Job "{job_name}" failed: {outcome.error_message}'
    return Notice("Job Failed", text, "error", job_id=job_id, execution_id=execution_id)
