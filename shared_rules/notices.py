"""Notifications as values: what the bell says about jobs and runs, and the rows that make it so."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

__all__ = ["Notice", "notice_rows"]


@dataclass(frozen=True)
class Notice:
    """One message, for one user or for many."""

    title: str
    message: str
    type: Literal["info", "success", "warning", "error"]
    job_id: str | None = None
    execution_id: str | None = None


def notice_rows(notice: Notice, user_ids: Iterable[str], now: datetime) -> list[dict[str, Any]]:
    """Return the columns of one notification row for each user."""
    return [
        {
            "id": str(uuid.uuid4()),
            "user_id": user_id,
            "title": notice.title,
            "message": notice.message,
            "type": notice.type,
            "related_job_id": notice.job_id,
            "related_execution_id": notice.execution_id,
            "is_read": False,
            "created_at": now,
        }
        for user_id in user_ids
    ]
