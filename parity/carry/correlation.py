"""What a recording calls one thing and a stack another: learnt from the answers, carried over into the requests.

One `Carrier` per stack reads each recorded answer beside the stack's own and translates the requests that follow. Finding
pairs (`alignment`), keeping them (`pairing`), putting them in (`substitution`) and tokens (`tokens`) live apart.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from parity.carry.alignment import Aligner
from parity.carry.cookies import CookieJar
from parity.carry.minting import Minting
from parity.carry.pairing import Pairing, Scalar
from parity.carry.substitution import Substitution, substitute
from parity.carry.tokens import Tokens
from parity.shapes import PLACEHOLDER, UUID, entity_of_path, has_more_ids, ids_in, shape, singular
from parity.values import Answer, Entry, Headers, Request, header

__all__ = ["Carried", "Carrier", "Template"]

Template = Callable[[str, str], str | None]
# Headers of answers that name things asked for later.
_TELLING_HEADERS = frozenset(["location", "content-location", "link", "authorization"])
_TELLING_ENDS = ("token", "etag", "session", "auth", "key")
_ID_RUN = re.compile(r"/(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-f]{16,}|<jwt-\d+>)(?=/|$)")
_JSON = (("content-type", "application/json"),)
_LONGEST_TEXT = 256 * 1024
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

    `template(method, target)` tells the route (`/jobs/{id}`) of a request where the caller knows it. With the `secret`
    that this stack signs HS256 tokens with, tokens whose claims were recorded but which no answer gave are made;
    `clock_offset_s` is how far the stack's clock is ahead of `now` (epoch seconds).
    """

    def __init__(
        self,
        *,
        secret: str = "",
        clock_offset_s: float = 0.0,
        template: Template | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._template = template
        self._pairing = Pairing()
        self._view = _View(self._pairing)
        minting = Minting(secret, lambda: now() + clock_offset_s) if secret else None
        self._tokens = Tokens(self._pairing, minting, self._own_claims)
        self._aligner = Aligner(self._pairing, self._tokens.found)
        self._cookies = CookieJar()
        # Recorded ids that found no counterpart, and what could not be carried by reason.
        self._lost: set[str] = set()
        self._missed: dict[str, set[str]] = {}
        self._ids_used = self._tokens_used = 0
        self._seen: set[tuple[int, int]] = set()

    def learn(self, entry: Entry, answer: Answer) -> None:
        """Take the pairs that the recorded answer and this stack's answer show."""
        self._tokens.take_claims(entry)
        recorded = entry.answer
        if answer.error or not answer.status:
            self._note_lost(recorded)
            return
        self._learn_headers(entry, recorded.headers if recorded else (), answer)
        missing = recorded is None or entry.meta.get("answer_body") == "missing"
        if answer.body and (missing or b"eyJ" in answer.body):
            self._tokens.keep(entry, answer, self._route(entry.request), missing=missing)
        if recorded is None:
            return
        if recorded.status // 100 != answer.status // 100:
            self._note_lost(recorded)
        elif recorded.body and answer.body and not missing:
            self._learn_body(entry, recorded.body, answer.body)
        for theirs, ours in self._tokens.settle(entry.session, entry.request, self._route):
            self._aligner.documents(theirs, ours, "", in_order=False)
        if entry.request.method == "DELETE" and recorded.status < 300 and answer.status < 300:
            self._retire(entry.request.target)

    def request(self, entry: Entry) -> tuple[Request, list[str]]:
        """Return the request with this stack's values, and what could not be carried: `token <jwt-19>`, `id 9f5c...`."""
        self._tokens.take_claims(entry)
        request, cookies = self._with_cookies(entry)
        template = self._template(request.method, request.target) if self._template else None
        done = substitute(request, self._view, template)
        tokens = [word for word in (*done.carried, *done.unknown) if word[0] == "<"]
        if tokens:
            own = self._tokens.for_request(entry, tokens, self._route(request))
            if any(self._pairing.tokens.get(token) != value or token in done.unknown for token, value in own.items()):
                done = substitute(request, _View(self._pairing, own), template)
        used = sum(word[0] == "<" for word in done.carried)
        self._tokens_used += used
        self._ids_used += len(done.carried) - used + cookies
        if done.unknown or done.unknown_ids:
            return done.request, self._not_carried(entry, done)
        return done.request, []

    def report(self) -> Carried:
        """Return the counts of the run so far."""
        return Carried(
            pairs=len(self._pairing),
            ids=self._ids_used,
            tokens=self._tokens_used,
            minted=len(self._tokens.minted),
            conflicts=self._pairing.conflicts,
            not_carried={reason: len(values) for reason, values in sorted(self._missed.items())},
        )

    def export(self) -> dict[str, Any]:
        """Return everything learnt and counted as JSON values, for a run to be taken up again."""
        return {
            "pairing": self._pairing.export(),
            "cookies": self._cookies.export(),
            "tokens": self._tokens.export(),
            "lost": sorted(self._lost),
            "missed": {reason: sorted(values) for reason, values in self._missed.items()},
            "used": [self._ids_used, self._tokens_used],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `export` returned."""
        self._pairing.restore(state["pairing"])
        self._cookies.restore(state["cookies"])
        self._tokens.restore(state["tokens"])
        self._lost = set(state["lost"])
        self._missed = {reason: set(values) for reason, values in state["missed"].items()}
        self._ids_used, self._tokens_used = state["used"]

    def _learn_headers(self, entry: Entry, recorded: Headers, answer: Answer) -> None:
        for name, theirs, ours in self._cookies.learn(entry.session, recorded, answer.headers):
            if shape(theirs, "session"):
                self._aligner.documents({name: theirs}, {name: ours}, "", in_order=False)
        for name, value in recorded:
            lower = name.lower()
            if lower in _TELLING_HEADERS or lower.endswith(_TELLING_ENDS) or lower.startswith("x-"):
                own = header(answer.headers, lower)
                if own is None:
                    continue
                if lower in ("location", "content-location"):
                    self._aligner.addresses(value, own)
                else:
                    theirs, ours = _bare(value), _bare(own)
                    # What lets people in is carried whatever it looks like: two random texts need not look alike.
                    if lower.endswith(_TELLING_ENDS) and shape(theirs, "token") not in ("", "placeholder"):
                        self._pairing.pair_texts(theirs, ours)
                    self._aligner.documents({lower: theirs}, {lower: ours}, "", in_order=False)
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
        self._note_lost(entry.answer)

    def _all_known(self, recorded: bytes, own: bytes) -> bool:
        """Say whether two bodies hold nothing to learn: every recorded id stands in ours under its own name.

        Ids that are the same on both sides are taken on the way.
        """
        theirs = ids_in(recorded)
        if has_more_ids(recorded):
            return False
        if not theirs:
            return True
        ours = theirs if recorded == own else ids_in(own)
        same = []
        for found in theirs:
            text = found.decode()
            known = self._pairing.own_text(text)
            if (text if known is None else known).encode() not in ours:
                return False
            if known is None:
                same.append(text)
        for text in same:
            if len(text) == 36 and UUID.fullmatch(text):
                self._pairing.pair_texts(text, text)
        return True

    def _note_lost(self, recorded: Answer | None) -> None:
        """Remember the recorded ids that found no counterpart, to say so when one is asked for."""
        if recorded is None or len(self._lost) >= _LOST_KEPT:
            return
        for found in ids_in(recorded.body):
            text = found.decode()
            if UUID.fullmatch(text) and self._pairing.own_text(text) is None:
                self._lost.add(text)

    def _retire(self, target: str) -> None:
        parts = target.partition("?")[0].rstrip("/").split("/")
        if len(parts) > 1 and parts[-1].isdigit():
            self._pairing.retire(singular(parts[-2]), parts[-1])

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

    def _own_claims(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return recorded claims with this stack's ids; the subject counts as the id of a user."""
        renamed = {("sub_id" if key == "sub" else key): value for key, value in claims.items()}
        asked = Request("POST", "/", _JSON, orjson.dumps(renamed))
        own: dict[str, Any] = orjson.loads(substitute(asked, self._view, None).request.body)
        return {("sub" if key == "sub_id" else key): value for key, value in own.items()}

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


def _bare(value: str) -> str:
    """Return an entity tag without its marks, another value as it is."""
    return value.removeprefix("W/").strip('"')
