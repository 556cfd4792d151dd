"""Book loans, as they are: a refused loan leaves no trace. Readers are told apart by a key of their own."""

import json
import os
import sqlite3
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.database_path, app.state.desk_url = os.environ["DATABASE_PATH"], os.environ["DESK_URL"]
    yield


app = FastAPI(lifespan=lifespan)


class Wanted(BaseModel):
    book: str
    days: int


def connect(request: Request) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(request.app.state.database_path, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            yield connection
    finally:
        connection.close()


Db = Annotated[sqlite3.Connection, Depends(connect, scope="function")]


def reader_id(db: Db, x_reader_key: Annotated[str, Header()] = "") -> int:
    row = db.execute("SELECT id FROM readers WHERE key = ?", (x_reader_key,)).fetchone()
    if row is None:
        raise HTTPException(401, "A reader's key is needed")
    return row["id"]


Reader = Annotated[int, Depends(reader_id, scope="function")]


def tell_desk(desk_url: str, loan: dict[str, object]) -> None:
    body = json.dumps({"loan_id": loan["id"], "book": loan["book"]}).encode()
    call = urllib.request.Request(desk_url + "/loans", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(call, timeout=5).close()


@app.get("/loans")
def loans(db: Db, reader: Reader) -> list[dict[str, object]]:
    rows = db.execute("SELECT id, book, days, since FROM loans WHERE reader_id = ? ORDER BY id", (reader,))
    return [dict(row) for row in rows]


@app.post("/loans", status_code=201)
def lend(wanted: Wanted, request: Request, db: Db, reader: Reader) -> dict[str, object]:
    if wanted.days > 28:
        raise HTTPException(400, "At most 28 days")
    since = datetime.now(UTC).isoformat(timespec="seconds")
    row = db.execute(
        "INSERT INTO loans (book, days, since, reader_id) VALUES (?, ?, ?, ?) RETURNING id, book, days, since",
        (wanted.book, wanted.days, since, reader),
    ).fetchone()
    tell_desk(request.app.state.desk_url, dict(row))
    return dict(row)


@app.get("/loans/{number}")
def loan(number: int, db: Db, reader: Reader) -> dict[str, object]:
    row = db.execute(
        "SELECT id, book, days, since FROM loans WHERE id = ? AND reader_id = ?", (number, reader)
    ).fetchone()
    if row is None:
        raise HTTPException(404, "No such loan")
    return dict(row)
