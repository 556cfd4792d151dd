"""Parcels: people log in with a signed cookie and make keys, programs send a key. Nothing differs from the other stack."""

import hashlib
import os
import secrets
import sqlite3
from datetime import UTC, datetime

from flask import Flask, Response, abort, g, jsonify, request, session
from werkzeug.exceptions import HTTPException


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["SESSION_SECRET"]
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.before_request(connect)
    app.teardown_request(disconnect)
    app.register_error_handler(HTTPException, refuse)
    app.add_url_rule("/people", view_func=register, methods=["POST"])
    app.add_url_rule("/session", view_func=log_in, methods=["POST"])
    app.add_url_rule("/session", view_func=log_out, methods=["DELETE"])
    app.add_url_rule("/me", view_func=me, methods=["GET"])
    app.add_url_rule("/keys", view_func=make_key, methods=["POST"])
    app.add_url_rule("/parcels", view_func=parcels, methods=["GET"])
    app.add_url_rule("/parcels", view_func=send, methods=["POST"])
    return app


def connect() -> None:
    g.database = sqlite3.connect(os.environ["DATABASE_PATH"])
    g.database.row_factory = sqlite3.Row


def disconnect(_error: BaseException | None) -> None:
    g.database.close()


def refuse(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.description), error.code or 500


def hashed(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


def register():
    body, salt = request.get_json(), secrets.token_hex(8)
    statement = "INSERT INTO people (name, salt, password) VALUES (?, ?, ?) RETURNING id"
    try:
        row = g.database.execute(statement, (body["name"], salt, hashed(body["password"], salt))).fetchone()
    except sqlite3.IntegrityError:
        abort(409, "This name is taken")
    g.database.commit()
    return jsonify(id=row["id"], name=body["name"]), 201


def log_in():
    body = request.get_json()
    row = g.database.execute("SELECT * FROM people WHERE name = ?", (body["name"],)).fetchone()
    if row is None or hashed(body["password"], row["salt"]) != row["password"]:
        abort(401, "Name or password is wrong")
    session["person"] = row["id"]
    return jsonify(id=row["id"], name=row["name"])


def log_out():
    session.clear()
    return "", 204


def logged_in() -> sqlite3.Row:
    row = g.database.execute("SELECT * FROM people WHERE id = ?", (session.get("person"),)).fetchone()
    return row or abort(401, "Log in first")


def me():
    row = logged_in()
    return jsonify(id=row["id"], name=row["name"])


def make_key():
    owner, key = logged_in()["id"], "pk_" + secrets.token_urlsafe(24)
    g.database.execute(
        "INSERT INTO keys (owner_id, digest, made_at) VALUES (?, ?, ?)",
        (owner, hashlib.sha256(key.encode()).hexdigest(), datetime.now(UTC).isoformat()),
    )
    g.database.commit()
    return jsonify(key=key), 201


def key_owner() -> int:
    digest = hashlib.sha256(request.headers.get("X-API-Key", "").encode()).hexdigest()
    row = g.database.execute("SELECT owner_id FROM keys WHERE digest = ?", (digest,)).fetchone()
    return row["owner_id"] if row else abort(401, "Send a key in X-API-Key")


def parcels():
    rows = g.database.execute("SELECT code, town FROM parcels WHERE owner_id = ? ORDER BY id", (key_owner(),))
    return jsonify(parcels=[dict(row) for row in rows])


def send():
    owner, town, code = key_owner(), request.get_json()["town"], secrets.token_hex(10)
    g.database.execute("INSERT INTO parcels (code, town, owner_id) VALUES (?, ?, ?)", (code, town, owner))
    g.database.commit()
    return jsonify(code=code, town=town), 201
