"""What users want to be told, and which columns they see."""

from datetime import datetime
from typing import TypeVar

from flask import Blueprint, Response
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from legacy_flask.auth import current_actor, requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, json_body
from shared_models import UserNotificationPreferences, UserUiPreferences, new_id
from shared_models.queries.people import user_by_id
from shared_models.queries.preferences import preferences_of
from shared_rules import people
from shared_rules import preferences as rules
from shared_rules.changes import apply

__all__ = ["preferences"]

preferences = Blueprint("preferences", __name__)

Row = TypeVar("Row", UserNotificationPreferences, UserUiPreferences)


@preferences.get("/auth/users/<user_id>/preferences")
@requires("get_preferences")
def get_preferences(user_id: str) -> Response:
    rules.check_may_read(current_actor(), user_id)
    row = _read_or_make(UserNotificationPreferences, user_id)
    message = "Notification preferences retrieved successfully"
    return answer({"message": message, "preferences": rules.preferences(row)})


@preferences.put("/auth/users/<user_id>/preferences")
@requires("update_preferences")
def update_preferences(user_id: str) -> Response:
    rules.check_may_update(current_actor(), user_id)
    body = json_body()
    with writing() as session:
        now = clock().now()
        people.check_found(session.scalar(user_by_id(user_id)))
        wanted = rules.wanted_flags(body)
        row = _found_or_new(session, UserNotificationPreferences, user_id, now)
        apply(row, wanted, now)
        session.commit()
    message = "Notification preferences updated successfully"
    return answer({"message": message, "preferences": rules.preferences(row)})


@preferences.get("/auth/users/<user_id>/ui-preferences")
@requires("get_ui_preferences")
def get_ui_preferences(user_id: str) -> Response:
    rules.check_may_read(current_actor(), user_id)
    row = _read_or_make(UserUiPreferences, user_id)
    return answer({"preferences": rules.ui_preferences(row.jobs_table_columns)})


@preferences.put("/auth/users/<user_id>/ui-preferences")
@requires("update_ui_preferences")
def update_ui_preferences(user_id: str) -> Response:
    rules.check_may_update(current_actor(), user_id)
    body = json_body()
    with writing() as session:
        now = clock().now()
        people.check_found(session.scalar(user_by_id(user_id)))
        wanted = {"jobs_table_columns": rules.wanted_columns(body)}
        row = _found_or_new(session, UserUiPreferences, user_id, now)
        apply(row, wanted, now)
        session.commit()
    return answer({"preferences": rules.ui_preferences(row.jobs_table_columns)})


def _read_or_make(model: type[Row], user_id: str) -> Row:
    """Return the user's row, made on first use; only then is anything written."""
    with reading() as session:
        people.check_found(session.scalar(user_by_id(user_id)))
        row = session.scalar(preferences_of(model, user_id))
    if row is None:
        with writing() as session:
            people.check_found(session.scalar(user_by_id(user_id)))
            row = _found_or_new(session, model, user_id, clock().now())
            session.commit()
    return row


def _found_or_new(session: scoped_session[Session], model: type[Row], user_id: str, now: datetime) -> Row:
    row = session.scalar(preferences_of(model, user_id))
    if row is None:
        row = model(id=new_id(), user_id=user_id, created_at=now, updated_at=now)
        session.add(row)
        # The flush puts the defaults into the row.
        session.flush()
    return row
