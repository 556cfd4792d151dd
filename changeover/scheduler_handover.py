"""The planned change of who runs the scheduler: checked before, done by moving the flag, taken back if nobody follows.

The flag is the only thing that is moved. The old owner sees it, stops claiming and releases; a process of the wanted stack
acquires, and catches up with what fell due in between. What runs goes on where it began.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select, update

from changeover.problems import FAILED, Problem
from changeover.scheduler_database import scheduler_database
from changeover.scheduler_preflight import check_target
from changeover.scheduler_state import NONE, Standing, standing
from changeover.system import System
from gateway.flips import who
from scheduler.lease import transaction
from shared_models.base import new_id
from shared_models.queries import lease as queries
from shared_models.queries.clock import DatabaseNow, SecondsSince
from shared_models.scheduler import SchedulerHandover, SchedulerLease

__all__ = ["ABORT_AFTER_S", "HandedOver", "Request", "hand_over"]

ABORT_AFTER_S: Final = 10.0
_ANOTHER_WITHIN_S = 60
_COUNTED_WITHIN_S = 2.0
_POLL_S = 0.005
_REASON_LENGTH = 500
_WHO_LENGTH = 200
Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """To which stack (or none), why, and after how many seconds without a new owner everything is as before."""

    to: str
    reason: str = ""
    abort_after_s: float = ABORT_AFTER_S


@dataclass(frozen=True)
class HandedOver:
    """What came of it. `gap_ms` is the time without an owner; ticks that fell due in it ran late or were left out.

    `taken` says that the owner did not give the scheduler up by itself, and had it taken away.
    """

    outcome: str
    from_stack: str
    to_stack: str
    owner: str | None
    epoch: int
    gap_ms: float | None = None
    caught_up: int | None = None
    skipped: int | None = None
    took_s: float = 0.0
    taken: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def hand_over(system: System, request: Request, say: Say) -> HandedOver:
    """Return when the wanted stack owns, or nobody does. Raise Problem where that is refused or did not come about.

    Then everything is as before.
    """
    stacks = [stack.name for stack in system.config.stacks]
    if request.to not in (*stacks, NONE):
        raise Problem(f"--to {request.to}: there is no such stack; choose {', '.join([*stacks, NONE])}.")
    with scheduler_database(system.settings) as engine:
        found = standing(engine)
        with engine.connect() as connection:
            _check_alone(connection)
        if found.desired_stack == request.to and (done := _already(found)):
            return done
        if request.to != NONE:
            check_target(engine, system.settings, found, request.to)
            say(f"{request.to} is ready: all processes agree on fire times, release, zone and clock.")
        began = time.monotonic()
        handover = _begin(engine, found, request)
        done = _finish(engine, found, request, handover)
        return replace(done, took_s=round(time.monotonic() - began, 3))


def _already(found: Standing) -> HandedOver | None:
    """Return that nothing is to be done; None where an owner is left that nobody wants. Raise Problem for a dead one."""
    to = found.desired_stack
    if found.as_wanted:
        process = found.owner.process if found.owner else None
        return HandedOver("nothing", to, to, process, found.epoch)
    if to == NONE:
        return None
    owner = f"its last owner is {found.owner.process}" if found.owner else "nobody owns it"
    raise Problem(
        f"{to} is wanted already, and {owner}; `changeover scheduler status` says who could. Type `make up`.", FAILED
    )


def _check_alone(connection: Connection) -> None:
    age = SecondsSince(SchedulerHandover.requested_at)
    other = connection.execute(
        select(SchedulerHandover.to_stack, SchedulerHandover.requested_by, age)
        .where(SchedulerHandover.completed_at.is_(None), SchedulerHandover.aborted.is_(None))
        .where(age < _ANOTHER_WITHIN_S)
        .limit(1)
    ).one_or_none()
    if other is not None:
        to, by, age_s = other
        raise Problem(
            f"A handover to {to} by {by} began {age_s:.0f} s ago and is not done; wait for it. Nothing was changed.",
            FAILED,
        )


def _begin(engine: Engine, found: Standing, request: Request) -> str:
    """Move the flag and write down that it was moved, in one transaction. Return the handover's id."""
    handover = new_id()
    with transaction(engine) as connection:
        _check_alone(connection)
        moved = connection.execute(
            update(SchedulerLease)
            .where(SchedulerLease.desired_stack == found.desired_stack)
            .values(desired_stack=request.to)
        )
        if not moved.rowcount:
            raise Problem(
                "Somebody else has moved the scheduler meanwhile; look at `changeover scheduler status`.", FAILED
            )
        connection.execute(
            insert(SchedulerHandover).values(
                id=handover,
                from_stack=found.owner.stack if found.owner else found.desired_stack,
                to_stack=request.to,
                requested_at=DatabaseNow(),
                requested_by=who()[:_WHO_LENGTH],
                reason=request.reason[:_REASON_LENGTH] or None,
            )
        )
    return handover


def _finish(engine: Engine, found: Standing, request: Request, handover: str) -> HandedOver:
    """Wait for the new owner, or for the old one to let go. Raise Problem after taking back what nobody followed."""
    # Nobody is to be waited for where nobody owns, and a stale owner lets nothing go.
    patient = request.to != NONE or (found.owner is not None and not found.owner.stale)
    try:
        completed = patient and _completed_within(engine, handover, request.abort_after_s)
    except BaseException:
        _take_back(engine, found, request, handover, "interrupted")
        raise
    taken = False
    if not completed and request.to == NONE:
        taken = _take_away(engine, handover)
    elif not completed:
        why = f"no process of {request.to} acquired within {request.abort_after_s:g} s"
        if _take_back(engine, found, request, handover, why):
            raise Problem(
                f"Taken back, {why}: {found.desired_stack} is wanted as before; see `changeover logs {request.to}`.",
                FAILED,
            )
    return _told(engine, handover, taken)


def _completed_within(engine: Engine, handover: str, within_s: float) -> bool:
    statement = select(SchedulerHandover.completed_at).where(SchedulerHandover.id == handover)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if connection.scalar(statement) is not None:
                return True
        time.sleep(_POLL_S)
    return False


def _take_back(engine: Engine, found: Standing, request: Request, handover: str, why: str) -> bool:
    """Move the flag back, unless the handover came about after all: then return False."""
    with transaction(engine) as connection:
        aborted = connection.execute(
            update(SchedulerHandover)
            .where(SchedulerHandover.id == handover, SchedulerHandover.completed_at.is_(None))
            .values(aborted=why)
        )
        if aborted.rowcount:
            connection.execute(
                update(SchedulerLease)
                .where(SchedulerLease.desired_stack == request.to)
                .values(desired_stack=found.desired_stack)
            )
        return bool(aborted.rowcount)


def _take_away(engine: Engine, handover: str) -> bool:
    """End an ownership that nobody ends, now that the flag lets none of its writes through. Return whether there was one."""
    with transaction(engine) as connection:
        left = connection.execute(
            update(SchedulerLease)
            .where(SchedulerLease.owner_process.is_not(None), SchedulerLease.desired_stack == NONE)
            .values(owner_stack=None, owner_process=None, beat=SchedulerLease.beat + 1, released_at=DatabaseNow())
        )
        connection.execute(queries.handover_completed(handover, None, 0.0))
        connection.execute(queries.handover_counted(handover, 0, 0))
        return bool(left.rowcount)


def _told(engine: Engine, handover: str, taken: bool) -> HandedOver:
    """Return what was written of it; the new owner counts what fell due meanwhile right after its first claims."""
    deadline = time.monotonic() + _COUNTED_WITHIN_S
    while True:
        with engine.connect() as connection:
            row = connection.execute(
                select(*SchedulerHandover.__table__.c).where(SchedulerHandover.id == handover)
            ).one()
        if row.caught_up is not None or time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    now = standing(engine)
    return HandedOver(
        outcome="done",
        from_stack=row.from_stack,
        to_stack=row.to_stack,
        owner=now.owner.process if now.owner else None,
        epoch=row.epoch or now.epoch,
        gap_ms=row.gap_ms,
        caught_up=row.caught_up,
        skipped=row.skipped,
        taken=taken,
    )
