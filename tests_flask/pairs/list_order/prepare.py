"""Make the database that both stacks start from."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.execute("CREATE TABLE people (name TEXT NOT NULL, phone TEXT NOT NULL)")
    database.execute("INSERT INTO people VALUES ('Mia', '555-0142'), ('Abe', '555-0100'), ('Kim', '555-0177')")
