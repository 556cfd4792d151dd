"""Slack settings: one row for the whole system, for admins."""

from datetime import datetime

from flask import Blueprint, Response
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from legacy_flask.auth import requires
from legacy_flask.db import reading, writing
from legacy_flask.http import answer, clock, json_body
from legacy_flask.http import settings as settings_of_process
from shared_models import SlackSettings, new_id
from shared_models.queries.slack import slack_settings
from shared_rules import slack as rules
from shared_rules.changes import apply

__all__ = ["settings"]

settings = Blueprint("settings", __name__)


@settings.get("/settings/slack")
@requires("get_slack_settings")
def get_slack_settings() -> Response:
    with reading() as session:
        row = session.scalar(slack_settings())
    if row is None:
        with writing() as session:
            row = session.scalar(slack_settings()) or _new(session, clock().now())
            session.commit()
    return answer({"slack_settings": rules.slack_settings(row)})


@settings.put("/settings/slack")
@requires("update_slack_settings")
def update_slack_settings() -> Response:
    body = json_body()
    with writing() as session:
        now = clock().now()
        row = session.scalar(slack_settings())
        wanted = rules.wanted_for_update(row, body, production=settings_of_process().production)
        row = row or _new(session, now)
        apply(row, wanted, now)
        session.commit()
    return answer({"message": "Slack settings updated", "slack_settings": rules.slack_settings(row)})


def _new(session: scoped_session[Session], now: datetime) -> SlackSettings:
    """Return the row, made on first use, with its defaults."""
    row = SlackSettings(id=new_id(), created_at=now, updated_at=now)
    session.add(row)
    session.flush()
    return row
