"""Make the database that both stacks start from."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE)")
    database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, owner_id INTEGER NOT NULL)")
    database.execute("INSERT INTO people VALUES (1, 'ana-1'), (2, 'bo-22')")
