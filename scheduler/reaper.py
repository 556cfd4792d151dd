"""Runs whose process died between start and end: nobody knows whether they had their effect, and so they say."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Connection, select

from scheduler.lease import Lease
from scheduler.recorder import Ended, columns_of, run_of, tell
from shared_models.queries import claims as queries
from shared_models.queries import lease as lease_queries
from shared_models.queries.clock import DatabaseNow
from shared_models.scheduler import SchedulerNode
from shared_rules.execution import Outcome

__all__ = ["LOST", "Reaper"]

LOST: Final = "The process that ran this job ended before it could say how the run went."
_BY_HAND_S: Final = 60.0
_log = structlog.get_logger(__name__)


class Reaper:
    """The owner's look at the other processes. A process is dead when its beat stood still for 3 TTL of my own clock."""

    def __init__(self, lease: Lease, run_timeout_s: float, offset_s: float) -> None:
        self._lease = lease
        self._by_hand = timedelta(seconds=run_timeout_s + _BY_HAND_S)
        self._offset = timedelta(seconds=offset_s)
        self._beats: dict[str, tuple[int, float]] = {}
        self._since = time.monotonic()

    def begin(self) -> None:
        """Forget what was seen: this process owns anew."""
        self._beats = {}
        self._since = time.monotonic()

    def reap(self) -> list[str]:
        """Give up the runs of dead processes, in one fenced transaction. Return who is dead by now. Raise NotOwner."""
        with self._lease.engine.connect() as connection:
            beats = dict(connection.execute(select(SchedulerNode.process, SchedulerNode.beat)).all())
        now = time.monotonic()
        dead_after_s = 3 * self._lease.ttl_s
        for process, beat in beats.items():
            if self._beats.get(process, (-1, 0.0))[0] != beat:
                self._beats[process] = (beat, now)
        if now - self._since < dead_after_s:
            return []
        living = [process for process in beats if now - self._beats[process][1] < dead_after_s]
        self._give_up({*living, self._lease.process})
        return [process for process in beats if process not in living]

    def _give_up(self, living: set[str]) -> None:
        with self._lease.engine.connect() as connection:
            at = connection.scalars(select(DatabaseNow())).one()
            lost = self._lost(connection, living, at + self._offset)
            forgotten = connection.scalar(lease_queries.dead_nodes())
        if not lost and forgotten is None:
            return
        with self._lease.fenced() as (connection, at):
            now = at + self._offset
            # One may have ended while the lock was waited for.
            lost = self._lost(connection, living, now)
            if lost:
                self._write(connection, lost, now)
            connection.execute(lease_queries.dead_nodes_removed())

    def _lost(self, connection: Connection, living: set[str], now: datetime) -> Sequence[Any]:
        return connection.execute(queries.lost_runs(living, now, now - self._by_hand)).all()

    def _write(self, connection: Connection, lost: Sequence[Any], now: datetime) -> None:
        jobs = {job.id: job for job in connection.execute(queries.jobs_to_run({run.job_id for run in lost}))}
        outcome = Outcome("failed", error_message=LOST)
        ends = [
            Ended(run_of(row, jobs[row.job_id], row.started_at), None, outcome, now)
            for row in lost
            if row.job_id in jobs
        ]
        connection.execute(queries.ended(), [columns_of(ended) | {"phase": "unknown"} for ended in ends])
        tell(connection, ends)
        for row in lost:
            _log.error("scheduler.run_lost", execution_id=row.id, job_id=row.job_id, process=row.claimed_by)
