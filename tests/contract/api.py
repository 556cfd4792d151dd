"""The client fixture of the contract's cases: one way to ask either stack, as somebody, and to see what the database says."""

import json as json_module
import re
import string
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote
from weakref import WeakKeyDictionary

import httpx2
import jwt
from sqlalchemy import Engine, Table, insert, select, update
from sqlalchemy.orm import Session

from scheduler.services import Services
from shared_models import Base
from shared_models.engine import WRITES
from shared_rules.settings import Settings
from tests.contract import world
from tests.contract.changes import mark

if TYPE_CHECKING:
    from tests.contract.stacks import Sinks


@dataclass(frozen=True)
class Answer:
    """What came back. Header names are lower case; `body` is the raw bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json_module.loads(self.body)


class Transport(Protocol):
    """Sends one request to one stack, in process or over a socket. `target` is the raw path with its query."""

    def __call__(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer: ...


@dataclass
class Stack:
    """One running stack over one database."""

    name: str
    prefix: str
    settings: Settings
    engine: Engine
    send: Transport
    services: Services
    sinks: "Sinks"

    def start_over(self) -> None:
        """Make the database the world again, and forget what was sent so far."""
        self.services.courier.drain(10)
        self.sinks.clear()
        world.reset(self.engine)


@dataclass
class Api:
    """Asks a stack. Paths are the contract's, without prefix; `as_` names one of the world's people, None sends no token.

    Whatever the case is about: a refused write must leave every row of every table as it was. That is checked here, unless
    somebody else writes meanwhile (`alone` is false).
    """

    stack: Stack
    transcript: list[tuple[str, str, Answer]] = field(default_factory=list)
    alone: bool = True

    def request(
        self,
        method: str,
        path: str,
        *,
        as_: str | None = "admin",
        json: Any = ...,
        content: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        data: Mapping[str, str] | None = None,
        files: Any = None,
        token: str | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Send one request. `json` may be any value, None included; `token` wins over `as_`.

        A header of None is left out: without `Content-Length` the body goes in chunks of no declared length.
        """
        token = token or (self.token(as_) if as_ else None)
        fixed = {"Authorization": f"Bearer {token}"} if token else {}
        if json is not ...:
            content = json_module.dumps(json).encode()
            fixed["Content-Type"] = "application/json"
        encoded = httpx2.Request(method, "http://stack", content=content, data=data, files=files)
        for name in ("content-type", "content-length"):
            if name in encoded.headers:
                fixed.setdefault(name.title(), encoded.headers[name])
        wanted = {name.lower(): value for name, value in [*fixed.items(), *(headers or {}).items()]}
        sent = [(name, value) for name, value in wanted.items() if value is not None]
        target = self.stack.prefix + path + (f"?{httpx2.QueryParams(params)}" if params else "")
        before = self.everything() if self.alone and method in _WRITES else None
        answer = self.stack.send(method, quote(target, safe=string.punctuation), sent, encoded.read())
        self.transcript.append((method, path, answer))
        if before is not None and 400 <= answer.status < 500:
            self._check_nothing_changed(path, answer, before)
        return answer

    def _check_nothing_changed(self, path: str, answer: Answer, before: dict[str, list[dict[str, Any]]]) -> None:
        if path.endswith("/execute") and b'"Job expired"' in answer.body:
            # Pausing the job is what this refusal is about.
            return
        after = self.everything()
        if path.startswith("/auth/login"):
            # Failed logins are counted.
            after["login_failures"] = before["login_failures"] = []
        assert after == before, f"{answer.status} {answer.body!r}, and yet rows changed"

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = ..., **options: Any) -> Answer:
        return self.request("POST", path, json=json, **options)

    def put(self, path: str, json: Any = ..., **options: Any) -> Answer:
        return self.request("PUT", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.request("DELETE", path, **options)

    def token(self, name: str, kind: str = "access", **claims: Any) -> str:
        """Return a token for one of the people; `claims` replace single claims, a value of ... leaves the claim out."""
        identity, role = world.PEOPLE[name]
        now = datetime.now(UTC)
        payload: dict[str, Any] = {
            "sub": identity,
            "role": role,
            "email": f"{name}@example.com",
            "type": kind,
            "iat": now.timestamp(),
            "nbf": now.timestamp(),
            "exp": int((now + timedelta(hours=1)).timestamp()),
            "jti": str(uuid.uuid4()),
            "fresh": False,
        } | claims
        payload = {claim: value for claim, value in payload.items() if value is not ...}
        return jwt.encode(payload, self.stack.settings.jwt_secret_key, algorithm="HS256")

    @property
    def sinks(self) -> "Sinks":
        """Where the stack's webhooks, GitHub calls, Slack posts and mails arrive; what is still queued goes out first."""
        self.stack.services.courier.drain(10)
        return self.stack.sinks

    def rows(self, model: type[Base]) -> list[dict[str, Any]]:
        """Return the table's rows as dicts by column name, ordered by primary key."""
        table = model.__table__
        assert isinstance(table, Table)
        with self.stack.engine.connect() as connection:
            found = connection.execute(select(table).order_by(*table.primary_key.columns))
            return [dict(row._mapping) for row in found]

    def row(self, model: type[Base], **where: Any) -> dict[str, Any]:
        """Return the only row with these column values."""
        (found,) = [row for row in self.rows(model) if all(row[name] == value for name, value in where.items())]
        return found

    def add(self, model: type[Base], **columns: Any) -> dict[str, Any]:
        """Insert a row directly, with the model's defaults; return the columns given."""
        with Session(self.stack.engine) as session:
            session.connection(execution_options=WRITES)
            session.execute(insert(model), [columns])
            session.commit()
        return columns

    def change(self, model: type[Base], key: str, **columns: Any) -> None:
        """Set columns of the row with this primary key directly."""
        table = model.__table__
        assert isinstance(table, Table)
        (primary,) = table.primary_key.columns
        with self.stack.engine.connect().execution_options(**WRITES) as connection, connection.begin():
            connection.execute(update(model).where(primary == key).values(columns))

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of every table, as the driver has it: what a refusal must leave as it was."""
        engine = self.stack.engine
        marked, rows = _SEEN.get(engine, (None, {}))
        now = mark(engine)
        if marked != now:
            rows = _read_everything(engine)
            _SEEN[engine] = now, rows
        return dict(rows)


def _read_everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            return dict(connection.exec_driver_sql(_EVERYTHING).all())
        return {
            table.name: [dict(row) for row in connection.exec_driver_sql(_all_rows(table)).mappings()]
            for table in _TABLES
        }


def _all_rows(table: Table) -> str:
    return f"SELECT * FROM {table.name} ORDER BY {', '.join(column.name for column in table.primary_key.columns)}"


_WRITES = frozenset({"POST", "PUT", "DELETE", "PATCH"})
_TABLES = Base.metadata.sorted_tables
# Most refusals write nothing at all: then what was read before is what is there.
_SEEN: WeakKeyDictionary[Engine, tuple[Any, dict[str, list[dict[str, Any]]]]] = WeakKeyDictionary()
# In one round trip: it is asked before and after every refusal.
_EVERYTHING = " UNION ALL ".join(
    f"SELECT '{table.name}', coalesce(json_agg(t), '[]'::json) FROM ({_all_rows(table)}) t" for table in _TABLES
)


_MOVING = (
    (re.compile(rb"eyJ[\w-]+\.[\w-]+\.[\w-]+"), b"<token>"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), b"<instant>"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"), b"<local instant>"),
    (re.compile(rb"Try again in \d+ seconds"), b"Try again in <n> seconds"),
    (re.compile(rb'("(?:average_duration|duration|heartbeat_age)_seconds":)\d+\.\d+'), rb"\1<duration>"),
)
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_OWN_HEADERS = frozenset({"date", "server", "connection", "x-served-by", "x-request-id", "content-length"})


def comparable(transcript: Sequence[tuple[str, str, Answer]]) -> list[tuple[Any, ...]]:
    """Return a transcript with times and tokens by kind and ids numbered in order of appearance: what must be equal."""
    numbers: dict[bytes, bytes] = {}

    def numbered(match: re.Match[bytes]) -> bytes:
        return numbers.setdefault(match[0], b"<id %d>" % len(numbers))

    def still(raw: bytes) -> bytes:
        for pattern, word in _MOVING:
            raw = pattern.sub(word, raw)
        return _UUID.sub(numbered, raw)

    return [
        (
            method,
            still(path.encode()),
            answer.status,
            {
                name: b"<seconds>" if name == "retry-after" else still(value.encode())
                for name, value in answer.headers.items()
                if name not in _OWN_HEADERS
            },
            still(answer.body),
        )
        for method, path, answer in transcript
    ]
