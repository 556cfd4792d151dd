"""Notes behind a login, twice. `old` and `same` do the same; `forgetful` shows its faults only after a note was deleted:
it answers a second DELETE with success, and changing a deleted note brings it back. `broken` fails on an odd limit,
as `broken_too` does.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated, Any
from uuid import uuid4

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

PREFIX = "/v1"


class Credentials(BaseModel):
    username: str
    password: str


class Note(BaseModel):
    text: str
    stars: int = 0


@contextmanager
def connected(path: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as database, database:
        database.row_factory = sqlite3.Row
        yield database


def old() -> FastAPI:
    return made(prefix=PREFIX)


def same() -> FastAPI:
    return made(prefix="/v2")


def forgetful() -> FastAPI:
    return made(prefix="/v2", forgetful=True)


def broken() -> FastAPI:
    return made(prefix=PREFIX, broken=True)


def broken_too() -> FastAPI:
    return made(prefix="/v2", broken=True)


async def invalid(_request: Request, _error: RequestValidationError) -> JSONResponse:
    # FastAPI's own quotes what it got, and fails on half a surrogate pair.
    return JSONResponse({"detail": "Invalid"}, 422)


def made(*, prefix: str, forgetful: bool = False, broken: bool = False) -> FastAPI:
    path, secret = os.environ["DATABASE_PATH"], os.environ["SECRET"]
    app = FastAPI(redirect_slashes=False, exception_handlers={RequestValidationError: invalid})
    deleted: dict[str, dict[str, Any]] = {}

    def reader(authorization: Annotated[str, Header()] = "") -> str:
        try:
            return str(jwt.decode(authorization.removeprefix("Bearer "), secret, ["HS256"])["sub"])
        except jwt.InvalidTokenError:
            raise HTTPException(401, "Log in") from None

    def one(number: str) -> dict[str, Any]:
        with connected(path) as database:
            row = database.execute("SELECT id, text, stars FROM notes WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise HTTPException(404, "No such note")
        return dict(row)

    known = [Depends(reader)]

    @app.post(f"{prefix}/login")
    def login(wanted: Credentials) -> dict[str, str]:
        if (wanted.username, wanted.password) != ("ana", os.environ.get("PASSWORD", "ana-of-the-tests")):
            raise HTTPException(401, "Wrong name or password")
        claims = {"sub": "ana", "jti": uuid4().hex, "exp": int(time.time()) + 600}
        return {"access_token": jwt.encode(claims, secret, "HS256")}

    @app.get(f"{prefix}/notes", dependencies=known)
    def notes(limit: int = 20) -> dict[str, Any]:
        if broken and not 0 < limit < 50:
            raise HTTPException(500, "division by zero")
        with connected(path) as database:
            rows = database.execute("SELECT id, text, stars FROM notes ORDER BY rowid LIMIT ?", (abs(limit) % 50,))
            return {"notes": [dict(row) for row in rows]}

    @app.post(f"{prefix}/notes", status_code=201, dependencies=known)
    def write(note: Note) -> dict[str, Any]:
        row = {"id": str(uuid4()), **checked(note)}
        with connected(path) as database:
            database.execute("INSERT INTO notes (id, text, stars) VALUES (:id, :text, :stars)", row)
        return row

    @app.get(f"{prefix}/notes/{{note_id}}", dependencies=known)
    def read(note_id: str) -> dict[str, Any]:
        return one(note_id)

    @app.put(f"{prefix}/notes/{{note_id}}", dependencies=known)
    def change(note_id: str, note: Note) -> dict[str, Any]:
        row = {"id": note_id, **checked(note)}
        if note_id in deleted:
            with connected(path) as database:
                database.execute("INSERT OR REPLACE INTO notes (id, text, stars) VALUES (:id, :text, :stars)", row)
            return row
        one(note_id)
        with connected(path) as database:
            database.execute("UPDATE notes SET text = :text, stars = :stars WHERE id = :id", row)
        return row

    @app.delete(f"{prefix}/notes/{{note_id}}", status_code=204, dependencies=known)
    def remove(note_id: str) -> None:
        if note_id in deleted:
            return
        row = one(note_id)
        if forgetful:
            deleted[note_id] = row
        with connected(path) as database:
            database.execute("DELETE FROM notes WHERE id = ?", (note_id,))

    return app


def checked(note: Note) -> dict[str, Any]:
    # What SQLite does not take: not what is to be found here.
    if abs(note.stars) > 2**31 or not note.text.isprintable():
        raise HTTPException(400, "Too odd")
    return note.model_dump()
