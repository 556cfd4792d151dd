"""Who runs the scheduler: the flag, the lease and the handovers."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class SchedulerLease(Base):
    """Flag and lease in one row (id 1), so that one UPDATE checks both. Stacks are legacy, modern or none.

    `epoch` and `beat` alone decide who owns; the times are for people and health answers and are never compared for it.
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

    __table_args__ = (CheckConstraint("id = 1", name="only_row"),)


class SchedulerHandover(Base):
    """One planned change of owner, kept for `last_handover`."""

    __tablename__ = "scheduler_handovers"

    id: Mapped[Id]
    from_stack: Mapped[str] = mapped_column(PlainText(10))
    to_stack: Mapped[str] = mapped_column(PlainText(10))
    requested_at: Mapped[datetime] = mapped_column(index=True)
    completed_at: Mapped[datetime | None]
    gap_ms: Mapped[float | None]
    caught_up: Mapped[int | None]
    skipped: Mapped[int | None]
