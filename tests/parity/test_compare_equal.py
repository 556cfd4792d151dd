"""What is equal by rule: ids, times, tokens, prefixes, spelling of JSON. None of it is ever reported."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from parity.compare import Identities, Terms, compare
from parity.values import Answer, Effect, Outcome, RowChange
from tests.parity import planted
from tests.parity.planted import DOCUMENTS, ROUTE, TERMS, at, jwt, leaves, outcome, own_id, token

JSON = (("content-type", "application/json"),)


def answer(body: Any, **changes: Any) -> Outcome:
    return Outcome(Answer(**{"status": 200, "headers": JSON, "body": planted.written(body)} | changes))


def found(left: Outcome, right: Outcome, terms: Terms = TERMS) -> list[tuple[str, str]]:
    found = compare(left, right, route=ROUTE, terms=terms, identities=planted.known())
    return [(difference.axis, difference.spot) for difference in found]


def shuffled(value: Any) -> Any:
    """Return the value with the keys of every object in another order."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: random.Random(key).random())
        return {key: shuffled(value[key]) for key in keys}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


SPELLINGS: dict[str, Callable[[Any], bytes]] = {
    "indented": lambda body: json.dumps(body, indent=2).encode(),
    "without spaces": lambda body: json.dumps(body, separators=(",", ":")).encode(),
    "keys sorted": lambda body: json.dumps(body, sort_keys=True).encode(),
    "keys in another order": lambda body: json.dumps(shuffled(body)).encode(),
    "a line end after it": lambda body: json.dumps(body).encode() + b"\n",
    "slashes escaped": lambda body: json.dumps(body).replace("/", "\\/").encode(),
    "letters escaped": lambda body: json.dumps(body).replace("A", "\\u0041").encode(),
    "more digits": lambda body: json.dumps(body).replace("129.5", "129.50").replace("10.25", "1.025e1").encode(),
}
HEADERS = {
    "charset named": {"content-type": "application/json; charset=utf-8"},
    "type in capitals": {"content-type": "Application/JSON"},
    "spaces in a header": {"allow": "GET,  POST "},
    "a header nobody asked for": {"server": "uvicorn"},
}
LATER = (0.0, 0.001, 0.4, 1.9)


def documents() -> Iterator[tuple[str, Outcome, Outcome]]:
    for document, make in DOCUMENTS.items():
        left, right = make("left"), make("right")
        for spelling, write in SPELLINGS.items():
            for side, body in (("its own", right), ("the same", left)):
                headers = (
                    *JSON,
                    ("location", f"/api/v2/orders/{own_id('left', 'order')}"),
                    *planted.headers("left")[2:],
                )
                given = {"rows": planted.rows("left"), "effects": planted.effects("left"), "headers": headers}
                changes = given if body is left else {}
                yield (
                    f"{document}, {side} values, {spelling}",
                    outcome("left", left),
                    outcome("right", write(body), **changes),
                )
        for name, changed in HEADERS.items():
            headers = tuple((dict(planted.headers("right")) | changed).items())
            yield f"{document}, {name}", outcome("left", left), outcome("right", right, headers=headers)
        yield f"{document}, slow", outcome("left", left, elapsed_s=9.0), outcome("right", right)


def leaf_pairs() -> Iterator[tuple[str, Any, Any]]:
    for later in LATER:
        when, then = at("left"), at("left", later)
        for name, form in {
            "ISO": "%Y-%m-%dT%H:%M:%S.%fZ",
            "no zone": "%Y-%m-%dT%H:%M:%S",
            "offset": "%Y-%m-%dT%H:%M:%S.%f+00:00",
            "space": "%Y-%m-%d %H:%M:%S.%f",
            "HTTP": "%a, %d %b %Y %H:%M:%S GMT",
            "slashes": "%Y/%m/%d %H:%M:%S",
            "basic": "%Y%m%dT%H%M%SZ",
        }.items():
            left, right = when.strftime(form), then.strftime(form)
            yield f"time {name} {later} s later", left, right
            yield f"time {name} {later} s later in a sentence", f"Ran at {left}, fine", f"Ran at {right}, fine"
        yield f"epoch {later} s later", {"exp": int(when.timestamp())}, {"exp": int(then.timestamp())}
        yield (
            f"epoch in ms {later} s later",
            {"sent_at": int(when.timestamp() * 1e3)},
            {"sent_at": int(then.timestamp() * 1e3)},
        )
        yield f"epoch with fractions {later} s later", {"iat": when.timestamp()}, {"iat": then.timestamp()}
        yield f"epoch by its nearness {later} s later", {"x": int(when.timestamp())}, {"x": int(then.timestamp())}
    for n in range(12):
        left, right = own_id("left", f"thing {n}"), own_id("right", f"thing {n}")
        for name, form in {
            "id": "{}",
            "path": "/things/{}/edit",
            "sentence": "No thing found with ID: {}",
            "quoted": 'The thing "{}" is gone.',
            "key": "thing:{}",
            "prefixed": "thing_{}",
            "query": "/x?thing={}&y=1",
            "twice": "{0} and {0}",
        }.items():
            yield f"{name} {n}", form.format(left), form.format(right)
        yield f"hex {n}", left.replace("-", ""), right.replace("-", "")
        yield f"short hex {n}", left.replace("-", "")[:24], right.replace("-", "")[:24]
        yield f"random {n}", token("left", str(n), 22), token("right", str(n), 22)
        yield f"named random {n}", "sk_live_" + token("left", str(n), 24), "sk_live_" + token("right", str(n), 24)
        yield f"token {n}", jwt("left", n=n), jwt("right", n=n)
        yield f"link with token {n}", f"/x?token={jwt('left', n=n)}", f"/x?token={jwt('right', n=n)}"
        yield f"key of an object {n}", {left: 1, "other": 2}, {"other": 2, right: 1}
        yield f"keys of an object {n}", {left: {"n": 1}, left[::-1]: {"n": 2}}, {right[::-1]: {"n": 2}, right: {"n": 1}}


def own_pairs() -> Iterator[tuple[str, Any, Any]]:
    for name, form in {
        "path": "{p}/orders",
        "root": "{p}",
        "query": "{p}?page=2",
        "address": "{a}{p}/orders/5",
        "address alone": "{a}",
        "in a sentence": "Go to {p}/login, please",
        "quoted": 'See "{p}/x"',
        "in HTML": "<a href='{p}/x'>x</a>",
        "host alone": "{h}",
        "twice": "{p}/a {p}/b",
        "in a query": "/login?next={p}/x",
        "encoded": "/login?next=%2F{e}%2Fx",
    }.items():
        texts = [
            form.format(
                p=planted.PREFIX[s],
                a=planted.ADDRESS[s],
                h=planted.ADDRESS[s][7:],
                e=planted.PREFIX[s][1:].replace("/", "%2F"),
            )
            for s in ("left", "right")
        ]
        yield f"own {name}", texts[0], texts[1]
    yield "paths of a document", {"paths": {"/api/jobs": {"get": 1}}}, {"paths": {"/api/v2/jobs": {"get": 1}}}


def other_pairs() -> Iterator[tuple[str, Any, Any]]:
    yield "numbers of one entity", {"job_id": 12, "jobs": [{"id": 12}]}, {"job_id": 31, "jobs": [{"id": 31}]}
    yield "numbers as text", {"jobId": "12", "link": "/jobs/12"}, {"jobId": "31", "link": "/jobs/31"}
    yield "a number told of again", {"id": 12, "message": "Order 12 made"}, {"id": 31, "message": "Order 31 made"}
    yield "JSON in a text", '{"a": 1, "b": [2]}', '{"b":[2],"a":1}'
    yield "JSON in a text with ids", f'{{"a": "{own_id("left", "j")}"}}', f'{{"a":"{own_id("right", "j")}"}}'
    for scheme in (
        "$pbkdf2-sha256$29000${}${}",
        "pbkdf2:sha256:600000${}${}",
        "$argon2id$v=19$m=65536,t=3,p=4${}${}",
        "scrypt:32768:8:1${}${}",
    ):
        hashes = [scheme.format(token(side, "salt", 22), token(side, "digest", 43)) for side in ("left", "right")]
        yield f"hash {scheme[:8]}", hashes[0], hashes[1]
    yield "bcrypt", "$2b$12$" + token("left", "b", 53), "$2b$12$" + token("right", "b", 53)
    yield "NaN on both", b'{"x": NaN}', b'{"x":NaN}'
    yield "a number beyond 64 bits", b'{"x": 18446744073709551617}', b'{"x":18446744073709551617}'
    yield "half a character", b'{"x": "\\ud800"}', b'{"x":"\\ud800"}'
    yield "the same key twice on both", b'{"x": 1, "x": 2}', b'{"x":1,"x":2}'


PAIRS = [*leaf_pairs(), *own_pairs(), *other_pairs()]
WHOLE = list(documents())


def test_there_are_enough_pairs() -> None:
    assert len(PAIRS) + len(WHOLE) >= 200


@pytest.mark.parametrize("group", sorted({name.split()[0] for name, _, _ in PAIRS}))
def test_values_that_are_equal_by_rule_are_not_reported(group: str) -> None:
    told = {
        name: differences
        for name, left, right in PAIRS
        if name.split()[0] == group and (differences := found(_body(left), _body(right)))
    }

    assert told == {}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_that_are_equal_by_rule_are_not_reported(document: str) -> None:
    told = {
        name: differences
        for name, left, right in WHOLE
        if name.startswith(document) and (differences := found(left, right))
    }

    assert told == {}


def _body(value: Any) -> Outcome:
    return answer(value if isinstance(value, dict | bytes) else {"x": value})


def test_a_shifted_clock_leaves_times_to_their_format() -> None:
    terms = replace(TERMS, clock_shift_s=86_400.0 * 30)
    body = {"next": "2026-11-23T03:15:00+01:00", "day": "2026-11-22", "exp": 1_795_341_600}
    later = {"next": "2027-07-01T03:15:00+02:00", "day": "2026-12-22", "exp": 1_799_000_000}

    assert found(answer(body), answer(later), terms) == []
    assert found(answer(body), answer(later | {"day": "22.12.2026"}), terms) == [("format", "$.day")]
    assert found(answer(body), answer(later | {"next": "2027-07-01T03:15:00Z"}), terms) == [("format", "$.next")]


def test_two_broken_connections_are_equal() -> None:
    broken = [
        answer(b"", status=0, headers=(), error=text)
        for text in ("The connection was reset.", "The connection was closed.")
    ]

    assert found(broken[0], broken[1]) == []


def test_an_answer_without_content_has_no_type_to_differ() -> None:
    html = (("content-type", "text/html; charset=utf-8"),)

    assert found(answer(b"", status=204, headers=html), answer(b"", status=204, headers=())) == []


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [RowChange("lines", "insert", None, {"id": n, "sku": f"SKU-{n}"}) for n in range(9)]

    left, right = Outcome(answer({}).answer, rows=rows), Outcome(answer({}).answer, rows=rows[::-1])

    assert found(left, right) == []


def test_a_library_may_sign_its_calls() -> None:
    def call(agent: str, path: str) -> Outcome:
        headers = {"user-agent": agent, "accept-encoding": agent, "host": agent}
        content = {"method": "GET", "host": "h", "path": path, "headers": headers, "body": ""}
        return Outcome(answer({}).answer, effects=[Effect("http", content)])

    assert found(call("python-requests/2.32", "/x?a=1&b=2"), call("python-httpx/0.28", "/x?b=2&a=1")) == []
    assert found(call("shop/1.0", "/x"), call("python-httpx/0.28", "/x")) == [
        ("presence", "http[0].headers.user-agent")
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_is_equal_to_itself(document: str) -> None:
    body = DOCUMENTS[document]("left")

    assert found(answer(body), answer(json.dumps(body, indent=1).encode())) == []
    assert sum(1 for _ in leaves(body)) > 10
    assert compare(answer(body), answer(body), route="", terms=Terms(), identities=Identities()) == []
