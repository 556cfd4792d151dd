"""The ends of runs on their way to the database: many in one transaction, kept and tried again while it does not answer."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from scheduler import outbox
from scheduler.lease import transaction
from scheduler.messages import messages_after_run, readers_of_runs
from scheduler.points import reach
from shared_models import Notification
from shared_models.engine import is_unavailable
from shared_models.queries import claims as queries
from shared_models.queries.bulk import rows_added
from shared_models.queries.notices import active_user_ids
from shared_rules.execution import Call, Outcome
from shared_rules.notices import notice_rows
from shared_rules.runs import columns_of_end, notice_of_end

__all__ = ["Ended", "Recorder", "Run", "columns_of", "run_of", "tell"]

_BATCH: Final = 200
_BELLS: Final = 5_000
"""Notifications in one transaction: everybody gets one of each run, and nobody else writes meanwhile."""
_RETRY_S: Final = 0.2
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Run:
    """A tick that this process has started, with the job as it was then."""

    id: str
    job: Any
    scheduled_for: datetime
    started_at: datetime
    execution_type: str
    target: str | None


@dataclass(frozen=True)
class Ended:
    """A run and how it ended; `call` is None when the job has no target that may be called."""

    run: Run
    call: Call | None
    outcome: Outcome
    at: datetime


class Recorder:
    """Writes ends in the order in which they come. `announce` hears of each that was written, as an APScheduler event."""

    def __init__(
        self, engine: Engine, process: str, *, announce: Callable[[Any], None], on_recorded: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._process = process
        self._announce = announce
        self._on_recorded = on_recorded
        self._waiting: list[Ended] = []
        self._expected: set[str] = set()
        self._closing = False
        # Few until it is known how many users there are.
        self._most = 8
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_on, name="run recorder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def expect(self, execution_id: str) -> None:
        """Know of a run that has begun."""
        with self._changed:
            self._expected.add(execution_id)

    def record(self, ended: Ended) -> None:
        """Have the end written soon; returns at once."""
        with self._changed:
            self._waiting.append(ended)
            self._changed.notify_all()

    def close(self, timeout_s: float) -> list[str]:
        """Write what waits; return the ids of runs whose end is not in the database by then."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, timeout_s)
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return sorted(self._expected)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                batch = self._waiting[: self._most]
            if not batch:
                return
            try:
                self._write_all(batch)
            except Exception as error:
                _log.warning("scheduler.end_not_written", runs=len(batch), error=type(error).__name__)
                if self._closing:
                    return
                threading.Event().wait(_RETRY_S)

    def _write_all(self, batch: Sequence[Ended]) -> None:
        """Write the ends, each by itself where they cannot be written together. Raise what will pass."""
        try:
            self._write(batch)
        except Exception as error:
            if _passes(error):
                raise
            for ended in batch:
                self._write_alone(ended)

    def _write_alone(self, ended: Ended) -> None:
        """Write one end, without its words where they are what cannot be written: it must not stop the others."""
        for way in (ended, _without_words(ended)):
            try:
                self._write([way], quietly=way is not ended)
            except Exception as error:
                if _passes(error):
                    raise
                _log.exception("scheduler.end_refused", execution_id=ended.run.id, job_id=ended.run.job.id)
            else:
                return
        self._forget([ended])

    def _write(self, batch: Sequence[Ended], *, quietly: bool = False) -> None:
        with transaction(self._engine) as connection:
            mine = set(connection.scalars(queries.own_runs(self._process, [ended.run.id for ended in batch])))
            written = [ended for ended in batch if ended.run.id in mine]
            if written:
                connection.execute(queries.ended(), [columns_of(ended) for ended in written])
                readers = 0 if quietly else tell(connection, written)
                self._most = max(1, min(_BATCH, _BELLS // max(1, readers)))
        reach("run.recorded")
        self._forget(batch)
        self._on_recorded()
        for ended in written:
            self._announce(_event(ended))

    def _forget(self, batch: Sequence[Ended]) -> None:
        with self._changed:
            del self._waiting[: len(batch)]
            self._expected.difference_update(ended.run.id for ended in batch)
            self._changed.notify_all()


def run_of(row: Any, job: Any, started_at: datetime) -> Run:
    """Return the run of a row of `job_executions`."""
    return Run(row.id, job, row.scheduled_for, started_at, row.execution_type, row.target)


def tell(connection: Connection, written: Sequence[Ended]) -> int:
    """Write to everybody's bell, and owe the mails and Slack lines, in the transaction of the ends.

    Return how many users there are.
    """
    users = connection.scalars(active_user_ids()).all()
    bells = [row for ended in written for row in notice_rows(_notice(ended), users, ended.at)]
    if bells:
        connection.execute(rows_added(Notification), bells)
    loud = [ended for ended in written if ended.outcome.status == "failed" or ended.run.job.notify_on_success]
    if not loud:
        return len(users)
    readers = readers_of_runs(connection, [ended.run.job for ended in loud])
    for ended in loud:
        job = ended.run.job
        outbox.queue(connection, messages_after_run(job, ended.outcome, readers[job.id], ended.run.id), ended.at)
    return len(users)


def columns_of(ended: Ended) -> dict[str, Any]:
    """Return the parameters of `ended()` for one run."""
    # A job may have been edited since its tick was claimed: what counts is the call that was made.
    made = ended.call or ended.run
    return {
        "run": ended.run.id,
        "execution_type": made.execution_type,
        "target": made.target,
        **columns_of_end(ended.outcome, ended.run.started_at, ended.at),
    }


def _passes(error: Exception) -> bool:
    """Tell whether the database failed, as against what was to be written."""
    return is_unavailable(error) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def _without_words(ended: Ended) -> Ended:
    outcome = Outcome(ended.outcome.status, error_message="How the run went could not be written down.")
    return replace(ended, call=None, outcome=outcome)


def _notice(ended: Ended) -> Any:
    return notice_of_end(ended.run.job.id, ended.run.job.name, ended.run.id, ended.outcome)


def _event(ended: Ended) -> JobExecutionEvent:
    job_id, at, outcome = ended.run.job.id, ended.run.scheduled_for, ended.outcome
    if outcome.status == "success":
        return JobExecutionEvent(EVENT_JOB_EXECUTED, job_id, "default", at, retval=outcome)
    error = RuntimeError(outcome.error_message)
    return JobExecutionEvent(EVENT_JOB_ERROR, job_id, "default", at, retval=outcome, exception=error)
