"""Notifications as their owner sees them: one row, a page of them, and what may be done to one. `notices` makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from shared_rules import wire
from shared_rules.date_range import DateRange, read_date_range
from shared_rules.errors import Forbidden, NotFound
from shared_rules.people import Actor
from shared_rules.query import Page, Query, total_pages

__all__ = ["NotificationRow", "Wanted", "check_own", "mark_read", "notification", "notification_page", "read_wanted"]

_PAGE_SIZE, _MAX_SIZE = 20, 100


class NotificationRow(Protocol):
    """The columns of a notification."""

    id: Any
    user_id: Any
    title: Any
    message: Any
    type: Any
    related_job_id: Any
    related_execution_id: Any
    is_read: Any
    read_at: Any
    created_at: Any


_Row = TypeVar("_Row", bound=NotificationRow)


@dataclass(frozen=True)
class Wanted:
    """Which of the actor's notifications a list shows."""

    span: DateRange
    unread_only: bool
    page: Page


def notification(row: NotificationRow) -> dict[str, Any]:
    """`{"id", "user_id", "title", "message", "type", ..., "is_read", "read_at", "created_at"}`"""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "title": row.title,
        "message": row.message,
        "type": row.type,
        "related_job_id": row.related_job_id,
        "related_execution_id": row.related_execution_id,
        "is_read": row.is_read,
        "read_at": wire.instant(row.read_at),
        "created_at": wire.instant(row.created_at),
    }


def notification_page(rows: Sequence[NotificationRow], total: int, wanted: Wanted) -> dict[str, Any]:
    """`{"notifications": [...], "total", "page", "per_page", "total_pages", "range"}`"""
    return {
        "notifications": [notification(row) for row in rows],
        "total": total,
        "page": wanted.page.number,
        "per_page": wanted.page.size,
        "total_pages": total_pages(total, wanted.page.size),
        "range": wanted.span.echo,
    }


def read_wanted(query: Query) -> Wanted:
    """Return what the list is about; raise 400 on dates that are wrong."""
    return Wanted(read_date_range(query), query.flag("unread_only"), query.page("per_page", _PAGE_SIZE, _MAX_SIZE))


def check_own(row: _Row | None, actor: Actor, verb: Literal["access", "delete"]) -> _Row:
    """Return the row that was looked up; raise 404 when there is none, 403 when it is another user's, to admins too."""
    if row is None:
        raise NotFound("Notification not found")
    if row.user_id != actor.id:
        raise Forbidden(f"Forbidden: Cannot {verb} other users notifications")
    return row


def mark_read(row: NotificationRow, now: datetime) -> None:
    """Set the row as read; `read_at` keeps the first time."""
    if not row.is_read:
        row.is_read, row.read_at = True, now
