"""Make the database that both stacks start from."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, title TEXT NOT NULL, added_at TEXT NOT NULL)")
    database.execute("INSERT INTO events (title, added_at) VALUES ('Fair', '2024-05-01T09:30:00.120456+00:00')")
