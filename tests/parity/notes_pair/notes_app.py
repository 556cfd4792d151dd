"""A small ASGI app over SQLite, for tests that replay: notes with ids of its own, and a header that one of two stacks lacks."""

import json
import os
import re
import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_NOTE = re.compile(r"/notes/([0-9a-f-]{36})")


class Notes:
    """Keeps notes; every tenth text is changed by the stack that is said to do so."""

    def __init__(self, path: str, *, shouts: bool) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._shouts = shouts

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = (await receive()).get("body", b"")
        status, answer = self._answer(scope["method"], scope["path"], json.loads(body) if body else {})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _answer(self, method: str, path: str, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "POST" and path == "/notes":
            note, text = str(uuid.uuid4()), str(sent["text"])
            if self._shouts and text.endswith("0"):
                text = text.upper()
            self._connection.execute("INSERT INTO notes VALUES (?, ?)", (note, text))
            return 201, {"id": note, "text": text}
        found = _NOTE.fullmatch(path)
        if method == "GET" and found:
            row = self._connection.execute("SELECT id, text FROM notes WHERE id = ?", (found[1],)).fetchone()
            return (200, {"id": row[0], "text": row[1]}) if row else (404, {"error": "not found"})
        return (200, {}) if path == "/" else (404, {"error": "not found"})


def make() -> Notes:
    """Return the app with the database and the habit that the environment names."""
    return Notes(os.environ["NOTES_DATABASE"], shouts=bool(os.environ.get("NOTES_SHOUT")))
