"""Statements about runs. Ticks that were not run are in none of them."""

from sqlalchemy import ColumnElement, CompoundSelect, Select, SQLColumnExpression, func, literal, select, union_all

from shared_models.execution import JobExecution, ran
from shared_models.job import Job
from shared_models.queries.date_range import within
from shared_rules.date_range import DateRange
from shared_rules.executions import STATUSES, Wanted

__all__ = ["figures", "run_by_id", "run_count", "runs"]


def run_by_id(execution_id: str, job_id: str | None = None) -> Select[JobExecution, str, str | None]:
    """The run with its job's name and GitHub repository; of that job, if one is named."""
    statement = _with_job().where(JobExecution.id == execution_id, ran())
    return statement if job_id is None else statement.where(JobExecution.job_id == job_id)


def runs(wanted: Wanted, limit: int, offset: int = 0) -> Select[JobExecution, str, str | None]:
    """Runs with their job's name and GitHub repository, newest first.

    The page is picked by id first: stepping over whole rows to a late page costs ten times as much.
    """
    newest_first = (JobExecution.started_at.desc(), JobExecution.id.desc())
    ids = select(JobExecution.id).where(*_conditions(wanted)).order_by(*newest_first).limit(limit).offset(offset)
    page = ids.subquery()
    return _with_job().join(page, page.c.id == JobExecution.id).order_by(*newest_first)


def run_count(wanted: Wanted) -> Select[int]:
    return select(func.count()).select_from(JobExecution).where(*_conditions(wanted))


def figures(wanted: Wanted) -> CompoundSelect[str, int, int, float | None]:
    """Status, runs, runs with a duration, and the sum of those, for each status.

    One SELECT a status: with an equality SQLite seeks the range in the covering index, with GROUP BY it does not.
    """
    duration = JobExecution.duration_seconds
    column = JobExecution.status if wanted.span == DateRange() else _status(wanted)
    return union_all(
        *(
            select(
                literal(status).label("status"),
                func.count().label("runs"),
                func.count(duration).label("timed"),
                func.sum(duration).label("seconds"),
            )
            .select_from(JobExecution)
            .where(column == status, *_conditions(wanted))
            for status in STATUSES
        )
    )


def _with_job() -> Select[JobExecution, str, str | None]:
    return select(JobExecution, Job.name, Job.github_repo).join(Job, Job.id == JobExecution.job_id)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = [ran(), *within(JobExecution.started_at, wanted.span)]
    if wanted.job_id is not None:
        conditions.append(JobExecution.job_id == wanted.job_id)
    if wanted.statuses is not None:
        conditions.append(_status(wanted).in_(wanted.statuses))
    if wanted.trigger_type is not None:
        conditions.append(JobExecution.trigger_type == wanted.trigger_type)
    if wanted.execution_type is not None:
        conditions.append(JobExecution.execution_type == wanted.execution_type)
    return conditions


def _status(wanted: Wanted) -> SQLColumnExpression[str]:
    """The column; where one job is meant hidden from SQLite, which would walk all jobs' runs of that status to find the job's."""
    return JobExecution.status if wanted.job_id is None else func.coalesce(JobExecution.status, "")
