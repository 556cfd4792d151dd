"""Club membership: the mail moved to a background task, and also stayed where it was."""

import os
import smtplib
import sqlite3
from email.message import EmailMessage

from fastapi import BackgroundTasks, FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()


class Member(BaseModel):
    name: str
    email: str


def welcome(member: Member) -> None:
    mail = EmailMessage()
    mail["Subject"] = f"Welcome, {member.name}"
    mail["From"] = "club@example.com"
    mail["To"] = member.email
    mail.set_content("Good to have you.\n")
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=5) as server:
        server.send_message(mail)


def enrol(member: Member) -> bool:
    database = sqlite3.connect(os.environ["DATABASE_PATH"])
    try:
        with database:
            database.execute("INSERT INTO members (name, email) VALUES (:name, :email)", member.model_dump())
    except sqlite3.IntegrityError:
        return False
    finally:
        database.close()
    welcome(member)
    return True


@app.post("/members", status_code=201)
def join(member: Member, tasks: BackgroundTasks) -> Member:
    if not enrol(member):
        raise HTTPException(409, "Already a member")
    tasks.add_task(welcome, member)
    return member
