"""What a recording calls one thing and a stack another: learnt from the answers, carried over into the requests.

One `Carrier` per stack reads each recorded answer beside the stack's own and translates the requests that follow. Finding
pairs (`alignment`), keeping them (`pairing`), putting them in (`substitution`) and making tokens (`minting`) live apart.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson

from parity.alignment import Aligner
from parity.cookies import CookieJar
from parity.logins import Logins, Offer
from parity.minting import Minting, has_expired
from parity.pairing import Pairing, Scalar
from parity.shapes import ID_TEXT, PLACEHOLDER, UUID, entity_of_path, shape, singular
from parity.substitution import Substitution, substitute
from parity.values import Answer, Entry, Headers, Request, header

__all__ = ["Carried", "Carrier"]

Template = Callable[[str, str], str | None]
# Headers of answers that name things asked for later.
_TELLING_HEADERS = frozenset(["location", "content-location", "link", "authorization"])
_NUMBER_UNDER_ID = re.compile(
    rb'"(?:[\w-]*[_-])?(?:id|pk)s?"\s*:\s*\[?\s*"?\d|"\w*[a-z0-9](?:Id|ID)s?"\s*:\s*\[?\s*"?\d'
)
_ID_RUN = re.compile(r"/(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-f]{16,}|<jwt-\d+>)(?=/|$)")
_TIMES = frozenset(["iat", "nbf", "exp", "auth_time", "jti", "valid"])
_LONGEST_TEXT = 256 * 1024
_LONGEST_KEPT = 64 * 1024
_KEPT_ANSWERS = 2_000
_SAME_KEPT = 4_096
_LOST_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Carried:
    """What was carried over in a run. `ids` and `tokens` count uses; the other figures count distinct values.

    `not_carried` is by reason: such a value went out as recorded.
    """

    pairs: int
    ids: int
    tokens: int
    minted: int
    conflicts: int
    not_carried: Mapping[str, int]


@dataclass(slots=True)
class _View:
    """The pairs as `substitute` asks for them; `only_here` holds tokens made for one request."""

    pairing: Pairing
    only_here: Mapping[str, str] = field(default_factory=dict)

    @property
    def shortest(self) -> int:
        return self.pairing.shortest

    @property
    def has_marks(self) -> bool:
        return self.pairing.has_marks

    @property
    def has_numbers(self) -> bool:
        return self.pairing.has_numbers

    def text(self, recorded: str) -> str | None:
        if recorded[0] == "<":
            return self.only_here.get(recorded) or self.pairing.tokens.get(recorded)
        return self.pairing.own_text(recorded)

    def number(self, entity: str, recorded: str) -> Scalar | None:
        own = self.pairing.own_number(entity, recorded)
        # The subject of a token is a user, as OpenID Connect has it.
        return self.pairing.own_number("user", recorded) if own is None and entity == "sub" else own


class Carrier:
    """Carries recorded ids, tokens and cookies over to one stack.

    `template(method, target)` tells the route (`/jobs/{id}`) of a request where the caller knows it; with `minting`,
    tokens whose claims were recorded but which no answer gave are made.
    """

    def __init__(self, *, template: Template | None = None, minting: Minting | None = None) -> None:
        self._template = template
        self._minting = minting
        self._pairing = Pairing()
        self._view = _View(self._pairing)
        self._aligner = Aligner(self._pairing, self._token_found)
        self._cookies = CookieJar()
        self._logins = Logins()
        # Of tokens: where in an answer they stood, and what they claim.
        self._origins: dict[str, str] = {}
        self._claims: dict[str, Mapping[str, Any]] = {}
        # Token-like leaves of answers by entry, for `tokens_from`.
        self._given: dict[str, dict[str, str]] = {}
        self._lost: set[str] = set()
        self._missed: dict[str, set[str]] = {}
        self._minted: set[str] = set()
        self._ids = self._tokens = 0
        self._fresh: list[tuple[str, str]] = []
        self._seen: set[tuple[int, int]] = set()

    def learn(self, entry: Entry, answer: Answer) -> None:
        """Take the pairs that the recorded answer and this stack's answer show."""
        self._take_claims(entry)
        recorded = entry.answer
        if answer.error or not answer.status:
            self._note_lost(recorded)
            return
        self._learn_headers(entry, recorded.headers if recorded else (), answer)
        missing = recorded is None or entry.meta.get("answer_body") == "missing"
        if missing or b"eyJ" in answer.body:
            self._keep_tokens(entry, answer, missing)
        if recorded is None or missing:
            return
        if recorded.status // 100 != answer.status // 100:
            self._note_lost(recorded)
        elif recorded.body and answer.body:
            self._learn_body(entry, recorded.body, answer.body)
        if entry.request.method == "DELETE" and recorded.status < 300 and answer.status < 300:
            self._retire(entry.request.target)

    def request(self, entry: Entry) -> tuple[Request, list[str]]:
        """Return the request with this stack's values, and what could not be carried: `token <jwt-19>`, `id 9f5c...`."""
        self._take_claims(entry)
        request, cookies = self._with_cookies(entry)
        template = self._template(request.method, request.target) if self._template else None
        done = substitute(request, self._view, template)
        if done.unknown or any(word[0] == "<" for word in done.carried):
            only_here = self._tokens_for(entry, done)
            if only_here:
                done = substitute(request, _View(self._pairing, only_here), template)
        tokens = sum(word[0] == "<" for word in done.carried)
        self._tokens += tokens
        self._ids += len(done.carried) - tokens + cookies
        if done.unknown or done.unknown_ids:
            return done.request, self._not_carried(entry, done)
        return done.request, []

    def report(self) -> Carried:
        """Return the counts of the run so far."""
        return Carried(
            pairs=len(self._pairing),
            ids=self._ids,
            tokens=self._tokens,
            minted=len(self._minted),
            conflicts=self._pairing.conflicts,
            not_carried={reason: len(values) for reason, values in sorted(self._missed.items())},
        )

    # Learning

    def _learn_headers(self, entry: Entry, recorded: Headers, answer: Answer) -> None:
        for name, theirs, ours in self._cookies.learn(entry.session, recorded, answer.headers):
            if shape(theirs, "session"):
                self._aligner.documents({name: theirs}, {name: ours}, "", in_order=False)
        for name, value in recorded:
            lower = name.lower()
            if lower in _TELLING_HEADERS or lower.endswith(("token", "etag")):
                own = header(answer.headers, lower)
                if own is None:
                    continue
                if lower in ("location", "content-location"):
                    self._aligner.addresses(value, own)
                else:
                    self._aligner.documents({lower: value.strip('W/"')}, {lower: own.strip('W/"')}, "", in_order=False)
                    self._aligner.texts(value, own)

    def _learn_body(self, entry: Entry, recorded: bytes, own: bytes) -> None:
        fingerprint = hash(recorded), hash(own)
        if fingerprint in self._seen or self._all_known(recorded, own):
            return
        if len(self._seen) >= _SAME_KEPT:
            self._seen.clear()
        self._seen.add(fingerprint)
        try:
            theirs, ours = orjson.loads(recorded), orjson.loads(own)
        except orjson.JSONDecodeError:
            if len(recorded) <= _LONGEST_TEXT:
                self._aligner.texts(recorded.decode("utf-8", "replace"), own.decode("utf-8", "replace"))
        else:
            entity = entity_of_path(self._route_path(entry.request))
            self._aligner.documents(theirs, ours, entity, in_order=entry.request.method not in ("GET", "HEAD"))
            self._learn_tokens(entry)
        self._note_lost(entry.answer)

    def _all_known(self, recorded: bytes, own: bytes) -> bool:
        """Say whether two bodies hold nothing to learn: every recorded id stands in ours under its own name.

        Ids that are the same on both sides are taken on the way.
        """
        if _NUMBER_UNDER_ID.search(recorded):
            return False
        theirs = set(ID_TEXT.findall(recorded))
        if not theirs:
            return True
        ours = theirs if recorded == own else set(ID_TEXT.findall(own))
        same = []
        for found in theirs:
            text = found.decode()
            known = self._pairing.own_text(text)
            if (text if known is None else known).encode() not in ours:
                return False
            if known is None:
                same.append(text)
        for text in same:
            if shape(text) == "uuid":
                self._pairing.pair_texts(text, text)
        return True

    def _token_found(self, recorded: str, own: str, path: str) -> None:
        if self._pairing.pair_tokens(recorded, own):
            self._origins[recorded] = path
            self._fresh.append((recorded, own))

    def _learn_tokens(self, entry: Entry) -> None:
        """Learn from tokens just paired: whom they name, and that older offers of this route are out of date."""
        if not self._fresh:
            return
        self._logins.answered(entry.session, self._route(entry.request))
        fresh, self._fresh = self._fresh, []
        for recorded, own in fresh:
            claims = self._claims.get(recorded)
            if claims and shape(own) == "jwt":
                try:
                    ours = jwt.decode(own, options={"verify_signature": False})
                except jwt.InvalidTokenError:
                    continue
                self._aligner.documents(_as_document(claims), _as_document(ours), "", in_order=False)

    def _keep_tokens(self, entry: Entry, answer: Answer, missing: bool) -> None:
        """Keep what this stack gave, for requests that say they use it and for tokens that no recorded answer holds."""
        if len(answer.body) > _LONGEST_KEPT:
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
        tokens = {path: leaf for path, leaf in given.items() if shape(leaf) == "jwt" or path.lower().endswith("token")}
        if missing and granted and tokens:
            asked = f"{header(entry.request.headers, 'authorization')} {entry.request.body.decode('latin-1')}"
            self._logins.offer(entry.session, Offer(self._route(entry.request), asked, tokens))

    def _take_claims(self, entry: Entry) -> None:
        claims = entry.meta.get("tokens")
        if claims:
            self._claims.update(claims)

    def _note_lost(self, recorded: Answer | None) -> None:
        """Remember the recorded ids that found no counterpart, to say so when one is asked for."""
        if recorded is None or len(self._lost) >= _LOST_KEPT:
            return
        for found in set(ID_TEXT.findall(recorded.body)):
            text = found.decode()
            if UUID.fullmatch(text) and self._pairing.own_text(text) is None:
                self._lost.add(text)

    def _retire(self, target: str) -> None:
        parts = target.partition("?")[0].rstrip("/").split("/")
        if len(parts) > 1 and parts[-1].isdigit():
            self._pairing.retire(singular(parts[-2]), parts[-1])

    # Translating

    def _with_cookies(self, entry: Entry) -> tuple[Request, int]:
        request = entry.request
        for i, (name, value) in enumerate(request.headers):
            if name.lower() == "cookie":
                new, count = self._cookies.header(entry.session, value)
                if not count:
                    return request, 0
                headers = (*request.headers[:i], (name, new), *request.headers[i + 1 :])
                return Request(request.method, request.target, headers, request.body), count
        return request, 0

    def _tokens_for(self, entry: Entry, done: Substitution) -> dict[str, str]:
        """Return tokens for this request that the pairs alone do not give; what stays good is added to the pairs."""
        only_here: dict[str, str] = {}
        accepted = entry.answer is None or entry.answer.status not in (0, 401, 422)
        route = self._route(entry.request)
        bearer = header(entry.request.headers, "authorization") or ""
        for token in dict.fromkeys(word for word in (*done.carried, *done.unknown) if word[0] == "<"):
            if token not in self._pairing.tokens:
                self._find(entry, token, route, "" if token in bearer else _key_of(entry.request, token), accepted)
            claims = self._claims.get(token)
            if claims and self._minting and (token not in self._pairing.tokens or has_expired(claims, entry.started)):
                only_here[token] = self._mint(token, claims, entry)
            elif token in self._pairing.tokens:
                only_here[token] = self._pairing.tokens[token]
            if accepted and token in bearer and token in self._origins:
                self._logins.used(route, self._origins[token])
        return only_here

    def _find(self, entry: Entry, token: str, route: str, key: str | None, accepted: bool) -> None:
        """Find what this stack gave for a token of which the recording does not show where it came from."""
        source = entry.meta.get("tokens_from", {}).get(token)
        if source:
            own = self._given.get(source["entry"], {}).get(source["path"])
            if own is not None:
                self._pairing.pair_tokens(token, own)
                self._origins[token] = source["path"]
            return
        # A token that was refused in the recording may be one that somebody had tampered with.
        if accepted and key is not None and self._logins.is_waiting(entry.session):
            claimed = self._logins.claim(entry.session, route, key)
            if claimed:
                self._pairing.pair_tokens(token, claimed[0])
                self._origins[token] = claimed[1]

    def _mint(self, token: str, claims: Mapping[str, Any], entry: Entry) -> str:
        assert self._minting
        self._minted.add(token)
        body = orjson.dumps(_as_document(claims, whole=True))
        asked = Request("POST", "/", (("content-type", "application/json"),), body)
        ours = orjson.loads(substitute(asked, self._view, None).request.body)
        if "sub_id" in ours:
            ours["sub"] = ours.pop("sub_id")
        return self._minting.mint(token, ours, entry.started, valid=claims.get("valid") is not False)

    def _not_carried(self, entry: Entry, done: Substitution) -> list[str]:
        named: list[str] = []
        for word in done.unknown:
            if PLACEHOLDER.fullmatch(word):
                self._missed.setdefault("token in no answer", set()).add(word)
                named.append(f"token {word}")
            elif word.lower() in self._lost or word in self._lost:
                self._missed.setdefault("id without a counterpart", set()).add(word)
                named.append(f"id {word}")
        status = entry.answer.status if entry.answer else 0
        # What was not there when recorded, or was made by this request, has no counterpart to look for.
        made_here = entry.request.method == "PUT" and status == 201
        for word in done.unknown_ids:
            lost = word.lower() in self._lost or word in self._lost
            if lost or (status not in (0, 404) and not made_here):
                self._missed.setdefault("id without a counterpart" if lost else "id in no answer", set()).add(word)
                named.append(f"id {word}")
        return list(dict.fromkeys(named))

    def _route_path(self, request: Request) -> str:
        template = self._template(request.method, request.target) if self._template else None
        return _ID_RUN.sub("/{id}", request.target.partition("?")[0]) if template is None else template

    def _route(self, request: Request) -> str:
        return f"{request.method} {self._route_path(request)}"

    # Resuming

    def export(self) -> dict[str, Any]:
        """Return everything learnt and counted as JSON values."""
        return {
            "pairing": self._pairing.export(),
            "cookies": self._cookies.export(),
            "logins": self._logins.export(),
            "origins": dict(self._origins),
            "claims": {token: dict(claims) for token, claims in self._claims.items()},
            "given": {entry: dict(given) for entry, given in self._given.items()},
            "lost": sorted(self._lost),
            "missed": {reason: sorted(values) for reason, values in self._missed.items()},
            "minted": sorted(self._minted),
            "uses": [self._ids, self._tokens],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `export` returned."""
        self._pairing.restore(state["pairing"])
        self._cookies.restore(state["cookies"])
        self._logins.restore(state["logins"])
        self._origins = dict(state["origins"])
        self._claims = dict(state["claims"])
        self._given = dict(state["given"])
        self._lost = set(state["lost"])
        self._missed = {reason: set(values) for reason, values in state["missed"].items()}
        self._minted = set(state["minted"])
        self._ids, self._tokens = state["uses"]


def _as_document(claims: Mapping[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """Return claims with the subject under a key for ids; without times and serial number unless `whole`."""
    kept = {key: value for key, value in claims.items() if whole or key not in _TIMES}
    if "sub" in kept:
        kept["sub_id"] = kept.pop("sub")
    return kept


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
    """Return under which key a token stands in the body or the query; None if under none."""
    text = f"{request.target}\n{request.body.decode('latin-1')}"
    number = token[1:-1]
    found = re.search(rf'([\w-]+)(?:"\s*:\s*"|=)(?:<|%3[cC]|\\u003[cC]){number}(?:>|%3[eE]|\\u003[eE])', text)
    return found[1] if found else None
