"""Runs of claimed ticks: started by compare-and-set, made in threads, their ends written in batches.

It is APScheduler's executor, so that its listeners hear of every run; what to run it takes from the table, not from
APScheduler. A run belongs to the process that started it: its end is written whoever owns the scheduler by then.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from apscheduler.events import EVENT_JOB_SUBMITTED, JobSubmissionEvent  # type: ignore[import-untyped]
from apscheduler.executors.base import BaseExecutor  # type: ignore[import-untyped]
from sqlalchemy import Connection, select

from scheduler.lease import Lease, NotOwner
from scheduler.points import reach
from scheduler.recorder import Ended, Recorder, Run, run_of
from scheduler.services import Services
from shared_models.queries import claims as queries
from shared_models.queries.clock import DatabaseNow
from shared_rules.errors import Refused
from shared_rules.execution import Outcome, choose_call, outcome_of_refusal

__all__ = ["RunPool"]

_THREADS: Final = 32
_RATE: Final = 200.0
"""Starts a second. More would keep those waiting who ask something of the same process: its threads share one interpreter."""
_FEW: Final = 4
_MARGIN_S: Final = 5.0
_RETRY_S: Final = 0.2
_PULL_S: Final = 0.2
_LOOK_S: Final = 1.0
_log = structlog.get_logger(__name__)


class RunPool(BaseExecutor):  # type: ignore[misc]
    """At most 32 runs at once, 200 begun in a second. It starts some only while it is open, and finishes those it has started in any case.

    `on_lost` hears that this process does not own any more, `on_recorded` that ends and their messages were written.
    """

    def __init__(
        self, services: Services, lease: Lease, *, on_lost: Callable[[], None], on_recorded: Callable[[], None]
    ) -> None:
        super().__init__()
        self._services = services
        self._lease = lease
        self._on_lost = on_lost
        self._settings = services.settings
        self._recorder = Recorder(lease.engine, lease.process, announce=self._announce, on_recorded=on_recorded)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="run")
        self._wakes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._open = False
        self._pulls = False
        self._closed = False
        self._running = 0
        self._changed = threading.Condition()
        self._starter = threading.Thread(target=self._start_runs, name="run starter", daemon=True)

    def start(self, scheduler: Any, alias: str) -> None:
        """Be ready, closed. Called by APScheduler."""
        super().start(scheduler, alias)
        self._recorder.start()
        self._starter.start()

    def open(self) -> None:
        """Start what this process, as the owner, has claimed."""
        self._open = True
        self.wake()

    def shut(self) -> None:
        """Start nothing more; what runs goes on."""
        self._open = False

    def pull(self) -> None:
        """Take claimed runs as one worker among many, owner or not."""
        self._pulls = True
        self.wake()

    def wake(self) -> None:
        """Look for claimed runs now."""
        self._wakes.put(True)

    def close(self, drain_s: float) -> list[str]:
        """Start nothing more, wait for what runs, write its ends; return the ids of runs that did not end in time."""
        ends = time.monotonic() + drain_s
        self._closed = True
        self.shut()
        self.wake()
        # What it has just marked as started has to begin yet.
        self._starter.join(drain_s)
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, max(0.0, ends - time.monotonic()))
        self._threads.shutdown(wait=False, cancel_futures=True)
        return self._recorder.close(max(_MARGIN_S, ends - time.monotonic()))

    def _do_submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        raise TypeError("Jobs run by their rows; POST /jobs/<id>/execute runs one by hand.")

    def _start_runs(self) -> None:
        pace = _Pace()
        while not self._closed:
            try:
                while self._may_start() and (free := _THREADS - self._running) > 0:
                    started = self._start_batch(min(free, pace.room()))
                    pace.begun(started)
                    if not started:
                        break
            except NotOwner:
                self.shut()
                self._on_lost()
            except Exception as error:
                # Whatever it is, the thread goes on.
                _log.warning("scheduler.start_failed", error=type(error).__name__)
                self._wait(_RETRY_S)
                continue
            # A run that another process ends, or that is given up, lets the next one of its job start, and wakes nobody here.
            self._wait(_PULL_S if self._pulls else _LOOK_S)

    def _may_start(self) -> bool:
        return not self._closed and (self._open or self._pulls)

    def _wait(self, timeout_s: float) -> None:
        """Wait for a wake, then take all that have come."""
        try:
            self._wakes.get(timeout=timeout_s)
            while True:
                self._wakes.get_nowait()
        except queue.Empty:
            pass

    def _start_batch(self, free: int) -> int:
        """Start up to `free` runs; return how many."""
        with self._lease.engine.connect() as connection:
            if connection.scalar(queries.waiting()) is None:
                return 0
        with self._transaction() as (connection, at):
            runs = self._take(connection, free, at + timedelta(seconds=self._settings.clock_offset_s))
        for run in runs:
            with self._changed:
                self._running += 1
            self._recorder.expect(run.id)
            self._threads.submit(self._run, run)
            self._announce(JobSubmissionEvent(EVENT_JOB_SUBMITTED, run.job.id, "default", [run.scheduled_for]))
        return len(runs)

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Connection, datetime]]:
        """Yield the owner's fenced transaction; that of a worker which pulls is not serialised with other writers."""
        if not self._pulls:
            with self._lease.fenced() as fenced:
                yield fenced
            return
        with self._lease.engine.begin() as connection:
            yield connection, connection.scalars(select(DatabaseNow())).one()

    def _take(self, connection: Connection, free: int, now: datetime) -> list[Run]:
        settings = self._settings
        rows = connection.execute(
            queries.started(
                self._lease.process,
                None if self._pulls else self._lease.epoch,
                self._lease.stack,
                limit=free,
                one_at_a_time=settings.scheduler_overlap != "allow",
                now=now,
                deadline=now + timedelta(seconds=settings.scheduler_run_timeout_s + _MARGIN_S),
            )
        ).all()
        if not rows:
            return []
        jobs = {job.id: job for job in connection.execute(queries.jobs_to_run({row.job_id for row in rows}))}
        return [run_of(row, jobs[row.job_id], now) for row in rows if row.job_id in jobs]

    def _run(self, run: Run) -> None:
        reach("run.started")
        call, outcome = None, None
        try:
            call = choose_call(run.job, timeout_s=self._settings.scheduler_run_timeout_s)
            outcome = self._services.runner.run(
                call, idempotency_key=_key(run), execution_id=run.id, job_name=run.job.name
            )
        except Refused as refusal:
            outcome = outcome_of_refusal(refusal)
        except Exception as error:
            _log.exception("scheduler.run_failed", job_id=run.job.id, execution_id=run.id)
            outcome = Outcome("failed", error_message=f"The run failed inside the scheduler: {type(error).__name__}.")
        reach("run.answered")
        self._recorder.record(Ended(run, call, outcome, self._services.clock.now()))
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
        self.wake()

    def _announce(self, event: Any) -> None:
        # As every executor of APScheduler does.
        self._scheduler._dispatch_event(event)


class _Pace:
    """How many may begin now. What a slow database held up is caught up with, in larger batches."""

    def __init__(self) -> None:
        self._room = float(_THREADS)
        self._at = time.monotonic()

    def room(self) -> int:
        """Wait until a few may begin; return how many."""
        while self._fill() < _FEW:
            time.sleep(_FEW / _RATE)
        return int(self._room)

    def begun(self, count: int) -> None:
        self._room -= count

    def _fill(self) -> float:
        now = time.monotonic()
        self._room = min(float(_THREADS), self._room + (now - self._at) * _RATE)
        self._at = now
        return self._room


def _key(run: Run) -> str:
    """Return what a target can tell a repeated call by."""
    return f"{run.job.id}:{run.scheduled_for.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
