"""Club membership: who joins gets one welcome mail."""

import os
import smtplib
import sqlite3
from contextlib import closing
from email.message import EmailMessage

from flask import Blueprint, Flask, current_app, jsonify, request

routes = Blueprint("routes", __name__)


def send_welcome(name: str, address: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "club@example.com", address, f"Welcome, {name}"
    mail.set_content("Good to have you.\n")
    with smtplib.SMTP(current_app.config["SMTP_HOST"], int(current_app.config["SMTP_PORT"]), timeout=5) as server:
        server.send_message(mail)


@routes.post("/members")
def join():
    body = request.get_json()
    with closing(sqlite3.connect(current_app.config["DATABASE_PATH"])) as database, database:
        if database.execute("SELECT 1 FROM members WHERE email = ?", (body["email"],)).fetchone():
            return jsonify(detail="Already a member"), 409
        database.execute("INSERT INTO members (name, email) VALUES (?, ?)", (body["name"], body["email"]))
    send_welcome(body["name"], body["email"])
    return jsonify(name=body["name"], email=body["email"]), 201


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update({name: os.environ[name] for name in ("SMTP_HOST", "SMTP_PORT", "DATABASE_PATH")})
    app.register_blueprint(routes)
    return app
