"""Statements about a run that ended: its row, and who has to hear of it by e-mail and Slack."""

from collections.abc import Collection

from sqlalchemy import Select, select

from shared_models.execution import JobExecution
from shared_models.preferences import UserNotificationPreferences
from shared_models.slack import SlackSettings
from shared_models.team import PicTeam
from shared_models.user import User

__all__ = ["enabled_slack", "mail_wishes", "run_by_id", "team_handle"]


def run_by_id(execution_id: str) -> Select[JobExecution]:
    return select(JobExecution).where(JobExecution.id == execution_id)


def mail_wishes(emails: Collection[str]) -> Select[str, UserNotificationPreferences]:
    """The preferences of those addresses that are users' and have any, by lower-case address."""
    return (
        select(User.email, UserNotificationPreferences)
        .join(UserNotificationPreferences, UserNotificationPreferences.user_id == User.id)
        .where(User.email.in_([email.lower() for email in emails]))
    )


def team_handle(slug: str | None) -> Select[str]:
    return select(PicTeam.slack_handle).where(PicTeam.slug == slug)


def enabled_slack() -> Select[SlackSettings]:
    return select(SlackSettings).where(SlackSettings.is_enabled, SlackSettings.webhook_url.is_not(None))
