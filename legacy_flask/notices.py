"""Telling people what happened, in the transaction in which it happened."""

from datetime import datetime

from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from shared_models import Notification
from shared_models.queries.notices import active_user_ids
from shared_rules.notices import Notice, notice_rows

__all__ = ["tell_everybody"]


def tell_everybody(session: scoped_session[Session], notice: Notice, now: datetime) -> None:
    """Add one notification for each active user."""
    user_ids = session.scalars(active_user_ids())
    session.add_all(Notification(**columns) for columns in notice_rows(notice, user_ids, now))
