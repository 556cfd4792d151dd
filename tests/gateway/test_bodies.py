"""Bodies and sizes: what passes unchanged, and what is too large for the edge."""

import hashlib

import pytest

from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, request_bytes

MIB = 1048576


def too_large(limit: int) -> dict[str, str]:
    return {"error": "Payload too large", "message": f"The request body may be at most {limit} bytes."}


def chunked(target: str, size: int) -> bytes:
    head = request_bytes("POST", target, [("Transfer-Encoding", "chunked")])
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    whole, rest = divmod(size, 65536)
    last = f"{rest:x}\r\n".encode() + b"x" * rest + b"\r\n" if rest else b""
    return head + chunk * whole + last + b"0\r\n\r\n"


BODIES = {
    "an empty body": ("/api/things", b""),
    "every byte value": ("/api/things", bytes(range(256))),
    "exactly the limit": ("/api/v2/things", b"x" * MIB),
    "9 MB of upload": ("/api/things/bulk", bytes(range(251)) * 36000),
    "an upload of exactly its limit": ("/api/v2/things/bulk", b"y" * (10 * MIB)),
}


@pytest.mark.parametrize(("target", "body"), BODIES.values(), ids=BODIES.keys())
def test_a_body_arrives_whole(edge: Edge, target: str, body: bytes) -> None:
    answer = edge.ask("POST", target, body=body)

    assert answer.status == 200
    assert (answer.json["length"], answer.json["digest"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_chunks_arrive_as_one_body_of_known_length(edge: Edge) -> None:
    answer = edge.raw(chunked("/api/v2/things", 300_000))

    assert (answer.status, answer.json["length"]) == (200, 300_000)
    assert answer.sent("Content-Length") == ["300000"]
    assert answer.sent("Transfer-Encoding") == []


TOO_LARGE = {
    "by its length": (request_bytes("POST", "/api/things", body=b"x" * (MIB + 1)), MIB),
    "by its length, never sent": (request_bytes("PUT", "/api/v2/things/1", [("Content-Length", str(2**40))]), MIB),
    "by its chunks": (chunked("/api/things", 2 * MIB), MIB),
    "upload by its length": (request_bytes("POST", "/api/things/bulk", [("Content-Length", "10485761")]), 10 * MIB),
    "upload by its chunks": (chunked("/api/v2/things/bulk", 10 * MIB + 1), 10 * MIB),
    "an upload's neighbour": (request_bytes("POST", "/api/things/bulks", [("Content-Length", "1048577")]), MIB),
    "below the upload": (request_bytes("POST", "/api/things/bulk/", [("Content-Length", "1048577")]), MIB),
    "to the docs": (request_bytes("POST", "/docs", [("Content-Length", "1048577")]), MIB),
    "to the page": (request_bytes("POST", "/", [("Content-Length", "1048577")]), MIB),
}


@pytest.mark.parametrize(("data", "limit"), TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_a_body_over_the_limit_is_413_and_reaches_no_stack(
    edge: Edge, stacks: tuple[EchoStack, EchoStack], data: bytes, limit: int
) -> None:
    before = [len(stack.seen) for stack in stacks]

    answer = edge.raw(data)

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (413, too_large(limit), "none")
    assert answer.header("Content-Type") == "application/json"
    assert [len(stack.seen) for stack in stacks] == before


def test_an_upload_by_x_stack_has_the_uploads_limit(edge: Edge) -> None:
    answer = edge.ask("POST", "/api/v2/things/bulk", [("X-Stack", "legacy")], b"x" * (2 * MIB))

    assert (answer.status, answer.json["target"], answer.json["length"]) == (200, "/api/things/bulk", 2 * MIB)


def test_a_client_that_expects_100_gets_it_and_is_answered(edge: Edge) -> None:
    with edge.connect() as connection:
        connection.sendall(request_bytes("POST", "/api/things", [("Expect", "100-continue"), ("Content-Length", "4")]))

        assert connection.recv(64).startswith(b"HTTP/1.1 100 ")

        answer = edge.raw(b"body", on=connection)

    assert (answer.status, answer.json["length"]) == (200, 4)


OVERSIZED = {
    "an address of 9 kB": (request_bytes("GET", "/api/" + "x" * 9000), 414, "URI too long"),
    "a header of 9 kB": (
        request_bytes("GET", "/api/things", [("X-Long", "x" * 9000)]),
        431,
        "Request header fields too large",
    ),
    "forty kB of headers": (
        request_bytes("GET", "/api/things", [(f"X-{n}", "x" * 4000) for n in range(10)]),
        431,
        "Request header fields too large",
    ),
    "an unknown transfer encoding": (
        request_bytes("POST", "/api/things", [("Transfer-Encoding", "gzip")]),
        501,
        "Not implemented",
    ),
    "an unknown version": (b"GET /api/things HTTP/3.7\r\nHost: a\r\n\r\n", 505, "HTTP version not supported"),
}


@pytest.mark.parametrize(("data", "status", "error"), OVERSIZED.values(), ids=OVERSIZED.keys())
def test_what_nginx_refuses_has_the_shape_of_the_api(edge: Edge, data: bytes, status: int, error: str) -> None:
    answer = edge.raw(data)

    assert (answer.status, answer.json["error"], set(answer.json)) == (status, error, {"error", "message"})
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("X-Served-By") == "none"
