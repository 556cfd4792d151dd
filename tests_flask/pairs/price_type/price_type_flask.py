"""A price list. Prices are texts with two decimals, so that nobody rounds them; weights are whole grams."""

import os
import sqlite3
from contextlib import closing
from decimal import Decimal

from flask import Blueprint, Flask, current_app, jsonify

routes = Blueprint("routes", __name__)


@routes.get("/products")
def products():
    with closing(sqlite3.connect(current_app.config["DATABASE_PATH"])) as database:
        rows = database.execute("SELECT sku, cents, grams FROM products ORDER BY sku").fetchall()
    return jsonify([{"sku": sku, "price": Decimal(cents).scaleb(-2), "grams": grams} for sku, cents, grams in rows])


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["DATABASE_PATH"] = os.environ["DATABASE_PATH"]
    app.register_blueprint(routes)
    return app
