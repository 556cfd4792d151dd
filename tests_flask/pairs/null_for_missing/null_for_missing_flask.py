"""A library's catalogue: what a book does not have is left out."""

from flask import Flask, abort, jsonify
from werkzeug.exceptions import HTTPException

BOOKS = {
    1: {"id": 1, "title": "Kokoro", "pages": 248},
    2: {"id": 2, "title": "Middlemarch", "subtitle": "A Study of Provincial Life", "pages": 904},
    3: {"id": 3, "title": "Pedro Páramo", "pages": 124},
}

app = Flask(__name__)


@app.errorhandler(HTTPException)
def refuse(error: HTTPException):
    return {"detail": error.description}, error.code


@app.get("/books")
def books():
    return jsonify(list(BOOKS.values()))


@app.get("/books/<int:book_id>")
def book(book_id: int):
    if book_id not in BOOKS:
        abort(404, "No such book")
    return BOOKS[book_id]
