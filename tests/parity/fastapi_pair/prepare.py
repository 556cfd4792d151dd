"""Make the database that both stacks start from."""

import os
import sqlite3

with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.executescript(
        """
        CREATE TABLE readers (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
        CREATE TABLE loans (
            id INTEGER PRIMARY KEY AUTOINCREMENT, book TEXT NOT NULL, days INTEGER NOT NULL, since TEXT NOT NULL,
            reader_id INTEGER NOT NULL REFERENCES readers
        );
        INSERT INTO readers VALUES (1, 'key-of-ana'), (2, 'key-of-bo');
        INSERT INTO loans (book, days, since, reader_id) VALUES ('Kokoro', 14, '2026-11-01T10:00:00+00:00', 1);
        """
    )
