"""A phone book, in whatever order the table gives its rows."""

import os
import sqlite3
from contextlib import closing

from fastapi import APIRouter, FastAPI, Request

router = APIRouter()


def read(request: Request, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(request.app.state.database)) as database:
        return database.execute(statement).fetchall()


@router.get("/people")
def people(request: Request) -> dict[str, list[dict[str, str]]]:
    return {
        "people": [{"name": name, "phone": phone} for name, phone in read(request, "SELECT name, phone FROM people")]
    }


@router.get("/people/count")
def count(request: Request) -> dict[str, int]:
    return {"count": len(read(request, "SELECT 1 FROM people"))}


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.database = os.environ["DATABASE_PATH"]
    app.include_router(router)
    return app
