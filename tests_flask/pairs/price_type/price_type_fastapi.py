"""A price list. Prices and weights became floats: 19.9 and 250.0."""

import os
import sqlite3
from contextlib import closing

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel


class Product(BaseModel):
    sku: str
    price: float
    grams: float


router = APIRouter()


@router.get("/products")
def products(request: Request) -> list[Product]:
    with closing(sqlite3.connect(request.app.state.database)) as database:
        rows = database.execute("SELECT sku, cents / 100.0, grams FROM products ORDER BY sku").fetchall()
    return [Product(sku=sku, price=price, grams=grams) for sku, price, grams in rows]


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.database = os.environ["DATABASE_PATH"]
    app.include_router(router)
    return app
