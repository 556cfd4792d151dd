"""Statements about one user's notifications."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from shared_models.notification import Notification
from shared_models.queries.date_range import within
from shared_rules.date_range import DateRange
from shared_rules.notifications import Wanted

__all__ = ["notification_by_id", "notification_count", "notifications", "read_ones_deleted", "unread_ones_read"]


def notification_by_id(notification_id: str) -> Select[Notification]:
    """Anybody's: whose it is decides the answer."""
    return select(Notification).where(Notification.id == notification_id)


def notifications(user_id: str, wanted: Wanted) -> Select[Notification]:
    """A page of the user's notifications, newest first."""
    return (
        select(Notification)
        .where(*_conditions(user_id, wanted.span, unread_only=wanted.unread_only))
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(wanted.page.size)
        .offset(wanted.page.offset)
    )


def notification_count(user_id: str, span: DateRange, *, unread_only: bool) -> Select[int]:
    conditions = _conditions(user_id, span, unread_only=unread_only)
    return select(func.count()).select_from(Notification).where(*conditions)


def unread_ones_read(user_id: str, now: datetime) -> ReturningUpdate[str]:
    """Mark the user's unread notifications as read; returns their ids."""
    unread = (Notification.user_id == user_id, Notification.is_read.is_(False))
    statement = update(Notification).where(*unread).values(is_read=True, read_at=now).returning(Notification.id)
    return statement.execution_options(synchronize_session=False)


def read_ones_deleted(user_id: str, span: DateRange) -> ReturningDelete[str]:
    """Delete the user's read notifications created in the range; returns their ids."""
    read = (*_conditions(user_id, span), Notification.is_read.is_(True))
    return delete(Notification).where(*read).returning(Notification.id).execution_options(synchronize_session=False)


def _conditions(user_id: str, span: DateRange, *, unread_only: bool = False) -> list[ColumnElement[bool]]:
    own = [Notification.user_id == user_id, *within(Notification.created_at, span)]
    return [*own, Notification.is_read.is_(False)] if unread_only else own
