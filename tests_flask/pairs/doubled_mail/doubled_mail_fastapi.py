"""Club membership: the mail moved to a background task, and also stayed where it was."""

import os
import smtplib
import sqlite3
from email.message import EmailMessage

from fastapi import BackgroundTasks, FastAPI, HTTPException
from pydantic import BaseModel


class Member(BaseModel):
    name: str
    email: str


class Post:
    def __init__(self, host: str, port: str) -> None:
        self.address = (host, int(port))

    def welcome(self, member: Member) -> None:
        mail = EmailMessage()
        mail["Subject"] = f"Welcome, {member.name}"
        mail["From"] = "club@example.com"
        mail["To"] = member.email
        mail.set_content("Good to have you.\n")
        with smtplib.SMTP(*self.address, timeout=5) as server:
            server.send_message(mail)


class Register:
    def __init__(self, path: str, post: Post) -> None:
        self.path = path
        self.post = post

    def enrol(self, member: Member) -> bool:
        database = sqlite3.connect(self.path)
        try:
            with database:
                database.execute("INSERT INTO members (name, email) VALUES (:name, :email)", member.model_dump())
        except sqlite3.IntegrityError:
            return False
        finally:
            database.close()
        self.post.welcome(member)
        return True


def create_app() -> FastAPI:
    app = FastAPI()
    post = Post(os.environ["SMTP_HOST"], os.environ["SMTP_PORT"])
    register = Register(os.environ["DATABASE_PATH"], post)

    @app.post("/members", status_code=201)
    def join(member: Member, tasks: BackgroundTasks) -> Member:
        if not register.enrol(member):
            raise HTTPException(409, "Already a member")
        tasks.add_task(post.welcome, member)
        return member

    return app
