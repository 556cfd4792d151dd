"""A library's catalogue: its model knows a default for everything, and says so."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Book(BaseModel):
    id: int
    title: str
    subtitle: str | None = None
    pages: int


SHELF = [
    Book(id=1, title="Kokoro", pages=248),
    Book(id=2, title="Middlemarch", subtitle="A Study of Provincial Life", pages=904),
    Book(id=3, title="Pedro Páramo", pages=124),
]

app = FastAPI()


@app.get("/books")
async def list_books() -> list[Book]:
    return SHELF


@app.get("/books/{number}")
async def one_book(number: int) -> Book:
    for candidate in SHELF:
        if candidate.id == number:
            return candidate
    raise HTTPException(404, "No such book")
