"""One visitor with a browser: keeps cookies and tokens, asks one thing after the other, and judges each answer."""

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from changeover.rehearsal.asked import Asked, Kind, Tally
from changeover.rehearsal.books import Books
from gateway.config import Config
from shared_rules.policy import Role

__all__ = ["BadAnswer", "Place", "Thing", "Visitor"]

# Longer than the gateway waits for a stack: what takes too long is to be seen as its answer.
_TIMEOUT_S = 75
_SERVED_BY = "x-served-by"


class BadAnswer(Exception):
    """There was none, or it was not the expected one; it is in the tally already."""


@dataclass
class Place:
    """What all visitors share: the gateway, what they note, and the prefixes that are pinned to one stack now."""

    config: Config
    url: str
    tally: Tally
    books: Books
    pinned: frozenset[str]
    # What an answer is taken for, in place of what it is: for seeing a loss noticed that nothing explains.
    sees: Callable[[str, int], int] = lambda _group, status: status


@dataclass
class Thing:
    """Something a visitor made: its id, and the marks that stand in its row."""

    id: str
    mark: str
    second: str = ""


class Visitor:
    """Asks under `prefix` until it is `gone`, with a pause of `pause_s` on average between two deeds.

    `things` has what it made by kind, the oldest first."""

    def __init__(
        self, place: Place, number: int, role: Role, prefix: str, cookie: str = "", pause_s: float = 0.0
    ) -> None:
        self.place = place
        self.name = f"visitor-{number}"
        self.role = role
        self.prefix = prefix
        self.cookie = cookie
        self.pause_s = pause_s
        self.random = random.Random(number)  # noqa: S311 - the same visitor each time
        self.things: dict[str, list[Thing]] = {}
        self.id = self.token = self.refresh_token = self.password = ""
        self.gone = False
        self._asked = 0
        cookies = {place.config.sticky.cookie: cookie} if cookie else {}
        # A context without certificates: nothing is encrypted here, and loading them takes longer than all the rest.
        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx2.AsyncClient(
            base_url=place.url, cookies=cookies, timeout=_TIMEOUT_S, trust_env=False, verify=no_tls
        )

    async def close(self) -> None:
        await self._client.aclose()

    def mark(self) -> str:
        """Return a text that stands nowhere yet."""
        self._asked += 1
        return f"{self.name}-{self._asked}"

    async def log_in(self) -> None:
        body = {"username": self.name, "password": self.password}
        self.took(await self.ask("POST", "/auth/login", body, token=""))

    def took(self, answer: Any) -> None:
        """Keep the tokens of an answer."""
        self.token, self.refresh_token = answer["access_token"], answer.get("refresh_token", self.refresh_token)
        self.id = answer["user"]["id"] if "user" in answer else self.id

    async def ask(
        self, method: str, path: str, body: Any = None, *, expected: int = 200, token: str | None = None
    ) -> Any:
        """Return the answer's JSON. Raise BadAnswer where it has another status than expected, or there is none."""
        bearer = self.token if token is None else token
        rid = f"rehearsal-{self.mark()}"
        headers = {"X-Request-Id": rid} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        group = self.place.config.routes.classify(method, path.partition("?")[0])
        at, began = time.time(), time.monotonic()
        status, by, bad, found = 0, "none", "", None
        try:
            answer = await self._client.request(method, self.prefix + path, json=body, headers=headers)
            status, by = self.place.sees(group, answer.status_code), answer.headers.get(_SERVED_BY, "none")
            bad = "" if status == expected else f"{status} instead of {expected}"
            found = answer.json()
        except httpx2.HTTPError as error:
            bad = f"no answer: {str(error) or type(error).__name__}"
        except ValueError:
            bad = bad or f"{status} without JSON"
        took_s = time.monotonic() - began
        what = f"{method} {self.prefix}{path}"
        self.place.tally.add(Asked(at, took_s, rid, what, group, self._kind(method), status, by, bad))
        if bad:
            raise BadAnswer(f"{what}: {bad}")
        return found

    def _kind(self, method: str) -> Kind:
        if self.prefix in self.place.pinned:
            return "pinned"
        return "read" if method == "GET" else "write"
