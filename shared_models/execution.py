"""Executions: one row a run, and one for each tick that was not run, which lists and counts leave out."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class JobExecution(Base):
    """`status` is what the API says (running, success, failed); `phase` is what the scheduler knows.

    Phases: claimed, running, done; missed and skipped are ticks that were not run; unknown lost its runner.
    Manual runs have no `scheduled_for`.
    """

    __tablename__ = "job_executions"

    id: Mapped[Id]
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(PlainText(20))
    trigger_type: Mapped[str] = mapped_column(PlainText(20))
    started_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    duration_seconds: Mapped[float | None]
    execution_type: Mapped[str] = mapped_column(PlainText(20))
    target: Mapped[str | None] = mapped_column(PlainText(1000))
    response_status: Mapped[int | None]
    error_message: Mapped[str | None]
    output: Mapped[str | None]

    phase: Mapped[str] = mapped_column(PlainText(20), default="running")
    scheduled_for: Mapped[datetime | None]
    claim_epoch: Mapped[int | None]
    claimed_by: Mapped[str | None] = mapped_column(PlainText(200))
    skip_reason: Mapped[str | None] = mapped_column(PlainText(50))
    deadline_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("job_id", "scheduled_for"),
        Index("ix_job_executions_job_started", "job_id", "started_at"),
        Index("ix_job_executions_started_id", "started_at", "id"),
        # Covering, never (status, started_at) alone: SQLite would walk that one with look-ups.
        Index("ix_job_executions_status_started_duration", "status", "started_at", "duration_seconds"),
        Index("ix_job_executions_job_status_duration", "job_id", "status", "duration_seconds"),
    )
