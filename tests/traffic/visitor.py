"""One person with a browser: logs in, keeps the tokens, asks, and says so when the answer is not the expected one."""

from dataclasses import dataclass
from typing import Any

import httpx2

__all__ = ["Unexpected", "Visitor"]

ORIGIN = "http://localhost:5173"


class Unexpected(Exception):
    """An answer with another status than the walk's."""


@dataclass
class Visitor:
    """Asks `base` (with the stack's prefix) as one person; `token` is sent unless a call says otherwise."""

    base: str
    name: str = ""
    token: str = ""
    refresh_token: str = ""
    id: str = ""
    asked: int = 0

    def __post_init__(self) -> None:
        self._client = httpx2.Client(timeout=30)

    def log_in(self, name: str, password: str, *, field: str = "username") -> "Visitor":
        answer = self.ask("POST", "/auth/login", 200, json={field: name, "password": password}, token="")
        self.name, self.id = name, answer["user"]["id"]
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return self

    def ask(self, method: str, path: str, expected: int, *, token: str | None = None, **options: Any) -> Any:
        """Return the answer's JSON (None without a body). Raise Unexpected for another status."""
        headers = dict(options.pop("headers", {}))
        bearer = self.token if token is None else token
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        answer = self._client.request(method, self.base + path, headers=headers, **options)
        self.asked += 1
        if answer.status_code != expected:
            raise Unexpected(f"{method} {path}: {answer.status_code} instead of {expected}: {answer.text[:300]}")
        return answer.json() if answer.content and method != "HEAD" else None

    def get(self, path: str, expected: int = 200, **options: Any) -> Any:
        return self.ask("GET", path, expected, **options)

    def post(self, path: str, json: Any = ..., expected: int = 200, **options: Any) -> Any:
        return self.ask("POST", path, expected, **(options if json is ... else {"json": json, **options}))

    def put(self, path: str, json: Any = ..., expected: int = 200, **options: Any) -> Any:
        return self.ask("PUT", path, expected, **(options if json is ... else {"json": json, **options}))

    def delete(self, path: str, expected: int = 200, **options: Any) -> Any:
        return self.ask("DELETE", path, expected, **options)
