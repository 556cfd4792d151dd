"""A price list. Prices and weights became floats: 19.9 and 250.0."""

import os
import sqlite3
from contextlib import closing

from fastapi import FastAPI
from pydantic import BaseModel


class Product(BaseModel):
    sku: str
    price: float
    grams: float


app = FastAPI()


@app.get("/products")
def products() -> list[Product]:
    with closing(sqlite3.connect(os.environ["DATABASE_PATH"])) as database:
        rows = database.execute("SELECT sku, cents / 100.0, grams FROM products ORDER BY sku").fetchall()
    return [Product(sku=sku, price=price, grams=grams) for sku, price, grams in rows]
