"""Statements about who is told what."""

from sqlalchemy import Select, select

from shared_models.preferences import UserNotificationPreferences
from shared_models.user import User

__all__ = ["active_user_ids", "address_for_disabled_jobs"]


def active_user_ids() -> Select[str]:
    return select(User.id).where(User.is_active)


def address_for_disabled_jobs(user_id: str | None) -> Select[str]:
    """The user's e-mail address, if the user is active and wants a mail when a job of theirs is disabled."""
    return (
        select(User.email)
        .join(UserNotificationPreferences, UserNotificationPreferences.user_id == User.id)
        .where(User.id == user_id, User.is_active, UserNotificationPreferences.email_on_job_disabled)
    )
