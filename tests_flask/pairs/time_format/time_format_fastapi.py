"""An events calendar: times go out as the library writes them, in microseconds."""

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel


class NewEvent(BaseModel):
    title: str


class Event(NewEvent):
    id: int
    added_at: datetime


def connect(request: Request) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(request.app.state.database, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


Connection = Annotated[sqlite3.Connection, Depends(connect, scope="function")]
router = APIRouter()


@router.get("/events")
def list_events(connection: Connection) -> list[Event]:
    return [Event(**row) for row in connection.execute("SELECT * FROM events ORDER BY id")]


@router.post("/events", status_code=201)
def add_event(wanted: NewEvent, connection: Connection) -> Event:
    now = datetime.now(UTC)
    cursor = connection.execute(
        "INSERT INTO events (title, added_at) VALUES (?, ?)",
        (wanted.title, now.isoformat(timespec="microseconds")),
    )
    return Event(id=cursor.lastrowid, title=wanted.title, added_at=now)


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.database = os.environ["DATABASE_PATH"]
    app.include_router(router)
    return app
