"""Club membership: who joins gets one welcome mail."""

import os
import smtplib
import sqlite3
from contextlib import closing
from email.message import EmailMessage

from flask import Flask, jsonify, request

app = Flask(__name__)


def send_welcome(name: str, address: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "club@example.com", address, f"Welcome, {name}"
    mail.set_content("Good to have you.\n")
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=5) as server:
        server.send_message(mail)


@app.post("/members")
def join():
    body = request.get_json()
    with closing(sqlite3.connect(os.environ["DATABASE_PATH"])) as database, database:
        if database.execute("SELECT 1 FROM members WHERE email = ?", (body["email"],)).fetchone():
            return jsonify(detail="Already a member"), 409
        database.execute("INSERT INTO members (name, email) VALUES (?, ?)", (body["name"], body["email"]))
    send_welcome(body["name"], body["email"])
    return jsonify(name=body["name"], email=body["email"]), 201
