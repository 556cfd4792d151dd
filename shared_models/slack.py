"""Slack settings: one row for the whole system."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class SlackSettings(Base):
    """One row; `singleton` is always 1 and unique, so that two first uses cannot make two."""

    __tablename__ = "slack_settings"

    id: Mapped[Id]
    singleton: Mapped[int] = mapped_column(default=1, unique=True)
    is_enabled: Mapped[bool] = mapped_column(default=False)
    webhook_url: Mapped[str | None] = mapped_column(PlainText(500))
    channel: Mapped[str | None] = mapped_column(PlainText(255))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
