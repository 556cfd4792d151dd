"""Messages that the scheduler owes to people: written in the transaction that causes them, sent after it."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText

__all__ = ["OutboxMessage"]

_OPEN = text("phase IN ('queued', 'sending')")


class OutboxMessage(Base):
    """An e-mail, or a line for Slack, which has no recipient: where it goes is looked up when it is sent.

    `key` names what causes it, so that nothing causes it twice. Phases: queued, sending, sent; failed was refused; unknown
    lost its sender between sending and sent, and is not sent again.
    """

    __tablename__ = "outbox_messages"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(PlainText(300), unique=True)
    kind: Mapped[str] = mapped_column(PlainText(10))
    recipient: Mapped[str | None] = mapped_column(PlainText(320))
    subject: Mapped[str | None]
    body: Mapped[str]
    phase: Mapped[str] = mapped_column(PlainText(10), default="queued")
    process: Mapped[str | None] = mapped_column(PlainText(200))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None]

    __table_args__ = (
        Index("ix_outbox_messages_open", "phase", "created_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )
