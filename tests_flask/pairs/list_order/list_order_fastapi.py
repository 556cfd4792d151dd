"""A phone book, in whatever order the table gives its rows."""

import os
import sqlite3
from contextlib import closing

from fastapi import FastAPI

app = FastAPI()


def read(statement: str) -> list[tuple]:
    with closing(sqlite3.connect(os.environ["DATABASE_PATH"])) as database:
        return database.execute(statement).fetchall()


@app.get("/people")
def people() -> dict[str, list[dict[str, str]]]:
    return {"people": [{"name": name, "phone": phone} for name, phone in read("SELECT name, phone FROM people")]}


@app.get("/people/count")
def count() -> dict[str, int]:
    return {"count": len(read("SELECT 1 FROM people"))}
