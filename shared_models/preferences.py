"""What a user wants to be told, and which columns a user sees. Both rows are made on first use and go with the user."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id


class UserNotificationPreferences(Base):
    __tablename__ = "user_notification_preferences"

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    email_on_job_success: Mapped[bool] = mapped_column(default=True)
    email_on_job_failure: Mapped[bool] = mapped_column(default=True)
    email_on_job_disabled: Mapped[bool] = mapped_column(default=False)
    browser_notifications: Mapped[bool] = mapped_column(default=False)
    daily_digest: Mapped[bool] = mapped_column(default=False)
    weekly_report: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class UserUiPreferences(Base):
    __tablename__ = "user_ui_preferences"

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    jobs_table_columns: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
