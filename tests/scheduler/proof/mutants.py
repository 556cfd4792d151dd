"""Deliberately broken variants of the scheduler, patched in when a process starts. The checker has to fail each of them.

Each names the scenario of `scenarios.py` in which its window opens, and a verdict that has to be among those it gets.
"""

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Connection, Engine, event, select, update

from scheduler import claims, keeper, lease, pool, recorder, runtime
from scheduler.points import reach
from scheduler.runner import Runner
from shared_models import Job, JobExecution, JobSchedule, SchedulerLease
from shared_models.queries import claims as claim_queries
from shared_models.queries import lease as lease_queries
from shared_models.queries.clock import DatabaseNow
from shared_rules import ticks

__all__ = ["MUTANTS", "Mutant", "apply"]


@dataclass(frozen=True)
class Mutant:
    """One broken variant. `drops_key` wants the unique key of ticks taken out of the database as well."""

    breaks: Callable[[], None]
    scenario: str
    verdict: str
    drops_key: bool = False


MUTANTS: dict[str, Mutant] = {}


def apply(name: str) -> None:
    """Break this process in the named way; with no name leave it as it is."""
    if name:
        MUTANTS[name].breaks()


def _mutant(name: str, scenario: str, verdict: str, drops_key: bool = False) -> Callable[[Callable[[], None]], None]:
    def register(breaks: Callable[[], None]) -> None:
        MUTANTS[name] = Mutant(breaks, scenario, verdict, drops_key)

    return register


@contextmanager
def _plain(self: lease.Lease) -> Iterator[tuple[Connection, datetime]]:
    with lease.transaction(self.engine) as connection:
        yield connection, connection.scalars(select(DatabaseNow())).one()


@contextmanager
def _unfenced(self: lease.Lease) -> Iterator[tuple[Connection, datetime]]:
    if self.epoch is None:
        raise lease.NotOwner
    with _plain(self) as fenced:
        yield fenced


@_mutant("no fence", "flips", "written by a non-owner")
def _() -> None:
    lease.Lease.fenced = _beating


@contextmanager
def _beating(self: lease.Lease) -> Iterator[tuple[Connection, datetime]]:
    """Renew whatever the flag says, and never hear no."""
    with _unfenced(self) as (connection, now):
        mine = SchedulerLease.epoch == self.epoch
        connection.execute(
            update(SchedulerLease).where(mine).values(beat=SchedulerLease.beat + 1, beat_at=DatabaseNow())
        )
        yield connection, now


@_mutant("no unique key", "schedules set back", "doubled row", drops_key=True)
def _() -> None:
    def without_clause(_1: Any, _2: Any, statement: str, parameters: Any, _3: Any, _4: Any) -> tuple[str, Any]:
        return statement.replace(" ON CONFLICT (job_id, scheduled_for) DO NOTHING", ""), parameters

    event.listen(Engine, "before_cursor_execute", without_clause, retval=True)


@_mutant("no start compare-and-set", "stopped after a claim", "doubled effect")
def _() -> None:
    """Starts what its own claims have left in its memory, whatever became of it meanwhile."""
    handed: list[str] = []
    write, take, transaction = claims.Claims._write, pool.RunPool._take, pool.RunPool._transaction

    def remembering_write(self: claims.Claims, connection: Connection, batch: Any, now: datetime) -> None:
        write(self, connection, batch, now)
        mine = (JobExecution.phase == "claimed") & (JobExecution.claim_epoch == self._lease.epoch)
        handed.extend(id for id in connection.scalars(select(JobExecution.id).where(mine)) if id not in handed)

    def take_remembered(self: pool.RunPool, connection: Connection, free: int, now: datetime) -> list[Any]:
        ids, handed[:] = handed[:free], handed[free:]
        if not ids:
            return take(self, connection, free, now)
        _start(connection, ids, self._lease.process, now)
        return _runs(connection, ids, now)

    claims.Claims._write = remembering_write
    pool.RunPool._take = take_remembered
    pool.RunPool._transaction = lambda self: _plain(self._lease) if handed else transaction(self)


def _start(connection: Connection, ids: list[str], process: str, now: datetime) -> None:
    started = {"phase": "running", "started_at": now, "claimed_by": process, "deadline_at": now}
    connection.execute(update(JobExecution).where(JobExecution.id.in_(ids)).values(**started))


def _runs(connection: Connection, ids: list[str], now: datetime) -> list[recorder.Run]:
    rows = connection.execute(select(JobExecution.__table__).where(JobExecution.id.in_(ids))).all()
    jobs = {job.id: job for job in connection.execute(claim_queries.jobs_to_run({row.job_id for row in rows}))}
    return [pool.run_of(row, jobs[row.job_id], now) for row in rows]


@_mutant("no reclaim at acquire", "killed after a claim", "silent")
def _() -> None:
    lease_queries.reclaimed = lambda _epoch: (
        update(JobExecution).where(JobExecution.claim_epoch < 0).values(claim_epoch=0)
    )


@_mutant("no watermark", "owner stopped", "lost")
def _() -> None:
    """A new owner begins from now, like a scheduler that keeps its next run times in memory."""
    prepare = claims.Claims.prepare

    def from_now(self: claims.Claims, connection: Connection, epoch: int) -> None:
        prepare(self, connection, epoch)
        _start_from_now(connection, self._settings.zone)

    claims.Claims.prepare = from_now


def _start_from_now(connection: Connection, zone: ZoneInfo) -> None:
    now = datetime.now(UTC)
    columns = (Job.id, Job.cron_expression, Job.end_date, Job.is_active, JobSchedule.every_s)
    for job in connection.execute(select(*columns).join(JobSchedule, JobSchedule.job_id == Job.id)).all():
        following = ticks.next_tick(job, zone, now)
        connection.execute(update(JobSchedule).where(JobSchedule.job_id == job.id).values(next_run_at=following))


@_mutant("lease by wall clock", "steady", "evicted alive")
def _() -> None:
    """An owner is dead when its last beat is older than the TTL by my own clock, and clocks differ."""
    ahead_s = 2.0 if os.getpid() % 2 else 1.0

    def is_vacant(self: keeper.Keeper, seen: lease.Seen) -> bool:
        if seen.owner_process is None or seen.idle_since is None:
            return True
        return datetime.now(UTC).timestamp() + ahead_s - seen.idle_since.timestamp() > seen.ttl_s

    keeper.Keeper._is_vacant = is_vacant


@_mutant("abandon at takeover", "flips with slow targets", "given up alive")
def _() -> None:
    prepare = runtime.Runtime._prepare

    def abandoning(self: runtime.Runtime, connection: Connection, epoch: int) -> None:
        prepare(self, connection, epoch)
        running = JobExecution.phase == "running"
        connection.execute(update(JobExecution).where(running).values(phase="unknown", status="failed"))

    runtime.Runtime._prepare = abandoning


@_mutant("the library's own crontab parser", "overdue crontab lines", "unexpected tick")
def _() -> None:
    def next_tick(job: Any, zone: ZoneInfo, after: datetime) -> datetime | None:
        trigger = CronTrigger.from_crontab(job.cron_expression, timezone=zone)
        return trigger.get_next_fire_time(after, after).astimezone(UTC)

    ticks.next_tick = next_tick


@_mutant("re-sync everything", "steady", "lost")
def _() -> None:
    resume = runtime.Runtime.resume

    def resume_and_resync(self: runtime.Runtime, acquired: lease.Acquired | None) -> None:
        resume(self, acquired)
        if acquired is not None:
            threading.Thread(target=resync_on, args=(self,), daemon=True).start()

    def resync_on(self: runtime.Runtime) -> None:
        pause = threading.Event()
        while self._lease.epoch is not None and not pause.wait(0.1):
            with lease.transaction(self._engine) as connection:
                _start_from_now(connection, self._settings.zone)

    runtime.Runtime.resume = resume_and_resync


@_mutant("pid lock file", "owner stopped", "no owner")
def _() -> None:
    """Whoever finds no file of a living process is the owner, and the lease is never asked. The file is beside SQLite's."""
    take = keeper.Keeper._take

    def file_of(self: keeper.Keeper) -> Path:
        return Path(f"{self._lease.engine.url.database}.pid")

    def is_vacant(self: keeper.Keeper, seen: lease.Seen) -> bool:
        file = file_of(self)
        if file.exists() and Path(f"/proc/{file.read_text()}").exists():
            return False
        file.write_text(str(os.getpid()))
        return True

    def take_or_leave(self: keeper.Keeper, seen: lease.Seen) -> None:
        take(self, seen)
        if self._lease.epoch is None:
            file_of(self).unlink(missing_ok=True)

    step_down = keeper.Keeper._step_down

    def step_down_and_unlink(self: keeper.Keeper, why: str) -> None:
        step_down(self, why)
        file_of(self).unlink(missing_ok=True)

    keeper.Keeper._is_vacant = is_vacant
    keeper.Keeper._take = take_or_leave
    keeper.Keeper._step_down = step_down_and_unlink
    lease.Lease.fenced = _unfenced


@_mutant("release without stepping down", "flips", "written by a non-owner")
def _() -> None:
    """Gives the lease up when the flag moves, and goes on claiming and starting for a while."""
    step_down = keeper.Keeper._step_down

    def late(self: keeper.Keeper, why: str) -> None:
        epoch, mine = self._lease.epoch, self._lease
        with lease.transaction(mine.engine) as connection:
            connection.execute(lease_queries.release(mine.process, epoch))
        threading.Event().wait(0.2)
        step_down(self, why)

    keeper.Keeper._step_down = late
    lease.Lease.fenced = _unfenced


@_mutant("effect before the start's row", "steady", "effect without row")
def _() -> None:
    """Calls the target first, and writes down afterwards that it started."""
    take, run = pool.RunPool._take, pool.RunPool._run
    early: dict[str, Any] = {}

    def take_after_calling(self: pool.RunPool, connection: Connection, free: int, now: datetime) -> list[Any]:
        mine = (JobExecution.phase == "claimed") & (JobExecution.claim_epoch == self._lease.epoch)
        ids = list(
            connection.scalars(select(JobExecution.id).where(mine).order_by(JobExecution.scheduled_for).limit(free))
        )
        for planned in _runs(connection, ids, now):
            call = pool.choose_call(planned.job, timeout_s=1)
            key = pool._key(planned)
            early[planned.id] = self._services.runner.run(
                call, idempotency_key=key, execution_id=planned.id, job_name=planned.job.name
            )
        return take(self, connection, free, now)

    def run_what_ran(self: pool.RunPool, planned: recorder.Run) -> None:
        outcome = early.pop(planned.id, None)
        if outcome is None:
            run(self, planned)
            return
        self._recorder.record(recorder.Ended(planned, None, outcome, self._services.clock.now()))
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
        self.wake()

    pool.RunPool._take = take_after_calling
    pool.RunPool._run = run_what_ran


@_mutant("retry without idempotency", "failing targets", "effect without row")
def _() -> None:
    """A failed call is made again as if it were another one."""
    _retry(lambda marks: {**marks, "idempotency_key": str(uuid.uuid4()), "execution_id": str(uuid.uuid4())})


@_mutant("retry unasked", "failing targets", "doubled effect")
def _() -> None:
    """A failed call is made again with the same key: a target may tell, but one tick is one call."""
    _retry(lambda marks: marks)


def _retry(marks_of: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    run = Runner.run

    def run_again(self: Runner, call: Any, **marks: Any) -> Any:
        outcome = run(self, call, **marks)
        return run(self, call, **marks_of(marks)) if outcome.status == "failed" else outcome

    Runner.run = run_again


@_mutant("advance before the row", "killed in a claim", "lost")
def _() -> None:
    """Moves the schedules on in one transaction, and adds the ticks in the next."""

    def claim_batch(self: claims.Claims, claimed: claims.Claimed) -> bool:
        with self._lease.fenced() as (connection, at):
            now = self._now(at)
            batch = self._decide(connection, now)
            without = [replace(jobs, claim=replace(jobs.claim, ticks=())) for jobs in batch]
            self._write(connection, without, now)
        reach("claim.written")
        with self._lease.fenced() as (connection, _):
            self._write(connection, batch, now)
        self._on_proof()
        self._count(claimed, batch)
        return False

    claims.Claims._claim_batch = claim_batch


@_mutant("ends written only by the owner", "flips with slow targets", "silent")
def _() -> None:
    """A run that outlives the ownership of its process is not recorded."""
    own_runs = claim_queries.own_runs

    def own_runs_of_owner(process: str, ids: Any) -> Any:
        return own_runs(process, ids).where(select(SchedulerLease.owner_process).scalar_subquery() == process)

    claim_queries.own_runs = own_runs_of_owner
