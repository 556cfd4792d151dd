"""Headers: the request id, who served, forwarded facts that a client cannot forge, security headers that come once."""

import re

import pytest

from tests.gateway.edge import Answer, Edge, request_bytes

MADE = re.compile(r"[0-9a-f]{32}")
SANE = {
    "a UUID": "3f1c7a52-7b4b-4a39-9d75-1d3b9a6a3d6e",
    "letters, digits, dot, underscore, hyphen": "Job_1.2-z",
    "128 characters": "x" * 128,
    "one character": "1",
}
INSANE = {
    "129 characters": "x" * 129,
    "a blank inside": "a b",
    "quotes": 'a"b',
    "an angle bracket": "<script>",
    "a semicolon": "a;b",
    "not ASCII": "caf\xe9",
    "empty": "",
}
# Every kind of answer: what is sent, and who answers.
ANSWERS: dict[str, bytes] = {
    "a stack": request_bytes("GET", "/api/things"),
    "the other stack": request_bytes("GET", "/api/v2/things"),
    "a stack's error": request_bytes("GET", "/api/things/status/500"),
    "a stack's HEAD": request_bytes("HEAD", "/api/things"),
    "the docs": request_bytes("GET", "/docs"),
    "the page": request_bytes("GET", "/"),
    "a text": request_bytes("GET", "/README.md"),
    "the gateway's health": request_bytes("GET", "/__gateway/health"),
    "an unknown address": request_bytes("GET", "/nowhere"),
    "an ambiguous path": request_bytes("GET", "/api/../x"),
    "an ambiguous path below /": request_bytes("GET", "/api/things/../x"),
    "too large": request_bytes("POST", "/api/things", [("Content-Length", "9999999")]),
    "too long": request_bytes("GET", "/api/" + "x" * 9000),
    "a long header": request_bytes("GET", "/api/", [("X-Long", "x" * 9000)]),
    "not allowed": request_bytes("POST", "/", body=b"x"),
    "not readable": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET /api HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("rid", SANE.values(), ids=SANE.keys())
def test_a_sane_request_id_is_kept(edge: Edge, rid: str) -> None:
    answer = edge.get("/api/things", ("X-Request-Id", rid))

    assert (answer.header("X-Request-Id"), answer.sent("X-Request-Id")) == (rid, [rid])


@pytest.mark.parametrize("rid", INSANE.values(), ids=INSANE.keys())
def test_any_other_request_id_is_replaced(edge: Edge, rid: str) -> None:
    answer = edge.get("/api/v2/things", ("X-Request-Id", rid))
    made = answer.header("X-Request-Id") or ""

    assert MADE.fullmatch(made)
    assert answer.sent("X-Request-Id") == [made]


def test_each_request_gets_its_own_id(edge: Edge) -> None:
    ids = {edge.get("/api/things").header("X-Request-Id") for _ in range(20)}

    assert len(ids) == 20


@pytest.mark.parametrize("data", ANSWERS.values(), ids=ANSWERS.keys())
def test_every_answer_has_each_of_its_headers_once(edge: Edge, data: bytes) -> None:
    answer = edge.raw(data, method=data.split(b" ")[0].decode())

    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answer.header("X-Request-Id") or "")
    assert answer.header("X-Served-By") in {"legacy", "modern", "none"}
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Referrer-Policy") == "no-referrer"
    assert answer.header("Server") == "nginx"


def test_the_gateways_own_answers_are_by_nobody(edge: Edge) -> None:
    answers = {name: edge.raw(data) for name, data in ANSWERS.items() if not re.search("stack|docs", name)}

    assert {name: answer.header("X-Served-By") for name, answer in answers.items()} == dict.fromkeys(answers, "none")


def test_a_kept_id_is_on_the_gateways_own_answers_too(edge: Edge) -> None:
    for target, status in (("/nowhere", 404), ("/api/../x", 400), ("/__gateway/health", 200)):
        answer = edge.get(target, ("X-Request-Id", "kept"))

        assert (answer.status, answer.header("X-Request-Id")) == (status, "kept")


def test_a_client_cannot_forge_where_it_comes_from(edge: Edge) -> None:
    forged = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Forwarded-Server", "evil"),
        ("X-Real-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("Proxy", "http://evil.example"),
        ("X_Forwarded_For", "6.6.6.6"),
    ]

    answer = edge.get("/api/things", *forged)

    assert answer.sent("X-Forwarded-For") == ["127.0.0.1"]
    assert answer.sent("X-Real-IP") == ["127.0.0.1"]
    assert answer.sent("X-Forwarded-Proto") == ["http"]
    assert answer.sent("X-Forwarded-Host") == ["edge.example:8000"]
    assert answer.sent("X-Forwarded-Port") == [str(edge.port)]
    assert answer.sent("X-Forwarded-Prefix") == ["/api"]
    assert answer.sent("Host") == ["edge.example:8000"]
    assert not re.search(r"6\.6\.6\.6|evil|/admin", answer.body.decode())


def test_a_clients_own_headers_arrive(edge: Edge) -> None:
    sent = [("Authorization", "Bearer abc"), ("Accept-Language", "ja"), ("X-Anything", "1"), ("Cookie", "a=b")]

    answer = edge.get("/api/v2/things", *sent)

    assert [answer.sent(name) for name, _ in sent] == [[value] for _, value in sent]


def test_upgrades_are_not_passed_on(edge: Edge) -> None:
    answer = edge.get("/api/things", ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"))

    assert (answer.status, answer.sent("Connection")) == (200, [])


def test_allow_and_cors_come_from_the_stack(edge: Edge) -> None:
    answer = edge.ask("OPTIONS", "/api/things", [("Origin", "http://app.example")])

    assert answer.header("Allow") == "GET, HEAD, OPTIONS"
    assert answer.header("Access-Control-Allow-Origin") == "http://app.example"


def test_the_gateway_adds_no_cors(edge: Edge) -> None:
    answer = edge.get("/nowhere", ("Origin", "http://app.example"))

    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


def test_what_the_page_allows_is_said(edge: Edge) -> None:
    answer: Answer = edge.ask("DELETE", "/")

    assert (answer.status, answer.header("Allow"), answer.json["error"]) == (405, "GET, HEAD", "Method not allowed")
