"""The client of a replay: the recorded bytes go out, and whatever a server does comes back as a value."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop

from parity.reach.client import Client, Connection, Limits
from parity.reach.wire import Origin, request_bytes
from parity.values import Answer, ParityError, Request, header
from tests.parity.scripted import Say, Scripted, ok, scripted
from tests.sinks import HttpSink, tls_for

GET = Request("GET", "/jobs")
POST = Request("POST", "/jobs", (("Content-Type", "application/json"),), b'{"name": "a"}')
LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


def run(work: Coroutine[Any, Any, Any], loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop) -> Any:
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)


def sent(
    *requests: Request, to: tuple[Say | bytes, ...], loop: Any = uvloop.new_event_loop, **limits: Any
) -> tuple[list[Answer], Scripted]:
    """Send the requests one after the other over one connection to a server that says `to`."""

    async def work() -> tuple[list[Answer], Scripted]:
        async with scripted(*to) as server:
            connection = Connection(Origin("127.0.0.1", server.port), Limits(**limits))
            answers = [await connection.send(request) for request in requests]
            connection.close()
            return answers, server

    return run(work(), loop)


def answer_to(request: Request, *to: Say | bytes, **limits: Any) -> Answer:
    answers, _ = sent(request, to=to, **limits)
    return answers[0]


# What goes out

WIRE = {
    "a plain GET": (GET, b"GET /api/jobs HTTP/1.1\r\nHost: h:1\r\n\r\n"),
    "a body has its length": (
        Request("PUT", "/x", (("A", "b"),), b"abc"),
        b"PUT /api/x HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Length: 3\r\n\r\nabc",
    ),
    "a body of a GET is sent": (
        Request("GET", "/x", (), b"abc"),
        b"GET /api/x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\nabc",
    ),
    "a POST without a body says so": (
        Request("POST", "/x"),
        b"POST /api/x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n",
    ),
    "a recorded length of none is kept": (
        Request("DELETE", "/x", (("content-length", "0"),)),
        b"DELETE /api/x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n",
    ),
    "chunks become a length": (
        Request("POST", "/x", (("Transfer-Encoding", "chunked"),), b"abc"),
        b"POST /api/x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\nabc",
    ),
    "the recorded connection's own headers stay behind": (
        Request(
            "GET",
            "/x",
            (
                ("Host", "recorded.test"),
                ("Connection", "keep-alive, X-Hop"),
                ("Keep-Alive", "5"),
                ("X-Hop", "1"),
                ("Upgrade", "h2c"),
                ("TE", "trailers"),
                (":authority", "recorded.test"),
                ("X-Kept", "1"),
            ),
        ),
        b"GET /api/x HTTP/1.1\r\nHost: h:1\r\nX-Kept: 1\r\n\r\n",
    ),
    "headers keep order, case and repetition": (
        Request("GET", "/x", (("b", "1"), ("A", "2"), ("b", "3"), ("Empty", ""))),
        b"GET /api/x HTTP/1.1\r\nHost: h:1\r\nb: 1\r\nA: 2\r\nb: 3\r\nEmpty: \r\n\r\n",
    ),
    "a target is not mended": (
        Request("GET", "/a/../b//c%2f%zz?q=[1]|{}&q=%E9+"),
        b"GET /api/a/../b//c%2f%zz?q=[1]|{}&q=%E9+ HTTP/1.1\r\nHost: h:1\r\n\r\n",
    ),
    "bytes of a target are bytes": (
        Request("GET", "/caf\xe9"),
        b"GET /api/caf\xe9 HTTP/1.1\r\nHost: h:1\r\n\r\n",
    ),
    "characters of a target are UTF-8": (
        Request("GET", "/成功"),
        b"GET /api/\xe6\x88\x90\xe5\x8a\x9f HTTP/1.1\r\nHost: h:1\r\n\r\n",
    ),
    "a query alone follows the prefix": (Request("GET", "?a=1"), b"GET /api?a=1 HTTP/1.1\r\nHost: h:1\r\n\r\n"),
    "the server as a whole has no prefix": (Request("OPTIONS", "*"), b"OPTIONS * HTTP/1.1\r\nHost: h:1\r\n\r\n"),
    "a HEAD ends its connection": (
        Request("HEAD", "/x"),
        b"HEAD /api/x HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n",
    ),
    "any word is a method": (Request("BREW", "/x"), b"BREW /api/x HTTP/1.1\r\nHost: h:1\r\n\r\n"),
}


@pytest.mark.parametrize(("request_", "expected"), WIRE.values(), ids=WIRE.keys())
def test_a_request_goes_out_as_recorded(request_: Request, expected: bytes) -> None:
    assert request_bytes(request_, "/api", "h:1") == expected


def test_no_path_at_all_is_the_root() -> None:
    assert request_bytes(Request("GET", ""), "", "h").startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "request_",
    [Request("GET", "/a\r\nX: 1"), Request("GET", "/", (("A", "b\nC: d"),)), Request("GET", "/", (("A\r", "b"),))],
    ids=["in the target", "in a value", "in a name"],
)
def test_a_line_break_makes_no_second_request(request_: Request) -> None:
    answers, server = sent(request_, to=(ok(),))

    assert answers[0].status == 0
    assert answers[0].error == "The request holds a line break in its target or headers and was not sent."
    assert server.requests == []


def test_the_bytes_on_the_wire_are_these() -> None:
    _, server = sent(POST, to=(ok(),))

    assert server.requests == [request_bytes(POST, "", f"127.0.0.1:{server.port}")]


# What comes back

ANSWERS = {
    "a length": (ok(b"ok"), 200, b"ok"),
    "no body": (ok(b""), 200, b""),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nab\r\n1\r\nc\r\n0\r\nX-T: 1\r\n\r\n",
        200,
        b"abc",
    ),
    "until the end of the connection": (Say(b"HTTP/1.1 200 OK\r\n\r\nabc", close=True), 200, b"abc"),
    "HTTP/1.0": (Say(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", close=True), 200, b"abc"),
    "HTTP/1.0 without a length": (Say(b"HTTP/1.0 404 Not Found\r\n\r\nabc", close=True), 404, b"abc"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "304 with the length of what it spares": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
    "100 first": (b"HTTP/1.1 100 Continue\r\n\r\n" + ok(), 200, b"ok"),
    "103 first": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(), 200, b"ok"),
    "no reason": (b"HTTP/1.1 418\r\nContent-Length: 0\r\n\r\n", 418, b""),
    "an unknown status": (b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n", 799, b""),
    "a redirect is not followed": (b"HTTP/1.1 308 P\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 308, b""),
    "a byte at a time": (Say(tuple(bytes([byte]) for byte in ok(b"abc", "X-A: b"))), 200, b"abc"),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
@pytest.mark.parametrize(("say", "status", "body"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_read_to_its_end(say: Say | bytes, status: int, body: bytes, loop: Any) -> None:
    answers, _ = sent(GET, GET, to=(say, say), loop=loop)

    assert [(answer.status, answer.body, answer.error) for answer in answers] == [(status, body, "")] * 2
    assert answers[0].elapsed_s > 0


def test_headers_are_lower_case_in_order_and_repeated() -> None:
    answer = answer_to(GET, ok(b"", "Set-Cookie: a=1", "X-B: caf\xe9", "set-cookie: b=2", "X-Empty:"))

    assert answer.headers == (
        ("set-cookie", "a=1"),
        ("x-b", "caf\xe9"),
        ("set-cookie", "b=2"),
        ("x-empty", ""),
        ("content-length", "0"),
    )


def test_headers_of_interim_answers_and_trailers_are_not_the_answer_s() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    answer = answer_to(
        GET, early + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )

    assert answer.headers == (("transfer-encoding", "chunked"),)


RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
CODED = {
    "gzip": ("gzip", gzip.compress(b"plain"), b"plain"),
    "gzip in capitals": ("GZIP", gzip.compress(b"plain"), b"plain"),
    "deflate": ("deflate", zlib.compress(b"plain"), b"plain"),
    "deflate without its wrapper": ("deflate", RAW.compress(b"plain") + RAW.flush(), b"plain"),
    "both, one after the other": ("deflate, gzip", gzip.compress(zlib.compress(b"plain")), b"plain"),
    "identity": ("identity", b"plain", b"plain"),
    "brotli stays": ("br", b"\x0b\x02\x80plain\x03", b"\x0b\x02\x80plain\x03"),
    "what lies about itself stays": ("gzip", b"plain", b"plain"),
    "half a gzip stays": ("gzip", gzip.compress(b"plain")[:-4], gzip.compress(b"plain")[:-4]),
    "nothing": ("gzip", b"", b""),
}


@pytest.mark.parametrize(("coding", "body", "plain"), CODED.values(), ids=CODED.keys())
def test_a_content_coding_is_undone_and_still_told(coding: str, body: bytes, plain: bytes) -> None:
    answer = answer_to(GET, ok(body, f"Content-Encoding: {coding}"))

    assert (answer.body, header(answer.headers, "content-encoding")) == (plain, coding)


HEADS = {
    "closes as asked": (Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", close=True), b""),
    "has no length": (Say(b"HTTP/1.1 200 OK\r\n\r\n", close=True), b""),
    "would be chunked": (Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", close=True), b""),
    "resets instead of closing": (Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", reset=True), b""),
    "stays open all the same": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b""),
    "sends the body that must not be there": (Say(ok(b"wrong"), close=True), b"wrong"),
}


@pytest.mark.parametrize(("say", "body"), HEADS.values(), ids=HEADS.keys())
def test_a_head_has_no_body_unless_one_was_sent(say: Say | bytes, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.reach.client._AFTER_HEAD_S", 0.05)

    answers, server = sent(Request("HEAD", "/"), GET, to=(say, ok(b"next")))

    assert [(answer.status, answer.body) for answer in answers] == [(200, body), (200, b"next")]
    assert server.connections == 2


# Connections


def test_one_connection_serves_many_requests() -> None:
    answers, server = sent(GET, POST, GET, to=(ok(),))

    assert [answer.status for answer in answers] == [200] * 3
    assert server.connections == 1


CLOSED = {
    "with notice": Say(ok(b"ok", "Connection: close"), close=True),
    "without notice": Say(ok(), close=True),
    "by a reset after a 500": Say(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", reset=True),
    "HTTP/1.0": Say(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", close=True),
    "with notice, but not yet": Say(ok(b"ok", "Connection: close")),
    "HTTP/1.0, but not yet": Say(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
@pytest.mark.parametrize("say", CLOSED.values(), ids=CLOSED.keys())
def test_a_connection_closed_between_two_requests_is_made_again(say: Say, loop: Any) -> None:
    answers, server = sent(GET, GET, GET, to=(say,), loop=loop)

    assert [answer.error for answer in answers] == [""] * 3
    assert server.connections == 3


def test_a_read_that_meets_a_dead_connection_is_sent_again_and_a_write_is_not() -> None:
    answers, server = sent(GET, GET, to=(ok(b"1"), Say(close=True), ok(b"2")))
    assert ([answer.body for answer in answers], len(server.requests)) == ([b"1", b"2"], 3)

    answers, server = sent(GET, POST, to=(ok(b"1"), Say(close=True), ok(b"2")))
    assert [answer.error for answer in answers] == ["", "The connection was closed without an answer."]
    assert len(server.requests) == 2


def test_a_connection_that_idled_too_long_is_not_trusted_with_a_write() -> None:
    answers, server = sent(POST, POST, to=(ok(),), idle_s=0.0)

    assert [answer.status for answer in answers] == [200, 200]
    assert server.connections == 2


UNTRUSTED = {
    "more than the answer": Say(ok(b"ok") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"),
    "a body behind a 204": Say(b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nnull"),
    "a body that follows a 204": Say((b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n", b"null")),
    "rubbish behind the answer": Say(ok(b"ok") + b"ok"),
}


@pytest.mark.parametrize("say", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_bytes_behind_an_answer_do_not_become_the_next_one(say: Say) -> None:
    answers, server = sent(GET, GET, to=(say, ok(b"right")))

    assert answers[0].error == ""
    assert answers[1].body == b"right"
    assert server.connections == 2


def test_a_client_uses_as_many_connections_as_it_may() -> None:
    async def work() -> tuple[list[Answer], int, int]:
        async with scripted(ok()) as server:
            client = Client(Origin("127.0.0.1", server.port), Limits(connections=3))
            await client.send(GET)
            await client.send(GET)
            alone = server.connections
            answers = await asyncio.gather(*(client.send(GET) for _ in range(12)))
            client.close()
            return answers, alone, server.connections

    answers, alone, together = run(work())
    assert [answer.status for answer in answers] == [200] * 12
    assert (alone, together) == (1, 3)


def test_a_request_given_up_leaves_nothing_on_its_connection() -> None:
    async def work() -> tuple[bytes, int]:
        async with scripted(Say(b""), ok(b"right")) as server:
            connection = Connection(Origin("127.0.0.1", server.port))
            given_up = asyncio.create_task(connection.send(GET))
            while not server.requests:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            answer = await connection.send(GET)
            connection.close()
            return answer.body, server.connections

    assert run(work()) == (b"right", 2)


# What goes wrong is an outcome

CLOSED_WITHOUT = "The connection was closed without an answer."
CUT = "The connection was closed in the middle of the answer."
BROKEN = {
    "closed at once": (Say(close=True), CLOSED_WITHOUT),
    "reset at once": (Say(reset=True), CLOSED_WITHOUT),
    "closed in the headers": (Say(b"HTTP/1.1 200 OK\r\nX-A: ", close=True), CUT),
    "closed in the body": (Say(ok(b"abcdef")[:-2], close=True), CUT),
    "reset in a body that the end ends": (Say(b"HTTP/1.1 200 OK\r\n\r\nabc", reset=True), CUT),
    "closed in the chunks": (Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", close=True), CUT),
    "closed behind the last chunk but one": (
        Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", close=True),
        CUT,
    ),
    "closed behind an interim answer": (Say(b"HTTP/1.1 100 Continue\r\n\r\n", close=True), CUT),
    "another protocol": (Say(b"SSH-2.0-OpenSSH_9.6\r\n", close=True), "The answer is not valid HTTP: "),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "The answer is not valid HTTP: ",
    ),
    "silence": (b"", "No complete answer within 0.1 s."),
    "half an answer and silence": (ok(b"abcdef")[:-2], "No complete answer within 0.1 s."),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("say", "error"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_status_0_and_one_sentence(say: Say | bytes, error: str, method: str) -> None:
    answers, server = sent(Request(method, "/"), to=(say,), answer_s=0.1)

    assert answers[0].status == 0
    assert answers[0].error.startswith(error)
    assert answers[0].error.endswith(".")
    assert len(server.requests) == 1


def test_after_a_broken_answer_the_next_request_has_a_line_of_its_own() -> None:
    answers, server = sent(GET, GET, to=(b"", ok(b"right")), answer_s=0.1)

    assert [answer.body for answer in answers] == [b"", b"right"]
    assert server.connections == 2


def test_nobody_listening_is_an_outcome() -> None:
    async def work() -> tuple[Answer, Answer]:
        async with scripted(ok()) as server:
            port = server.port
        connection = Connection(Origin("127.0.0.1", port))
        return await connection.send(GET), await connection.send(POST)

    assert [answer.error for answer in run(work())] == ["The connection was refused."] * 2


def test_a_larger_answer_than_any_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.reach.client._BODY_LIMIT_BYTES", 2**20)
    assert answer_to(GET, ok(bytes(2**20))).status == 200
    assert answer_to(GET, ok(bytes(2**20 + 1))).error == "The answer is larger than 1 MiB."


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
def test_an_answer_that_comes_before_the_body_was_read_is_not_lost(loop: Any) -> None:
    big = Request("POST", "/upload", (), bytes(20_000_000))
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge"

    for say in (Say(refusal, early=True), Say(refusal, early=True, close=True)):
        for _ in range(5):
            answers, server = sent(big, GET, to=(say, ok(b"next")), loop=loop)
            assert [(answer.status, answer.body) for answer in answers] == [(413, b"large"), (200, b"next")]
            assert server.connections == 2


def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000

    answers, server = sent(Request("POST", "/", (), body), to=(ok(body),))

    assert answers[0].body == body
    assert server.requests[0].endswith(b"\r\n\r\n" + body)


# Origins


@pytest.mark.parametrize(
    ("url", "prefix", "origin", "authority"),
    [
        ("http://127.0.0.1:5001", "/api", Origin("127.0.0.1", 5001, base="/api"), "127.0.0.1:5001"),
        ("http://old.test/base/", "/api", Origin("old.test", 80, base="/base/api"), "old.test"),
        ("https://new.test", "", Origin("new.test", 443, tls=True), "new.test"),
        ("https://new.test:80", "", Origin("new.test", 80, tls=True), "new.test:80"),
        ("http://[::1]:8000/", "", Origin("::1", 8000), "[::1]:8000"),
    ],
    ids=["a port", "a path of its own", "https", "an odd port", "IPv6"],
)
def test_a_url_and_a_prefix_make_an_origin(url: str, prefix: str, origin: Origin, authority: str) -> None:
    made = Origin.of(url, prefix)

    assert (made, made.authority) == (origin, authority)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://h", "http://", "http://h:x", "http://h?a=1", "http://u:p@h"]
)
def test_what_is_no_url_of_a_stack_is_named(url: str) -> None:
    with pytest.raises(ParityError) as refused:
        Origin.of(url)

    assert str(refused.value) == f'"{url}" is no URL of a stack; write http://host:port.'


def test_https_is_spoken_and_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = tls_for("localhost", tmp_path)

    async def get(port: int) -> Answer:
        connection = Connection(Origin("localhost", port, tls=True))
        answer = await connection.send(GET)
        connection.close()
        return answer

    with ExitStack() as stack:
        sink = stack.enter_context(HttpSink(tls=tls))
        refused = run(get(sink.port))
        monkeypatch.setattr(ssl, "create_default_context", lambda: tls.client)
        answered = run(get(sink.port))

    assert refused.status == 0
    assert "certificate" in refused.error.lower()
    assert (answered.status, answered.body) == (200, b"ok")
