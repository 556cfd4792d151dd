"""Statements about the messages that wait to be sent, and about where they go."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, Select, Update, bindparam, delete, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert, ReturningUpdate

from shared_models.base import Base
from shared_models.message import OutboxMessage
from shared_models.preferences import UserNotificationPreferences
from shared_models.scheduler import SchedulerNode
from shared_models.slack import SlackSettings
from shared_models.team import PicTeam
from shared_models.user import User

__all__ = [
    "added",
    "ended",
    "given_up",
    "lost",
    "old_removed",
    "slack_channel",
    "taken",
    "team_handles",
    "waiting",
    "wishes_about_runs",
]

_TABLE = Base.metadata.tables[OutboxMessage.__tablename__]
_QUEUED: ColumnElement[str] = literal_column("'queued'")
_SENDING: ColumnElement[str] = literal_column("'sending'")
# In the words of the partial index, so that SQLite sees that it applies.
_OPEN = OutboxMessage.phase.in_([_QUEUED, _SENDING])


def added(dialect: str) -> Insert:
    """Queue messages, rows given by the table's column names; one whose key is there already stays as it is."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(_TABLE).on_conflict_do_nothing(index_elements=["key"])


def waiting(kind: str) -> Select[str]:
    """The oldest queued message of this kind."""
    return (
        select(OutboxMessage.id)
        .where(_OPEN, OutboxMessage.phase == _QUEUED, OutboxMessage.kind == kind)
        .order_by(OutboxMessage.created_at)
        .limit(1)
    )


def taken(kind: str, process: str) -> ReturningUpdate[*tuple[Any, ...]]:
    """Take the oldest queued message of this kind by compare-and-set: if one is returned, it is this process's to send."""
    return (
        update(OutboxMessage)
        .where(OutboxMessage.id == waiting(kind).scalar_subquery(), OutboxMessage.phase == _QUEUED)
        .values(phase="sending", process=process)
        .returning(OutboxMessage.id, OutboxMessage.recipient, OutboxMessage.subject, OutboxMessage.body)
        .execution_options(synchronize_session=False)
    )


def ended(process: str) -> Update:
    """Write what became of a message this process took, also of one that was given up as lost meanwhile.

    Parameters `message`, `phase`, `sent_at`, `error`.
    """
    mine = (_TABLE.c.process == process) & _TABLE.c.phase.in_(("sending", "unknown"))
    return (
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("message"), mine)
        .values(phase=bindparam("phase"), sent_at=bindparam("sent_at"), error=bindparam("error"))
    )


def lost(me: str, dead: Collection[str]) -> Select[str]:
    """Messages that other processes were sending which are dead, or gone from the list of processes altogether."""
    gone = OutboxMessage.process.not_in(select(SchedulerNode.process))
    return select(OutboxMessage.id).where(
        _OPEN,
        OutboxMessage.phase == _SENDING,
        OutboxMessage.process != me,
        gone | OutboxMessage.process.in_(dead),
    )


def given_up(ids: Collection[str]) -> Update:
    return (
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids), OutboxMessage.phase == _SENDING)
        .values(phase="unknown", error="Its process ended while sending it.")
        .execution_options(synchronize_session=False)
    )


def old_removed(sent_until: datetime, unsent_until: datetime, limit: int) -> Delete:
    """Remove up to `limit` messages that were sent before one time, or were created before the other and will never be."""
    sent = (OutboxMessage.phase == "sent") & (OutboxMessage.sent_at < sent_until)
    unsent = OutboxMessage.phase.in_(("failed", "unknown")) & (OutboxMessage.created_at < unsent_until)
    old = select(OutboxMessage.id).where(or_(sent, unsent)).limit(limit)
    return delete(OutboxMessage).where(OutboxMessage.id.in_(old))


def slack_channel() -> Select[str | None, str | None]:
    """Where Slack messages go; no row while Slack is switched off."""
    return select(SlackSettings.webhook_url, SlackSettings.channel).where(
        SlackSettings.is_enabled, SlackSettings.webhook_url.is_not(None)
    )


def team_handles() -> Select[str, str]:
    """Slug and Slack handle of every team."""
    return select(PicTeam.slug, PicTeam.slack_handle)


def wishes_about_runs(emails: Collection[str]) -> Select[*tuple[Any, ...]]:
    """What the users among these lower-case addresses want to hear about runs."""
    return (
        select(
            User.email,
            UserNotificationPreferences.email_on_job_success,
            UserNotificationPreferences.email_on_job_failure,
        )
        .join(UserNotificationPreferences, UserNotificationPreferences.user_id == User.id)
        .where(User.email.in_(emails))
    )
