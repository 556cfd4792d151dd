"""Contacts. Deleting one hides it and keeps the row."""

import os

from flask import Blueprint, Flask, current_app, jsonify
from sqlalchemy import Engine, create_engine, text

routes = Blueprint("routes", __name__)


def engine() -> Engine:
    return current_app.extensions["engine"]


@routes.get("/contacts")
def contacts():
    with engine().connect() as connection:
        rows = connection.execute(text("SELECT id, name FROM contacts WHERE NOT deleted ORDER BY id"))
        return jsonify([dict(row) for row in rows.mappings()])


@routes.delete("/contacts/<int:contact_id>")
def delete(contact_id: int):
    statement = text("UPDATE contacts SET deleted = 1 WHERE id = :id AND NOT deleted")
    with engine().begin() as connection:
        found = connection.execute(statement, {"id": contact_id}).rowcount
    return ("", 204) if found else (jsonify(detail="No such contact"), 404)


def create_app() -> Flask:
    app = Flask(__name__)
    app.extensions["engine"] = create_engine(os.environ["DATABASE_URL"])
    app.register_blueprint(routes)
    return app
