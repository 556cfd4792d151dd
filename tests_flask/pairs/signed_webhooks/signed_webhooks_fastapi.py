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
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()


class Wanted(BaseModel):
    email: str
    plan: str


class Subscription(Wanted):
    id: UUID
    state: str
    since: str


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def announce(event: str, subscription: Subscription) -> None:
    data = {"event": event, "id": str(uuid4()), "data": subscription.model_dump(mode="json"), "at": moment()}
    content = json.dumps(data, separators=(",", ":"))
    signature = digest(os.environ["HOOK_SECRET"].encode(), content.encode(), sha256).hex()
    headers = {"X-Signature": "sha256=" + signature, "Content-Type": "application/json"}
    httpx2.post(os.environ["HOOK_URL"] + "/subscriptions", content=content, headers=headers)


def confirm(subscription: Subscription) -> None:
    subject = f"Your {subscription.plan} plan has begun"
    mail = EmailMessage()
    mail.set_content(f"{subject}.\nYours, Plans\n")
    mail["Subject"] = subject
    mail["From"] = "plans@example.com"
    mail["To"] = subscription.email
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=5) as server:
        server.send_message(mail)


def connect() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(os.environ["DATABASE_PATH"], check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            yield connection
    finally:
        connection.close()


Db = Annotated[sqlite3.Connection, Depends(connect, scope="function")]


@app.post("/subscriptions", status_code=201)
def subscribe(wanted: Wanted, db: Db, tasks: BackgroundTasks) -> Subscription:
    made = Subscription(**wanted.model_dump(), id=uuid4(), state="active", since=moment())
    db.execute("INSERT INTO subscriptions VALUES (:id, :email, :plan, :state, :since)", made.model_dump(mode="json"))
    tasks.add_task(announce, "subscription.created", made)
    tasks.add_task(confirm, made)
    return made


@app.get("/subscriptions")
def list_all(db: Db) -> list[Subscription]:
    return [Subscription(**row) for row in db.execute("SELECT * FROM subscriptions ORDER BY since, email")]


@app.post("/subscriptions/{number}/cancel")
def cancel(number: UUID, db: Db, tasks: BackgroundTasks) -> Subscription:
    row = db.execute("SELECT * FROM subscriptions WHERE id = ? AND state = 'active'", (str(number),)).fetchone()
    if row is None:
        raise HTTPException(409, "No active subscription")
    db.execute("UPDATE subscriptions SET state = 'cancelled' WHERE id = ?", (str(number),))
    cancelled = Subscription(**row).model_copy(update={"state": "cancelled"})
    tasks.add_task(announce, "subscription.cancelled", cancelled)
    return cancelled
