"""Each session's cookies on one stack, beside those that were recorded: what a browser would send here instead."""

from collections.abc import Mapping
from typing import Any

from parity.values import Headers

__all__ = ["CookieJar", "set_cookies"]

# Requests that were under way when a cookie changed still carry the one before.
_REMEMBERED = 8


class CookieJar:
    """Cookies by session and name: the last recorded values with this stack's, the newest last."""

    def __init__(self) -> None:
        self._pairs: dict[str, dict[str, list[tuple[str | None, str]]]] = {}

    def learn(self, session: str, recorded: Headers, own: Headers) -> list[tuple[str, str, str]]:
        """Take what both answers set, and return name, recorded and own value of each cookie that both set."""
        ours = set_cookies(own)
        theirs = set_cookies(recorded)
        if not ours:
            return []
        jar = self._pairs.setdefault(session, {})
        for name, value in ours.items():
            kept = jar.setdefault(name, [])
            kept.append((theirs.get(name), value))
            del kept[:-_REMEMBERED]
        return [(name, theirs[name], value) for name, value in ours.items() if name in theirs]

    def header(self, session: str, cookie: str) -> tuple[str, int]:
        """Return a recorded Cookie header with this stack's values, and how many were replaced.

        A recorded value that no answer had set was tampered with or came from elsewhere, and stays.
        """
        jar = self._pairs.get(session)
        if not jar:
            return cookie, 0
        count = 0
        parts = cookie.split(";")
        for i, part in enumerate(parts):
            name, mark, value = part.partition("=")
            own = _own(jar.get(name.strip(), []), value.strip()) if mark else None
            if own is not None:
                space = value[: len(value) - len(value.lstrip())]
                parts[i] = f"{name}={space}{own}"
                count += 1
        return ";".join(parts), count

    def export(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            session: {name: [list(pair) for pair in pairs] for name, pairs in jar.items()}
            for session, jar in self._pairs.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `export` returned."""
        self._pairs = {
            session: {name: [(recorded, own) for recorded, own in pairs] for name, pairs in jar.items()}
            for session, jar in state.items()
        }


def _own(pairs: list[tuple[str | None, str]], recorded: str) -> str | None:
    """Return this stack's value for a recorded one; where no recorded values were kept, the newest."""
    for known, own in reversed(pairs):
        if known == recorded:
            return own
    return pairs[-1][1] if pairs and all(known is None for known, _ in pairs) else None


def set_cookies(headers: Headers) -> dict[str, str]:
    """Return the cookies that an answer sets, by name, without their attributes."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "set-cookie":
            key, mark, rest = value.partition(";")[0].partition("=")
            if mark:
                found[key.strip()] = rest.strip()
    return found
