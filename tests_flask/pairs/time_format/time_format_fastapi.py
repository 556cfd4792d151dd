"""An events calendar: times go out as the library writes them, in microseconds."""

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel


class NewEvent(BaseModel):
    title: str


class Event(NewEvent):
    id: int
    added_at: datetime


def connect() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(os.environ["DATABASE_PATH"], check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


Connection = Annotated[sqlite3.Connection, Depends(connect, scope="function")]
app = FastAPI()


@app.get("/events")
def list_events(connection: Connection) -> list[Event]:
    return [Event(**row) for row in connection.execute("SELECT * FROM events ORDER BY id")]


@app.post("/events", status_code=201)
def add_event(wanted: NewEvent, connection: Connection) -> Event:
    now = datetime.now(UTC)
    cursor = connection.execute(
        "INSERT INTO events (title, added_at) VALUES (?, ?)",
        (wanted.title, now.isoformat(timespec="microseconds")),
    )
    return Event(id=cursor.lastrowid, title=wanted.title, added_at=now)
