"""Which route a request belongs to: method, template and route group, from a table that the caller hands over.

Without a table, templates are guessed from the paths: a segment that looks like an id stands for a parameter.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

__all__ = ["UNMATCHED", "Route", "RouteBook"]

UNMATCHED = "unmatched"
_ID_LIKE = re.compile(r"\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{16,}|[0-9A-HJKMNP-TV-Z]{26}|<[\w-]+>")
_PARAMETER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation as the table names it. `template` has no prefix: `/jobs/{id}`."""

    method: str
    template: str
    group: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


class RouteBook:
    """Finds the route of a request. The first listed route that fits counts."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self.routes = tuple(routes)
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Route]] = []
        self._found: dict[tuple[str, str], Route] = {}
        for route in self.routes:
            if "{" in route.template:
                pattern = "[^/]+".join(re.escape(part) for part in _PARAMETER.split(route.template))
                self._patterns.append((route.method, re.compile(pattern), route))
            else:
                self._exact.setdefault((route.method, route.template), route)

    def find(self, method: str, target: str) -> Route:
        """Return the route of a raw target. HEAD goes with GET's template; what no route fits gets the group `unmatched`."""
        path = target.partition("?")[0]
        found = self._found.get((method, path))
        if found is None:
            found = self._search(method, unquote(path))
            if len(self._found) < 20_000:
                self._found[method, path] = found
        return found

    def _search(self, method: str, path: str) -> Route:
        wanted = "GET" if method == "HEAD" else method
        exact = self._exact.get((wanted, path))
        if exact is None:
            fits = (route for verb, pattern, route in self._patterns if verb == wanted and pattern.fullmatch(path))
            exact = next(fits, None)
        if exact is None:
            return Route(method, guessed(path), UNMATCHED if self.routes else guessed_group(path))
        return exact if method == wanted else Route(method, exact.template, exact.group)


def guessed(path: str) -> str:
    """Return the path with what looks like an id as `{id}`."""
    return "/".join("{id}" if _ID_LIKE.fullmatch(part) else part for part in path.split("/"))


def guessed_group(path: str) -> str:
    """Return the first segment of the path: what moves together in most services."""
    return path.strip("/").partition("/")[0] or "root"
