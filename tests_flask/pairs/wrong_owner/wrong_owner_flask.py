"""Notes. Who writes a note owns it; people are told apart by a token of their own."""

import os
import sqlite3

from flask import Flask, abort, g, jsonify, request

app = Flask(__name__)


@app.before_request
def who() -> None:
    g.database = sqlite3.connect(os.environ["DATABASE_PATH"])
    token = request.headers.get("X-Token", "")
    row = g.database.execute("SELECT id FROM people WHERE token = ?", (token,)).fetchone()
    if row is None:
        abort(401)
    g.person = row[0]


@app.errorhandler(401)
def stranger(error: Exception):
    return jsonify(detail="Who are you?"), 401


@app.teardown_request
def disconnect(_error: BaseException | None) -> None:
    g.database.close()


@app.post("/notes")
def write():
    text = request.get_json()["text"]
    statement = "INSERT INTO notes (text, owner_id) VALUES (?, ?) RETURNING id"
    (number,) = g.database.execute(statement, (text, g.person)).fetchone()
    g.database.commit()
    return jsonify(id=number, text=text), 201
