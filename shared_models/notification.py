"""Notifications: what the bell in the frontend shows one user."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class Notification(Base):
    """Goes with its user; stays, unlinked, when its job or execution goes."""

    __tablename__ = "notifications"

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(PlainText(255))
    message: Mapped[str]
    type: Mapped[str] = mapped_column(PlainText(20))
    related_job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    related_execution_id: Mapped[str | None] = mapped_column(
        ForeignKey("job_executions.id", ondelete="SET NULL"), index=True
    )
    is_read: Mapped[bool] = mapped_column(default=False)
    read_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_notifications_user_created", "user_id", "created_at"),
        Index("ix_notifications_user_read", "user_id", "is_read"),
    )
