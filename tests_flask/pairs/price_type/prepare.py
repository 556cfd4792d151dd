"""Make the database that both stacks start from."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.execute("CREATE TABLE products (sku TEXT PRIMARY KEY, cents INTEGER NOT NULL, grams INTEGER NOT NULL)")
    database.execute("INSERT INTO products VALUES ('cup', 1990, 250), ('lid', 450, 40)")
