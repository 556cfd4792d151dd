"""Parcels: people log in with a signed cookie and make keys, programs send a key. Nothing differs from the other stack."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import pbkdf2_hmac, sha256
from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

router = APIRouter()


def open_database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(os.environ["DATABASE_PATH"], check_same_thread=False)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


Db = Annotated[sqlite3.Connection, Depends(open_database, scope="function")]


class Credentials(BaseModel):
    name: str
    password: str

    def digest(self, salt: str) -> str:
        return pbkdf2_hmac("sha256", self.password.encode(), salt.encode(), 1000).hex()


class Person(BaseModel):
    id: int
    name: str


def current_person(request: Request, db: Db) -> Person:
    found = db.execute("SELECT id, name FROM people WHERE id = ?", (request.session.get("person"),)).fetchone()
    if not found:
        raise HTTPException(401, "Log in first")
    return Person(id=found[0], name=found[1])


def current_program(db: Db, x_api_key: Annotated[str, Header()] = "") -> int:
    digest = sha256(x_api_key.encode()).hexdigest()
    found = db.execute("SELECT owner_id FROM keys WHERE digest = ?", (digest,)).fetchone()
    if not found:
        raise HTTPException(401, "Send a key in X-API-Key")
    return found[0]


LoggedIn = Annotated[Person, Depends(current_person)]
Owner = Annotated[int, Depends(current_program)]


@router.post("/people", status_code=201)
def register(wanted: Credentials, db: Db) -> Person:
    salt = secrets.token_hex(8)
    values = (wanted.name, salt, wanted.digest(salt))
    try:
        cursor = db.execute("INSERT INTO people (name, salt, password) VALUES (?, ?, ?)", values)
    except sqlite3.IntegrityError as error:
        raise HTTPException(409, "This name is taken") from error
    return Person(id=cursor.lastrowid, name=wanted.name)


@router.post("/session")
def log_in(credentials: Credentials, request: Request, db: Db) -> Person:
    found = db.execute("SELECT id, name, salt, password FROM people WHERE name = ?", (credentials.name,)).fetchone()
    if not found or credentials.digest(found[2]) != found[3]:
        raise HTTPException(401, "Name or password is wrong")
    request.session["person"] = found[0]
    return Person(id=found[0], name=found[1])


@router.delete("/session", status_code=204)
def log_out(request: Request) -> Response:
    request.session.clear()
    return Response(status_code=204)


@router.get("/me")
def me(person: LoggedIn) -> Person:
    return person


@router.post("/keys", status_code=201)
def make_key(person: LoggedIn, db: Db) -> dict[str, str]:
    key = f"pk_{secrets.token_urlsafe(24)}"
    values = (person.id, sha256(key.encode()).hexdigest(), datetime.now(UTC).isoformat())
    db.execute("INSERT INTO keys (owner_id, digest, made_at) VALUES (?, ?, ?)", values)
    return {"key": key}


@router.get("/parcels")
def list_parcels(owner: Owner, db: Db) -> dict[str, list[dict[str, str]]]:
    found = db.execute("SELECT code, town FROM parcels WHERE owner_id = ? ORDER BY id", (owner,))
    return {"parcels": [{"code": code, "town": town} for code, town in found]}


@router.post("/parcels", status_code=201)
def send_parcel(owner: Owner, town: Annotated[str, Body(embed=True)], db: Db) -> dict[str, str]:
    code = secrets.token_hex(10)
    db.execute("INSERT INTO parcels (code, town, owner_id) VALUES (?, ?, ?)", (code, town, owner))
    return {"code": code, "town": town}


async def refused(_request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code)


def create_app() -> FastAPI:
    app = FastAPI(exception_handlers={HTTPException: refused})
    app.add_middleware(SessionMiddleware, secret_key=os.environ["SESSION_SECRET"], max_age=None)
    app.include_router(router)
    return app
