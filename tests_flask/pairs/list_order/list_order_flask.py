"""A phone book, by name."""

import os
import sqlite3

from flask import Flask, g, jsonify

app = Flask(__name__)


@app.before_request
def connect() -> None:
    g.database = sqlite3.connect(os.environ["DATABASE_PATH"])


@app.teardown_request
def disconnect(_error: BaseException | None) -> None:
    g.pop("database").close()


@app.get("/people")
def people():
    rows = g.database.execute("SELECT name, phone FROM people ORDER BY name, phone")
    return jsonify(people=[{"name": name, "phone": phone} for name, phone in rows])


@app.get("/people/count")
def count():
    return jsonify(count=g.database.execute("SELECT count(*) FROM people").fetchone()[0])
