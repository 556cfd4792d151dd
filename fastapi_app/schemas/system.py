"""Answers about health and the scheduler."""

from typing import Literal

from pydantic import Field

from fastapi_app.schemas.wire import AnswerModel, Instant, LocalInstant

__all__ = ["Alive", "Handover", "Healthy", "Owner", "Resynced", "SchedulerStatus", "Unhealthy"]

Stack = Literal["legacy", "modern"]
StackOrNone = Literal["legacy", "modern", "none"]


class Healthy(AnswerModel):
    status: Literal["healthy"]
    service: str = Field(examples=["cron-job-backend"])
    version: str
    scheduler_running: bool = Field(description="A live owner: one that beat within its time to live")
    scheduled_jobs_count: int = Field(description="Active jobs with a next run")
    timestamp: Instant


class Unhealthy(AnswerModel):
    """The database does not answer. What only it knows is null."""

    status: Literal["unhealthy"]
    service: str = Field(examples=["cron-job-backend"])
    version: str
    scheduler_running: None
    scheduled_jobs_count: None
    timestamp: Instant


class Alive(AnswerModel):
    status: Literal["alive"]


class Owner(AnswerModel):
    """Who holds the lease, also after its last beat went stale: then `scheduler_running` is false."""

    stack: Stack
    process: str | None
    epoch: int = Field(description="Rises with each change of owner")
    since: Instant | None
    heartbeat_age_seconds: float | None = Field(description="By the database's clock")


class Handover(AnswerModel):
    from_: StackOrNone = Field(alias="from")
    to: StackOrNone
    requested_at: Instant
    completed_at: Instant | None
    gap_ms: float | None = Field(description="Time without an owner")
    caught_up: int | None = Field(description="Runs that fell due in the gap and were made up for")
    skipped: int | None


class SchedulerStatus(AnswerModel):
    scheduler_running: bool
    desired_stack: StackOrNone
    owner: Owner | None
    scheduled_jobs_count: int
    next_due_at: LocalInstant | None
    last_handover: Handover | None


class Resynced(AnswerModel):
    message: str
    jobs_total: int
    jobs_active: int = Field(description="After the resync")
    rescheduled: int = Field(description="Active jobs whose next run was missing or another one")
    paused: int = Field(description="Jobs that were active after their end date")
