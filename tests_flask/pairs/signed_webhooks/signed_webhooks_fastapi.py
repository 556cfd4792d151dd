"""Subscriptions with UUIDs: each change is sent to a webhook, signed, and mailed. Nothing differs from the other stack."""

import json
import os
import smtplib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from hashlib import sha256
from hmac import digest
from typing import Annotated
from uuid import UUID, uuid4

import httpx2
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel


class Settings(BaseModel):
    database_path: str
    hook_url: str
    hook_secret: str
    smtp_host: str
    smtp_port: int


class Wanted(BaseModel):
    email: str
    plan: str


class Subscription(Wanted):
    id: UUID
    state: str
    since: str


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def announce(settings: Settings, event: str, subscription: Subscription) -> None:
    data = {"event": event, "id": str(uuid4()), "data": subscription.model_dump(mode="json"), "at": moment()}
    content = json.dumps(data, separators=(",", ":"))
    signature = digest(settings.hook_secret.encode(), content.encode(), sha256).hex()
    headers = {"X-Signature": "sha256=" + signature, "Content-Type": "application/json"}
    httpx2.post(settings.hook_url + "/subscriptions", content=content, headers=headers)


def confirm(settings: Settings, subscription: Subscription) -> None:
    subject = f"Your {subscription.plan} plan has begun"
    mail = EmailMessage()
    mail.set_content(f"{subject}.\nYours, Plans\n")
    mail["Subject"] = subject
    mail["From"] = "plans@example.com"
    mail["To"] = subscription.email
    with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=5) as server:
        server.send_message(mail)


def current(request: Request) -> Settings:
    return request.app.state.settings


Current = Annotated[Settings, Depends(current)]


def connect(settings: Current) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(settings.database_path, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            yield connection
    finally:
        connection.close()


Db = Annotated[sqlite3.Connection, Depends(connect, scope="function")]
router = APIRouter()


@router.post("/subscriptions", status_code=201)
def subscribe(wanted: Wanted, db: Db, settings: Current, tasks: BackgroundTasks) -> Subscription:
    made = Subscription(**wanted.model_dump(), id=uuid4(), state="active", since=moment())
    db.execute("INSERT INTO subscriptions VALUES (:id, :email, :plan, :state, :since)", made.model_dump(mode="json"))
    tasks.add_task(announce, settings, "subscription.created", made)
    tasks.add_task(confirm, settings, made)
    return made


@router.get("/subscriptions")
def list_all(db: Db) -> list[Subscription]:
    return [Subscription(**row) for row in db.execute("SELECT * FROM subscriptions ORDER BY since, email")]


@router.post("/subscriptions/{number}/cancel")
def cancel(number: UUID, db: Db, settings: Current, tasks: BackgroundTasks) -> Subscription:
    row = db.execute("SELECT * FROM subscriptions WHERE id = ? AND state = 'active'", (str(number),)).fetchone()
    if row is None:
        raise HTTPException(409, "No active subscription")
    db.execute("UPDATE subscriptions SET state = 'cancelled' WHERE id = ?", (str(number),))
    cancelled = Subscription(**row).model_copy(update={"state": "cancelled"})
    tasks.add_task(announce, settings, "subscription.cancelled", cancelled)
    return cancelled


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.settings = Settings(**{name: os.environ[name.upper()] for name in Settings.model_fields})
    app.include_router(router)
    return app
