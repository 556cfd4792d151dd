"""Decides what to ask next, from a seed and from what was answered: pure chance and bookkeeping, nothing is sent here.

operation -> case (by schema, against it, or near one that was taken) -> ids and token of the state -> odd now and then
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson

from parity.config import Login
from parity.explore.cases import NO_BODY, Case, Cases
from parity.explore.document import Operation
from parity.explore.faults import ODD_TEXTS, changed, odd_authorization, with_fault, written
from parity.explore.state import Known, Seed, Taken
from parity.shapes import entity_of_key, is_id_key
from parity.values import Answer, Headers, Request

__all__ = ["LOGINS", "Account", "Planned", "Planner"]

_JSON: Headers = (("content-type", "application/json"),)
# Of a scenario: how many steps follow on what was just made.
_FOLLOWING = (2, 6)
# A login that fails so often in a row is given up.
LOGINS = 3


@dataclass(frozen=True)
class Account:
    """Somebody who can log in from the start."""

    name: str
    password: str


@dataclass(frozen=True)
class Planned:
    """A request to send, and what has to be known to learn from its answer."""

    request: Request
    operation: Operation | None = None
    bound: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    login: bool = False


class Planner:
    """Plans one request after another. `weights` are how often operations come up, by label; 0 is never."""

    def __init__(
        self,
        operations: Sequence[Operation],
        number: int,
        *,
        login: Login,
        accounts: Sequence[Account] = (),
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self._operations = operations
        self._chance = random.Random(number)  # noqa: S311
        self._cases = Cases(number)
        self._login = login
        self._accounts = accounts
        self._weights = dict(weights or {})
        self._taken = Taken()
        self._asked: Counter[str] = Counter()
        self._trouble: Counter[str] = Counter()
        self._names = 0
        items = {operation.template for operation in operations if operation.template.endswith("}")}
        self._makers = [
            operation
            for operation in operations
            if operation.method == "POST"
            and not operation.parameters
            and self._weights.get(operation.label, 1.0)
            and any(item.rpartition("/")[0] == operation.template for item in items)
        ]
        self.known = Known()
        self.begin()

    def begin(self) -> None:
        """Forget the state: the stacks start anew."""
        self.known = Known(logins=[(account.name, account.password) for account in self._accounts])
        self._token = ""
        self._failed = 0
        self._following: list[tuple[Operation, Mapping[str, str]]] = []
        # First of all something has to be there.
        self._making = [operation for operation in self._makers for _ in range(2)]

    @property
    def locked_out(self) -> bool:
        """Whether nobody can log in any more who could at first."""
        return bool(self._accounts) and bool(self._login.path) and not self._token and self._failed >= LOGINS

    def seed(self, label: str, seed: Seed) -> None:
        """Take a request of the past as one to start from."""
        self._taken.add(label, seed)

    def avoid(self, label: str) -> None:
        """Come back to an operation less often: it made the stacks go apart."""
        self._trouble[label] += 1

    def next(self) -> Planned:
        """Return the next request."""
        if self._accounts and self._login.path and not self._token and self._failed < LOGINS:
            return self._log_in()
        if self._making:
            return self._request(self._making.pop(0), {}, gently=True)
        operation, bound = self._following.pop(0) if self._following else (self._choose(), {})
        self._asked[operation.label] += 1
        lacking = operation.method == "POST" and operation.entity not in self.known.ids
        return self._request(operation, bound, gently=lacking and self._chance.random() < 0.5)

    def learn(self, planned: Planned, request: Request, answer: Answer) -> None:
        """Take what the primary's answer (tokens blanked) shows."""
        operation = planned.operation
        if planned.login:
            self._learn_login(planned, answer)
        elif answer.status == 401 and planned.token and planned.token == self._token and self._chance.random() < 0.5:
            # Logged out, or the account is gone; at times it is gone on with.
            self._token = ""
        own = self.known.learn(operation, planned.bound, request.body, answer, self._login)
        if operation and request.method == operation.method and answer.status // 100 == 2:
            query = request.target.partition("?")[2]
            media = next((value for name, value in request.headers if name.lower() == "content-type"), "")
            self._taken.add(operation.label, Seed(query, media, request.body))
            if operation.method == "POST" and own:
                self._follow(operation, own[0], planned.bound)
            if operation.method == "DELETE" and planned.bound:
                self._come_back(operation, planned.bound)

    def _log_in(self) -> Planned:
        account = self._accounts[self._failed % len(self._accounts)]
        body = orjson.dumps({self._login.names[0]: account.name, self._login.password: account.password})
        return Planned(Request("POST", self._login.path, _JSON, body), login=True)

    def _learn_login(self, planned: Planned, answer: Answer) -> None:
        before = {token for listed in self.known.tokens.values() for token in listed}
        self.known.learn(None, {}, planned.request.body, answer, self._login)
        fresh = [(key, token) for key, listed in self.known.tokens.items() for token in listed if token not in before]
        fresh.sort(key=lambda pair: "refresh" in pair[0].lower())
        if answer.status // 100 == 2 and fresh:
            self._token, self._failed = fresh[0][1], 0
        else:
            self._failed += 1

    def _choose(self) -> Operation:
        weights = [self._weight(operation) for operation in self._operations]
        return self._chance.choices(self._operations, weights)[0]

    def _weight(self, operation: Operation) -> float:
        trouble = 1 + self._trouble[operation.label]
        seldom = 3.0 if self._asked[operation.label] < 3 else 1.0
        if any(entity not in self.known.ids for entity in operation.parameters.values()):
            seldom /= 6
        # What is deleted all the time is never there for the others.
        usual = {"POST": 1.6, "PUT": 1.4, "PATCH": 1.4, "DELETE": 0.6}.get(operation.method, 1.0)
        return usual * seldom * self._weights.get(operation.label, 1.0) / trouble**2

    def _follow(self, made_by: Operation, found: str, around: Mapping[str, str]) -> None:
        """Go on with what was made: read, change, delete it, and then again."""
        if self._following or self._chance.random() < 0.3:
            return
        fitting = [
            operation
            for operation in self._operations
            if self._weights.get(operation.label, 1.0) and made_by.entity in operation.parameters.values()
        ]
        kept = [operation for operation in fitting if operation.method != "DELETE"]
        ending = [operation for operation in fitting if operation.method == "DELETE"]
        steps = [self._chance.choice(kept) for _ in range(self._chance.randint(*_FOLLOWING) if kept else 0)]
        if ending and self._chance.random() < 0.3:
            steps.append(self._chance.choice(ending))
        for operation in steps:
            own = {name: found for name, entity in operation.parameters.items() if entity == made_by.entity}
            self._following.append((operation, {**around, **own}))

    def _come_back(self, deleted_by: Operation, bound: Mapping[str, str]) -> None:
        """Ask for what was deleted: it should be gone for all alike."""
        if self._chance.random() < 0.4:
            return
        near = [o for o in self._operations if set(deleted_by.parameters) <= set(o.parameters)]
        fitting = [o for o in near if self._weights.get(o.label, 1.0)] or [deleted_by]
        first = deleted_by if self._chance.random() < 0.5 else self._chance.choice(fitting)
        self._following = [(first, bound), (self._chance.choice(fitting), bound)]

    def _request(self, operation: Operation, bound: Mapping[str, str], *, gently: bool = False) -> Planned:
        """Return a request; one made gently is as good as it can be."""
        case = self._case(operation, gently)
        path, used = self._path(operation, case, bound)
        query = urlencode(case.query, quote_via=quote, errors="surrogatepass") if case.query else ""
        token, headers = self._authorization(operation, gently)
        body = case.raw
        if case.body is not NO_BODY:
            body = written(self._with_known(case.body, ""), self._chance)
        if case.media:
            headers = (*headers, ("content-type", case.media))
        request = Request(operation.method, path + (f"?{query}" if query else ""), (*case.headers, *headers), body)
        if not gently and self._chance.random() < 0.14:
            request = with_fault(request, self._chance)
        return Planned(request, operation, used, token)

    def _case(self, operation: Operation, gently: bool) -> Case:
        """Return a case: near one that was taken, by the schema, or against it."""
        pick = self._chance.random()
        seed = self._taken.any(operation.label, self._chance) if gently or pick < 0.7 else None
        if seed is None:
            valid = gently or self._chance.random() < 0.5
            return self._cases.draw(operation, valid=valid, chance=self._chance)
        pairs = tuple(parse_qsl(seed.query, keep_blank_values=True))
        case = Case(query=pairs, headers=seed.headers, media=seed.media, raw=seed.body)
        if pick < 0.12 and not gently:
            drawn = self._cases.draw(operation, valid=True, chance=self._chance)
            case = replace(case, query=(*pairs, *drawn.query))
        if "json" not in seed.media or not seed.body:
            return self._with_odd_query(case)
        try:
            value: Any = orjson.loads(seed.body)
        except orjson.JSONDecodeError:
            return case
        value = self._fresh(value)
        for _ in range(0 if gently else self._chance.choice([0, 0, 0, 1, 1, 1, 2, 3])):
            value = changed(value, self._chance)
        return replace(case, raw=b"", body=value)

    def _with_odd_query(self, case: Case) -> Case:
        if not case.query or self._chance.random() < 0.5:
            return case
        pairs = list(case.query)
        at = self._chance.randrange(len(pairs))
        pairs[at] = (pairs[at][0], self._chance.choice(ODD_TEXTS))
        return replace(case, query=tuple(pairs))

    def _fresh(self, value: Any) -> Any:
        """Return a body with other names at times, so that not everything is there already."""
        if not isinstance(value, dict) or self._chance.random() < 0.4:
            return value
        fresh = dict(value)
        for key, leaf in value.items():
            if isinstance(leaf, str) and key.lower().endswith(("name", "email", "title", "slug", "code")) and leaf:
                self._names += 1
                local, at, domain = leaf.partition("@")
                fresh[key] = f"{local[:24]}{self._names}{at}{domain}" if at else f"{leaf[:24]}{self._names}"
        return fresh

    def _with_known(self, value: Any, parent: str) -> Any:
        """Return a JSON value in which ids, tokens and logins are mostly ones that there are."""
        if isinstance(value, list):
            return [self._with_known(item, parent) for item in value]
        if not isinstance(value, dict):
            return value
        own = {key: self._known_leaf(key, leaf, parent) for key, leaf in value.items()}
        names = [key for key in self._login.names if isinstance(own.get(key), str)]
        if names and self._login.password in own and self.known.logins and self._chance.random() < 0.3:
            own[names[0]], own[self._login.password] = self._chance.choice(self.known.logins)
        return own

    def _known_leaf(self, key: str, leaf: Any, parent: str) -> Any:
        if isinstance(leaf, dict | list):
            return self._with_known(leaf, key)
        if isinstance(leaf, str | int) and is_id_key(key) and self._chance.random() < 0.7:
            found = self.known.id(entity_of_key(key, parent), self._chance)
            return leaf if found is None else int(found) if isinstance(leaf, int) and found.isdigit() else found
        if isinstance(leaf, str) and self._chance.random() < 0.6 and (name := self.known.name(key, self._chance)):
            return name
        if isinstance(leaf, str) and key.lower().endswith("token") and self._chance.random() < 0.7:
            return self.known.token(key, self._chance) or leaf
        return leaf

    def _path(self, operation: Operation, case: Case, bound: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        path, around = operation.template, dict(bound)
        used: dict[str, str] = {}
        for name, entity in reversed(list(operation.parameters.items())):
            pick = self._chance.random()
            value = around.get(name) if name in bound or pick < 0.7 else None
            if value is None and pick < 0.85:
                value = self.known.id(entity, self._chance)
            if value is not None:
                around = {**self.known.around.get((entity, value), {}), **around}
                used[name] = value
            drawn = case.path.get(name) or quote(self._chance.choice(ODD_TEXTS), safe="") or "none"
            path = path.replace(f"{{{name}}}", drawn if value is None else quote(value, safe=""))
        return path, used

    def _authorization(self, operation: Operation, gently: bool) -> tuple[str, Headers]:
        """Return the token and its header: mostly the account's own, at times another, a broken one, or none."""
        pick = 1.0 if gently else self._chance.random()
        token = self._token
        if not self.known.tokens:
            odd = operation.wants_token and pick < 0.1
            return "", (("authorization", odd_authorization("x", self._chance)),) if odd else ()
        if pick < 0.04:
            return "", ()
        if pick < 0.08 and token:
            return "", (("authorization", odd_authorization(token, self._chance)),)
        if pick < 0.2 or not token:
            token = self.known.token("", self._chance) or token
        return token, (("authorization", f"Bearer {token}"),)
