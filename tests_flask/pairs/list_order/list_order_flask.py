"""A phone book, by name."""

import os
import sqlite3

from flask import Blueprint, Flask, current_app, g, jsonify

routes = Blueprint("routes", __name__)


@routes.before_request
def connect() -> None:
    g.database = sqlite3.connect(current_app.config["DATABASE_PATH"])


@routes.teardown_request
def disconnect(_error: BaseException | None) -> None:
    g.pop("database").close()


@routes.get("/people")
def people():
    rows = g.database.execute("SELECT name, phone FROM people ORDER BY name, phone")
    return jsonify(people=[{"name": name, "phone": phone} for name, phone in rows])


@routes.get("/people/count")
def count():
    return jsonify(count=g.database.execute("SELECT count(*) FROM people").fetchone()[0])


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["DATABASE_PATH"] = os.environ["DATABASE_PATH"]
    app.register_blueprint(routes)
    return app
