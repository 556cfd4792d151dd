"""An events calendar: times go out in milliseconds with a Z."""

import os
import sqlite3
from datetime import UTC, datetime

from flask import Blueprint, Flask, current_app, g, jsonify, request

routes = Blueprint("routes", __name__)


def database() -> sqlite3.Connection:
    if "database" not in g:
        g.database = sqlite3.connect(current_app.config["DATABASE_PATH"])
    return g.database


@routes.teardown_app_request
def close(_error: BaseException | None) -> None:
    if "database" in g:
        g.pop("database").close()


def wire(text: str) -> str:
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(row: tuple) -> dict:
    return {"id": row[0], "title": row[1], "added_at": wire(row[2])}


@routes.get("/events")
def events():
    return jsonify([event(row) for row in database().execute("SELECT id, title, added_at FROM events ORDER BY id")])


@routes.post("/events")
def add():
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    written = database().execute(
        "INSERT INTO events (title, added_at) VALUES (?, ?) RETURNING id, title, added_at", (request.json["title"], now)
    )
    row = written.fetchone()
    database().commit()
    return event(row), 201


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["DATABASE_PATH"] = os.environ["DATABASE_PATH"]
    app.register_blueprint(routes)
    return app
