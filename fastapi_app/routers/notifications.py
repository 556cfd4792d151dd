"""Notifications of the user who asks."""

from typing import Annotated

from fastapi import APIRouter, Response

from fastapi_app.auth import requires
from fastapi_app.db import DatabaseDep
from fastapi_app.deps import ClockDep, QueryDep, answer
from fastapi_app.docs import documented, query_parameter
from fastapi_app.schemas import notifications as schemas
from fastapi_app.schemas.date_range import DATE_REFUSALS, FROM_TO
from shared_models.queries import notifications as statements
from shared_rules import notifications as rules
from shared_rules.date_range import read_date_range
from shared_rules.people import Actor

__all__ = ["notifications"]

notifications = APIRouter(tags=["notifications"])

LIST_QUERY = [
    query_parameter("page", "From 1", kind="integer", example=1),
    query_parameter("per_page", "Notifications a page, at most 100, 20 when absent", kind="integer", example=20),
    query_parameter("unread_only", "1, true, yes, y or on", example="true"),
    *FROM_TO,
]


@notifications.get(
    "/notifications",
    **documented(
        "list_notifications",
        summary="List own notifications, newest first",
        answers=schemas.NotificationPage,
        query=LIST_QUERY,
        refuses={400: DATE_REFUSALS},
    ),
)
async def list_notifications(
    actor: Annotated[Actor, requires("list_notifications")], query: QueryDep, database: DatabaseDep
) -> Response:
    wanted = rules.read_wanted(query)
    counted = statements.notification_count(actor.id, wanted.span, unread_only=wanted.unread_only)
    async with database.reading() as session:
        total = (await session.execute(counted)).scalar_one()
        rows = (await session.scalars(statements.notifications(actor.id, wanted))).all()
    return answer(rules.notification_page(rows, total, wanted))


@notifications.get(
    "/notifications/unread-count",
    **documented(
        "count_unread",
        summary="Count own unread notifications",
        answers=schemas.UnreadCount,
        query=FROM_TO,
        refuses={400: DATE_REFUSALS},
    ),
)
async def count_unread(
    actor: Annotated[Actor, requires("count_unread")], query: QueryDep, database: DatabaseDep
) -> Response:
    span = read_date_range(query)
    async with database.reading() as session:
        counted = await session.execute(statements.notification_count(actor.id, span, unread_only=True))
    return answer({"unread_count": counted.scalar_one(), "range": span.echo})


@notifications.put(
    "/notifications/read-all",
    **documented("read_all_notifications", summary="Mark all own notifications as read", answers=schemas.AllRead),
)
async def read_all_notifications(
    actor: Annotated[Actor, requires("read_all_notifications")], database: DatabaseDep, clock: ClockDep
) -> Response:
    async with database.writing() as session:
        changed = (await session.scalars(statements.unread_ones_read(actor.id, clock.now()))).all()
        await session.commit()
    return answer({"message": "All notifications marked as read", "updated_count": len(changed)})


@notifications.delete(
    "/notifications/delete-read",
    **documented(
        "delete_read_notifications",
        summary="Delete own notifications that are read",
        answers=schemas.ReadOnesDeleted,
        query=FROM_TO,
        refuses={400: DATE_REFUSALS},
    ),
)
async def delete_read_notifications(
    actor: Annotated[Actor, requires("delete_read_notifications")], query: QueryDep, database: DatabaseDep
) -> Response:
    span = read_date_range(query)
    async with database.writing() as session:
        deleted = (await session.scalars(statements.read_ones_deleted(actor.id, span))).all()
        await session.commit()
    return answer({"deleted_count": len(deleted)})


@notifications.put(
    "/notifications/{notification_id}/read",
    **documented(
        "read_notification",
        summary="Mark an own notification as read",
        answers=schemas.NotificationRead,
        refuses={
            403: ["Forbidden: Cannot access other users notifications"],
            404: ["Notification not found"],
        },
    ),
)
async def read_notification(
    notification_id: str,
    actor: Annotated[Actor, requires("read_notification")],
    database: DatabaseDep,
    clock: ClockDep,
) -> Response:
    async with database.writing() as session:
        row = await session.scalar(statements.notification_by_id(notification_id))
        row = rules.check_own(row, actor, "access")
        rules.mark_read(row, clock.now())
        await session.commit()
    return answer({"message": "Notification marked as read", "notification": rules.notification(row)})


@notifications.delete(
    "/notifications/{notification_id}",
    **documented(
        "delete_notification",
        summary="Delete an own notification",
        answers=schemas.NotificationDeleted,
        refuses={
            403: ["Forbidden: Cannot delete other users notifications"],
            404: ["Notification not found"],
        },
    ),
)
async def delete_notification(
    notification_id: str, actor: Annotated[Actor, requires("delete_notification")], database: DatabaseDep
) -> Response:
    async with database.writing() as session:
        row = await session.scalar(statements.notification_by_id(notification_id))
        await session.delete(rules.check_own(row, actor, "delete"))
        await session.commit()
    return answer({"message": "Notification deleted successfully"})
