"""Recording at the gateway: who takes the way by the recorder, that nobody notices, and what happens when it dies."""

import base64
import contextlib
import http.client
import json
import random
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import load
from gateway.recording import Recording, subject_patterns
from gateway.render import nginx_conf
from tests.gateway.echo_stack import EchoStack, reserved_port
from tests.gateway.edge import Answer, Edge, make_project, wait_for
from tests.gateway.recording import Recorder, switch

SUBJECT = "3f1c7a52-7b4b-4a39-9d75-1d3b9a6a3d6e"
# Of one answer: what another moment or connection changes.
OF_THE_MOMENT = re.compile(rb'"connection": \d+')


def token(subject: object, *, spaced: bool = False, seed: int = 0) -> str:
    """Return a JSON Web Token with its claims in an order and of lengths that the seed decides."""
    dice = random.Random(seed)
    claims = [("sub", subject), ("jti", str(uuid.UUID(int=dice.getrandbits(128)))), ("iat", dice.getrandbits(30))]
    claims += [("role", "x" * dice.randrange(9)), ("nested", {"a": ["sub", subject]})]
    dice.shuffle(claims)
    text = json.dumps(dict(claims), separators=(", ", ": ") if spaced else (",", ":"))
    return f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}.c2lnbmF0dXJl"


def fits(pattern_of: str, subject: object, *, spaced: bool = False, seed: int = 0) -> bool:
    text = f"Bearer {token(subject, spaced=spaced, seed=seed)}"
    return any(re.search(pattern, text) for pattern in subject_patterns(pattern_of))


@pytest.mark.parametrize("spaced", [False, True], ids=["compact", "with blanks"])
def test_a_subject_is_found_wherever_its_claim_stands(spaced: bool) -> None:
    assert all(fits(SUBJECT, SUBJECT, spaced=spaced, seed=seed) for seed in range(500))


OTHERS: dict[str, tuple[str, object]] = {
    "another id": (SUBJECT, SUBJECT.replace("3f1c", "3f1d")),
    "another last character": (SUBJECT, SUBJECT[:-1] + "f"),
    "a longer number": ("12", 123),
    "a longer id": ("12", "123"),
    "an id that goes on with a hyphen": ("12", "12-3"),
    "an id that ends alike": ("12", "312"),
    "another case": ("abc", "Abc"),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS.keys())
def test_another_subject_is_never_taken_for_it(case: tuple[str, object]) -> None:
    wanted, sent = case

    assert not [seed for seed in range(500) if fits(wanted, sent, seed=seed)]


def test_a_number_is_found_as_number_and_as_text() -> None:
    assert all(fits("12", sent, seed=seed) for sent in (12, "12") for seed in range(100))


def test_another_claim_that_ends_in_sub_is_not_the_subject() -> None:
    payload = base64.urlsafe_b64encode(json.dumps({"xsub": "abc"}, separators=(",", ":")).encode()).decode()

    assert not any(re.search(pattern, f"Bearer h.{payload}.s") for pattern in subject_patterns("abc"))


@pytest.mark.parametrize("subject", ['a"b', "a\\b", "", "caf\xe9", "x" * 256])
def test_a_subject_that_cannot_be_looked_for_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="subject"):
        Recording("a" * 16, {}, subjects=(subject,))


@pytest.mark.parametrize("socket", ["relative", "/a b", "/a;b", '/a"b', "/$a"])
def test_a_socket_that_nginx_would_read_differently_is_refused(socket: str) -> None:
    with pytest.raises(ValueError, match="socket"):
        Recording("a" * 16, {"legacy": socket})


def test_nothing_of_it_is_rendered_while_nothing_is_recorded(tmp_path: Path) -> None:
    config = load(make_project(tmp_path / "project"), {})
    sockets = {"legacy": "/run/l", "modern": "/run/m"}
    text = nginx_conf(replace(config, recording=Recording("a" * 16, sockets, ("things.read",), (SUBJECT,))))

    assert "record" not in nginx_conf(config)
    assert "record" in text


@pytest.fixture(scope="module")
def own_edge(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("recorded")
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as running:
        yield running


@pytest.fixture
def recorder(own_edge: Edge, open_folder: Callable[[str], Path]) -> Iterator[Recorder]:
    with Recorder(own_edge, open_folder("r"), {}) as running:
        yield running
    switch(own_edge, None)


def plain(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return the answer without what differs between any two answers."""
    kept = [
        (name, value) for name, value in answer.headers if name.lower() not in {"date", "content-length", "set-cookie"}
    ]
    return answer.status, kept, OF_THE_MOMENT.sub(b"", answer.body)


REQUESTS: dict[str, tuple[str, str, list[tuple[str, str]], bytes]] = {
    "a list": ("GET", "/api/things?a=1&a=%C3%A9&b", [], b""),
    "an empty query": ("GET", "/api/things?", [], b""),
    "the other stack": ("GET", "/api/v2/things/1", [], b""),
    "asked of the other stack": ("GET", "/api/things/1", [("X-Stack", "modern")], b""),
    "HEAD": ("HEAD", "/api/things", [], b""),
    "a body": ("POST", "/api/things", [("Content-Type", "application/json")], b'{"a": 1}'),
    "an empty body": ("POST", "/api/things", [("Content-Length", "0")], b""),
    "a large body": ("POST", "/api/things/bulk", [], b"x" * 9_000_000),
    "an error": ("GET", "/api/things/status/500", [], b""),
    "no content": ("DELETE", "/api/things/status/204", [], b""),
    "bytes that are not ASCII": ("GET", "/api/things/caf\xe9", [], b""),
    "characters of no address": ("GET", "/api/{a}|[b]^`<>", [], b""),
    "headers twice": ("GET", "/api/things", [("X-Two", "1"), ("x-two", "2"), ("X-Odd", "caf\xe9")], b""),
    "forged facts": ("GET", "/api/things", [("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6")], b""),
    "a preflight": ("OPTIONS", "/api/things", [("Access-Control-Request-Method", "POST")], b""),
    "a body too large": ("POST", "/api/things", [("Content-Length", "99999999")], b""),
    "an ambiguous path": ("GET", "/api/../things", [], b""),
}


def test_neither_client_nor_stack_can_tell(own_edge: Edge, recorder: Recorder) -> None:
    def ask_all() -> dict[str, tuple[int, list[tuple[str, str]], bytes]]:
        sent = {}
        for number, (case, (method, target, headers, body)) in enumerate(REQUESTS.items()):
            rid = ("X-Request-Id", f"same-{number}")
            sent[case] = plain(own_edge.ask(method, target, [rid, *headers], body))
        return sent

    directly = ask_all()
    switch(own_edge, recorder.recording())
    recorded = ask_all()

    assert recorded == directly
    entries = recorder.wait_for_entries(len(REQUESTS) - 2)
    assert [entry.meta["request_id"] for entry in entries] == [f"same-{n}" for n in range(len(REQUESTS) - 2)]
    assert [entry.request.method for entry in entries] == [method for method, *_ in REQUESTS.values()][:-2]


def test_an_entry_says_what_was_asked_and_answered(own_edge: Edge, recorder: Recorder) -> None:
    switch(own_edge, recorder.recording())

    own_edge.ask("PUT", "/api/v2/things/7?x=%2B", [("X-Any", "1"), ("X-Request-Id", "mine")], b'{"a": 1}')

    (entry,) = recorder.wait_for_entries(1)
    assert (entry.seq, entry.request.method, entry.request.target) == (1, "PUT", "/things/7?x=%2B")
    assert entry.request.headers == (("Host", "edge.example:8000"), ("Content-Length", "8"), ("X-Any", "1"))
    assert entry.request.body == b'{"a": 1}'
    assert entry.answer is not None
    assert (entry.answer.status, json.loads(entry.answer.body)["stack"]) == (200, "modern")
    assert {name: entry.meta[name] for name in ("source", "stack", "group", "request_id")} == {
        "source": "gateway",
        "stack": "modern",
        "group": "things.write",
        "request_id": "mine",
    }
    assert entry.session.startswith("client-")
    assert "127.0.0.1" not in json.dumps(entry.meta)


def test_one_group_is_recorded_and_no_other(own_edge: Edge, recorder: Recorder) -> None:
    switch(own_edge, recorder.recording(groups=["things.write"]))

    for method, target in (("GET", "/api/things"), ("PUT", "/api/things/1"), ("GET", "/api/x"), ("GET", "/docs")):
        assert own_edge.ask(method, target).status == 200

    assert [entry.meta["group"] for entry in recorder.wait_for_entries(1)] == ["things.write"]
    assert recorder.status()["in_flight"] == 0


def test_one_user_is_recorded_and_no_other(own_edge: Edge, recorder: Recorder) -> None:
    switch(own_edge, recorder.recording(subjects=[SUBJECT]))
    other = SUBJECT.replace("3f1c", "0000")

    for seed in range(30):
        for subject in (SUBJECT, other):
            bearer = f"Bearer {token(subject, seed=seed, spaced=seed % 2 == 0)}"
            assert own_edge.get(f"/api/things?{seed}", ("Authorization", bearer)).status == 200
        assert own_edge.ask("POST", "/api/things", body=b"{}").status == 200

    entries = recorder.wait_for_entries(30)
    assert [entry.request.target for entry in entries] == [f"/things?{seed}" for seed in range(30)]
    assert len({entry.session for entry in entries}) == 1
    assert entries[0].meta["actor"]["id"] == SUBJECT


def test_a_user_and_a_group_are_both_asked_for(own_edge: Edge, recorder: Recorder) -> None:
    switch(own_edge, recorder.recording(groups=["things.write"], subjects=[SUBJECT]))
    bearer = ("Authorization", f"Bearer {token(SUBJECT)}")

    own_edge.ask("GET", "/api/things", [bearer])
    own_edge.ask("PUT", "/api/things/1")
    own_edge.ask("PUT", "/api/things/2", [bearer])

    assert [entry.request.target for entry in recorder.wait_for_entries(1)] == ["/things/2"]


def test_the_gateway_says_that_it_records_to_who_knows_the_mark(own_edge: Edge, recorder: Recorder) -> None:
    recording = recorder.recording()
    assert own_edge.get(recording.place).status == 404

    switch(own_edge, recording)

    assert own_edge.get(recording.place).status == 200
    assert own_edge.get("/__gateway/recording/").status == 404


def test_a_killed_recorder_loses_no_request_and_carries_on_when_it_is_back(own_edge: Edge, recorder: Recorder) -> None:
    switch(own_edge, recorder.recording())
    with own_edge.connect() as pooled:
        assert own_edge.ask("POST", "/api/things/1", body=b"{}", on=pooled).status == 200
        recorder.wait_for_entries(1)
        recorder.kill()

        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = own_edge.ask(method, "/api/things/2", body=b"{}", on=pooled)
            assert (answer.status, answer.header("X-Served-By")) == (200, "legacy")

    recorder.start()
    own_edge.ask("POST", "/api/things/3", body=b"{}")
    entries = recorder.wait_for_entries(2)
    assert [entry.request.target for entry in entries] == ["/things/1", "/things/3"]
    assert recorder.status()["starts"] == 2


def test_a_post_in_flight_when_the_recorder_dies_is_never_sent_again(
    own_edge: Edge, recorder: Recorder, stacks: tuple[EchoStack, EchoStack]
) -> None:
    switch(own_edge, recorder.recording())
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(own_edge.ask("POST", "/api/things/slow-post", body=b"{}")))
    asking.start()
    wait_for(lambda: stacks[0].requests("slow-post"), "the stack has the request")
    recorder.kill()
    asking.join(10)
    stacks[0].released.set()

    assert [answer.status for answer in answers] == [502]
    assert len(stacks[0].requests("slow-post")) == 1


@pytest.fixture
def half(open_folder: Callable[[str], Path]) -> Iterator[tuple[Edge, EchoStack]]:
    """A gateway with little patience, whose modern stack is down; everything goes by the recorder."""
    folder = open_folder("half-recorded")
    with EchoStack("legacy") as legacy, contextlib.closing(reserved_port()) as dead:
        edge = Edge(make_project(folder / "project"), folder / "var", [legacy.port, dead.getsockname()[1]])
        with edge.with_timeouts(answer_s=0.3), Recorder(edge, folder / "r", {}) as recorder:
            switch(edge, recorder.recording())
            yield edge, legacy
            legacy.released.set()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
def test_a_stack_that_is_down_is_502_by_nobody(half: tuple[Edge, EchoStack], method: str) -> None:
    answer = half[0].ask(method, "/api/v2/things", body=b"{}" if method in {"POST", "PUT"} else b"")

    assert (answer.status, answer.header("X-Served-By")) == (502, "none")
    assert method == "HEAD" or answer.json["error"] == "Bad gateway"


def test_a_slow_stack_is_504_and_asked_once(half: tuple[Edge, EchoStack]) -> None:
    edge, legacy = half
    answers = [edge.ask(method, f"/api/things/slow-{method}", body=b"{}") for method in ("GET", "POST")]

    assert [(answer.status, answer.json["error"]) for answer in answers] == [(504, "Gateway timeout")] * 2
    assert Counter(seen.target for seen in legacy.seen) == {"/api/things/slow-GET": 1, "/api/things/slow-POST": 1}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_stack_that_hangs_up_is_502_by_nobody_and_asked_once(half: tuple[Edge, EchoStack], method: str) -> None:
    edge, legacy = half
    answer = edge.ask(method, "/api/things/hang-up", body=b"" if method == "GET" else b"{}")

    assert (answer.status, answer.json["error"], answer.header("X-Served-By")) == (502, "Bad gateway", "none")
    assert len(legacy.requests("hang-up")) == 1


@pytest.mark.parametrize(("method", "status", "times"), [("GET", 200, 2), ("POST", 502, 1)])
def test_a_pooled_connection_that_dies_is_replaced_for_a_get_only(
    half: tuple[Edge, EchoStack], method: str, status: int, times: int
) -> None:
    edge, legacy = half
    with edge.connect() as connection:
        edge.ask("GET", "/api/things", on=connection)
        answer = edge.ask(method, "/api/things/die-on-reuse", body=b"" if method == "GET" else b"{}", on=connection)

    assert (answer.status, len(legacy.requests("die-on-reuse"))) == (status, times)


class Load:
    """Clients that ask without a pause. Each request has a number, so that lost and doubled ones show."""

    def __init__(self, edge: Edge, *, keep_alive: bool) -> None:
        self.edge = edge
        self.keep_alive = keep_alive
        self.ended = threading.Event()
        self.numbers = iter(range(10**9))
        self.answered: list[int] = []
        self.failures: list[str] = []
        self.reopened = 0

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self.work) for _ in range(8)]
        for thread in self.threads:
            thread.start()
        wait_for(lambda: len(self.answered) > 100, "the load is on")
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(30)

    def work(self) -> None:
        connection = self.connect()
        while not self.ended.is_set():
            number = next(self.numbers)
            try:
                connection = self.ask(connection, number)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{number}: {error!r}")
                connection.close()
                connection = self.connect()
        connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.edge.port, timeout=20)

    def ask(self, connection: http.client.HTTPConnection, number: int) -> http.client.HTTPConnection:
        """Ask; a connection that was closed while it was idle is opened again, as every client has to (RFC 9112, 9.3)."""
        was_open = connection.sock is not None
        try:
            self.exchange(connection, number)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not was_open:
                raise
            self.reopened += 1
            connection.close()
            connection = self.connect()
            self.exchange(connection, number)
        if not self.keep_alive:
            connection.close()
        return connection

    def exchange(self, connection: http.client.HTTPConnection, number: int) -> None:
        connection.request("POST" if number % 2 else "GET", f"/api/things?n={number}", b"{}" if number % 2 else None)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            self.failures.append(f"{number}: {answer.status}")
        self.answered.append(number)


@pytest.mark.parametrize("keep_alive", [False, True], ids=["a connection each", "connections kept"])
@pytest.mark.long
def test_no_request_is_lost_or_doubled_when_recording_starts_and_stops(
    own_edge: Edge, recorder: Recorder, stacks: tuple[EchoStack, EchoStack], keep_alive: bool
) -> None:
    stacks[0].seen.clear()
    with Load(own_edge, keep_alive=keep_alive) as load:
        for _ in range(2):
            switch(own_edge, recorder.recording())
            wait_for(lambda: recorder.status()["entries"] > 0, "something is recorded")
            switch(own_edge, None)
    recorder.stop()

    seen = Counter(int(seen.target.rpartition("=")[2]) for seen in stacks[0].seen)
    assert load.failures == []
    assert set(seen.values()) == {1}
    assert sorted(load.answered) == sorted(seen)
    status = recorder.status()
    assert (status["state"], status["dropped"], status["failed"]) == ("ended", 0, 0)
    assert len(recorder.entries()) == status["entries"]
