"""Contacts. Deleting one deletes the row; every answer is the same."""

import os
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, String, Table, create_engine, delete, select

contacts = Table(
    "contacts",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("deleted", Boolean),
)
router = APIRouter()


def transaction(request: Request) -> Iterator[Connection]:
    with request.app.state.engine.begin() as connection:
        yield connection


Transaction = Annotated[Connection, Depends(transaction, scope="function")]


@router.get("/contacts")
def list_contacts(connection: Transaction) -> list[dict[str, object]]:
    found = connection.execute(
        select(contacts.c.id, contacts.c.name).where(~contacts.c.deleted).order_by(contacts.c.id)
    )
    return [{"id": row.id, "name": row.name} for row in found]


@router.delete("/contacts/{number}", status_code=204)
def remove(number: int, connection: Transaction) -> None:
    if not connection.execute(delete(contacts).where(contacts.c.id == number)).rowcount:
        raise HTTPException(404, "No such contact")


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.engine = create_engine(os.environ["DATABASE_URL"])
    app.include_router(router)
    return app
