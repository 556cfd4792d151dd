"""HTTP as a client may use it, whoever answers: every case runs while the primary owns a group, while the candidate does,
and on the other prefix without its pin. A case must come out the same each time, but for the stack that got it.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Answer, Edge, make_project, request_bytes
from tests.gateway.pliable_stack import PliableHandler, answering

MIB = 1048576
HOST = "edge.example:8000"
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class World:
    """A gateway whose `owner` answers below the `public` prefix; the owner's own prefix is `inner`."""

    edge: Edge
    public: str
    owner: EchoStack
    other: EchoStack
    inner: str

    def ask(self, method: str, rest: str, headers: Headers = (), body: bytes = b"") -> Answer:
        return seemly(self.edge.ask(method, self.public + rest, headers, body))

    def raw(self, data: bytes, method: str = "GET") -> Answer:
        return seemly(self.edge.raw(data.replace(b"{public}", self.public.encode()), method=method))


def seemly(answer: Answer) -> Answer:
    """Return the answer if it has what every answer has; nothing here may ever be HTML."""
    assert b"<html" not in answer.body.lower()
    assert len(answer.header("X-Request-Id") or "") >= 1
    assert answer.header("X-Served-By") in {"legacy", "modern", "none"}
    return answer


STATES: dict[str, tuple[str, str, Ownership]] = {
    "the primary owns": ("/api", "legacy", Ownership()),
    "the candidate owns": ("/api", "modern", Ownership({"things.read": 100, "things.write": 100})),
    "without the pin": ("/api/v2", "legacy", Ownership(loose=frozenset({"/api/v2"}))),
}
SPLIT = Ownership({"things.read": 100})


@pytest.fixture(scope="module")
def pliable() -> Iterator[dict[str, EchoStack]]:
    legacy, modern = (EchoStack(name, handler=PliableHandler) for name in ("legacy", "modern"))
    with legacy, modern:
        yield {"legacy": legacy, "modern": modern}


@pytest.fixture(scope="module")
def shared(open_folder: Callable[[str], Path], pliable: dict[str, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("conformance")
    edge = Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in pliable.values()])
    with edge.with_timeouts(answer_s=1):
        yield edge


def own(edge: Edge, ownership: Ownership) -> None:
    outcome = Flips.of(edge.config, edge.var_dir).carry_out(Order("flip", ownership))
    assert outcome.word in {"done", "nothing"}, outcome


@pytest.fixture(scope="module", params=STATES)
def world(request: pytest.FixtureRequest, shared: Edge, pliable: dict[str, EchoStack]) -> World:
    public, owner, ownership = STATES[request.param]
    own(shared, ownership)
    other = "modern" if owner == "legacy" else "legacy"
    return World(shared, public, pliable[owner], pliable[other], {"legacy": "/api", "modern": "/api/v2"}[owner])


RAW_TARGETS = {
    "a collection": "/things",
    "one thing": "/things/1",
    "a slash at the end": "/things/",
    "nothing after the prefix": "",
    "a slash after the prefix": "/",
    "a query after the prefix": "?a=1",
    "two slashes within": "//things",
    "two slashes at the end": "/things//",
    "an encoded blank": "/things/a%20b",
    "encoded letters": "/%74hings/%41",
    "UTF-8 in upper-case hex": "/things/%E6%97%A5%E6%9C%AC",
    "UTF-8 in lower-case hex": "/things/%e6%97%a5",
    "an encoded percent sign": "/things/%25",
    "an encoded slash, encoded once more": "/things/a%252Fb",
    "an encoded question mark": "/things/a%3Fb",
    "an encoded hash": "/things/a%23b",
    "plus, comma, semicolon, at": "/things/a+b,c;d@e",
    "an empty query": "/things?",
    "a query as it is": "/things?a=%2F&b=a+b&a=2&c",
    "dots and slashes in a query": "/things?next=http://a/../b",
    "a broken escape in a query": "/things?c=%zz",
    "three dots": "/things/...",
    "7 kB of path": "/things/" + "x" * 7000,
}


@pytest.mark.parametrize("rest", RAW_TARGETS.values(), ids=RAW_TARGETS.keys())
def test_the_owner_gets_the_address_as_it_was_sent(world: World, rest: str) -> None:
    answer = world.ask("GET", rest)

    assert (answer.status, answer.header("X-Served-By")) == (200, world.owner.name)
    assert (answer.json["stack"], answer.json["target"]) == (world.owner.name, world.inner + rest)


AMBIGUOUS_TARGETS = {
    "an encoded slash": "/things/a%2Fb",
    "an encoded slash in lower case": "/things/a%2fb",
    "an encoded backslash": "/things/a%5Cb",
    "a zero byte": "/things/a%00",
    "a way up": "/things/../secret",
    "a way up, encoded": "/things/%2e%2E/secret",
    "the same folder": "/./things",
}


@pytest.mark.parametrize("rest", AMBIGUOUS_TARGETS.values(), ids=AMBIGUOUS_TARGETS.keys())
def test_an_address_with_two_meanings_is_refused(world: World, rest: str) -> None:
    answer = world.ask("GET", rest)

    assert (answer.status, answer.header("X-Served-By")) == (400, "none")
    assert answer.json == {"error": "Bad request", "message": "Ambiguous path."}


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_arrives(world: World, method: str) -> None:
    answer = world.ask(method, "/things/1", body=b"" if method in {"GET", "OPTIONS"} else b"{}")

    assert (answer.status, answer.json["method"], answer.json["stack"]) == (200, method, world.owner.name)


def test_head_arrives_and_has_no_body(world: World) -> None:
    answer = world.ask("HEAD", "/things/head")

    assert (answer.status, answer.body, answer.header("X-Served-By")) == (200, b"", world.owner.name)
    assert world.owner.requests("/head")[-1].method == "HEAD"


BODIES = {
    "nothing": ("/things", b""),
    "every byte": ("/things", bytes(range(256))),
    "more than is kept in memory": ("/things", b"a" * 200_000),
    "1 MiB": ("/things", b"b" * MIB),
    "9 MB": ("/things/bulk", bytes(range(250)) * 36_000),
}


@pytest.mark.parametrize(("rest", "body"), BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "in chunks"])
def test_a_body_arrives_whole(world: World, rest: str, body: bytes, chunked: bool) -> None:
    data = in_chunks(rest, body) if chunked else request_bytes("POST", "{public}" + rest, body=body)

    answer = world.raw(data)

    assert (answer.status, answer.json["stack"]) == (200, world.owner.name)
    assert (answer.json["length"], answer.json["digest"]) == (len(body), hashlib.sha256(body).hexdigest())


def in_chunks(rest: str, body: bytes) -> bytes:
    head = request_bytes("POST", "{public}" + rest, [("Transfer-Encoding", "chunked")])
    pieces = [body[start : start + 65536] for start in range(0, len(body), 65536)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "more than 1 MiB": (
        request_bytes("POST", "{public}/things", [("Content-Length", str(MIB + 1))]),
        413,
        "Payload too large",
    ),
    "more than 1 MiB in chunks": (in_chunks("/things", b"x" * (MIB + 1)), 413, "Payload too large"),
    "an upload of more than 10 MiB": (
        request_bytes("POST", "{public}/things/bulk", [("Content-Length", str(10 * MIB + 1))]),
        413,
        "Payload too large",
    ),
    "an upload of more than 10 MiB in chunks": (
        in_chunks("/things/bulk", b"x" * (10 * MIB + 1)),
        413,
        "Payload too large",
    ),
    "an address of 9 kB": (request_bytes("GET", "{public}/" + "x" * 9000), 414, "URI too long"),
    "a header of 9 kB": (
        request_bytes("GET", "{public}/things", [("X-Long", "x" * 9000)]),
        431,
        "Request header fields too large",
    ),
    "a method nobody allows": (request_bytes("TRACE", "{public}/things"), 405, "Method not allowed"),
    "a broken escape": (request_bytes("GET", "{public}/%zz"), 400, "Bad request"),
    "a blank in the address": (request_bytes("GET", "{public}/a b"), 400, "Bad request"),
    "two lengths": (
        request_bytes("POST", "{public}/things", [("Content-Length", "1"), ("Content-Length", "2")]),
        400,
        "Bad request",
    ),
    "no host": (b"GET {public}/things HTTP/1.1\r\n\r\n", 400, "Bad request"),
    "an unknown version": (b"GET {public}/things HTTP/4.2\r\nHost: a\r\n\r\n", 505, "HTTP version not supported"),
    "an unknown transfer encoding": (
        request_bytes("POST", "{public}/things", [("Transfer-Encoding", "br")]),
        501,
        "Not implemented",
    ),
    "a stack that hangs up on a write": (
        request_bytes("POST", "{public}/things/hang-up", body=b"{}"),
        502,
        "Bad gateway",
    ),
    "two stacks that hang up on a read": (request_bytes("GET", "{public}/things/hang-up"), 502, "Bad gateway"),
    "a stack that takes too long": (request_bytes("GET", "{public}/things/slow"), 504, "Gateway timeout"),
}


@pytest.mark.parametrize(("data", "status", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_gateway_refuses_is_json_by_nobody(world: World, data: bytes, status: int, error: str) -> None:
    answer = world.raw(data)

    assert (answer.status, answer.json["error"], set(answer.json)) == (status, error, {"error", "message"})
    assert (answer.header("Content-Type"), answer.header("X-Served-By")) == ("application/json", "none")


# What a stack says, and what the client is told. {public} is the prefix the client used.
LOCATIONS = {
    "a path": ("{prefix}/things/1", "{public}/things/1"),
    "a path with a slash at its end": ("{prefix}/things/", "{public}/things/"),
    "a path with a query": ("{prefix}/things/1?a=%2F&b", "{public}/things/1?a=%2F&b"),
    "a path with a fragment": ("{prefix}/things#top", "{public}/things#top"),
    "an encoded path": ("{prefix}/things/a%20b", "{public}/things/a%20b"),
    "the prefix alone": ("{prefix}", "{public}"),
    "the prefix with a query": ("{prefix}?page=2", "{public}?page=2"),
    "the stack's own address": ("http://{own}{prefix}/things/1", "{public}/things/1"),
    "the stack's own address with a query": ("http://{own}{prefix}/things/?a=1", "{public}/things/?a=1"),
    "the public address": (f"http://{HOST}{{prefix}}/things/1", "{public}/things/1"),
    "the public address by https": (f"https://{HOST}{{prefix}}/things/1", "{public}/things/1"),
    "somewhere else": ("https://elsewhere.example{prefix}/things", "https://elsewhere.example{prefix}/things"),
    "somewhere else, without a scheme": ("//elsewhere.example{prefix}/things", "//elsewhere.example{prefix}/things"),
    "a host that begins like ours": (f"http://{HOST}0{{prefix}}/things", f"http://{HOST}0{{prefix}}/things"),
    "outside of the prefix": ("/docs", "/docs"),
    "a name that begins like the prefix": ("/apis/things", "/apis/things"),
    "relative to the path": ("1", "1"),
    "a query alone": ("?page=2", "?page=2"),
}


@pytest.mark.parametrize(("said", "told"), LOCATIONS.values(), ids=LOCATIONS.keys())
def test_a_location_is_one_the_client_can_use(world: World, said: str, told: str) -> None:
    answer = world.ask("GET", "/things", (answering(302, ("Location", said)),))

    expected = told.replace("{public}", world.public).replace("{prefix}", world.inner)
    assert (answer.status, answer.header("Location")) == (302, expected)


@pytest.mark.parametrize("status", [201, 301, 303, 307, 308])
def test_a_location_is_told_with_every_status_that_has_one(world: World, status: int) -> None:
    answer = world.ask("POST", "/things", (answering(status, ("Location", "{prefix}/things/7")),), b"{}")

    assert (answer.status, answer.all("Location")) == (status, [f"{world.public}/things/7"])


ANSWERS: dict[str, tuple[tuple[str, str], int, bytes, dict[str, list[str]]]] = {
    "204 without a body": (answering(204), 204, b"", {"Content-Length": []}),
    "304 with its tag": (answering(304, ("ETag", '"a"')), 304, b"", {"ETag": ['"a"']}),
    "chunks": (
        answering(200, body="abc", times=1000, chunks=7),
        200,
        b"abc" * 1000,
        {"Transfer-Encoding": ["chunked"]},
    ),
    "4 MB": (answering(200, body="0123456789abcdef", times=250_000), 200, b"0123456789abcdef" * 250_000, {}),
    "4 MB in chunks": (answering(200, body="0123", times=MIB, chunks=64), 200, b"0123" * MIB, {}),
    "an error of its own": (answering(418, body='{"error":"teapot"}'), 418, b'{"error":"teapot"}', {}),
    "a 413 of its own": (answering(413, body="{}"), 413, b"{}", {}),
    "a 500 of its own": (answering(500, body="{}"), 500, b"{}", {}),
    "a 501 of its own": (answering(501, body="{}"), 501, b"{}", {}),
    "a 502 of its own": (answering(502, body="{}"), 502, b"{}", {}),
    "a 503 with its delay": (answering(503, ("Retry-After", "7"), body="{}"), 503, b"{}", {"Retry-After": ["7"]}),
    "a 401 with its scheme": (
        answering(401, ("WWW-Authenticate", "Bearer"), body="{}"),
        401,
        b"{}",
        {"WWW-Authenticate": ["Bearer"]},
    ),
    "two values of one header": (
        answering(200, ("Vary", "Origin"), ("Vary", "Accept")),
        200,
        b"",
        {"Vary": ["Origin", "Accept"]},
    ),
    "rules for caches": (
        answering(200, ("Cache-Control", "private, max-age=5"), ("ETag", 'W/"1"')),
        200,
        b"",
        {"Cache-Control": ["private, max-age=5"], "ETag": ['W/"1"']},
    ),
    "a download": (
        answering(200, ("Content-Disposition", "attachment; filename=a.csv"), ("Content-Type", "text/csv"), body="a,b"),
        200,
        b"a,b",
        {"Content-Disposition": ["attachment; filename=a.csv"], "Content-Type": ["text/csv"]},
    ),
    "words about the connection": (
        answering(200, ("Keep-Alive", "timeout=99"), ("Connection", "X-Private")),
        200,
        b"",
        {"Keep-Alive": [], "Connection": ["keep-alive"]},
    ),
    "words that are the gateway's": (
        answering(200, ("X-Served-By", "me"), ("X-Fallback-From", "you"), ("X-Gateway-Generation", "g9")),
        200,
        b"",
        {"X-Fallback-From": []},
    ),
}


@pytest.mark.parametrize(("wanted", "status", "body", "headers"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_of_the_owner_comes_through(
    world: World, wanted: tuple[str, str], status: int, body: bytes, headers: dict[str, list[str]]
) -> None:
    answer = world.ask("GET", "/things/1", (wanted,))

    assert (answer.status, answer.header("X-Served-By")) == (status, world.owner.name)
    assert answer.body == body
    assert {name: answer.all(name) for name in headers} == headers
    assert answer.header("X-Gateway-Generation") != "g9"


@pytest.mark.parametrize("known", [False, True], ids=["a new visitor", "a known visitor"])
def test_the_cookies_of_a_stack_stay_beside_ours(world: World, known: bool) -> None:
    cookies = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; HttpOnly")]
    visitor = (("Cookie", f"gwb={'0a' * 16}; a=1"),) if known else ()

    answer = world.ask("GET", "/things", (answering(200, *cookies), *visitor))

    found = answer.all("Set-Cookie")
    assert found[:2] == ["a=1; Path=/", "b=2; HttpOnly"]
    assert [cookie.partition("=")[0] for cookie in found[2:]] == ([] if known else ["gwb"])


# What a client sends about the connection or about itself, and what the stack gets of it.
SENT: dict[str, tuple[Headers, dict[str, list[str]]]] = {
    "its own headers": (
        (("Authorization", "Bearer a.b.c"), ("Accept-Language", "ja"), ("Origin", "http://app.example")),
        {"Authorization": ["Bearer a.b.c"], "Accept-Language": ["ja"], "Origin": ["http://app.example"]},
    ),
    "its cookies": ((("Cookie", "a=1; gwb=x"),), {"Cookie": ["a=1; gwb=x"]}),
    "its request id": ((("X-Request-Id", "abc-1"),), {"X-Request-Id": ["abc-1"]}),
    "a word on the connection": (
        (("Connection", "keep-alive"), ("Keep-Alive", "timeout=9"), ("TE", "trailers"), ("Proxy-Connection", "x")),
        {"Connection": [], "Keep-Alive": [], "TE": [], "Proxy-Connection": []},
    ),
    "an upgrade that is no websocket": (
        (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMA")),
        {"Connection": [], "Upgrade": []},
    ),
    "lies about where it comes from": (
        (("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")),
        {"X-Forwarded-For": ["127.0.0.1"], "X-Real-IP": ["127.0.0.1"], "Forwarded": []},
    ),
    "lies about how it came": (
        (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil")),
        {"X-Forwarded-Proto": ["http"], "X-Forwarded-Host": [HOST]},
    ),
    "no header of ours": ((), {"Host": [HOST], "X-Stack": [], "X-Served-By": []}),
}


@pytest.mark.parametrize(("headers", "arrived"), SENT.values(), ids=SENT.keys())
def test_the_owner_gets_what_is_meant_for_it(world: World, headers: Headers, arrived: dict[str, list[str]]) -> None:
    answer = world.ask("GET", "/things", headers)

    assert {name: answer.sent(name) for name in arrived} == arrived


def test_a_client_that_expects_100_is_told_to_go_on(world: World) -> None:
    head = request_bytes("POST", f"{world.public}/things", [("Expect", "100-continue"), ("Content-Length", "4")])
    with world.edge.connect() as connection:
        connection.sendall(head)
        assert connection.recv(64).startswith(b"HTTP/1.1 100 ")
        answer = seemly(world.edge.raw(b"body", on=connection))

    assert (answer.json["stack"], answer.json["length"]) == (world.owner.name, 4)


def test_http_1_0_is_answered_and_hung_up_on(world: World) -> None:
    with world.edge.connect() as connection:
        connection.sendall(f"GET {world.public}/things HTTP/1.0\r\n\r\n".encode())
        text = b"".join(iter(lambda: connection.recv(65536), b""))

    head, _, body = text.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert f"X-Served-By: {world.owner.name}".encode() in head
    assert b"chunked" not in head
    assert body.endswith(b"}")


def test_requests_in_one_piece_are_answered_in_their_order(world: World) -> None:
    targets = [f"{world.public}/things/{number}" for number in range(5)]
    with world.edge.connect() as connection:
        connection.sendall(b"".join(request_bytes("GET", target) for target in targets[:-1]))
        connection.sendall(request_bytes("GET", targets[-1], [("Connection", "close")]))
        text = b"".join(iter(lambda: connection.recv(65536), b""))

    places = [text.index(f'"{world.inner}/things/{number}"'.encode()) for number in range(5)]
    assert places == sorted(places)
    assert text.count(f"X-Served-By: {world.owner.name}".encode()) == 5


def test_a_connection_is_kept_through_all_kinds_of_answers(world: World) -> None:
    kinds = [("GET", 200), ("POST", 201), ("GET", 404), ("DELETE", 204), ("GET", 502), ("HEAD", 200)]
    with world.edge.connect() as connection:
        answers = [
            world.edge.ask(method, f"{world.public}/things/1", (answering(status),), on=connection)
            for method, status in kinds
        ]

    assert [answer.status for answer in answers] == [status for _, status in kinds]


def test_a_websocket_reaches_the_owner(world: World) -> None:
    with connect(f"ws://127.0.0.1:{world.edge.port}{world.public}/things/talk?a=1", close_timeout=5) as socket:
        said = []
        for word in ("one", "two", "three"):
            socket.send(word)
            said.append(socket.recv(5))

    assert said == [f"{world.owner.name} {world.inner}/things/talk?a=1: {word}" for word in ("one", "two", "three")]
    assert socket.response is not None
    assert socket.response.headers["X-Served-By"] == world.owner.name


def preflight(method: str) -> Headers:
    return (("Origin", "http://app.example"), ("Access-Control-Request-Method", method))


# While reads are the candidate's and writes the primary's.
DIVIDED: dict[str, tuple[str, str, Headers, str]] = {
    "GET is a read": ("GET", "/things", (), "modern"),
    "HEAD is a read": ("HEAD", "/things", (), "modern"),
    "HEAD of one is a read": ("HEAD", "/things/1", (), "modern"),
    "POST is a write": ("POST", "/things", (), "legacy"),
    "PUT is a write": ("PUT", "/things/1", (), "legacy"),
    "DELETE is a write": ("DELETE", "/things/1", (), "legacy"),
    "a preflight of a read": ("OPTIONS", "/things", preflight("GET"), "modern"),
    "a preflight of a HEAD": ("OPTIONS", "/things", preflight("HEAD"), "modern"),
    "a preflight of a POST": ("OPTIONS", "/things", preflight("POST"), "legacy"),
    "a preflight of a PUT": ("OPTIONS", "/things/1", preflight("PUT"), "legacy"),
    "a preflight of what nobody lists": ("OPTIONS", "/things/1", preflight("PATCH"), "legacy"),
    "OPTIONS that announces nothing": ("OPTIONS", "/things", (), "legacy"),
    "the announced method of no preflight": ("GET", "/things", preflight("POST"), "modern"),
    "a path of no group": ("GET", "/nothing", (), "legacy"),
    "an encoded name is the same group": ("GET", "/%74hings", (), "modern"),
    "a slash at the end is of no group": ("GET", "/things/", (), "legacy"),
}


@pytest.mark.parametrize(("method", "rest", "headers", "owner"), DIVIDED.values(), ids=DIVIDED.keys())
def test_a_request_goes_where_its_group_is(shared: Edge, method: str, rest: str, headers: Headers, owner: str) -> None:
    own(shared, SPLIT)

    answer = seemly(shared.ask(method, f"/api{rest}", headers))

    assert (answer.status, answer.header("X-Served-By")) == (200, owner)


TABLES: list[dict[str, Any] | list[str]] = [
    RAW_TARGETS,
    AMBIGUOUS_TARGETS,
    METHODS,
    BODIES,
    REFUSED,
    LOCATIONS,
    ANSWERS,
    SENT,
    DIVIDED,
]


def test_the_suite_has_what_was_promised() -> None:
    assert sum(map(len, TABLES)) >= 100
