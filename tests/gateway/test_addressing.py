"""Which stack answers, and under which address: prefixes, X-Stack, raw paths, refused paths."""

from dataclasses import dataclass

import pytest

from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge

LEGACY = ("X-Stack", "legacy")
MODERN = ("X-Stack", "modern")
AMBIGUOUS = {"error": "Bad request", "message": "Ambiguous path."}
UNREADABLE = {"error": "Bad request", "message": "The request could not be read."}
NOT_FOUND = {"error": "Not found", "message": "No such endpoint."}


@dataclass(frozen=True)
class Case:
    """A request and where it must end: the stack, and the target in that stack's request line."""

    says: str
    target: str
    stack: str
    gets: str
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"


FORWARDED = [
    Case("the old prefix is the old stack's", "/api/things", "legacy", "/api/things"),
    Case("the new prefix is the new stack's", "/api/v2/things", "modern", "/api/v2/things"),
    Case("the bare old prefix", "/api", "legacy", "/api"),
    Case("the bare new prefix", "/api/v2", "modern", "/api/v2"),
    Case("a trailing slash stays", "/api/", "legacy", "/api/"),
    Case("a trailing slash stays on a path", "/api/v2/things/", "modern", "/api/v2/things/"),
    Case("v2 as part of a name is no prefix", "/api/v2things", "legacy", "/api/v2things"),
    Case("upper case is another path", "/api/V2/things", "legacy", "/api/V2/things"),
    Case("a query on the bare prefix", "/api?x=1", "legacy", "/api?x=1"),
    Case("a query on the bare new prefix", "/api/v2?x=1", "modern", "/api/v2?x=1"),
    Case("a query stays raw", "/api/things?a=%2F&b=a+b&c=%zz", "legacy", "/api/things?a=%2F&b=a+b&c=%zz"),
    Case("an empty query stays", "/api/things?", "legacy", "/api/things?"),
    Case(
        "dots and slashes in a query are harmless",
        "/api/things?u=http://a/../b",
        "legacy",
        "/api/things?u=http://a/../b",
    ),
    Case(
        "an encoded slash in a query is harmless", "/api/v2/things?u=%2f%5c%00", "modern", "/api/v2/things?u=%2f%5c%00"
    ),
    Case("a question mark in a query", "/api/things?a=?b", "legacy", "/api/things?a=?b"),
    Case("an encoded blank stays encoded", "/api/things/a%20b", "legacy", "/api/things/a%20b"),
    Case("lower-case hex stays lower-case", "/api/things/%c3%a9", "legacy", "/api/things/%c3%a9"),
    Case("an encoded letter stays encoded", "/api/%74hings", "legacy", "/api/%74hings"),
    Case("an encoded percent sign is not decoded twice", "/api/things/%252f", "legacy", "/api/things/%252f"),
    Case("an encoded question mark stays in the path", "/api/things/a%3Fb", "legacy", "/api/things/a%3Fb"),
    Case("an encoded line feed stays encoded", "/api/things%0a", "legacy", "/api/things%0a"),
    Case("plus, comma, semicolon and colon", "/api/things/a+b,c;d:e", "legacy", "/api/things/a+b,c;d:e"),
    Case("a double slash goes on raw", "/api//things", "legacy", "/api//things"),
    Case("a double slash at the end", "/api/v2/things//", "modern", "/api/v2/things//"),
    Case("a double slash before v2 is not the new prefix", "/api//v2/things", "legacy", "/api//v2/things"),
    Case("names that begin with a dot", "/api/.things/..things/...", "legacy", "/api/.things/..things/..."),
    Case("a dot within a name", "/api/things.json", "legacy", "/api/things.json"),
    Case("an absolute address", "http://elsewhere.example/api/things", "legacy", "/api/things"),
    Case("X-Stack sends the old prefix to the new stack", "/api/things", "modern", "/api/v2/things", (MODERN,)),
    Case("X-Stack sends the new prefix to the old stack", "/api/v2/things", "legacy", "/api/things", (LEGACY,)),
    Case("X-Stack naming the same stack changes nothing", "/api/things", "legacy", "/api/things", (LEGACY,)),
    Case("X-Stack naming the same new stack", "/api/v2/things", "modern", "/api/v2/things", (MODERN,)),
    Case("X-Stack keeps the rest raw", "/api/a%2Bb//%41?q=%2F", "modern", "/api/v2/a%2Bb//%41?q=%2F", (MODERN,)),
    Case("X-Stack on a bare prefix", "/api/v2", "legacy", "/api", (LEGACY,)),
    Case("X-Stack on a bare prefix with a query", "/api?x", "modern", "/api/v2?x", (MODERN,)),
    Case("X-Stack is exact about case", "/api/things", "legacy", "/api/things", (("X-Stack", "Modern"),)),
    Case("X-Stack with another value is ignored", "/api/things", "legacy", "/api/things", (("X-Stack", "both"),)),
    Case(
        "X-Stack with two values is ignored", "/api/things", "legacy", "/api/things", (("X-Stack", "modern, legacy"),)
    ),
    Case(
        "X-Stack with more than a name is ignored", "/api/things", "legacy", "/api/things", (("X-Stack", "modernist"),)
    ),
    Case("an empty X-Stack is ignored", "/api/v2/things", "modern", "/api/v2/things", (("X-Stack", ""),)),
    Case("X_Stack is not X-Stack", "/api/things", "legacy", "/api/things", (("X_Stack", "modern"),)),
    Case("X-Stack can be no address", "/api/things", "legacy", "/api/things", (("X-Stack", "127.0.0.1:22"),)),
    Case("POST", "/api/v2/things", "modern", "/api/v2/things", (), "POST"),
    Case("PUT", "/api/things/1", "legacy", "/api/things/1", (), "PUT"),
    Case("PATCH", "/api/things/1", "legacy", "/api/things/1", (), "PATCH"),
    Case("DELETE by X-Stack", "/api/things/1", "modern", "/api/v2/things/1", (MODERN,), "DELETE"),
    Case("OPTIONS", "/api/v2/things", "modern", "/api/v2/things", (), "OPTIONS"),
    Case("the docs", "/docs", "modern", "/docs"),
    Case("below the docs", "/docs/oauth2-redirect?a=1", "modern", "/docs/oauth2-redirect?a=1"),
    Case("the other docs", "/redoc", "modern", "/redoc"),
    Case("the schema at the root", "/openapi.json", "modern", "/openapi.json"),
    Case("the schema below the prefix", "/api/v2/openapi.json", "modern", "/api/v2/openapi.json"),
    Case("X-Stack does not move the docs", "/docs", "modern", "/docs", (LEGACY,)),
]


@pytest.mark.parametrize("case", FORWARDED, ids=lambda case: case.says)
def test_a_request_reaches_its_stack_under_its_raw_path(edge: Edge, case: Case) -> None:
    answer = edge.ask(case.method, case.target, case.headers)

    assert (answer.status, answer.header("X-Served-By")) == (200, case.stack)
    assert (answer.json["stack"], answer.json["target"], answer.json["method"]) == (case.stack, case.gets, case.method)
    assert answer.sent("X-Stack") == []


REFUSED = {
    "a parent folder": "/api/../secret",
    "a parent folder at the end": "/api/things/..",
    "a parent folder before a query": "/api/things/..?x=1",
    "the same folder": "/api/./things",
    "the same folder at the end": "/api/things/.",
    "an encoded parent": "/api/%2e%2e/secret",
    "a half encoded parent": "/api/.%2E/secret",
    "an encoded same folder": "/api/%2e/things",
    "above the root": "/../etc/passwd",
    "above the root, encoded": "/%2e%2e/etc",
    "an encoded slash": "/api/things/a%2Fb",
    "an encoded slash in lower case": "/api/v2/things/a%2fb",
    "an encoded backslash": "/api/things/a%5cb",
    "a backslash": "/api/things\\..\\secret",
    "an encoded zero byte": "/api/things/%00",
    "an encoded zero byte with a query": "/api/%00?x=1",
    "a fragment": "/api/things#part",
    "a way up in a fragment": "/api/things#/../secret",
    "an encoded prefix": "/%61pi/things",
    "an encoded part of the prefix": "/api/%76%32/things",
    "an encoded question mark after the prefix": "/api%3fx",
    "outside the prefixes": "/docs/../api/things",
    "the page": "/..",
    "an absolute address": "http://elsewhere.example/api/../secret",
    "the gateway's own address": "/__gateway/%2e%2e/health",
}


@pytest.mark.parametrize("target", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("headers", [(), (MODERN,)], ids=["as addressed", "by X-Stack"])
def test_a_path_that_two_parsers_may_read_differently_is_refused(
    edge: Edge, stacks: tuple[EchoStack, EchoStack], target: str, headers: tuple[tuple[str, str], ...]
) -> None:
    before = [len(stack.seen) for stack in stacks]

    answer = edge.ask("GET", target, headers)

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (400, AMBIGUOUS, "none")
    assert [len(stack.seen) for stack in stacks] == before


UNREADABLE_REQUESTS = {
    "a broken escape": b"GET /api/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "an escape cut short": b"GET /api/%2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank in the path": b"GET /api/a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control character in the path": b"GET /api/a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a lower-case method": b"get /api HTTP/1.1\r\nHost: a\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no host": b"GET /api/things HTTP/1.1\r\n\r\n",
    "a length that is no number": b"POST /api/things HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    "two lengths": b"POST /api/things HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": (
        b"POST /api/things HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "broken chunks": b"POST /api/things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a zero byte in a header": b"GET /api/things HTTP/1.1\r\nHost: a\r\nX-A: a\x00b\r\n\r\n",
    "a target that is no path": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("data", UNREADABLE_REQUESTS.values(), ids=UNREADABLE_REQUESTS.keys())
def test_a_request_that_cannot_be_read_gets_json(edge: Edge, data: bytes) -> None:
    answer = edge.raw(data)

    assert (answer.status, answer.json) == (400, UNREADABLE)
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("X-Served-By") == "none"
    assert answer.header("X-Request-Id")


UNKNOWN = {
    "no such page": "/nowhere",
    "a name that begins like a prefix": "/apis/things",
    "a double slash at the start": "//api/things",
    "a name that begins like the docs": "/docsx",
    "a text that is not there": "/ABSENT.md",
    "the gateway's own addresses": "/__gateway/nothing",
    "the gateway's error pages": "/__gateway/errors/502",
    "the prefix with a line feed": "/api%0a",
}


@pytest.mark.parametrize("target", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_address_of_nobody_is_404_in_json(edge: Edge, target: str) -> None:
    answer = edge.get(target)

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (404, NOT_FOUND, "none")


def test_head_is_passed_on_and_has_no_body(edge: Edge, stacks: tuple[EchoStack, EchoStack]) -> None:
    answer = edge.ask("HEAD", "/api/things/head-case")

    assert (answer.status, answer.body, answer.header("X-Served-By")) == (200, b"", "legacy")
    assert int(answer.header("Content-Length") or 0) > 0
    assert [seen.method for seen in stacks[0].requests("head-case")] == ["HEAD"]


def test_a_stacks_own_errors_pass_through(edge: Edge) -> None:
    for status in (400, 404, 405, 413, 500, 502, 503, 504):
        answer = edge.get(f"/api/things/status/{status}")

        assert (answer.status, answer.header("X-Served-By"), answer.json["stack"]) == (status, "legacy", "legacy")


def test_trace_is_refused_in_json(edge: Edge) -> None:
    answer = edge.ask("TRACE", "/api/things")

    assert (answer.status, answer.json["error"], answer.header("Allow")) == (405, "Method not allowed", None)
