"""Preferences: what a user is told by e-mail and browser, and which columns of the jobs table a user sees."""

from collections.abc import Mapping
from typing import Any, Protocol

from shared_rules import wire
from shared_rules.errors import BadRequest, Forbidden
from shared_rules.fields import Fields
from shared_rules.people import Actor

__all__ = [
    "FLAGS",
    "NotificationPreferencesRow",
    "check_may_read",
    "check_may_update",
    "columns",
    "preferences",
    "ui_preferences",
    "wanted_columns",
    "wanted_flags",
]

FLAGS = (
    "email_on_job_success",
    "email_on_job_failure",
    "email_on_job_disabled",
    "browser_notifications",
    "daily_digest",
    "weekly_report",
)
_COLUMNS = {
    "pic_team": True,
    "end_date": True,
    "cron_expression": False,
    "target_url": False,
    "last_execution_at": False,
}


class NotificationPreferencesRow(Protocol):
    """The columns of a user's notification preferences besides the six flags."""

    id: Any
    user_id: Any
    created_at: Any
    updated_at: Any


def preferences(row: NotificationPreferencesRow) -> dict[str, Any]:
    """`{"id", "user_id", the six flags, "created_at", "updated_at"}`"""
    return {
        "id": row.id,
        "user_id": row.user_id,
        **{flag: getattr(row, flag) for flag in FLAGS},
        "created_at": wire.instant(row.created_at),
        "updated_at": wire.instant(row.updated_at),
    }


def ui_preferences(stored: Mapping[str, Any]) -> dict[str, Any]:
    """`{"jobs_table_columns": {column: shown}}`, every column, whatever was stored."""
    return {"jobs_table_columns": columns(stored)}


def columns(sent: Mapping[str, Any]) -> dict[str, bool]:
    """Return every column in its place: the default, unless `sent` says true or false."""
    return {name: sent[name] if isinstance(sent.get(name), bool) else shown for name, shown in _COLUMNS.items()}


def check_may_read(actor: Actor, user_id: str) -> None:
    """Raise 403 unless these are the actor's own preferences, or the actor is an admin: before the user is looked up."""
    _check_own(actor, user_id, "access")


def check_may_update(actor: Actor, user_id: str) -> None:
    """Raise 403 as `check_may_read` does, in the words of an update."""
    _check_own(actor, user_id, "update")


def wanted_flags(body: Fields) -> dict[str, bool]:
    """Return the flags that were sent, by name; a null counts as not sent."""
    sent = {flag: body.flag(flag) for flag in FLAGS}
    return {flag: value for flag, value in sent.items() if value is not None}


def wanted_columns(body: Fields) -> dict[str, bool]:
    """Return every column: the defaults overlaid by the known ones sent, not by what was stored before."""
    sent = body.object("jobs_table_columns")
    if sent is None:
        raise BadRequest("Missing required fields", '"jobs_table_columns" is required.')
    switches = Fields(sent)
    for name in sent:
        switches.flag(name)
    return columns(sent)


def _check_own(actor: Actor, user_id: str, verb: str) -> None:
    if not actor.is_admin and actor.id != user_id:
        raise Forbidden(f"Forbidden: Cannot {verb} other users preferences")
