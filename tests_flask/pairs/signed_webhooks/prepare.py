"""Make the database that both stacks start from."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.execute(
        "CREATE TABLE subscriptions (id TEXT PRIMARY KEY, email TEXT NOT NULL, plan TEXT NOT NULL,"
        " state TEXT NOT NULL, since TEXT NOT NULL)"
    )
