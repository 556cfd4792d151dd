"""A stack that is down, slow or rude, and clients that are slow: who is answered what, and what is never sent twice."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.echo_stack import EchoStack, reserved_port
from tests.gateway.edge import Edge, make_project, wait_for

BAD_GATEWAY = {"error": "Bad gateway", "message": "The stack behind this address is not answering. Try again."}
GATEWAY_TIMEOUT = {
    "error": "Gateway timeout",
    "message": "The stack behind this address took too long. The request may have been carried out.",
}


@pytest.fixture(scope="module")
def legacy() -> Iterator[EchoStack]:
    with EchoStack("legacy") as stack:
        yield stack
        stack.released.set()


@pytest.fixture(scope="module")
def half(open_folder: Callable[[str], Path], legacy: EchoStack) -> Iterator[Edge]:
    """A gateway with little patience, whose modern stack is down."""
    folder = open_folder("half")
    with contextlib.closing(reserved_port()) as dead:
        edge = Edge(make_project(folder / "project"), folder / "var", [legacy.port, dead.getsockname()[1]])
        with edge.with_timeouts(connect_s=0.5, answer_s=0.3, client_header_s=0.5, client_body_s=0.3):
            yield edge


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_stack_that_is_down_is_502_by_nobody(half: Edge, legacy: EchoStack, method: str) -> None:
    before = len(legacy.seen)

    answer = half.ask(method, "/api/v2/things", body=b"" if method == "GET" else b"{}")

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (502, BAD_GATEWAY, "none")
    assert answer.header("Content-Type") == "application/json"
    assert len(legacy.seen) == before


def test_an_upload_to_a_dead_stack_is_502_whatever_its_size(half: Edge) -> None:
    answer = half.ask("POST", "/api/v2/things/bulk", body=b"x" * 2_000_000)

    assert (answer.status, answer.json) == (502, BAD_GATEWAY)


def test_a_head_to_a_dead_stack_has_no_body(half: Edge) -> None:
    answer = half.ask("HEAD", "/api/v2/things")

    assert (answer.status, answer.body) == (502, b"")


def test_one_dead_stack_does_not_hinder_the_other(half: Edge) -> None:
    half.get("/api/v2/things")

    assert half.get("/api/things").status == 200


def test_x_stack_reaches_the_living_stack(half: Edge) -> None:
    answer = half.ask("GET", "/api/v2/things", [("X-Stack", "legacy")])

    assert (answer.status, answer.header("X-Served-By")) == (200, "legacy")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slow_stack_is_504_and_asked_once(half: Edge, legacy: EchoStack, method: str) -> None:
    answer = half.ask(method, f"/api/things/slow-{method}", body=b"{}" if method == "POST" else b"")

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (504, GATEWAY_TIMEOUT, "none")
    assert len(legacy.requests(f"slow-{method}")) == 1


def test_a_stack_that_hangs_up_is_502(half: Edge) -> None:
    assert half.get("/api/things/hang-up").json == BAD_GATEWAY


def test_a_pooled_connection_that_dies_is_replaced_for_a_get(half: Edge, legacy: EchoStack) -> None:
    with half.connect() as connection:
        half.ask("GET", "/api/things", on=connection)
        answer = half.ask("GET", "/api/things/die-on-reuse-get", on=connection)

    assert answer.status == 200
    assert len(legacy.requests("die-on-reuse-get")) == 2


def test_a_post_that_was_sent_is_never_sent_again(half: Edge, legacy: EchoStack) -> None:
    with half.connect() as connection:
        half.ask("GET", "/api/things", on=connection)
        answer = half.ask("POST", "/api/things/die-on-reuse-post", body=b"{}", on=connection)

    assert answer.status == 502
    assert len(legacy.requests("die-on-reuse-post")) == 1


def test_half_a_header_is_hung_up_on(half: Edge) -> None:
    with half.connect() as connection:
        connection.sendall(b"GET /api/things HTTP/1.1\r\nHost: a\r\nX-Half: ")

        assert connection.recv(1) == b""

    assert wait_for(lambda: [line for line in half.log_lines() if line["s"] == 408], "a line with 408")


def test_half_a_body_is_hung_up_on_and_reaches_no_stack(half: Edge, legacy: EchoStack) -> None:
    with half.connect() as connection:
        connection.sendall(b"POST /api/things/half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")

        assert connection.recv(1) == b""

    assert legacy.requests("/half") == []


def test_two_hundred_slow_clients_hinder_nobody(edge: Edge) -> None:
    with contextlib.ExitStack() as slow:
        for number in range(200):
            connection = slow.enter_context(edge.connect())
            connection.sendall(f"POST /api/things/{number} HTTP/1.1\r\nHost: a\r\nContent-Le".encode())
        started = time.monotonic()
        for _ in range(50):
            assert edge.get("/__gateway/health").status == 200
            assert edge.get("/api/things").status == 200
        took_s = time.monotonic() - started

    assert took_s < 5


def test_slow_bodies_do_not_occupy_the_stack(edge: Edge, stacks: tuple[EchoStack, EchoStack]) -> None:
    with contextlib.ExitStack() as slow:
        for _ in range(50):
            connection = slow.enter_context(edge.connect())
            connection.sendall(b"POST /api/things/drip HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{")
        assert edge.get("/api/things").status == 200

        assert stacks[0].requests("/drip") == []


def test_a_connection_of_a_client_and_of_a_stack_is_used_again(edge: Edge) -> None:
    with edge.connect() as connection:
        answers = [edge.ask("POST", "/api/things", body=b"{}", on=connection) for _ in range(5)]

    assert len({answer.json["connection"] for answer in answers}) == 1


def test_an_error_keeps_the_connection(edge: Edge) -> None:
    with edge.connect() as connection:
        assert edge.ask("GET", "/nowhere", on=connection).status == 404
        assert edge.ask("GET", "/api/things", on=connection).status == 200


def test_old_clients_are_answered(edge: Edge) -> None:
    answer = edge.raw(b"GET /api/things HTTP/1.0\r\n\r\n")

    assert (answer.status, answer.sent("Host")) == (200, ["localhost"])


def test_bytes_after_the_answer_are_the_next_request(edge: Edge) -> None:
    two = b"GET /api/things/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /api/v2/things/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with edge.connect() as connection:
        connection.sendall(two)
        text = b"".join(iter(lambda: connection.recv(65536), b""))

    assert text.count(b"HTTP/1.1 200 OK") == 2
    assert text.index(b"X-Served-By: legacy") < text.index(b"X-Served-By: modern")
