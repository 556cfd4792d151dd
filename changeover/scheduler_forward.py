"""Passing over what a restored backup holds to be due: it was done in the time that the backup does not know of.

Every tick before now gets a row that says so, or none; what was claimed does not start, what was to be sent is not sent.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, delete, func, select, update

from changeover.problems import FAILED, Problem
from changeover.scheduler_database import scheduler_database
from changeover.scheduler_missed import FAST_FORWARD
from changeover.scheduler_state import NONE, standing
from scheduler.clock import Clock
from scheduler.lease import transaction
from shared_models.execution import JobExecution
from shared_models.job import JobSchedule
from shared_models.message import OutboxMessage
from shared_models.queries import claims as queries
from shared_models.scheduler import SchedulerDuty, SchedulerLease
from shared_rules.settings import Settings
from shared_rules.ticks import next_tick

__all__ = ["Passed", "fast_forward"]

Record = Literal["missed", "none"]
# No epoch that a process knew before the restore is given out again.
_EPOCHS: Final = 1000
_JOBS_AT_ONCE: Final = 50
_TICKS_AT_ONCE: Final = 1000
_OPEN = ("queued", "sending")


@dataclass(frozen=True)
class Passed:
    """How much was passed over, or would be. `claimed` ticks waited for a runner, `messages` to be sent."""

    done: bool
    jobs: int
    ticks: int
    claimed: int
    messages: int
    epoch: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def fast_forward(settings: Settings, record: Record, *, really: bool) -> Passed:
    """Pass over everything before now, or only count it. Raise Problem while anybody runs the scheduler, or may.

    Can be killed and called again: it goes on where it was.
    """
    with scheduler_database(settings) as engine:
        _check_nobody(engine)
        now = Clock(settings.clock_offset_s).now()
        with engine.connect() as connection:
            jobs, ticks = _counted(connection, settings.zone, now)
            waiting = (_claimed(connection), _unsent(connection))
        if not really:
            return Passed(False, jobs, ticks, *waiting, standing(engine).epoch)
        while _pass_over(engine, settings.zone, now, record):
            pass
        return Passed(True, jobs, ticks, *waiting, _settle(engine, now))


def _check_nobody(engine: Engine) -> None:
    found = standing(engine)
    if found.desired_stack != NONE or found.owner is not None:
        owner = found.owner.process if found.owner else "nobody"
        raise Problem(
            f"{found.desired_stack} is wanted and {owner} runs the scheduler; type: changeover scheduler handover --to none",
            FAILED,
        )


def _counted(connection: Connection, zone: ZoneInfo, now: datetime) -> tuple[int, int]:
    """Return of how many jobs how many ticks are due."""
    everything = connection.scalar(select(func.count()).where(JobSchedule.next_run_at <= now)) or 0
    ticks = 0
    for alike in connection.execute(queries.due(now, everything)):
        ticks += len(alike.ids.split(",")) * sum(1 for _ in _ticks(alike, zone, now))
    return everything, ticks


def _claimed(connection: Connection) -> int:
    return connection.scalar(select(func.count()).where(JobExecution.phase == "claimed")) or 0


def _unsent(connection: Connection) -> int:
    return connection.scalar(select(func.count()).where(OutboxMessage.phase.in_(_OPEN))) or 0


def _pass_over(engine: Engine, zone: ZoneInfo, now: datetime, record: Record) -> bool:
    """Pass over some ticks of some jobs in one transaction. Return False once nothing is left."""
    with transaction(engine) as connection:
        _stop_if_wanted(connection)
        dialect = connection.dialect.name
        groups = connection.execute(queries.due(now, _JOBS_AT_ONCE)).all()
        for alike in groups:
            job_ids = alike.ids.split(",")
            ticks = list(islice(_ticks(alike, zone, now), _TICKS_AT_ONCE))
            for tick in ticks if record == "missed" else ():
                connection.execute(queries.tick_added(dialect, job_ids, _columns(tick, now)))
            connection.execute(queries.advanced(dialect, job_ids, next_tick(alike, zone, ticks[-1])))
    return bool(groups)


def _ticks(job: Any, zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    """Yield the tick that is due, whatever has become of its job, and those after it up to now."""
    tick: datetime | None = job.next_run_at
    while tick is not None and tick <= now:
        yield tick
        tick = next_tick(job, zone, tick)


def _columns(tick: datetime, now: datetime) -> dict[str, Any]:
    return {
        "status": "missed",
        "trigger_type": "scheduled",
        "started_at": now,
        "phase": "missed",
        "scheduled_for": tick,
        "skip_reason": FAST_FORWARD,
    }


def _settle(engine: Engine, now: datetime) -> int:
    """Start and send nothing that was waiting, and return the new epoch."""
    with transaction(engine) as connection:
        _stop_if_wanted(connection)
        connection.execute(
            update(JobExecution)
            .where(JobExecution.phase == "claimed")
            .values(phase="missed", status="missed", skip_reason=FAST_FORWARD)
        )
        # Whether it was sent after the backup was made, nobody knows.
        connection.execute(
            update(OutboxMessage).where(OutboxMessage.phase.in_(_OPEN)).values(phase="unknown", error=FAST_FORWARD)
        )
        # The next owner adds them again, due from then on.
        connection.execute(delete(SchedulerDuty).where(SchedulerDuty.next_run_at <= now))
        epoch = connection.scalar(
            update(SchedulerLease).values(epoch=SchedulerLease.epoch + _EPOCHS).returning(SchedulerLease.epoch)
        )
        return epoch or 0


def _stop_if_wanted(connection: Connection) -> None:
    wanted = connection.scalar(select(SchedulerLease.desired_stack))
    if wanted != NONE:
        raise Problem(f"{wanted} was given the scheduler meanwhile; what was not passed over is due for it.", FAILED)
