"""Make the database that both stacks start from, with one person whose password comes from the environment."""

import os
import sqlite3
from hashlib import pbkdf2_hmac

password = pbkdf2_hmac("sha256", os.environ["ANA_PASSWORD"].encode(), b"5a17", 1000).hex()
with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.executescript(
        """
        CREATE TABLE people (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, salt TEXT NOT NULL, password TEXT NOT NULL
        );
        CREATE TABLE keys (
            id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER NOT NULL REFERENCES people, digest TEXT NOT NULL,
            made_at TEXT NOT NULL
        );
        CREATE TABLE parcels (
            id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, town TEXT NOT NULL,
            owner_id INTEGER NOT NULL REFERENCES people
        );
        """
    )
    database.execute("INSERT INTO people (name, salt, password) VALUES ('ana', '5a17', ?)", (password,))
