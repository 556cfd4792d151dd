"""Notes. Who writes a note owns it; people are told apart by a token of their own."""

import os
import sqlite3

from flask import Blueprint, Flask, abort, current_app, g, jsonify, request

routes = Blueprint("routes", __name__)


@routes.before_request
def who() -> None:
    g.database = sqlite3.connect(current_app.config["DATABASE_PATH"])
    token = request.headers.get("X-Token", "")
    row = g.database.execute("SELECT id FROM people WHERE token = ?", (token,)).fetchone()
    if row is None:
        abort(401)
    g.person = row[0]


@routes.app_errorhandler(401)
def stranger(error: Exception):
    return jsonify(detail="Who are you?"), 401


@routes.teardown_request
def disconnect(_error: BaseException | None) -> None:
    g.database.close()


@routes.post("/notes")
def write():
    text = request.get_json()["text"]
    statement = "INSERT INTO notes (text, owner_id) VALUES (?, ?) RETURNING id"
    (number,) = g.database.execute(statement, (text, g.person)).fetchone()
    g.database.commit()
    return jsonify(id=number, text=text), 201


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["DATABASE_PATH"] = os.environ["DATABASE_PATH"]
    app.register_blueprint(routes)
    return app
