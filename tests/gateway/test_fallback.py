"""Who answers when the owner does not: reads go on to the other stack, writes never do, and nothing pinned moves."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import PAIR, Answer, Edge, make_project, request_bytes, wait_for
from tests.gateway.pliable_stack import PliableHandler, answering
from tests.gateway.recording import Recorder, switch
from tests.gateway.rude_stack import DEATHS, RudeStack

BAD_GATEWAY = {"error": "Bad gateway", "message": "The stack behind this address is not answering. Try again."}
UNPORTED = {"error": "Not implemented", "message": "The stack that was asked does not have this yet."}
ALL = {"things.read": 100, "things.write": 100}
OPEN = frozenset({"/api/v2"})
MIB = 1048576
READS = ["GET", "HEAD", "OPTIONS"]
WRITES = ["POST", "PUT", "PATCH", "DELETE"]


def own(edge: Edge, ownership: Ownership) -> None:
    """Change the table though its new owner may be dead."""
    order = Order("rollback", ownership, must_stay=True)
    assert Flips.of(edge.config, edge.var_dir).carry_out(order).word in {"done", "nothing"}


@dataclass(frozen=True)
class Scene:
    """A gateway whose owner of everything below both prefixes is dead, and the stack that lives."""

    edge: Edge
    dead: RudeStack
    owner: str
    alive: EchoStack

    def ask(self, method: str, target: str, *headers: tuple[str, str]) -> Answer:
        return self.edge.ask(method, target, headers, b"" if method in READS else b"{}")


@pytest.fixture(scope="module", params=DEATHS)
def dead(request: pytest.FixtureRequest) -> Iterator[RudeStack]:
    with RudeStack(request.param) as stack:
        yield stack


@pytest.fixture(scope="module", params=["the primary is dead", "the candidate is dead"])
def scene(request: pytest.FixtureRequest, open_folder: Callable[[str], Path], dead: RudeStack) -> Iterator[Scene]:
    folder = open_folder("fallback")
    primary = request.param == "the primary is dead"
    with EchoStack("modern" if primary else "legacy", handler=PliableHandler) as alive:
        ports = [dead.port, alive.port] if primary else [alive.port, dead.port]
        with Edge(make_project(folder / "project"), folder / "var", ports) as edge:
            own(edge, Ownership({} if primary else ALL, OPEN))
            yield Scene(edge, dead, "legacy" if primary else "modern", alive)


@pytest.mark.parametrize("prefix", ["/api", "/api/v2"])
@pytest.mark.parametrize("method", READS)
def test_a_read_goes_on_to_the_stack_that_lives(scene: Scene, method: str, prefix: str) -> None:
    rid = f"read-{method}-{prefix.count('/')}"

    answer = scene.ask(method, f"{prefix}/things/a%20b?c=%2F", ("X-Request-Id", rid))

    assert (answer.status, answer.header("X-Served-By")) == (200, scene.alive.name)
    assert answer.header("X-Fallback-From") == scene.owner
    inner = "/api" if scene.alive.name == "legacy" else "/api/v2"
    seen = scene.alive.seen[-1]
    assert (seen.method, seen.target, dict(seen.headers)["X-Request-Id"]) == (
        method,
        f"{inner}/things/a%20b?c=%2F",
        rid,
    )


@pytest.mark.parametrize("method", WRITES)
def test_a_write_is_502_at_once_and_never_passed_on(scene: Scene, method: str) -> None:
    before, asked = len(scene.alive.seen), len(scene.dead.asked)
    began = time.monotonic()

    answer = scene.ask(method, "/api/things/1")

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (502, BAD_GATEWAY, "none")
    assert answer.header("X-Fallback-From") is None
    assert time.monotonic() - began < 1
    assert len(scene.alive.seen) == before
    assert len(scene.dead.asked) - asked <= 1


def test_the_log_tells_who_was_asked_and_who_answered(scene: Scene) -> None:
    scene.ask("GET", "/api/things", ("X-Request-Id", "told-read"))
    scene.ask("POST", "/api/things", ("X-Request-Id", "told-write"))

    read, write = scene.edge.log_line("told-read"), scene.edge.log_line("told-write")
    assert (read["o"], read["fb"], read["by"], read["s"]) == (scene.owner, scene.owner, scene.alive.name, 200)
    assert (write["o"], write["fb"], write["by"], write["s"]) == (scene.owner, "", "none", 502)
    assert read["ua"].endswith(f"127.0.0.1:{scene.alive.port}")
    assert f"127.0.0.1:{scene.alive.port}" not in write["ua"]
    assert (read["us"].split(" : ")[-1][-3:], read["done"], write["done"]) == ("200", "OK", "OK")


def test_a_stack_asked_for_by_name_is_not_replaced(scene: Scene) -> None:
    before = len(scene.alive.seen)

    answer = scene.ask("GET", "/api/things", ("X-Stack", scene.owner))

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (502, BAD_GATEWAY, "none")
    assert len(scene.alive.seen) == before


def test_a_location_from_the_stand_in_is_under_the_clients_prefix(scene: Scene) -> None:
    answer = scene.ask("GET", "/api/things", answering(302, ("Location", "http://{own}{prefix}/things/1?a=1")))

    assert (answer.status, answer.header("Location")) == (302, "/api/things/1?a=1")


def test_an_error_of_the_stand_in_is_its_own(scene: Scene) -> None:
    answer = scene.ask("GET", "/api/things", answering(404, body='{"error":"x"}'))

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (404, {"error": "x"}, scene.alive.name)


def test_a_pinned_prefix_is_not_replaced(
    open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]
) -> None:
    folder = open_folder("pinned")
    with RudeStack("refuses") as dead:
        ports = [stacks[0].port, dead.port]
        with Edge(make_project(folder / "project"), folder / "var", ports) as edge:
            pinned = edge.get("/api/v2/things")
            own(edge, Ownership(loose=OPEN))
            loose = edge.get("/api/v2/things")

    assert (pinned.status, pinned.header("X-Served-By")) == (502, "none")
    assert (loose.status, loose.header("X-Served-By")) == (200, "legacy")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_with_both_dead_nobody_answers(open_folder: Callable[[str], Path], method: str) -> None:
    folder = open_folder("both")
    with ExitStack() as running:
        one, two = (running.enter_context(RudeStack(death)) for death in ("refuses", "hangs up when asked"))
        edge = running.enter_context(Edge(make_project(folder / "project"), folder / "var", [one.port, two.port]))
        answer = edge.ask(method, "/api/things", [("X-Request-Id", "both")])
        line = edge.log_line("both")

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (502, BAD_GATEWAY, "none")
    assert (line["o"], line["by"], line["fb"]) == ("legacy", "none", "")
    assert len(two.asked) == (1 if method == "GET" else 0)


@pytest.mark.parametrize("status", [502, 504])
def test_the_log_blames_who_was_asked_though_the_table_has_moved_on(
    open_folder: Callable[[str], Path], status: int
) -> None:
    """A stack that takes a minute to fail must not spoil the figures of the one that it was replaced by meanwhile."""
    folder = open_folder("blame")
    with ExitStack() as running:
        stacks = [running.enter_context(EchoStack(name)) for name in ("legacy", "modern")]
        edge = Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks])
        running.enter_context(edge.with_timeouts(answer_s=0.5 if status == 504 else 20))
        own(edge, Ownership(ALL))
        connection = running.enter_context(edge.connect())
        target = "/api/things/slow" + ("/hang-up" if status == 502 else "")
        connection.sendall(request_bytes("GET", target, [("X-Request-Id", "blame")]))
        wait_for(lambda: stacks[1].requests("slow"), "the candidate is asked")
        own(edge, Ownership())
        for stack in stacks if status == 502 else []:
            stack.released.set()
        answer = edge.raw(b"", on=connection)
        line = edge.log_line("blame")

    assert (answer.status, line["by"]) == (status, "none")
    assert (line["o"], line["gen"]) == ("modern", "g0002")


@pytest.mark.parametrize("death", ["refuses", "hangs up when asked"])
def test_what_is_recorded_falls_back_as_well(open_folder: Callable[[str], Path], death: str) -> None:
    """The recorder stands between: what it cannot pass on it sends back to `@other`."""
    folder = open_folder("recorded")
    with ExitStack() as running:
        dead = running.enter_context(RudeStack(death))
        alive = running.enter_context(EchoStack("modern"))
        edge = running.enter_context(Edge(make_project(folder / "project"), folder / "var", [dead.port, alive.port]))
        recorder = running.enter_context(Recorder(edge, folder / "r", {}))
        switch(edge, recorder.recording())
        read, write = edge.get("/api/things"), edge.ask("POST", "/api/things", body=b"{}")
        pinned = edge.get("/api/things", ("X-Stack", "legacy"))

    assert (read.status, read.header("X-Served-By"), read.header("X-Fallback-From")) == (200, "modern", "legacy")
    assert (write.status, write.json, write.header("X-Served-By")) == (502, BAD_GATEWAY, "none")
    assert (pinned.status, pinned.header("X-Served-By")) == (502, "none")
    assert [seen.method for seen in alive.seen] == ["GET"]


INCOMPLETE = PAIR.replace('app = "new:app"', 'app = "new:app"\nincomplete = true')
LACKED = answering(501, body="lacked", only="modern")


@dataclass(frozen=True)
class Half:
    """A gateway whose candidate owns everything and answers 501 to whatever has the header `LACKED`."""

    edge: Edge
    legacy: EchoStack
    modern: EchoStack


@pytest.fixture(scope="module")
def half(open_folder: Callable[[str], Path]) -> Iterator[Half]:
    folder = open_folder("half")
    legacy, modern = (EchoStack(name, handler=PliableHandler) for name in ("legacy", "modern"))
    with legacy, modern:
        ports = [legacy.port, modern.port]
        with Edge(make_project(folder / "project", INCOMPLETE), folder / "var", ports) as edge:
            own(edge, Ownership(ALL))
            yield Half(edge, legacy, modern)


@pytest.mark.parametrize("method", READS + WRITES)
def test_what_the_candidate_lacks_goes_on_by_any_method(half: Half, method: str) -> None:
    rid = f"lacked-{method}"

    answer = half.edge.ask(method, "/api/things/1?a=1", [LACKED, ("X-Request-Id", rid)])

    assert (answer.status, answer.header("X-Served-By"), answer.header("X-Fallback-From")) == (200, "legacy", "modern")
    seen = half.legacy.seen[-1]
    assert (seen.method, seen.target) == (method, "/api/things/1?a=1")
    line = half.edge.log_line(rid)
    assert (line["o"], line["fb"], line["by"], line["s"]) == ("modern", "modern", "legacy", 200)


@pytest.mark.parametrize("size", [0, 3, 300_000, 9_000_000])
def test_what_the_candidate_lacks_goes_on_with_its_whole_body(half: Half, size: int) -> None:
    body = bytes(range(250)) * (size // 250) + b"end"[: size % 250]

    answer = half.edge.ask("POST", "/api/things/bulk", [LACKED], body)

    assert (answer.json["stack"], answer.json["length"]) == ("legacy", size)
    assert answer.json["digest"] == hashlib.sha256(body).hexdigest()


def test_what_the_candidate_lacks_goes_on_in_chunks(half: Half) -> None:
    head = request_bytes("POST", "/api/things/bulk", [LACKED, ("Transfer-Encoding", "chunked")])
    piece = b"100000\r\n" + b"x" * MIB + b"\r\n"

    answer = half.edge.raw(head + piece * 3 + b"0\r\n\r\n")

    assert (answer.json["stack"], answer.json["length"]) == ("legacy", 3 * MIB)


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/api/things", [("X-Stack", "modern")]), ("/api/v2/things", [])],
    ids=["asked for by name", "below a pinned prefix"],
)
def test_who_wanted_the_candidate_is_told_that_it_lacks_this(
    half: Half, target: str, headers: list[tuple[str, str]]
) -> None:
    before = len(half.legacy.seen)

    answer = half.edge.ask("POST", target, [LACKED, *headers], b"{}")

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (501, UNPORTED, "none")
    assert len(half.legacy.seen) == before


def test_the_primary_is_not_asked_twice_for_what_it_lacks_itself(half: Half) -> None:
    before = len(half.legacy.seen)

    answer = half.edge.ask("POST", "/api/things", [answering(501, body="{}", only="legacy"), ("X-Stack", "legacy")])

    assert (answer.status, answer.json) == (501, UNPORTED)
    assert len(half.legacy.seen) == before + 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 500, 503])
def test_other_errors_of_an_incomplete_candidate_are_its_own(half: Half, status: int) -> None:
    answer = half.edge.ask("POST", "/api/things", [answering(status, body='{"own":1}', only="modern")], b"{}")

    assert (answer.status, answer.body, answer.header("X-Served-By")) == (status, b'{"own":1}', "modern")


def test_a_write_that_hung_up_is_not_passed_on_by_an_incomplete_pair(half: Half) -> None:
    before = len(half.legacy.seen)

    answer = half.edge.ask("POST", "/api/things/hang-up", body=b"{}")

    assert (answer.status, answer.json, answer.header("X-Served-By")) == (502, BAD_GATEWAY, "none")
    assert len(half.legacy.seen) == before


def test_the_gateways_own_501_is_still_its_own(half: Half) -> None:
    answer = half.edge.raw(request_bytes("POST", "/api/things", [("Transfer-Encoding", "br")]))

    assert (answer.status, answer.json["message"]) == (501, "This transfer encoding is not understood.")


def test_a_complete_candidates_501_is_an_answer_like_any_other(
    open_folder: Callable[[str], Path],
) -> None:
    folder = open_folder("complete")
    legacy, modern = (EchoStack(name, handler=PliableHandler) for name in ("legacy", "modern"))
    with legacy, modern:
        ports = [legacy.port, modern.port]
        with Edge(make_project(folder / "project"), folder / "var", ports) as edge:
            own(edge, Ownership(ALL))
            answer = edge.get("/api/things", LACKED)

    assert (answer.status, answer.body, answer.header("X-Served-By")) == (501, b"lacked", "modern")
    assert answer.header("X-Fallback-From") is None
    assert [seen for seen in legacy.seen if seen.method == "GET" and "X-Answer" in dict(seen.headers)] == []
