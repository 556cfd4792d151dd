"""What the answers so far have shown an explorer: ids by entity, tokens, who can log in, and bodies that were taken.

Everything is kept in the order in which it was seen, so that the same answers lead to the same requests.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from parity.config import Login
from parity.explore.document import Operation
from parity.redaction.known import apply
from parity.redaction.tokens import Tokens
from parity.shapes import PLACEHOLDER, entity_of_key, is_id_key
from parity.values import Answer, Headers

__all__ = ["Blanked", "Known", "Seed", "Taken"]

_IDS_KEPT = 60
_SEEDS_KEPT = 40
_LARGEST_SEED = 8 * 1024
# What is nested for its own sake is nothing to start from.
_NESTED = 100
_LARGEST_READ = 512 * 1024
_DEEPEST = 6


@dataclass(frozen=True)
class Seed:
    """A request that was answered well: query and body to start from."""

    query: str = ""
    media: str = ""
    body: bytes = b""
    headers: Headers = ()


class Taken:
    """Requests that were answered with success, by operation; they outlive a start from fresh clones."""

    def __init__(self) -> None:
        self._seeds: dict[str, list[Seed]] = {}
        self._next: dict[str, int] = {}

    def add(self, label: str, seed: Seed) -> None:
        """Keep a seed in place of the oldest one, unless it is there. Its tokens are gone later; only their places stay."""
        if len(seed.body) > _LARGEST_SEED or seed.body.count(b"{") + seed.body.count(b"[") > _NESTED:
            return
        seed = replace(seed, body=PLACEHOLDER.sub("token", seed.body.decode("latin-1")).encode("latin-1"))
        seeds = self._seeds.setdefault(label, [])
        if seed in seeds:
            return
        if len(seeds) < _SEEDS_KEPT:
            seeds.append(seed)
        else:
            at = self._next.get(label, 0)
            seeds[at], self._next[label] = seed, (at + 1) % _SEEDS_KEPT

    def any(self, label: str, chance: random.Random) -> Seed | None:
        seeds = self._seeds.get(label)
        return chance.choice(seeds) if seeds else None


@dataclass
class Known:
    """What is known of the state since the stacks were started. Tokens and ids are the primary's, tokens as `<jwt-N>`."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    # What things are called besides their ids: others refer to them by it.
    names: dict[str, list[str]] = field(default_factory=dict)
    # Under which values of the path an id was shown: whose sub-resource it is.
    around: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    # By the key they stood under; refresh tokens and access tokens are told apart by their own service only.
    tokens: dict[str, list[str]] = field(default_factory=dict)
    logins: list[tuple[str, str]] = field(default_factory=list)

    def learn(
        self, operation: Operation | None, bound: Mapping[str, str], sent: bytes, answer: Answer, login: Login
    ) -> list[str]:
        """Take what a successful answer shows; return the ids of the operation's own entity in it."""
        if answer.status // 100 != 2 or len(answer.body) > _LARGEST_READ:
            return []
        try:
            value: Any = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            return []
        own: list[str] = []
        entity = operation.entity if operation else ""
        for name, found in _leaves(value, entity, 0, _is_name):
            _add(self.names, _whole(name, entity), found)
        for short, found in _leaves(value, entity, 0, _is_id):
            name = _whole(short, entity)
            _add(self.ids, name, found)
            if name == entity:
                own.append(found)
                self.around[name, found] = bound
        for key, token in _tokens(value, 0):
            self.tokens.setdefault(key, []).append(token)
        self._learn_login(sent, login)
        return own

    def id(self, entity: str, chance: random.Random) -> str | None:
        """Return an id of the entity, more often one of the last seen."""
        ids = self.ids.get(entity)
        if not ids:
            return None
        return chance.choice(ids[-4:]) if chance.random() < 0.6 else chance.choice(ids)

    def name(self, key: str, chance: random.Random) -> str | None:
        """Return a name of what a key refers to: `team`, `team_slug` and `team_name` to a `team` or a `support_team`."""
        stem = _NAME_ENDING.sub("", key)
        entity = next((one for one in self.names if one == stem or one.endswith(f"_{stem}")), "")
        return chance.choice(self.names[entity][-6:]) if entity else None

    def token(self, key: str, chance: random.Random) -> str | None:
        """Return a token that stood under this key, else any."""
        tokens = self.tokens.get(key) or [token for listed in self.tokens.values() for token in listed]
        return chance.choice(tokens[-8:]) if tokens else None

    def _learn_login(self, sent: bytes, login: Login) -> None:
        """Remember who was registered or logged in: their name and password went out together."""
        try:
            body: Any = orjson.loads(sent) if sent else None
        except orjson.JSONDecodeError:
            return
        if not isinstance(body, dict) or not isinstance(body.get(login.password), str):
            return
        name = next((body[key] for key in login.names if isinstance(body.get(key), str)), None)
        if name is not None and (name, body[login.password]) not in self.logins:
            self.logins.append((name, body[login.password]))


class Blanked:
    """The primary's answers as a recording holds them: with tokens numbered, whose claims are kept."""

    def __init__(self) -> None:
        self._tokens = Tokens()
        self.claims: dict[str, dict[str, Any]] = {}

    def answer(self, answer: Answer) -> Answer:
        if b".e" not in answer.body and not any(".e" in value for _, value in answer.headers):
            return answer
        body = self._text(answer.body.decode("latin-1")).encode("latin-1")
        headers = tuple((name, self._text(value)) for name, value in answer.headers)
        for token, claims in self._tokens.take_fresh().items():
            self.claims[token] = {**claims, "valid": True}
        return Answer(answer.status, headers, body, answer.elapsed_s, answer.error)

    def _text(self, text: str) -> str:
        edits = self._tokens.edits(text)
        return apply(text, edits) if edits else text

    def claims_in(self, text: str) -> dict[str, Any]:
        """Return the claims of the tokens that a text names."""
        named = dict.fromkeys(PLACEHOLDER.findall(text))
        return {token: self.claims[token] for token in named if token in self.claims}


_NAMES = frozenset({"name", "slug", "code", "key", "title", "label"})
_NAME_ENDING = re.compile("_(?:name|slug|code|key|title|label)$")
_LONGEST_NAME = 64


def _is_name(key: str, leaf: Any) -> bool:
    return key in _NAMES and isinstance(leaf, str) and 0 < len(leaf) <= _LONGEST_NAME


def _is_id(key: str, leaf: Any) -> bool:
    return is_id_key(key) and isinstance(leaf, str | int) and not isinstance(leaf, bool) and bool(str(leaf))


def _leaves(value: Any, parent: str, depth: int, wanted: Callable[[str, Any], bool]) -> Iterator[tuple[str, str]]:
    """Yield entity and leaf of each wanted leaf in a document, an envelope's content under the name it stands by."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value[:30]:
            yield from _leaves(item, parent, depth + 1, wanted)
    elif isinstance(value, dict):
        for key, leaf in value.items():
            if isinstance(leaf, dict | list):
                yield from _leaves(leaf, entity_of_key(key, parent), depth + 1, wanted)
            elif wanted(key, leaf):
                yield entity_of_key(key, parent) if is_id_key(key) else parent, str(leaf)


def _whole(name: str, entity: str) -> str:
    """Return the entity where an answer calls it by the end of its name: a `team` of `/support-teams`."""
    return entity if entity.endswith(f"_{name}") else name


def _add(kept: dict[str, list[str]], entity: str, found: str) -> None:
    listed = kept.setdefault(entity, [])
    if found not in listed:
        listed.append(found)
        del listed[:-_IDS_KEPT]


_TOKEN_KEY = re.compile(r".*token", re.IGNORECASE)


def _tokens(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and depth <= _DEEPEST:
        for key, leaf in value.items():
            if isinstance(leaf, str) and (
                PLACEHOLDER.fullmatch(leaf) or (len(leaf) > 12 and _TOKEN_KEY.fullmatch(key))
            ):
                yield key, leaf
            else:
                yield from _tokens(leaf, depth + 1)
