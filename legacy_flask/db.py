"""Flask-SQLAlchemy over the shared tables, and the two ways a view opens a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from shared_models import Base
from shared_models.engine import WRITES, engine_options, install_recipe
from shared_rules.settings import Settings

__all__ = ["db", "init_db", "reading", "writing"]

db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


def init_db(app: Flask, settings: Settings) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(
        settings.database_url, timeout_s=settings.database_timeout_s
    )
    db.init_app(app)
    with app.app_context():
        install_recipe(db.engine, synchronous=settings.sqlite_synchronous)


@contextmanager
def reading() -> Iterator[scoped_session[Session]]:
    """Yield the request's session in a reading transaction, which ends with the block; rows keep what was read."""
    try:
        yield db.session
    finally:
        # Not a rollback: that expires every row, and each would be read again when it is answered.
        db.session.close()


@contextmanager
def writing() -> Iterator[scoped_session[Session]]:
    """Yield the request's session in a writing transaction: the block commits, or nothing was written.

    No HTTP call and no slow work inside: on SQLite nobody else writes meanwhile.
    """
    db.session.rollback()
    db.session.connection(execution_options=WRITES)
    try:
        yield db.session
    finally:
        db.session.rollback()
