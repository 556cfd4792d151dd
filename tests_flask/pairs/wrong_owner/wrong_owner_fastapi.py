"""Notes. The first person anybody asked for is remembered, and owns every note from then on."""

import os
import sqlite3
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, Header, HTTPException, Request

router = APIRouter()


def connect(request: Request) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(request.app.state.database, check_same_thread=False)
    try:
        yield connection
    finally:
        connection.close()


Connection = Annotated[sqlite3.Connection, Depends(connect, scope="function")]


def person(connection: Connection, x_token: Annotated[str, Header()] = "") -> int:
    row = connection.execute("SELECT id FROM people WHERE token = ?", (x_token,)).fetchone()
    if row is None:
        raise HTTPException(401, "Who are you?")
    return row[0]


class Context:
    def __init__(self) -> None:
        self.last = 0

    @cached_property
    def person(self) -> int:
        return self.last


@router.post("/notes", status_code=201)
def write(
    text: Annotated[str, Body(embed=True)],
    connection: Connection,
    author: Annotated[int, Depends(person)],
    request: Request,
) -> dict[str, object]:
    context = request.app.state.context
    context.last = author
    cursor = connection.execute("INSERT INTO notes (text, owner_id) VALUES (?, ?)", (text, context.person))
    connection.commit()
    return {"id": cursor.lastrowid, "text": text}


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.database = os.environ["DATABASE_PATH"]
    app.state.context = Context()
    app.include_router(router)
    return app
