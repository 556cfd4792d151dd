"""Subscriptions with UUIDs: each change is sent to a webhook, signed, and mailed. Nothing differs from the other stack."""

import hashlib
import hmac
import json
import os
import smtplib
import sqlite3
import urllib.request
import uuid
from contextlib import closing
from datetime import UTC, datetime
from email.message import EmailMessage

from flask import Blueprint, Flask, current_app, jsonify, request

routes = Blueprint("routes", __name__)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def send_webhook(event: str, subscription: dict) -> None:
    body = json.dumps({"id": str(uuid.uuid4()), "event": event, "at": now(), "data": subscription}).encode()
    signature = hmac.new(current_app.config["HOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": f"sha256={signature}"}
    call = urllib.request.Request(current_app.config["HOOK_URL"] + "/subscriptions", body, headers)
    urllib.request.urlopen(call, timeout=5).close()


def send_mail(to: str, subject: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "plans@example.com", to, subject
    mail.set_content(f"{subject}.\nYours, Plans\n")
    with smtplib.SMTP(current_app.config["SMTP_HOST"], int(current_app.config["SMTP_PORT"]), timeout=5) as server:
        server.send_message(mail)


@routes.post("/subscriptions")
def subscribe():
    body = request.get_json()
    made = {"id": str(uuid.uuid4()), "email": body["email"], "plan": body["plan"], "state": "active", "since": now()}
    with closing(sqlite3.connect(current_app.config["DATABASE_PATH"])) as database, database:
        database.execute("INSERT INTO subscriptions VALUES (:id, :email, :plan, :state, :since)", made)
    send_webhook("subscription.created", made)
    send_mail(made["email"], f"Your {made['plan']} plan has begun")
    return jsonify(made), 201


@routes.get("/subscriptions")
def subscriptions():
    with closing(sqlite3.connect(current_app.config["DATABASE_PATH"])) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM subscriptions ORDER BY since, email").fetchall()
    return jsonify([dict(row) for row in rows])


@routes.post("/subscriptions/<uuid:number>/cancel")
def cancel(number: uuid.UUID):
    statement = "UPDATE subscriptions SET state = 'cancelled' WHERE id = ? AND state = 'active' RETURNING *"
    with closing(sqlite3.connect(current_app.config["DATABASE_PATH"])) as database, database:
        database.row_factory = sqlite3.Row
        row = database.execute(statement, (str(number),)).fetchone()
    if row is None:
        return jsonify(detail="No active subscription"), 409
    send_webhook("subscription.cancelled", dict(row))
    return jsonify(dict(row))


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(
        {name: os.environ[name] for name in ("HOOK_URL", "HOOK_SECRET", "SMTP_HOST", "SMTP_PORT", "DATABASE_PATH")}
    )
    app.register_blueprint(routes)
    return app
