"""PIC teams: who is in charge of a job, and their Slack handle."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainText


class PicTeam(Base):
    __tablename__ = "pic_teams"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(PlainText(100), unique=True)
    name: Mapped[str] = mapped_column(PlainText(255))
    slack_handle: Mapped[str] = mapped_column(PlainText(255))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
