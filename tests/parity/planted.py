"""A world seen by two stacks: equal by rule, with other ids, times, tokens and prefixes; and faults to plant in the right one.

Each stack's values come from its side ("left" or "right"), so that everything a stack makes itself differs, consistently.
"""

import copy
import hashlib
import json
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from parity.compare import Identities, Terms
from parity.values import Answer, Effect, Headers, Outcome, RowChange

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
PREFIX = {"left": "/api", "right": "/api/v2"}
ADDRESS = {"left": "http://127.0.0.1:5001", "right": "http://127.0.0.1:8002"}
TERMS = Terms(
    headers=("location", "allow", "retry-after"),
    prefixes=("/api", "/api/v2"),
    addresses=((ADDRESS["left"],), (ADDRESS["right"],)),
    references={
        ("orders", "id"): "orders",
        ("orders", "customer_id"): "customers",
        ("customers", "id"): "customers",
        ("lines", "id"): "lines",
        ("lines", "order_id"): "orders",
    },
    now_s=NOW.timestamp(),
)
ROUTE = "POST /orders"


def own_id(side: str, name: str) -> str:
    return str(uuid.UUID(bytes=hashlib.md5(f"{side} {name}".encode()).digest(), version=4))


def token(side: str, name: str, size: int = 32) -> str:
    raw = hashlib.sha512(f"{side} {name}".encode()).digest()
    return urlsafe_b64encode(raw).decode().replace("-", "x").replace("_", "y")[:size]


def at(side: str, more_s: float = 0.0) -> datetime:
    return NOW + timedelta(seconds=more_s, milliseconds=37 if side == "right" else 0)


def stamp(side: str, more_s: float = 0.0) -> str:
    return at(side, more_s).isoformat().replace("+00:00", "Z")


def part(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(side: str, **claims: Any) -> str:
    when = int(at(side).timestamp())
    body = {
        "sub": own_id("both", "ada"),
        "iat": when,
        "exp": when + 900,
        "jti": own_id(side, "jti"),
        "role": "admin",
        **claims,
    }
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(body)}.{token(side, 'signature', 43)}"


def order(side: str) -> dict[str, Any]:
    number = own_id(side, "order")
    return {
        "order": {
            "id": number,
            "reference": "2026-0042",
            "status": "open",
            "is_paid": False,
            "total": 129.5,
            "quantity": 3,
            "discount": None,
            "note": "Leave at the door, please",
            "empty_note": "",
            "created_at": stamp(side),
            "updated_at": stamp(side, 0.5),
            "due_on": "2026-12-01",
            "opens": "08:30",
            "customer": {"id": own_id("both", "ada"), "name": "Ada Byron", "email": "ada@example.com", "visits": 17},
            "links": {
                "self": f"{PREFIX[side]}/orders/{number}",
                "web": f"{ADDRESS[side]}{PREFIX[side]}/orders/{number}/page",
            },
            "tags": ["fragile", "gift", "weekend"],
            "lines": [
                {"id": own_id(side, f"line {n}"), "sku": f"SKU-{n}", "price": 10.25 + n, "count": n, "order_id": number}
                for n in range(1, 4)
            ],
            "meta": {},
            "warnings": [],
        },
        "message": f"Order {number} created",
        "count": 1,
    }


def session(side: str) -> dict[str, Any]:
    return {
        "access_token": jwt(side),
        "refresh_token": token(side, "refresh", 43),
        "csrf": hashlib.sha256(side.encode()).hexdigest(),
        "expires_in": 900,
        "server_time": int(at(side).timestamp()),
        "user": {
            "id": 7,
            "team_id": 3,
            "roles": ["admin", "editor"],
            "last_login": at(side).strftime("%Y-%m-%d %H:%M:%S"),
        },
        "sent": at(side).strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "ok": True,
    }


def page(side: str) -> list[dict[str, Any]]:
    return [
        {
            "id": own_id(side, f"run {n}"),
            "job_id": 100 + n,
            "state": ["queued", "running", "done"][n % 3],
            "seconds": n / 4,
            "attempt": n,
            "started_at": stamp(side, -60.0 * n),
            "log": None if n % 2 else f"see {ADDRESS[side]}{PREFIX[side]}/runs/{own_id(side, f'run {n}')}",
        }
        for n in range(6)
    ]


DOCUMENTS: dict[str, Callable[[str], Any]] = {"order": order, "session": session, "page": page}


def headers(side: str) -> Headers:
    where = f"{PREFIX[side]}/orders/{own_id(side, 'order')}"
    return (("content-type", "application/json"), ("location", where), ("allow", "GET, POST"), ("retry-after", "30"))


def rows(side: str) -> list[RowChange]:
    number = own_id(side, "order").replace("-", "")
    made = at(side).replace(tzinfo=None).isoformat(" ")
    hashed = f"$pbkdf2-sha256$29000${token(side, 'salt', 22)}${token(side, 'digest', 43)}"
    customer = {
        "id": 7,
        "name": "Ada Byron",
        "password": "$pbkdf2-sha256$29000$old$older",
        "seen_at": "2026-11-01 09:00:00.000001",
    }
    found = [
        RowChange(
            "orders", "insert", None, {"id": number, "customer_id": 7, "total": 129.5, "is_paid": 0, "created_at": made}
        ),
        *(
            RowChange("lines", "insert", None, {"id": n, "order_id": number, "sku": f"SKU-{n}", "price": 10.25 + n})
            for n in range(1, 4)
        ),
        RowChange("customers", "update", customer, customer | {"password": hashed, "seen_at": made, "orders": 2}),
        RowChange("carts", "delete", {"id": 5, "customer_id": 7, "data": '{"lines": [1, 2]}'}, None),
    ]
    return found if side == "left" else [*found[:1], *found[:0:-1]]


def effects(side: str) -> list[Effect]:
    number = own_id(side, "order")
    call = {
        "method": "POST",
        "host": "hooks.example.com",
        "path": "/orders?source=shop&lang=en",
        "headers": {
            "content-type": "application/json",
            "idempotency-key": f"{number}:{stamp(side)}",
            "x-shop": "north",
        },
        "body": {"order": number, "total": 129.5, "at": stamp(side)},
    }
    stock = call | {"host": "stock.example.com", "path": "/reserve", "body": {"skus": ["SKU-1", "SKU-2"]}}
    mail = {
        "from": "shop@example.com",
        "to": ["ada@example.com"],
        "subject": f"Your order {number}",
        "headers": {"message-id": f"<{token(side, 'mail')}@shop>"},
        "body": f"Dear Ada,\r\n\r\nyour order {number} is in.\r\nSee {ADDRESS[side]}{PREFIX[side]}/orders/{number}\r\n",
    }
    return [Effect("http", call), Effect("http", stock), Effect("mail", mail)]


def written(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def outcome(side: str, body: Any, **changes: Any) -> Outcome:
    answer = {"status": 201, "headers": headers(side), "body": written(body)} | changes
    extra = {name: answer.pop(name) for name in ("rows", "effects") if name in answer}
    return Outcome(Answer(**answer), **{"rows": rows(side), "effects": effects(side)} | extra)


def known() -> Identities:
    """Return identities that know the common start state."""
    identities = Identities()
    identities.seed([own_id("both", "ada"), own_id("both", "eve")])
    identities.seed_rows("customers", [{"id": 7}, {"id": 8}], TERMS.references)
    return identities


class Fault(NamedTuple):
    """A fault planted in the right outcome, and the one difference that must be reported."""

    name: str
    left: Outcome
    right: Outcome
    axis: str
    path: str


Steps = tuple[str | int, ...]


def leaves(value: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Yield every value inside a document, containers too, with the way to it."""
    if steps:
        yield steps, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in inner:
        yield from leaves(child, (*steps, step))


def replaced(document: Any, steps: Steps, value: Any) -> Any:
    """Return a copy of the document with another value at the end of the way; the value itself for no steps."""
    if not steps:
        return value
    document = copy.deepcopy(document)
    around = document
    for step in steps[:-1]:
        around = around[step]
    around[steps[-1]] = value
    return document


def removed(document: Any, steps: Steps) -> Any:
    document = copy.deepcopy(document)
    around = document
    for step in steps[:-1]:
        around = around[step]
    del around[steps[-1]]
    return document


def path(steps: Steps) -> str:
    return "$" + "".join("[*]" if isinstance(step, int) else f".{step}" for step in steps)
