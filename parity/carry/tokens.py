"""Where this stack's token for a recorded one comes from: an answer that held it, an answer whose record is missing, or a mint.

    in an answer > named by the import > open offer of the session > minted from its claims > none (sent as recorded)

A token that no recorded answer gave may be one that somebody had tampered with, so it is never guessed from an answer
whose record is there.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jwt
import orjson

from parity.carry.logins import Logins, Offer
from parity.carry.minting import Minting, has_expired
from parity.carry.pairing import Pairing
from parity.shapes import JWT, shape
from parity.values import Answer, Entry, Request, header

__all__ = ["Tokens"]

# Of the claims, what differs from token to token and names nothing.
_OF_ITSELF = frozenset(["iat", "nbf", "exp", "auth_time", "jti", "valid"])
_LONGEST_KEPT = 64 * 1024
_KEPT_ANSWERS = 2_000
_REFUSED = (0, 401, 422)

Claims = Mapping[str, Any]


class Tokens:
    """The tokens of one stack. `translated` turns recorded claims into this stack's."""

    def __init__(self, pairing: Pairing, minting: Minting | None, translated: Callable[[Claims], Claims]) -> None:
        self._pairing = pairing
        self._minting = minting
        self._translated = translated
        self._logins = Logins()
        # By token: where in an answer it stood, and what it claims.
        self._origins: dict[str, str] = {}
        self._claims: dict[str, Claims] = {}
        # Token-like leaves of answers by entry and path, for imports that say which answer a token is from.
        self._given: dict[str, dict[str, str]] = {}
        self._fresh: list[tuple[str, str]] = []
        self.minted: set[str] = set()

    def take_claims(self, entry: Entry) -> None:
        """Keep the claims of the tokens that first appear in this entry."""
        claims = entry.meta.get("tokens")
        if claims:
            self._claims.update(claims)

    def found(self, recorded: str, own: str, path: str) -> None:
        """Take a pair that an answer showed."""
        if self._pairing.pair_tokens(recorded, own):
            self._origins[recorded] = path
            self._fresh.append((recorded, own))

    def settle(
        self, session: str, request: Request, route_of: Callable[[Request], str]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return recorded and own claims of the tokens found since the last time, as documents to learn from.

        Offers of the same route in this session are out of date now.
        """
        if not self._fresh:
            return []
        fresh, self._fresh = self._fresh, []
        self._logins.answered(session, route_of(request))
        both = ((self._claims.get(recorded), _claims_of(own)) for recorded, own in fresh)
        return [(_names(theirs), _names(ours)) for theirs, ours in both if theirs and ours]

    def keep(self, entry: Entry, answer: Answer, route: str, *, missing: bool) -> None:
        """Keep what this stack gave. With `missing` (the recorded body), it is offered to the session's next token."""
        if len(answer.body) > _LONGEST_KEPT or not (missing or b"eyJ" in answer.body):
            return
        try:
            leaves = dict(_leaves(orjson.loads(answer.body), "$"))
        except orjson.JSONDecodeError:
            return
        given = {path: leaf for path, leaf in leaves.items() if shape(leaf, path.rpartition(".")[2])}
        if not given:
            return
        self._given[entry.id] = given
        if len(self._given) > _KEPT_ANSWERS:
            del self._given[next(iter(self._given))]
        granted = answer.status < 300 and (entry.answer is None or entry.answer.status < 300)
        tokens = {path: leaf for path, leaf in given.items() if JWT.fullmatch(leaf) or path.lower().endswith("token")}
        if missing and granted and tokens:
            asked = f"{header(entry.request.headers, 'authorization')} {entry.request.body.decode('latin-1')}"
            self._logins.offer(entry.session, Offer(route, asked, tokens))

    def for_request(self, entry: Entry, words: Iterable[str], route: str) -> dict[str, str]:
        """Return this stack's tokens for those that the request holds; those not found are left out."""
        own: dict[str, str] = {}
        accepted = entry.answer is None or entry.answer.status not in _REFUSED
        bearer = header(entry.request.headers, "authorization") or ""
        for token in dict.fromkeys(words):
            if token not in self._pairing.tokens:
                self._find(entry, token, route, "" if token in bearer else _key_of(entry.request, token), accepted)
            claims = self._claims.get(token)
            known = self._pairing.tokens.get(token)
            if claims and self._minting and (known is None or has_expired(claims, entry.started)):
                # A recorder calls an expired token invalid too; minted as old as it was, it is refused for its age.
                valid = claims.get("valid") is not False or has_expired(claims, entry.started)
                own[token] = self._minting.mint(token, self._translated(claims), entry.started, valid=valid)
                self.minted.add(token)
            elif known is not None:
                own[token] = known
            if accepted and token in bearer and token in self._origins:
                self._logins.used(route, self._origins[token])
        return own

    def _find(self, entry: Entry, token: str, route: str, key: str | None, accepted: bool) -> None:
        """Find what this stack gave for a token of which no recorded answer shows where it came from."""
        source = entry.meta.get("tokens_from", {}).get(token)
        if source:
            own = self._given.get(source["entry"], {}).get(source["path"])
            found = None if own is None else (own, source["path"])
        elif accepted and key is not None:
            found = self._logins.claim(entry.session, route, key)
        else:
            found = None
        if found:
            self._pairing.pair_tokens(token, found[0])
            self._origins[token] = found[1]

    def export(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "logins": self._logins.export(),
            "origins": dict(self._origins),
            "claims": {token: dict(claims) for token, claims in self._claims.items()},
            "given": {entry: dict(given) for entry, given in self._given.items()},
            "minted": sorted(self.minted),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `export` returned."""
        self._logins.restore(state["logins"])
        self._origins = dict(state["origins"])
        self._claims = dict(state["claims"])
        self._given = dict(state["given"])
        self.minted = set(state["minted"])


def _claims_of(token: str) -> dict[str, Any] | None:
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None


def _names(claims: Claims) -> dict[str, Any]:
    """Return the claims that name something, the subject under a key for ids."""
    return {("sub_id" if key == "sub" else key): value for key, value in claims.items() if key not in _OF_ITSELF}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each text leaf."""
    if isinstance(value, dict):
        for key, leaf in value.items():
            yield from _leaves(leaf, f"{path}.{key}")
    elif isinstance(value, list):
        for i, leaf in enumerate(value):
            yield from _leaves(leaf, f"{path}[{i}]")
    elif isinstance(value, str):
        yield path, value


def _key_of(request: Request, token: str) -> str | None:
    """Return under which key a token stands in query, cookies or body; None if under none."""
    cookies = header(request.headers, "cookie") or ""
    text = f"{request.target}\n{cookies}\n{request.body.decode('latin-1')}"
    number = token[1:-1]
    found = re.search(rf'([\w-]+)(?:"\s*:\s*"|=)(?:<|%3[cC]|\\u003[cC]){number}(?:>|%3[eE]|\\u003[eE])', text)
    return found[1] if found else None
