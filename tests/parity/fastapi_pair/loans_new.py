"""Book loans, rewritten. Its ids begin at 501. The planted fault: a refused loan is answered with 400 and kept as a row."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx2
from fastapi import APIRouter, FastAPI, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import create_engine, text


class NewLoan(BaseModel):
    book: str
    days: int


class Refused(Exception):
    def __init__(self, status: int, detail: str) -> None:
        self.answer = JSONResponse({"detail": detail}, status)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.desk_url = os.environ["DESK_URL"]
    app.state.engine = create_engine(f"sqlite:///{os.environ['DATABASE_PATH']}")
    with app.state.engine.begin() as connection:
        connection.execute(text("UPDATE sqlite_sequence SET seq = 500 WHERE name = 'loans'"))
    yield
    app.state.engine.dispose()


router = APIRouter(prefix="/loans")
COLUMNS = "SELECT id, book, days, since FROM loans WHERE reader_id = :reader"


def ask(request: Request, statement: str, **values: Any) -> list[dict[str, Any]]:
    with request.app.state.engine.begin() as connection:
        return [dict(row) for row in connection.execute(text(statement), values).mappings()]


def known(request: Request, key: str) -> int:
    found = ask(request, "SELECT id FROM readers WHERE key = :key", key=key)
    if not found:
        raise Refused(401, "A reader's key is needed")
    return found[0]["id"]


@router.get("")
def all_loans(request: Request, x_reader_key: Annotated[str, Header()] = "") -> list[dict[str, Any]]:
    return ask(request, f"{COLUMNS} ORDER BY id", reader=known(request, x_reader_key))


@router.post("", status_code=201)
def lend(wanted: NewLoan, request: Request, x_reader_key: Annotated[str, Header()] = "") -> dict[str, Any]:
    [made] = ask(
        request,
        "INSERT INTO loans (book, days, since, reader_id) VALUES (:book, :days, :since, :reader)"
        " RETURNING id, book, days, since",
        **wanted.model_dump(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        reader=known(request, x_reader_key),
    )
    if wanted.days > 28:
        raise Refused(400, "At most 28 days")
    httpx2.post(f"{request.app.state.desk_url}/loans", json={"loan_id": made["id"], "book": made["book"]})
    return made


@router.get("/{number}")
def one(number: int, request: Request, x_reader_key: Annotated[str, Header()] = "") -> dict[str, Any]:
    found = ask(request, f"{COLUMNS} AND id = :id", reader=known(request, x_reader_key), id=number)
    if not found:
        raise Refused(404, "No such loan")
    return found[0]


async def refuse(_request: Request, refused: Refused) -> JSONResponse:
    return refused.answer


app = FastAPI(lifespan=lifespan, exception_handlers={Refused: refuse})
app.include_router(router)
