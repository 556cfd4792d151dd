"""The scheduler of one process of either stack: APScheduler over the jobs table, running if and only if this process owns.

keeper (who owns?) -> APScheduler, paused or not -> JobsTableStore (claim) -> RunPool (start, run, record) -> Outbox
"""

import gc
import os
import secrets
import socket
import threading
import time
from datetime import datetime
from typing import Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
from sqlalchemy import Connection, select

from scheduler.changes import watch_changes
from scheduler.claims import Claims
from scheduler.keeper import Keeper
from scheduler.lease import Acquired, Lease, NotOwner, Seen, transaction
from scheduler.nodes import asked_at, facts_of, fires_digest
from scheduler.outbox import Outbox
from scheduler.pool import RunPool
from scheduler.reaper import LOST, Reaper
from scheduler.services import Services
from scheduler.store import JobsTableStore
from shared_models.engine import sync_engine
from shared_models.queries import lease as queries
from shared_models.queries.clock import DatabaseNow

__all__ = ["Runtime"]

_IDLE_S: Final = 1.0
_MARGIN_S: Final = 5.0
_REFUSES_S: Final = 60.0
_log = structlog.get_logger(__name__)


class SchedulesForTests(Exception):
    """The database holds schedules in seconds, which are for tests."""


class Runtime:
    """Made without a thread or connection; `start` after the fork. `SCHEDULER_ENABLED=off` makes `start` do nothing."""

    def __init__(self, services: Services, database_url: str, stack: str) -> None:
        self._services = services
        settings = services.settings
        self._settings = settings
        self.process = f"{stack}:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        # A wait longer than this would outlast the lease.
        timeout_s = settings.scheduler_lease_ttl_s / 2
        self._engine = sync_engine(
            database_url, synchronous=settings.sqlite_synchronous, timeout_s=timeout_s, idle_s=_IDLE_S
        )
        self._lease = Lease(self._engine, self.process, stack, settings.scheduler_lease_ttl_s)
        self._keeper = Keeper(self._lease, watch_changes(self._engine), self)
        self._claims = Claims(self._lease, settings, self._keeper.proved)
        self._outbox = Outbox(services, self._engine, self.process)
        self._pool = RunPool(services, self._lease, on_lost=self._keeper.doubt, on_recorded=self._outbox.deliver_soon)
        self._reaper = Reaper(self._lease, settings.scheduler_run_timeout_s, settings.clock_offset_s)
        store = JobsTableStore(self._claims, self._claimed, self._keeper.doubt)
        self.apscheduler = BackgroundScheduler(
            jobstores={"default": store},
            executors={"default": self._pool},
            timezone=settings.zone,
            jobstore_retry_interval=0.2,
        )
        self._started = False
        self._refuses_until = 0.0
        self._answering: str | None = None

    def start(self) -> None:
        """Watch the lease, and own it when this stack is wanted and nobody else does. Returns at once."""
        if not self._settings.scheduler_enabled or self._started:
            return
        self._started = True
        _settle()
        self.apscheduler.start(paused=True)
        if self._settings.scheduler_pull == "all":
            self._pool.pull()
        self._keeper.start()

    def release(self) -> None:
        """Give the lease up, for good, within some 50 ms. Returns at once; may be called in a signal handler."""
        self._keeper.release()

    def stop(self, drain_s: float = 12.0) -> None:
        """Release, wait up to `drain_s` for what runs, write the ends, stop every thread. Runs left over are given up."""
        if not self._started:
            return
        self._started = False
        self._keeper.leave(self._settings.scheduler_lease_ttl_s)
        left = self._pool.close(drain_s)
        self._keeper.stop(_MARGIN_S)
        self._outbox.close(_MARGIN_S)
        self.apscheduler.shutdown(wait=False)
        if left:
            _log.error("scheduler.runs_left", executions=left, why=LOST)
        try:
            with transaction(self._engine) as connection:
                connection.execute(queries.node_removed(self.process))
        except Exception as error:
            _log.warning("scheduler.node_left", error=type(error).__name__)
        self._engine.dispose()

    # What follows from owning: the keeper's thread calls these.

    def acquire(self, seen: Seen) -> Acquired | None:
        if time.monotonic() < self._refuses_until:
            return None
        try:
            return self._lease.acquire(seen, self._prepare)
        except SchedulesForTests:
            self._refuses_until = time.monotonic() + _REFUSES_S
            _log.error("scheduler.refused", why="job_schedule.every_s is set, which is for tests; set it to NULL")
            return None

    def resume(self, acquired: Acquired | None) -> None:
        if acquired is not None:
            self._claims.begin(acquired)
            self._reaper.begin()
        self._outbox.start()
        self._pool.open()
        self.apscheduler.resume()

    def suspend(self) -> None:
        self.apscheduler.pause()
        self._pool.shut()
        self._outbox.pause()

    def changed(self) -> None:
        if self._claims.is_due_changed():
            self.apscheduler.wakeup()

    def beat(self) -> None:
        """Show that this process lives; as the owner, look who does not."""
        with transaction(self._engine) as connection:
            if not connection.execute(queries.node_beats(self.process)).rowcount:
                facts = facts_of(self._settings, self._clock_ahead_s(connection))
                dialect = connection.dialect.name
                connection.execute(queries.node_written(dialect, self.process, self._lease.stack, facts))
        if self._lease.epoch is not None:
            self._reap()

    def answer(self, asked: str) -> None:
        """Answer a question in a thread of its own; it is seen again and again until the answer is written."""
        if asked != self._answering:
            self._answering = asked
            threading.Thread(target=self._answer, args=(asked,), name="fire times", daemon=True).start()

    def _prepare(self, connection: Connection, epoch: int) -> None:
        if self._settings.production and connection.scalar(queries.schedules_in_seconds()) is not None:
            raise SchedulesForTests
        self._claims.prepare(connection, epoch)

    def _claimed(self) -> None:
        self._pool.wake()
        self._outbox.deliver_soon()

    def _reap(self) -> None:
        try:
            dead = self._reaper.reap()
        except NotOwner:
            self._keeper.doubt()
        else:
            self._outbox.take_over(dead)

    def _answer(self, asked: str) -> None:
        try:
            with self._engine.connect() as connection:
                fires = fires_digest(connection, self._settings.zone, asked_at(asked))
            with transaction(self._engine) as connection:
                connection.execute(queries.node_answered(self.process, asked, fires))
        except Exception as error:
            _log.warning("scheduler.no_answer", asked=asked, error=type(error).__name__)
            self._answering = None

    def _clock_ahead_s(self, connection: Connection) -> float:
        """Return how far this process's clock is ahead of the database's, in seconds."""
        of_database: datetime = connection.scalars(select(DatabaseNow())).one()
        return (self._services.clock.now() - of_database).total_seconds()


def _settle() -> None:
    """Leave what is loaded by now out of garbage collections: it stays, and a walk through all of it takes 100 ms.

    Meanwhile no thread of the process does anything, neither those that fire nor those that answer requests.
    """
    gc.collect()
    gc.freeze()
