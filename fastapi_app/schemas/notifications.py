"""Answers about notifications."""

from typing import Literal

from pydantic import Field

from fastapi_app.schemas.date_range import DateRange
from fastapi_app.schemas.wire import AnswerModel, Identifier, Instant

__all__ = [
    "AllRead",
    "Notification",
    "NotificationDeleted",
    "NotificationPage",
    "NotificationRead",
    "ReadOnesDeleted",
    "UnreadCount",
]


class Notification(AnswerModel):
    id: Identifier
    user_id: Identifier
    title: str = Field(examples=["Job Failed"])
    message: str = Field(examples=['Job "Nightly deploy" failed: Webhook returned status 500'])
    type: Literal["info", "success", "warning", "error"]
    related_job_id: Identifier | None
    related_execution_id: Identifier | None
    is_read: bool
    read_at: Instant | None = Field(description="When it was first marked as read")
    created_at: Instant


class NotificationPage(AnswerModel):
    notifications: list[Notification]
    total: int = Field(description="Of all pages")
    page: int
    per_page: int
    total_pages: int
    range: DateRange


class UnreadCount(AnswerModel):
    unread_count: int
    range: DateRange


class NotificationRead(AnswerModel):
    message: str
    notification: Notification


class AllRead(AnswerModel):
    message: str
    updated_count: int = Field(description="Notifications that were unread before")


class NotificationDeleted(AnswerModel):
    message: str


class ReadOnesDeleted(AnswerModel):
    deleted_count: int
