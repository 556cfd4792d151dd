"""Faults by the hundred: every kind of change at every kind of leaf, and to status, headers, text, rows and effects."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from parity.values import Effect, RowChange
from tests.parity import planted
from tests.parity.planted import (
    DOCUMENTS,
    Fault,
    leaves,
    outcome,
    own_id,
    removed,
    replaced,
    stamp,
)


def changed_texts(text: str) -> Iterator[tuple[str, Any, str]]:
    """Yield faults for a text by what it is."""
    if len(text) == 36 and text.count("-") == 4:
        yield "id in capitals", text.upper(), "format"
        yield "id without dashes", text.replace("-", ""), "format"
        yield "id as a number", 12, "type"
        yield "id of another known thing", own_id("both", "eve"), "value"
    elif text[:4] == "2026" and "T" in text:
        yield "milliseconds only", text[:23] + "Z", "format"
        yield "offset for Z", text[:-1] + "+00:00", "format"
        yield "no zone", text[:-1], "format"
        yield "a space for T", text.replace("T", " "), "format"
        yield "an hour off", text.replace("T10", "T11").replace("T09", "T08"), "value"
        yield "date only", text[:10], "format"
        yield "epoch for text", 1_795_341_600, "type"
    elif text == "2026-12-01":
        yield "another day", "2026-12-02", "value"
        yield "day with time", "2026-12-01T00:00:00", "format"
        yield "slashes", "2026/12/01", "format"
    elif text.startswith("eyJ"):
        yield "other role in the token", planted.jwt("right", role="viewer"), "value"
        yield "claim missing", planted.jwt("right", role=None), "type"
        yield "longer life", planted.jwt("right", exp=int(planted.NOW.timestamp()) + 9000), "value"
        yield "no token", "none", "format"
    elif text and len(text) < 30 and "@" not in text and "GMT" not in text and not text[0].isdigit():
        yield "other words", "Something else", "value"
        yield "nothing in it", "", "value"
        yield "a space at the end", text + " ", "value"
        yield "other case", text.swapcase(), "value"


def changed(value: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield (name, faulty value, axis) for a value of a document."""
    if value is not None:
        yield "null for it", None, "type"
    if isinstance(value, bool):
        yield "a number for it", int(value), "type"
        yield "a text for it", str(value).lower(), "type"
        yield "the opposite", not value, "value"
    elif isinstance(value, int):
        yield "a fraction", float(value), "type"
        yield "in quotes", str(value), "type"
        yield "far more", value + 9000, "value"
    elif isinstance(value, float):
        yield "lost precision", round(value) + 0.0 if value != round(value) else value + 0.001, "value"
        yield "a hair more", value + 1e-9, "value"
        yield "a text for it", str(value), "type"
    elif isinstance(value, str):
        yield from changed_texts(value)
    elif value is None:
        yield "empty text for null", "", "type"
        yield "zero for null", 0, "type"
        yield "empty list for null", [], "type"
    elif isinstance(value, dict):
        yield "a list for an object", [], "type"
    elif isinstance(value, list):
        yield "an object for a list", {}, "type"


AT_TOKENS = {
    "other role in the token": "(jwt).claims.role",
    "claim missing": "(jwt).claims.role",
    "longer life": "(jwt).claims.exp",
}


def body_faults() -> Iterator[Fault]:
    for document, make in DOCUMENTS.items():
        there, right = outcome("left", make("left")), make("right")
        for label, body, axis, where in changed_bodies(right):
            yield Fault(f"{document} {label}", there, outcome("right", body), axis, where)


def changed_bodies(body: Any) -> Iterator[tuple[str, Any, str, str]]:
    """Yield (name, faulty body, axis, path), with one fault each; of a list's elements the third stands for all."""
    for steps, value in [((), body), *leaves(body)]:
        if any(isinstance(step, int) and step != 2 for step in steps):
            continue
        where = planted.path(steps)
        for name, faulty, axis in changed(value):
            yield f"{where} {name}", replaced(body, steps, faulty), axis, where + AT_TOKENS.get(name, "")
        if steps and isinstance(steps[-1], str):
            yield f"{where} missing", removed(body, steps), "presence", where
        if isinstance(value, dict):
            yield f"{where} too much", replaced(body, steps, value | {"debug": 1}), "presence", f"{where}.debug"
        if isinstance(value, list):
            for name, faulty, axis in changed_lists(value):
                at = where if axis == "order" else f"{where}[*]"
                yield f"{where} {name}", replaced(body, steps, faulty), axis, at


def changed_lists(value: list[Any]) -> Iterator[tuple[str, Any, str]]:
    yield "one more", [*value, "surplus"], "presence"
    if len(value) > 1:
        yield "first missing", value[1:], "presence"
        yield "last missing", value[:-1], "presence"
        yield "middle missing", [*value[:1], *value[2:]], "presence"
        yield "one twice", [*value[:1], *value], "presence"
        yield "turned round", value[::-1], "order"
        yield "two swapped", [value[1], value[0], *value[2:]], "order"
        yield "first comes last", [*value[1:], value[0]], "order"


def answer_faults() -> Iterator[Fault]:
    left, right = planted.order("left"), planted.order("right")
    there = outcome("left", left)

    def fault(name: str, axis: str, path: str, **changes: Any) -> Fault:
        return Fault(f"answer {name}", there, outcome("right", **{"body": right} | changes), axis, path)

    given = dict(planted.headers("right"))
    for status in (200, 202, 400, 404, 409, 422, 500):
        yield fault(f"status {status}", "status", "status", status=status)
    for media in ("text/html; charset=utf-8", "application/problem+json", "text/plain", ""):
        headers = tuple((given | {"content-type": media}).items()) if media else planted.headers("right")[1:]
        yield fault(f"media {media or 'missing'}", "media", "content-type", headers=headers)
    for name, values in {
        "location": [
            "/api/v2/orders/none",
            f"/api/orders/{own_id('right', 'order')}",
            "/api/v2/orders",
            f"/api/v2/orders/{own_id('both', 'eve')}",
        ],
        "allow": ["GET", "GET, PUT", "GET, POST, HEAD"],
        "retry-after": ["31", "", "Sun, 22 Nov 2026 10:00:30 GMT"],
    }.items():
        for value in values:
            yield fault(f"{name} is {value!r}", "header", name, headers=tuple((given | {name: value}).items()))
        missing = tuple((key, value) for key, value in given.items() if key != name)
        yield fault(f"{name} missing", "header", name, headers=missing)
        yield fault(f"{name} twice", "header", name, headers=(*given.items(), (name, given[name])))
    yield fault("no body", "presence", "$", body=b"")
    yield fault("cut short", "type", "$", body=json.dumps(right).encode()[:-1])
    yield fault("not JSON", "type", "$", body=b"Internal Server Error")
    yield fault("a list around it", "type", "$", body=[right])
    yield fault(
        "repeated key", "presence", '$["count (repeated)"]', body=json.dumps(right).encode()[:-1] + b', "count": 1}'
    )
    yield fault(
        "NaN",
        "type",
        "$.order.discount",
        body=json.dumps(right).replace('"discount": null', '"discount": NaN').encode(),
    )
    yield fault(
        "connection reset", "transport", "transport", status=0, body=b"", headers=(), error="The connection was reset."
    )


def number_faults() -> Iterator[Fault]:
    for name, left, right, axis in (
        ("beyond 64 bits", "18446744073709551617", "18446744073709551618", "value"),
        ("beyond 53 bits", "9007199254740993", "9007199254740992", "value"),
        ("negative zero", "0.0", "-0.0", "value"),
        ("1 for 1.0", "1.0", "1", "type"),
        ("true for 1", "1", "true", "type"),
        ("exponent", "100", "1e2", "type"),
        ("infinity for a number", "1.5", "Infinity", "type"),
        ("infinity for NaN", "NaN", "Infinity", "value"),
        ("padded", '"7"', '"07"', "format"),
        ("digits of a price", '"7.10"', '"7.1"', "format"),
        ("one cent", '"7.10"', '"7.11"', "value"),
        ("last digit of a count", '"7"', '"8"', "value"),
        ("hex in capitals", '"0123456789abcdef0123"', '"0123456789ABCDEF0123"', "format"),
        ("shorter hex", '"0123456789abcdef0123"', '"0123456789abcdef"', "format"),
        ("card number", '"4111111111111111"', '"4111111111111112"', "value"),
        ("clock", '"10:30"', '"10:31"', "value"),
        ("clock with seconds", '"10:30"', '"10:30:00"', "format"),
        ("another offset", '"2026-11-22T10:00:00+09:00"', '"2026-11-22T01:00:00+00:00"', "format"),
        ("an offset without colon", '"2026-11-22T10:00:00+0900"', '"2026-11-22T10:00:00+09:00"', "format"),
        ("HTTP date for ISO", '"2026-11-22T10:00:00Z"', '"Sun, 22 Nov 2026 10:00:00 GMT"', "format"),
        ("three seconds", '"2026-11-22T10:00:00Z"', '"2026-11-22T10:00:03Z"', "value"),
        ("a sentence's time", '"due 2026-11-22T10:00:00Z"', '"due 2026-11-22T19:00:00Z"', "value"),
        ("a sentence's time format", '"due 2026-11-22T10:00:00Z"', '"due 2026-11-22T10:00:00.000Z"', "format"),
        ("a sentence's number", '"3 jobs ran"', '"4 jobs ran"', "value"),
        ("a sentence's word", '"3 jobs ran"', '"3 jobs failed"', "value"),
        ("another host", '"https://example.com/api/x"', '"https://example.com/api/v2/x"', "value"),
        ("JSON in a text", '"{\\"a\\": 1}"', '"{\\"a\\": 1.0}"', "type"),
        ("JSON in a text lacks a key", '"{\\"a\\": 1}"', '"{}"', "presence"),
    ):
        where = "$.x(json).a" if name.startswith("JSON") else "$.x"
        bodies = [f'{{"x": {text}}}'.encode() for text in (left, right)]
        yield Fault(f"number or text {name}", outcome("left", bodies[0]), outcome("right", bodies[1]), axis, where)
    for name, text in (("seconds", 1_795_341_600), ("milliseconds", 1_795_341_600_000)):
        left, right = ({"created_at": value} for value in (text, text + (3600 if name == "seconds" else 3_600_000)))
        yield Fault(
            f"epoch {name} an hour off", outcome("left", left), outcome("right", right), "value", "$.created_at"
        )
    left, right = {"created_at": 1_795_341_600}, {"created_at": 1_795_341_600_000}
    yield Fault("epoch in milliseconds", outcome("left", left), outcome("right", right), "format", "$.created_at")


def text_faults() -> Iterator[Fault]:
    html = (("content-type", "text/html; charset=utf-8"),)
    page = "<html>\n<p>Order {id}</p>\n<a href='{prefix}/orders'>all</a>\n</html>\n"
    texts = {side: page.format(id=own_id(side, "order"), prefix=planted.PREFIX[side]) for side in ("left", "right")}
    for name, text, axis, where in (
        ("a word", texts["right"].replace("all", "every"), "value", "$.lines[*]"),
        ("a line less", texts["right"].replace("</html>\n", ""), "presence", "$.lines[*]"),
        ("a line more", texts["right"] + "<!-- -->\n", "presence", "$.lines[*]"),
    ):
        if where:
            left, right = (
                outcome("left", texts["left"].encode(), headers=html),
                outcome("right", text.encode(), headers=html),
            )
            yield Fault(f"text {name}", left, right, axis, where)
    csv = (("content-type", "text/csv; charset=utf-8"),)
    for name, left, right, axis in (
        ("line ends", b"a,b\n1,2\n", b"a,b\r\n1,2\r\n", "format"),
        ("open end", b"a,b\n1,2\n", b"a,b\n1,2", "format"),
    ):
        yield Fault(f"csv {name}", outcome("left", left, headers=csv), outcome("right", right, headers=csv), axis, "$")
    plain = (("content-type", "text/csv; charset=latin-1"),)
    yield Fault(
        "csv charset",
        outcome("left", b"a", headers=csv),
        outcome("right", b"a", headers=plain),
        "header",
        "content-type",
    )
    image = (("content-type", "image/png"),)
    yield Fault(
        "image",
        outcome("left", b"\x89PNG\xff\x01", headers=image),
        outcome("right", b"\x89PNG\xff\x02", headers=image),
        "value",
        "$",
    )


def row_faults() -> Iterator[Fault]:
    body = planted.order
    left, rows = outcome("left", body("left")), planted.rows("right")

    def fault(name: str, axis: str, path: str, changed: list[RowChange]) -> Fault:
        return Fault(f"rows {name}", left, outcome("right", body("right"), rows=changed), axis, path)

    for at, row in enumerate(rows):
        rest = [*rows[:at], *rows[at + 1 :]]
        label = f"{row.table} #{at}"
        yield fault(f"{label} not written", "presence", row.table, rest)
        after = row.after
        if after is None:
            continue
        for column, value in after.items():
            for name, faulty, axis in changed(value):
                if axis == "value" and column in {"id", "order_id"} and row.table == "lines":
                    continue
                where = f"{row.table}.{column}"
                yield fault(
                    f"{label} {column} {name}", axis, where, [*rest, replace(row, after=after | {column: faulty})]
                )
            lacking = {key: inner for key, inner in after.items() if key != column}
            yield fault(
                f"{label} {column} not there", "presence", f"{row.table}.{column}", [*rest, replace(row, after=lacking)]
            )
        yield fault(f"{label} written twice", "presence", row.table, [*rows, copy.deepcopy(row)])
    update = next(row for row in rows if row.operation == "update")
    rest = [row for row in rows if row is not update]
    assert update.after is not None
    assert update.before is not None
    for name, password in (
        ("other hash", "$2b$12$" + "a" * 53),
        ("weaker hash", update.after["password"].replace("29000", "1000")),
        ("no hash", "secret"),
    ):
        row = replace(update, after=update.after | {"password": password})
        yield fault(name, "format", "customers.password", [*rest, row])
    fresh = update.before | {"seen_at": stamp("left", -0.4).replace("T", " ").removesuffix("Z")}
    old = planted.rows("left")
    customers = next(at for at, row in enumerate(old) if row.table == "customers")
    old[customers] = replace(old[customers], before=fresh)
    kept = replace(update, before=fresh, after=update.after | {"seen_at": fresh["seen_at"]})
    yield Fault(
        "rows time kept",
        outcome("left", body("left"), rows=old),
        outcome("right", body("right"), rows=[*rest, kept]),
        "value",
        "customers.seen_at",
    )
    yield fault("another table", "presence", "audit", [*rows, RowChange("audit", "insert", None, {"id": 1})])


def effect_faults() -> Iterator[Fault]:
    body = planted.order
    left, sent = outcome("left", body("left")), planted.effects("right")

    def fault(name: str, axis: str, path: str, changed: list[Effect]) -> Fault:
        return Fault(f"effects {name}", left, outcome("right", body("right"), effects=changed), axis, path)

    for at, effect in enumerate(sent):
        rest = (sent[:at], sent[at + 1 :])
        yield fault(f"{effect.kind} #{at} not sent", "presence", effect.kind, [*rest[0], *rest[1]])
        yield fault(f"{effect.kind} #{at} sent twice", "presence", effect.kind, [*rest[0], effect, effect, *rest[1]])
        for key, value in effect.content.items():
            faulty = {
                "method": "PUT",
                "host": "other.example.com",
                "path": "/elsewhere",
                "from": "x@example.com",
                "to": ["eve@example.com"],
                "subject": "Order",
            }
            if key in faulty and not (key == "path" and "?" in value):
                where = f"{effect.kind}.{key}" + ("[*]" if key == "to" else "")
                one = Effect(effect.kind, {**effect.content, key: faulty[key]})
                yield fault(f"{effect.kind} #{at} {key}", "value", where, [*rest[0], one, *rest[1]])
    call, stock, mail = sent
    for name, content, axis, where in (
        (
            "no key",
            {"headers": {"content-type": "application/json", "x-shop": "north"}},
            "presence",
            "http.headers.idempotency-key",
        ),
        ("other shop", {"headers": {**call.content["headers"], "x-shop": "south"}}, "value", "http.headers.x-shop"),
        (
            "form for JSON",
            {"headers": {**call.content["headers"], "content-type": "text/plain"}},
            "value",
            "http.headers.content-type",
        ),
        ("other query", {"path": "/orders?source=shop&lang=de"}, "value", "http.query[*]"),
        ("total as text", {"body": {**call.content["body"], "total": "129.5"}}, "type", "http.body.total"),
        (
            "total missing",
            {"body": {"order": call.content["body"]["order"], "at": call.content["body"]["at"]}},
            "presence",
            "http.body.total",
        ),
        (
            "time format",
            {"body": {**call.content["body"], "at": call.content["body"]["at"][:-1]}},
            "format",
            "http.body.at",
        ),
        ("text for JSON", {"body": json.dumps(call.content["body"])}, "type", "http.body"),
    ):
        yield fault(f"http {name}", axis, where, [Effect("http", {**call.content, **content}), stock, mail])
    text = mail.content["body"]
    for name, words, axis in (
        ("a word", text.replace("Dear", "Hello"), "value"),
        ("a line less", text.replace("\r\nyour", "your"), "presence"),
    ):
        yield fault(
            f"mail {name}", axis, "mail.body.lines[*]", [call, stock, Effect("mail", {**mail.content, "body": words})]
        )


def every_fault() -> list[Fault]:
    """Return all faults; no two have the same name."""
    made = [body_faults(), answer_faults(), number_faults(), text_faults(), row_faults(), effect_faults()]
    return [fault for faults in made for fault in faults]
