"""Make the database that both stacks start from."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///")) as database:
    database.execute(
        "CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0)"
    )
    database.execute("INSERT INTO contacts (name) VALUES ('Ana'), ('Bo'), ('Cy')")
