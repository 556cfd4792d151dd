"""Tokens that this stack gave in answers whose recorded body is missing: whose they are shows when one is used.

Remembers offers and decides which one a token unknown so far must be. Rather none than a wrong one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Logins", "Offer"]

_KEPT_PER_SESSION = 64


@dataclass(slots=True)
class Offer:
    """The tokens of one answer by their path. `asked` tells like requests from unlike ones."""

    route: str
    asked: str
    tokens: dict[str, str]


class Logins:
    """Offers by session, and under which path of an answer the tokens stood that each route takes."""

    def __init__(self) -> None:
        self._offers: dict[str, list[Offer]] = {}
        self._taken_by: dict[str, Counter[str]] = {}

    def offer(self, session: str, offer: Offer) -> None:
        """Keep the tokens of an answer whose recorded body is missing."""
        offers = self._offers.setdefault(session, [])
        offers.append(offer)
        del offers[:-_KEPT_PER_SESSION]

    def answered(self, session: str, route: str) -> None:
        """Forget what is open of a route that has since been answered with a recorded body: its tokens are the newer ones."""
        offers = self._offers.get(session)
        if offers:
            self._offers[session] = [offer for offer in offers if offer.route != route]

    def used(self, route: str, path: str) -> None:
        """Note that a route took a token that had stood at this path of an answer."""
        self._taken_by.setdefault(route, Counter())[path] += 1

    def claim(self, session: str, route: str, key: str) -> tuple[str, str] | None:
        """Return token and path for a token unknown so far that is used here, and take it from the offers.

        `key` is the JSON or form key that it stands under, "" for the Authorization header. None if nothing fits, or if
        it may be from either of two unlike requests.
        """
        offers = self._offers.get(session, [])
        open_paths = {path for offer in offers for path in offer.tokens}
        path = self._path_at(route, key, open_paths)
        fitting = [offer for offer in offers if path in offer.tokens]
        if path is None or not fitting or len({(offer.route, offer.asked) for offer in fitting}) > 1:
            return None
        return fitting[0].tokens.pop(path), path

    def _path_at(self, route: str, key: str, paths: set[str]) -> str | None:
        """Return where in an answer the token used here must have stood."""
        if key:
            return next((path for path in sorted(paths) if path.rpartition(".")[2] == key), None)
        seen = self._taken_by.get(route)
        if seen:
            return seen.most_common(1)[0][0]
        # Nothing was seen at this route: a refresh token serves only what says so.
        renewing = "refresh" in route.lower()
        fitting = sorted(path for path in paths if ("refresh" in path.lower()) == renewing)
        everywhere = Counter[str]()
        for counts in self._taken_by.values():
            everywhere += counts
        return max(fitting, key=lambda path: everywhere[path], default=None)

    def export(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "offers": {session: [asdict(offer) for offer in offers] for session, offers in self._offers.items()},
            "taken_by": {route: dict(counts) for route, counts in self._taken_by.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `export` returned."""
        self._offers = {session: [Offer(**offer) for offer in offers] for session, offers in state["offers"].items()}
        self._taken_by = {route: Counter(counts) for route, counts in state["taken_by"].items()}
