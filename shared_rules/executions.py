"""Executions as the API shows them: one run, which ones a list is about, and the figures of many."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple, Protocol

from shared_rules import wire
from shared_rules.date_range import DateRange, read_date_range
from shared_rules.errors import NotFound
from shared_rules.query import Page, Query, total_pages

__all__ = [
    "STATUSES",
    "ExecutionRow",
    "Figures",
    "Found",
    "NamedJob",
    "Wanted",
    "check_found",
    "execution",
    "execution_list",
    "execution_page",
    "job_list_size",
    "job_statistics",
    "list_page",
    "statistics",
    "wanted_of_all",
    "wanted_of_job",
    "wanted_of_statistics",
]

STATUSES = ("success", "failed", "running")
_JOB_LIST_SIZE, _PAGE_SIZE, _MAX_SIZE = 50, 20, 200


class ExecutionRow(Protocol):
    """The columns of a run."""

    id: Any
    job_id: Any
    status: Any
    trigger_type: Any
    started_at: Any
    completed_at: Any
    duration_seconds: Any
    execution_type: Any
    target: Any
    response_status: Any
    error_message: Any
    output: Any


class NamedJob(Protocol):
    """The columns of the job that is named beside its runs."""

    id: Any
    name: Any


Found = tuple[ExecutionRow, str, str | None]
"""A run with its job's name and GitHub repository."""


@dataclass(frozen=True)
class Wanted:
    """Which runs a list or a count is about. None restricts nothing; no status at all matches nothing."""

    span: DateRange = field(default_factory=DateRange)
    job_id: str | None = None
    statuses: tuple[str, ...] | None = None
    trigger_type: str | None = None
    execution_type: str | None = None


class Figures(NamedTuple):
    """The runs of one status: how many, how many of them have a duration, and the sum of those, None for none."""

    status: str
    runs: int
    timed: int
    seconds: float | None


def execution(row: ExecutionRow, job_name: str, github_repo: str | None) -> dict[str, Any]:
    """`{"id", "job_id", "job_name", "github_repo", "status", ..., "output"}`; name and repository are the job's."""
    return {
        "id": row.id,
        "job_id": row.job_id,
        "job_name": job_name,
        "github_repo": github_repo,
        "status": row.status,
        "trigger_type": row.trigger_type,
        "started_at": wire.instant(row.started_at),
        "completed_at": wire.instant(row.completed_at),
        "duration_seconds": row.duration_seconds,
        "execution_type": row.execution_type,
        "target": row.target,
        "response_status": row.response_status,
        "error_message": row.error_message,
        "output": row.output,
    }


def execution_list(job: NamedJob, found: Sequence[Found]) -> dict[str, Any]:
    """`{"job_id", "job_name", "total_executions", "executions": [...]}`; the total is that of this answer."""
    executions = [execution(*row) for row in found]
    return {"job_id": job.id, "job_name": job.name, "total_executions": len(executions), "executions": executions}


def execution_page(found: Sequence[Found], total: int, page: Page) -> dict[str, Any]:
    """`{"executions": [...], "total", "page", "limit", "total_pages"}`"""
    return {
        "executions": [execution(*row) for row in found],
        "total": total,
        "page": page.number,
        "limit": page.size,
        "total_pages": total_pages(total, page.size),
    }


def check_found(found: Found | None, execution_id: str, job_id: str | None = None) -> Found:
    """Return what was looked up; raise 404 when there is nothing, naming the job where one was asked for."""
    if found is None:
        of_job = "" if job_id is None else f" for job: {job_id}"
        raise NotFound("Execution not found", f"No execution found with ID: {execution_id}{of_job}")
    return found


def wanted_of_job(job_id: str, query: Query) -> Wanted:
    """Return which runs the list of one job is about; raise 400 on dates that are wrong."""
    return Wanted(
        span=read_date_range(query),
        job_id=job_id,
        statuses=_statuses(query),
        trigger_type=query.trimmed("trigger_type"),
    )


def wanted_of_all(query: Query) -> Wanted:
    """Return which runs the list of all is about; raise 400 on dates that are wrong."""
    return Wanted(
        span=read_date_range(query),
        job_id=query.trimmed("job_id"),
        statuses=_statuses(query),
        trigger_type=query.trimmed("trigger_type"),
        execution_type=query.trimmed("execution_type"),
    )


def wanted_of_statistics(query: Query) -> Wanted:
    """Return which runs the statistics are about; raise 400 on dates that are wrong."""
    return Wanted(span=read_date_range(query), job_id=query.trimmed("job_id"))


def job_list_size(query: Query) -> int:
    return query.number("limit", _JOB_LIST_SIZE, _MAX_SIZE)


def list_page(query: Query) -> Page:
    return query.page("limit", _PAGE_SIZE, _MAX_SIZE)


def job_statistics(job: NamedJob, figures: Iterable[Figures], latest: Found | None) -> dict[str, Any]:
    """`{"job_id", "job_name", "statistics", "latest_execution"}`

    The average is that of the successes, None if none of them has a duration.
    """
    success, failed, running = _in_order(figures)
    total = success.runs + failed.runs + running.runs
    return {
        "job_id": job.id,
        "job_name": job.name,
        "statistics": {
            "total_executions": total,
            "success_count": success.runs,
            "failed_count": failed.runs,
            "running_count": running.runs,
            "success_rate": _percent(success.runs, total, places=2),
            "average_duration_seconds": _average(success),
        },
        "latest_execution": None if latest is None else execution(*latest),
    }


def statistics(figures: Iterable[Figures], span: DateRange) -> dict[str, Any]:
    """Return the figures of all jobs; the average is that of every run with a duration, 0.0 if none has one."""
    success, failed, running = _in_order(figures)
    total = success.runs + failed.runs + running.runs
    return {
        "total_executions": total,
        "successful_executions": success.runs,
        "failed_executions": failed.runs,
        "running_executions": running.runs,
        "success_rate": _percent(success.runs, total, places=1),
        "average_duration_seconds": _average(success, failed, running) or 0.0,
        "range": span.echo,
    }


def _statuses(query: Query) -> tuple[str, ...] | None:
    words = query.words("status")
    return None if words is None else tuple(status for status in STATUSES if status in words)


def _in_order(figures: Iterable[Figures]) -> list[Figures]:
    """Return the figures of each status, in the order of `STATUSES`."""
    by_status = {part.status: part for part in figures}
    return [by_status[status] for status in STATUSES]


def _percent(part: int, whole: int, *, places: int) -> float:
    return _rounded(Decimal(100 * part) / whole, places) if whole else 0.0


def _average(*figures: Figures) -> float | None:
    """Return seconds with two decimals.

    Databases add floats in different orders. Cutting their noise off at nine decimals first keeps it from deciding a half.
    """
    timed = sum(part.timed for part in figures)
    seconds = sum(part.seconds or 0.0 for part in figures)
    return _rounded(Decimal(f"{seconds / timed:.9f}"), 2) if timed else None


def _rounded(value: Decimal, places: int) -> float:
    """Return the nearest number of so many decimals, the upper one of two; Python's `round` prefers even digits."""
    return float(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
