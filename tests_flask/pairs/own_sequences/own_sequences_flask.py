"""Orders and their lines, behind a login with JSON Web Tokens. Only the ids differ from the other stack."""

import os
import sqlite3
import time
import uuid
from functools import wraps

import jwt
from flask import Blueprint, Flask, abort, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException

routes = Blueprint("routes", __name__)


@routes.before_request
def connect() -> None:
    g.database = sqlite3.connect(current_app.config["DATABASE_URL"].removeprefix("sqlite:///"))
    g.database.row_factory = sqlite3.Row


@routes.teardown_request
def disconnect(_error: BaseException | None) -> None:
    g.database.close()


@routes.app_errorhandler(HTTPException)
def refuse(error: HTTPException):
    return jsonify(message=error.description), error.code


def protected(view):
    @wraps(view)
    def checked(**arguments):
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            g.claims = jwt.decode(token, current_app.config["JWT_SECRET"], ["HS256"])
        except jwt.InvalidTokenError:
            abort(401, "A valid token is needed")
        return view(**arguments)

    return checked


@routes.post("/login")
def log_in():
    body = request.get_json()
    row = g.database.execute("SELECT * FROM clerks WHERE login = ?", (body["username"],)).fetchone()
    if row is None or row["password"] != body["password"]:
        abort(401, "Username or password is wrong")
    now = int(time.time())
    claims = {"sub": str(row["id"]), "name": row["login"], "iat": now, "exp": now + 3600, "jti": str(uuid.uuid4())}
    return jsonify(token=jwt.encode(claims, current_app.config["JWT_SECRET"], "HS256"), expires_in=3600)


def order_json(order_id: int):
    order = g.database.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    if order is None:
        abort(404, "There is no such order")
    lines = g.database.execute("SELECT id, sku, pieces FROM lines WHERE order_id = ? ORDER BY id", (order_id,))
    return {**dict(order), "lines": [dict(line) for line in lines]}


@routes.get("/orders")
@protected
def orders():
    rows = g.database.execute("SELECT id, customer FROM orders ORDER BY id")
    return jsonify(orders=[dict(row) for row in rows])


@routes.post("/orders")
@protected
def open_order():
    statement = "INSERT INTO orders (customer, clerk_id) VALUES (?, ?)"
    created = g.database.execute(statement, (request.get_json()["customer"], int(g.claims["sub"])))
    g.database.commit()
    return jsonify(order_json(created.lastrowid)), 201


@routes.get("/orders/<int:order_id>")
@protected
def order(order_id: int):
    return jsonify(order_json(order_id))


@routes.post("/orders/<int:order_id>/lines")
@protected
def add_line(order_id: int):
    order_json(order_id)
    body = request.get_json()
    statement = "INSERT INTO lines (order_id, sku, pieces) VALUES (?, ?, ?)"
    g.database.execute(statement, (order_id, body["sku"], body["pieces"]))
    g.database.commit()
    return jsonify(order_json(order_id)), 201


@routes.delete("/orders/<int:order_id>")
@protected
def cancel(order_id: int):
    order_json(order_id)
    g.database.execute("DELETE FROM lines WHERE order_id = ?", (order_id,))
    g.database.execute("DELETE FROM orders WHERE id = ?", (order_id,))
    g.database.commit()
    return "", 204


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update({name: os.environ[name] for name in ("DATABASE_URL", "JWT_SECRET")})
    app.register_blueprint(routes)
    return app
