"""Make the database that both stacks start from, with one clerk whose password comes from the environment."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///")) as database:
    database.executescript(
        """
        CREATE TABLE clerks (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, password TEXT NOT NULL);
        CREATE TABLE orders (
            id INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL, clerk_id INTEGER NOT NULL REFERENCES clerks
        );
        CREATE TABLE lines (
            id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES orders, sku TEXT NOT NULL,
            pieces INTEGER NOT NULL
        );
        INSERT INTO orders (customer, clerk_id) VALUES ('Harbour Cafe', 1);
        INSERT INTO lines (order_id, sku, pieces) VALUES (1, 'cup', 12);
        """
    )
    database.execute("INSERT INTO clerks VALUES (1, 'bo', ?)", (os.environ["BO_PASSWORD"],))
