"""Notifications of the user who asks."""

from flask import Blueprint, Response

from legacy_flask.auth import current_actor, requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, query
from shared_models.queries import notifications as statements
from shared_rules import notifications as rules
from shared_rules.date_range import read_date_range

__all__ = ["notifications"]

notifications = Blueprint("notifications", __name__)


@notifications.get("/notifications")
@requires("list_notifications")
def list_notifications() -> Response:
    actor, wanted = current_actor(), rules.read_wanted(query())
    counted = statements.notification_count(actor.id, wanted.span, unread_only=wanted.unread_only)
    with reading() as session:
        total = session.execute(counted).scalar_one()
        rows = session.scalars(statements.notifications(actor.id, wanted)).all()
    return answer(rules.notification_page(rows, total, wanted))


@notifications.get("/notifications/unread-count")
@requires("count_unread")
def count_unread() -> Response:
    actor, span = current_actor(), read_date_range(query())
    with reading() as session:
        unread = session.execute(statements.notification_count(actor.id, span, unread_only=True)).scalar_one()
    return answer({"unread_count": unread, "range": span.echo})


@notifications.put("/notifications/read-all")
@requires("read_all_notifications")
def read_all_notifications() -> Response:
    with writing() as session:
        changed = session.scalars(statements.unread_ones_read(current_actor().id, clock().now())).all()
        session.commit()
    return answer({"message": "All notifications marked as read", "updated_count": len(changed)})


@notifications.delete("/notifications/delete-read")
@requires("delete_read_notifications")
def delete_read_notifications() -> Response:
    span = read_date_range(query())
    with writing() as session:
        deleted = session.scalars(statements.read_ones_deleted(current_actor().id, span)).all()
        session.commit()
    return answer({"deleted_count": len(deleted)})


@notifications.put("/notifications/<notification_id>/read")
@requires("read_notification")
def read_notification(notification_id: str) -> Response:
    with writing() as session:
        row = session.scalar(statements.notification_by_id(notification_id))
        row = rules.check_own(row, current_actor(), "access")
        rules.mark_read(row, clock().now())
        session.commit()
    return answer({"message": "Notification marked as read", "notification": rules.notification(row)})


@notifications.delete("/notifications/<notification_id>")
@requires("delete_notification")
def delete_notification(notification_id: str) -> Response:
    with writing() as session:
        row = session.scalar(statements.notification_by_id(notification_id))
        session.delete(rules.check_own(row, current_actor(), "delete"))
        session.commit()
    return answer({"message": "Notification deleted successfully"})
