"""Statements of the lease protocol. Each is one SQL statement, and none compares a time to decide who owns.

acquire -> fence (first statement of every transaction of the owner; alone, it renews) -> release
a fence that matches no row: another owns, or another stack is wanted. Roll back and step down.
"""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Delete, Select, Update, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert, ReturningUpdate

from shared_models.execution import JobExecution
from shared_models.job import JobSchedule
from shared_models.queries.clock import DatabaseNow, SecondsSince
from shared_models.scheduler import SchedulerHandover, SchedulerLease, SchedulerNode

__all__ = [
    "acquire",
    "dead_nodes",
    "dead_nodes_removed",
    "fence",
    "handover_completed",
    "handover_counted",
    "handover_to",
    "node_answered",
    "node_beats",
    "node_removed",
    "node_written",
    "nodes",
    "reclaimed",
    "release",
    "schedules_in_seconds",
    "seen",
]

_FORGOTTEN_S = 3600
_OPEN_S = 120


@cache
def seen(process: str) -> Select[*tuple[Any, ...]]:
    """The flag and the lease, in columns, and what this process was asked and has not answered yet."""
    question = (
        select(SchedulerNode.asked)
        .where(SchedulerNode.process == process, SchedulerNode.asked.is_distinct_from(SchedulerNode.answered))
        .scalar_subquery()
    )
    return select(*SchedulerLease.__table__.c, question.label("asked"))


def acquire(process: str, stack: str, epoch: int, beat: int, ttl_s: float) -> ReturningUpdate[int, datetime | None]:
    """Become the owner, if the lease is still as it was seen and this stack is wanted. Return the new epoch and the time."""
    return (
        update(SchedulerLease)
        .where(SchedulerLease.desired_stack == stack, SchedulerLease.epoch == epoch, SchedulerLease.beat == beat)
        .values(
            owner_stack=stack,
            owner_process=process,
            epoch=SchedulerLease.epoch + 1,
            beat=0,
            ttl_s=ttl_s,
            acquired_at=DatabaseNow(),
            beat_at=DatabaseNow(),
        )
        .returning(SchedulerLease.epoch, SchedulerLease.acquired_at)
        .execution_options(synchronize_session=False)
    )


def fence(process: str, stack: str, epoch: int) -> ReturningUpdate[datetime]:
    """Prove and renew the ownership of this epoch. Return the database's time; no row when it is over."""
    return (
        update(SchedulerLease)
        .where(*_held(process, epoch), SchedulerLease.desired_stack == stack)
        .values(beat=SchedulerLease.beat + 1, beat_at=DatabaseNow())
        .returning(DatabaseNow())
        .execution_options(synchronize_session=False)
    )


def release(process: str, epoch: int) -> Update:
    """Give the lease up, whichever stack is wanted by now."""
    return (
        update(SchedulerLease)
        .where(*_held(process, epoch))
        .values(owner_stack=None, owner_process=None, beat=SchedulerLease.beat + 1, released_at=DatabaseNow())
    )


def reclaimed(epoch: int) -> Update:
    """Take over what former owners claimed and nobody started. Whoever wants to start it must know the new epoch."""
    return (
        update(JobExecution)
        .where(JobExecution.phase == "claimed", JobExecution.claim_epoch < epoch)
        .values(claim_epoch=epoch)
    )


def schedules_in_seconds() -> Select[str]:
    """A job that has a schedule in seconds, if there is any."""
    return select(JobSchedule.job_id).where(JobSchedule.every_s.is_not(None)).limit(1)


def handover_to(stack: str) -> Select[str]:
    """The newest handover to this stack that still waits for its new owner, as its id; not one whose command has died."""
    return (
        select(SchedulerHandover.id)
        .where(
            SchedulerHandover.to_stack == stack,
            SchedulerHandover.completed_at.is_(None),
            SchedulerHandover.aborted.is_(None),
            SecondsSince(SchedulerHandover.requested_at) < _OPEN_S,
        )
        .order_by(SchedulerHandover.requested_at.desc())
        .limit(1)
    )


def handover_completed(handover_id: str, epoch: int | None, gap_ms: float) -> Update:
    return (
        update(SchedulerHandover)
        .where(SchedulerHandover.id == handover_id)
        .values(completed_at=DatabaseNow(), epoch=epoch, gap_ms=gap_ms)
    )


def handover_counted(handover_id: str, caught_up: int, skipped: int) -> Update:
    """Write how many ticks fell due without an owner: those that run late, and those that do not."""
    return (
        update(SchedulerHandover)
        .where(SchedulerHandover.id == handover_id)
        .values(caught_up=caught_up, skipped=skipped)
    )


def node_written(dialect: str, process: str, stack: str, facts: dict[str, Any]) -> Insert:
    """Add this process to those that could own, or bring its row up to date."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(SchedulerNode).values(
        process=process, stack=stack, started_at=DatabaseNow(), beat=0, beat_at=DatabaseNow(), facts=facts
    )
    return statement.on_conflict_do_update(index_elements=[SchedulerNode.process], set_={"facts": facts})


def node_beats(process: str) -> Update:
    """Show that the process lives. No row when it was removed."""
    return (
        update(SchedulerNode)
        .where(SchedulerNode.process == process)
        .values(beat=SchedulerNode.beat + 1, beat_at=DatabaseNow())
    )


def node_answered(process: str, asked: str, fires: str) -> Update:
    return update(SchedulerNode).where(SchedulerNode.process == process).values(answered=asked, fires=fires)


def node_removed(process: str) -> Delete:
    return delete(SchedulerNode).where(SchedulerNode.process == process)


def dead_nodes() -> Select[str]:
    """A process that has shown no life for an hour, if there is one."""
    return select(SchedulerNode.process).where(SecondsSince(SchedulerNode.beat_at) > _FORGOTTEN_S).limit(1)


def dead_nodes_removed() -> Delete:
    """Forget such processes; one that was only asleep writes itself again."""
    return delete(SchedulerNode).where(SecondsSince(SchedulerNode.beat_at) > _FORGOTTEN_S)


def nodes() -> Select[SchedulerNode, float | None]:
    """Every process that could own, and how many seconds ago it last showed life."""
    return select(SchedulerNode, SecondsSince(SchedulerNode.beat_at)).order_by(SchedulerNode.started_at)


def _held(process: str, epoch: int) -> list[ColumnElement[bool]]:
    return [SchedulerLease.epoch == epoch, SchedulerLease.owner_process == process]
