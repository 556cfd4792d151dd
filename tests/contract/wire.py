"""Cases for a real server: what its HTTP parser refuses or lets pass, and whether a connection lives on afterwards."""

from collections.abc import Iterator

import pytest

from tests.contract.served import Served, request_bytes, served

UNREADABLE = {"error": "Bad request", "message": "The request could not be read."}
UNKNOWN = {"error": "Not found", "message": "No such endpoint."}
LIVE = "/health/live"
MEBIBYTE = 1_048_576


@pytest.fixture(scope="module")
def server(stack_name: str) -> Iterator[Served]:
    with served(stack_name) as running:
        yield running


def get(server: Served, path: str, *headers: str | bytes, method: str = "GET") -> bytes:
    return request_bytes(f"{method} {server.prefix}{path} HTTP/1.1", *headers)


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        pytest.param(b"GET {}/health/\xff HTTP/1.1", [], id="bytes in the path"),
        pytest.param("GET {}/jobs/あ HTTP/1.1".encode(), [], id="letters in the path"),
        pytest.param(b"GET {}/jobs?search=\xe9 HTTP/1.1", [], id="bytes in the query"),
        pytest.param(b"GET {}/jobs/a\x01b HTTP/1.1", [], id="a control character in the path"),
        pytest.param(b"GET {}/jobs/a b HTTP/1.1", [], id="a blank in the path"),
        pytest.param(b"get {}/health/live HTTP/1.1", [], id="a method in lower case"),
        pytest.param(b"G@T {}/health/live HTTP/1.1", [], id="a method with an at sign"),
        pytest.param(b"GET {}/health/live http/1.1", [], id="a version in lower case"),
        pytest.param(b"\x16\x03\x01 {} x", [], id="TLS"),
        pytest.param(b"GET {}/health/live HTTP/1.1", ["X-A: a\0b"], id="a NUL in a header"),
        pytest.param(b"GET {}/health/live HTTP/1.1", ["X-A: a\x0bb"], id="a control character in a header"),
        pytest.param(b"GET {}/health/live HTTP/1.1", ["X A: b"], id="a blank in a header's name"),
        pytest.param(b"GET {}/health/live HTTP/1.1", ["X-A: b", " c"], id="a folded header"),
        pytest.param(b"GET {}/health/live HTTP/1.1", ["Host: other"], id="two hosts"),
        pytest.param(
            b"POST {}/auth/login HTTP/1.1",
            ["Content-Type: application/json", "Content-Type: text/plain", "Content-Length: 0"],
            id="two content types",
        ),
        pytest.param(b"POST {}/auth/login HTTP/1.1", ["Content-Length: -1"], id="a negative length"),
        pytest.param(b"POST {}/auth/login HTTP/1.1", ["Content-Length: 2", "Content-Length: 3"], id="two lengths"),
        pytest.param(
            b"POST {}/auth/login HTTP/1.1",
            ["Content-Length: 4", "Transfer-Encoding: chunked"],
            id="a length and chunks",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_contracts_words(server: Served, line: bytes, headers: list[str]) -> None:
    (answer,) = server.ask(request_bytes(line.replace(b"{}", server.prefix.encode()), *headers))

    assert (answer.status, answer.json) == (400, UNREADABLE)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-served-by"] == server.name
    assert len(answer.headers["x-request-id"]) == 36
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n"])
def test_broken_chunks_are_refused(server: Served, chunks: bytes) -> None:
    line = f"POST {server.prefix}/auth/login HTTP/1.1"
    headers = ("Content-Type: application/json", "Transfer-Encoding: chunked")

    (answer,) = server.ask(request_bytes(line, *headers) + chunks)

    assert (answer.status, answer.json) == (400, UNREADABLE)


@pytest.mark.parametrize("method", ["FOO", "X-ODD", "X_ODD", "PROPFIND", "GETX", "A1B", "ANNOUNCE", "PRI"])
def test_a_method_nobody_knows_is_not_allowed(server: Served, method: str) -> None:
    asked = get(server, LIVE, "X-Request-Id: mine", "Origin: http://localhost:5173", method=method)
    unknown = get(server, "/nope", method=method)
    with_body = request_bytes(f"{method} {server.prefix}{LIVE} HTTP/1.1", body=b"x" * 100_000)

    answers = server.ask(asked, unknown, with_body, get(server, LIVE))

    assert [answer.status for answer in answers] == [405, 404, 405, 200]
    assert answers[0].json == {"error": "Method not allowed", "message": "Allowed: GET, HEAD, OPTIONS."}
    assert answers[0].headers["allow"] == "GET, HEAD, OPTIONS"
    assert answers[0].headers["x-request-id"] == "mine"
    assert answers[0].headers["access-control-allow-origin"] == "http://localhost:5173"
    assert answers[1].json == UNKNOWN


@pytest.mark.parametrize("path", [LIVE, "/health", "/nope", "/jobs", "/auth/login"])
def test_a_connection_lives_on_after_head(server: Served, path: str) -> None:
    head, got = server.ask(get(server, path, method="HEAD"), get(server, path))

    assert (head.status, head.body) == (got.status, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/bulk-upload", "/auth/logout", "/nope", "/health"])
def test_a_connection_lives_on_after_a_body_that_nobody_read(server: Served, path: str) -> None:
    size = 5 * MEBIBYTE if path == "/jobs/bulk-upload" else MEBIBYTE
    refused = request_bytes(f"POST {server.prefix}{path} HTTP/1.1", "Content-Type: application/json", body=b" " * size)

    answers = server.ask(refused, get(server, LIVE))

    assert answers[0].status in (401, 404, 405)
    assert answers[1].status == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(["X-A: " + "a" * 8_185], id="a header of 8 KiB"),
        pytest.param([f"X-{number}: a" for number in range(500)], id="500 headers"),
        pytest.param(["Expect: 100-continue"], id="an expectation"),
        pytest.param(["X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"], id="contradictory proxies"),
        pytest.param(["X-Forwarded-Protocol: ssl", "X-Forwarded-Proto: http"], id="contradictory schemes"),
        pytest.param(["SCRIPT_NAME: /api", "PATH_INFO: /x"], id="variables of CGI"),
    ],
)
def test_headers_nobody_needs_do_no_harm(server: Served, headers: list[str]) -> None:
    answer = server.ask(get(server, LIVE, *headers))[-1]

    assert answer.json == {"status": "alive"}


def test_an_address_may_have_as_many_bytes_as_the_gateway_lets_through(server: Served) -> None:
    target = f"{server.prefix}{LIVE}?x="
    line = f"GET {target}{'a' * (8_190 - len('GET  HTTP/1.1') - len(target))} HTTP/1.1"

    (answer,) = server.ask(request_bytes(line))

    assert answer.json == {"status": "alive"}


@pytest.mark.parametrize("host", ["x" * 300, "a..b", "a b", "a/b", "[::1", "evil:99999", ""])
def test_a_host_that_is_no_name_is_nobodys_business(server: Served, host: str) -> None:
    (answer,) = server.ask(f"GET {server.prefix}{LIVE} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    assert answer.json == {"status": "alive"}


def test_a_header_sent_twice_is_one_list(server: Served) -> None:
    origin = "Origin: http://localhost:5173"

    (answer,) = server.ask(
        get(server, LIVE, origin, "Origin: https://evil.example", "X-Request-Id: a", "X-Request-Id: b")
    )

    assert "access-control-allow-origin" not in answer.headers
    assert len(answer.headers["x-request-id"]) == 36
