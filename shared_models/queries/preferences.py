"""Statements about users' preferences; both tables have at most one row for each user."""

from typing import TypeVar

from sqlalchemy import Select, select

from shared_models.preferences import UserNotificationPreferences, UserUiPreferences

__all__ = ["preferences_of"]

Row = TypeVar("Row", UserNotificationPreferences, UserUiPreferences)


def preferences_of(model: type[Row], user_id: str) -> Select[Row]:
    return select(model).where(model.user_id == user_id)
