"""Jobs: what runs when and where, and the schedule row the scheduler claims by."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared_models.base import Base, Id, PlainJson, PlainText


class Job(Base):
    """`category` and `pic_team` hold slugs, which follow a rename. Times are UTC, `end_date` is in the scheduler zone."""

    __tablename__ = "jobs"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(PlainText(255), unique=True)
    cron_expression: Mapped[str] = mapped_column(PlainText(100))
    target_url: Mapped[str | None] = mapped_column(PlainText(500))
    github_owner: Mapped[str | None] = mapped_column(PlainText(255))
    github_repo: Mapped[str | None] = mapped_column(PlainText(255))
    github_workflow_name: Mapped[str | None] = mapped_column(PlainText(255))
    # `metadata` is a name SQLAlchemy keeps for itself, so only the attribute is called otherwise.
    job_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", PlainJson, default=dict)
    category: Mapped[str] = mapped_column(PlainText(100), index=True)
    end_date: Mapped[date]
    pic_team: Mapped[str | None] = mapped_column(PlainText(100), index=True)
    enable_email_notifications: Mapped[bool] = mapped_column(default=False)
    notification_emails: Mapped[list[str]] = mapped_column(PlainJson, default=list)
    notify_on_success: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]


class JobSchedule(Base):
    """When a job runs next, written in the job's own transaction.

    `schedule_rev` rises with each change, so that a claim sees an edit. `next_run_at` is UTC, null when the job is inactive or over.
    `every_s` makes a tick each so many seconds instead of the cron expression: for load and fault tests, and nothing in the API
    writes it. A scheduler in production refuses to own a database in which it is set.
    """

    __tablename__ = "job_schedule"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    next_run_at: Mapped[datetime | None]
    schedule_rev: Mapped[int] = mapped_column(default=1)
    every_s: Mapped[float | None]

    # With the job, so that jobs claimed together lie side by side in every index that a claim writes to.
    __table_args__ = (Index(None, "next_run_at", "job_id"),)
