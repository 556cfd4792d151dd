"""Executions: one row a run, and one for each tick that was not run, which lists and counts leave out."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText

__all__ = ["JobExecution", "ran"]

_RAN: Final = ("'done'", "'running'", "'unknown'")
_RUNS: Final = ", ".join(_RAN)


def ran() -> ColumnElement[bool]:
    """The rows that are runs, as against ticks that were left out or are only claimed.

    Its words are those of the partial indexes below: with bound parameters SQLite would not see that they apply.
    """
    return JobExecution.phase.in_([literal_column(phase) for phase in _RAN])


def _index_of_phases(name: str, phases: str, *columns: str) -> Index:
    only = text(f"phase IN ({phases})")
    return Index(name, *columns, sqlite_where=only, postgresql_where=only)


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
        _index_of_phases("ix_job_executions_job_started", _RUNS, "job_id", "started_at"),
        _index_of_phases("ix_job_executions_started_id", _RUNS, "started_at", "id"),
        # Covering, never (status, started_at) alone: SQLite would walk that one with look-ups.
        _index_of_phases(
            "ix_job_executions_status_started_duration", _RUNS, "status", "started_at", "duration_seconds"
        ),
        _index_of_phases("ix_job_executions_job_status_duration", _RUNS, "job_id", "status", "duration_seconds"),
        # What waits for a runner or has one, oldest first, and of one job; ticks that were not run, newest last.
        _index_of_phases("ix_job_executions_open", "'claimed', 'running'", "phase", "scheduled_for"),
        _index_of_phases("ix_job_executions_open_of_job", "'claimed', 'running'", "job_id", "scheduled_for"),
        _index_of_phases("ix_job_executions_not_run", "'missed', 'skipped'", "scheduled_for", "id"),
    )
