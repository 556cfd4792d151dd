"""Orders and their lines, behind a login with JSON Web Tokens. Its ids begin at 1001, so that both may write to one table."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import uuid4

import jwt
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy import Connection, create_engine, text


class Credentials(BaseModel):
    username: str
    password: str


class NewOrder(BaseModel):
    customer: str


class NewLine(BaseModel):
    sku: str
    pieces: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine = create_engine(os.environ["DATABASE_URL"])
    app.state.secret = os.environ["JWT_SECRET"]
    with app.state.engine.begin() as connection:
        connection.execute(text("UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name IN ('orders', 'lines')"))
    yield
    app.state.engine.dispose()


def begin(request: Request) -> Iterator[Connection]:
    with request.app.state.engine.begin() as connection:
        yield connection


Db = Annotated[Connection, Depends(begin, scope="function")]
bearer = HTTPBearer(auto_error=False)


def clerk_id(request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> int:
    try:
        return int(jwt.decode(sent.credentials if sent else "", request.app.state.secret, ["HS256"])["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "A valid token is needed") from None


Clerk = Annotated[int, Depends(clerk_id)]
app = FastAPI(lifespan=lifespan)
router = APIRouter(prefix="/orders", dependencies=[Depends(clerk_id)])


@app.exception_handler(HTTPException)
async def refuse(_request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"message": error.detail}, error.status_code)


@app.post("/login")
def log_in(sent: Credentials, request: Request, db: Db) -> dict[str, object]:
    found = db.execute(
        text("SELECT id, login, password FROM clerks WHERE login = :username"), sent.model_dump()
    ).first()
    if found is None or found.password != sent.password:
        raise HTTPException(401, "Username or password is wrong")
    now = datetime.now(UTC)
    claims = {
        "sub": str(found.id),
        "name": found.login,
        "iat": now,
        "exp": now + timedelta(hours=1),
        "jti": str(uuid4()),
    }
    return {"token": jwt.encode(claims, request.app.state.secret, "HS256"), "expires_in": 3600}


def whole(db: Connection, number: int) -> dict[str, object]:
    found = db.execute(text("SELECT * FROM orders WHERE id = :id"), {"id": number}).mappings().first()
    if found is None:
        raise HTTPException(404, "There is no such order")
    lines = db.execute(text("SELECT id, sku, pieces FROM lines WHERE order_id = :id ORDER BY id"), {"id": number})
    return dict(found) | {"lines": [dict(line) for line in lines.mappings()]}


@router.get("")
def list_orders(db: Db) -> dict[str, list[dict[str, object]]]:
    return {"orders": [dict(o) for o in db.execute(text("SELECT id, customer FROM orders ORDER BY id")).mappings()]}


@router.post("", status_code=201)
def open_order(wanted: NewOrder, clerk: Clerk, db: Db) -> dict[str, object]:
    statement = text("INSERT INTO orders (customer, clerk_id) VALUES (:customer, :clerk) RETURNING id")
    return whole(db, db.execute(statement, {"customer": wanted.customer, "clerk": clerk}).scalar_one())


@router.get("/{number}")
def read_order(number: int, db: Db) -> dict[str, object]:
    return whole(db, number)


@router.post("/{number}/lines", status_code=201)
def add_line(number: int, wanted: NewLine, db: Db) -> dict[str, object]:
    whole(db, number)
    statement = text("INSERT INTO lines (order_id, sku, pieces) VALUES (:order, :sku, :pieces)")
    db.execute(statement, {"order": number, **wanted.model_dump()})
    return whole(db, number)


@router.delete("/{number}", status_code=204)
def cancel(number: int, db: Db) -> None:
    whole(db, number)
    db.execute(text("DELETE FROM lines WHERE order_id = :id"), {"id": number})
    db.execute(text("DELETE FROM orders WHERE id = :id"), {"id": number})


app.include_router(router)
