"""Ticks that were not run, and runs whose end nobody knows: each has a row that says why."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, literal_column, select
from sqlalchemy.orm import Session

from changeover.problems import FAILED, Problem
from changeover.scheduler_database import scheduler_database
from shared_models.execution import JobExecution, ran
from shared_models.job import Job
from shared_rules import wire
from shared_rules.settings import Settings

__all__ = ["FAST_FORWARD", "Missed", "NotRun", "counts_since", "missed_since"]

FAST_FORWARD: Final = "fast-forward"
_WORDS: Final = {
    "misfire": "due longer ago than SCHEDULER_MISFIRE_GRACE_S allows",
    "late": "late, and SCHEDULER_CATCH_UP=none runs nothing late",
    "coalesced": "a later tick of the job was due as well, and SCHEDULER_CATCH_UP=latest runs the newest",
    "overlap": "a run of the job was still open, and SCHEDULER_OVERLAP=skip",
    "too many wait": "too many ticks of the job were waiting",
    FAST_FORWARD: "passed over by `changeover scheduler fast-forward`",
}
# Literal, so that SQLite sees that the partial index applies.
_LEFT_OUT: Final[list[ColumnElement[str]]] = [literal_column(f"'{phase}'") for phase in ("missed", "skipped")]


@dataclass(frozen=True)
class NotRun:
    """One tick. `scheduled_for` is in the scheduler zone, of a lost run by hand when it began; `words` say the reason."""

    scheduled_for: str
    job_id: str
    job_name: str
    phase: str
    reason: str
    words: str


@dataclass(frozen=True)
class Missed:
    """The newest ticks, and how many there are in all."""

    total: int
    ticks: tuple[NotRun, ...]

    def as_json(self) -> dict[str, Any]:
        return {"total": self.total, "ticks": [asdict(tick) for tick in self.ticks]}


def missed_since(settings: Settings, since: datetime, job: str, limit: int) -> Missed:
    """Return the ticks from `since` on, of all jobs or of one, newest first. Raise Problem for a job that is not there."""
    with scheduler_database(settings) as engine, Session(engine) as session:
        if job and session.scalar(select(Job.id).where(Job.name == job)) is None:
            raise Problem(f'There is no job "{job}"; `changeover scheduler missed` without --job names them.', FAILED)
        wanted = [_left_out(since), _lost(since)]
        if job:
            wanted = [which & (Job.name == job) for which in wanted]
        total = sum(session.scalar(_counted(which)) or 0 for which in wanted)
        rows = [row for which in wanted for row in session.execute(_rows(which, limit))]
    rows.sort(key=lambda row: row.at, reverse=True)
    return Missed(total, tuple(_tick(row, settings) for row in rows[:limit]))


def counts_since(session: Session, since: datetime) -> Mapping[str, int]:
    """Return how many there are from `since` on, by reason."""
    reasons = select(JobExecution.skip_reason, func.count()).where(_left_out(since)).group_by(JobExecution.skip_reason)
    counts = {reason or "no reason": count for reason, count in session.execute(reasons)}
    lost = session.scalar(select(func.count()).where(_lost(since)))
    return counts | ({"unknown": lost} if lost else {})


def _left_out(since: datetime) -> ColumnElement[bool]:
    return JobExecution.phase.in_(_LEFT_OUT) & (JobExecution.scheduled_for >= since)


def _lost(since: datetime) -> ColumnElement[bool]:
    return ran() & (JobExecution.phase == "unknown") & (JobExecution.started_at >= since)


def _counted(which: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(JobExecution).join(Job, Job.id == JobExecution.job_id).where(which)


def _rows(which: ColumnElement[bool], limit: int) -> Select[*tuple[Any, ...]]:
    at = func.coalesce(JobExecution.scheduled_for, JobExecution.started_at, type_=JobExecution.started_at.type)
    return (
        select(
            at.label("at"),
            JobExecution.job_id,
            Job.name,
            JobExecution.phase,
            JobExecution.skip_reason,
            JobExecution.error_message,
        )
        .join(Job, Job.id == JobExecution.job_id)
        .where(which)
        .order_by(at.desc(), JobExecution.id)
        .limit(limit)
    )


def _tick(row: Any, settings: Settings) -> NotRun:
    reason = row.skip_reason or row.phase
    said = row.error_message or "the process that ran it is gone; it may have been carried out"
    return NotRun(
        scheduled_for=wire.local_instant(row.at, settings.zone) or "",
        job_id=row.job_id,
        job_name=row.name,
        phase=row.phase,
        reason=reason,
        words=said if row.phase == "unknown" else _WORDS.get(reason, reason),
    )
