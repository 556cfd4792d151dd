"""Who runs the scheduler: the flag and the lease, the processes that could, the handovers, and its own daily duties."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainJson, PlainText


class SchedulerLease(Base):
    """Flag and lease in one row (id 1), so that one UPDATE checks both. Stacks are legacy, modern or none.

    `epoch` and `beat` alone decide who owns; the times are the database's clock, for people, health answers and the gap of
    a handover, and are never compared to decide who owns.
    """

    __tablename__ = "scheduler_lease"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    desired_stack: Mapped[str] = mapped_column(PlainText(10), default="legacy")
    owner_stack: Mapped[str | None] = mapped_column(PlainText(10))
    owner_process: Mapped[str | None] = mapped_column(PlainText(200))
    epoch: Mapped[int] = mapped_column(default=0)
    beat: Mapped[int] = mapped_column(default=0)
    ttl_s: Mapped[float] = mapped_column(default=5.0)
    acquired_at: Mapped[datetime | None]
    beat_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("id = 1", name="only_row"),)


class SchedulerNode(Base):
    """One process that could own the lease, as long as it lives. `beat` rises while it does.

    A handover asks every node (`asked`, the handover's id) which fire times it computes; the node writes their digest to
    `fires` and the question to `answered`. `facts` is what has to be the same on both stacks.
    """

    __tablename__ = "scheduler_nodes"

    process: Mapped[str] = mapped_column(PlainText(200), primary_key=True)
    stack: Mapped[str] = mapped_column(PlainText(10))
    started_at: Mapped[datetime]
    beat: Mapped[int] = mapped_column(default=0)
    beat_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(PlainJson, default=dict)
    asked: Mapped[str | None] = mapped_column(PlainText(36))
    answered: Mapped[str | None] = mapped_column(PlainText(36))
    fires: Mapped[str | None] = mapped_column(PlainText(64))


class SchedulerHandover(Base):
    """One planned change of owner. `completed_at` is null while it runs, and for good when it was aborted."""

    __tablename__ = "scheduler_handovers"

    id: Mapped[Id]
    from_stack: Mapped[str] = mapped_column(PlainText(10))
    to_stack: Mapped[str] = mapped_column(PlainText(10))
    requested_at: Mapped[datetime] = mapped_column(index=True)
    completed_at: Mapped[datetime | None]
    gap_ms: Mapped[float | None]
    caught_up: Mapped[int | None]
    skipped: Mapped[int | None]
    epoch: Mapped[int | None]
    requested_by: Mapped[str | None] = mapped_column(PlainText(200))
    reason: Mapped[str | None] = mapped_column(PlainText(500))
    aborted: Mapped[str | None] = mapped_column(PlainText(500))


class SchedulerDuty(Base):
    """What the owner does besides jobs, such as the daily maintenance, and when next; advanced in the transaction that does it."""

    __tablename__ = "scheduler_duties"

    name: Mapped[str] = mapped_column(PlainText(50), primary_key=True)
    zone: Mapped[str] = mapped_column(PlainText(64))
    next_run_at: Mapped[datetime]
