"""The recorder: bytes pass unchanged whatever they are, exchanges are cut right, entries say what was sent and answered."""

import asyncio
import base64
import contextlib
import gzip
import io
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parity.recorder.__main__ import main
from parity.recorder.entries import Reader
from parity.recorder.queue import Counts, Queue, frame, read_frames
from parity.recorder.relay import Front
from parity.recorder.settings import RecorderSettings, load_settings
from parity.recorder.tap import Exchange, Listener, Tap
from parity.recorder.writer import in_order
from parity.recording import read
from parity.values import Entry, ParityError

ROOT = Path(__file__).resolve().parents[2]
KEY = "0123456789abcdef" * 4
STACK = {"name": "old", "host": "127.0.0.1", "port": 1, "prefix": "/api", "socket": "/nonexistent"}
LENGTH_2 = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Log:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.opened = 0
        self.exchanges: list[Exchange] = []
        self.lost: list[int] = []

    def open(self) -> int:
        self.opened += 1
        return self.opened

    def tap(self, kept_bytes: int = 10_000_000) -> Tap:
        return Tap("old", Listener(self.open, self.exchanges.append, self.lost.append), kept_bytes)


def ask(method: str = "GET", body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} /api/x HTTP/1.1\r\nHost: a\r\n{length}\r\n".encode() + body


ANSWERS: dict[str, tuple[str, bytes]] = {
    "with a length": ("GET", LENGTH_2),
    "in chunks": ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"),
    "without a body": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "not modified": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
    "to HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
    "after an interim one": ("POST", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH_2),
    "of a status nobody knows": ("GET", b"HTTP/1.1 299 Strange\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("pieces", ["whole", "byte by byte"])
@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS.keys())
def test_two_exchanges_on_a_connection_are_cut_where_they_end(case: tuple[str, bytes], pieces: str) -> None:
    method, answer = case
    request = ask(method, b"body" if method == "POST" else b"")
    log = Log()
    tap = log.tap()

    for _ in range(2):
        for data, listen in ((request, tap.sent), (answer, tap.answered)):
            for piece in [data] if pieces == "whole" else [bytes([octet]) for octet in data]:
                listen(piece)

    assert [(one.request, one.answer, one.error) for one in log.exchanges] == [(request, answer, "")] * 2
    assert [one.seq for one in log.exchanges] == [1, 2]
    assert log.lost == []


ENDS: dict[str, tuple[bytes, str]] = {
    "an answer that ends with the connection": (b"HTTP/1.1 200 OK\r\n\r\nbody", ""),
    "no answer": (b"", "The connection was closed without an answer."),
    "half a head": (b"HTTP/1.1 200 OK\r\nConte", "The connection was closed in the middle of the answer."),
    "half a body": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "The connection was closed in the middle of the answer.",
    ),
    "half the chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        "The connection was closed in the middle of the answer.",
    ),
}


@pytest.mark.parametrize("case", ENDS.values(), ids=ENDS.keys())
def test_a_connection_that_closes_ends_its_exchange(case: tuple[bytes, str]) -> None:
    answer, error = case
    log = Log()
    tap = log.tap()
    tap.sent(ask())
    if answer:
        tap.answered(answer)
    tap.closed()
    tap.closed()

    assert [(one.answer, one.error) for one in log.exchanges] == [(answer, error)]


def test_an_idle_connection_that_closes_is_no_exchange() -> None:
    log = Log()
    tap = log.tap()
    tap.sent(ask())
    tap.answered(LENGTH_2)
    tap.closed()

    assert (len(log.exchanges), log.lost) == (1, [])


STRANGE: dict[str, list[tuple[str, bytes]]] = {
    "an answer that is not HTTP": [("sent", ask()), ("answered", b"hello\r\n\r\n")],
    "an answer before any request": [("answered", LENGTH_2)],
    "more than was announced": [("sent", ask() + b"more")],
    "a head without an end": [("sent", b"x" * 2_000_000)],
}


@pytest.mark.parametrize("steps", STRANGE.values(), ids=STRANGE.keys())
def test_what_is_no_exchange_is_counted_once_and_listened_to_no_more(steps: list[tuple[str, bytes]]) -> None:
    log = Log()
    tap = log.tap()
    for way, data in [*steps, ("sent", ask()), ("answered", LENGTH_2)]:
        getattr(tap, way)(data)
    tap.closed()

    assert (len(log.lost), log.exchanges) == (1, [])


def test_an_answer_before_the_whole_request_is_an_exchange_and_the_rest_of_it_is_none() -> None:
    log = Log()
    tap = log.tap()
    request = ask("POST", b"x" * 100)
    tap.sent(request[:-50])
    tap.answered(LENGTH_2)
    tap.sent(request[-50:])
    tap.closed()

    assert ([one.answer for one in log.exchanges], log.lost) == ([LENGTH_2], [])


def test_of_a_large_body_only_its_size_is_kept() -> None:
    log = Log()
    tap = log.tap(kept_bytes=1000)
    request = ask("POST", b"x" * 3_000_000)
    tap.sent(request)
    tap.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"y" * 3_000_000)

    (one,) = log.exchanges
    assert (one.request_bytes, one.answer_bytes > 3_000_000) == (len(request), True)
    assert max(len(one.request), len(one.answer)) < 1_100_000


def settings(**more: Any) -> RecorderSettings:
    facts = {"name": "t", "file": "/nonexistent/f", "status": "/nonexistent/s", "stacks": [STACK], "key": KEY}
    return RecorderSettings.model_validate(facts | more)


def exchange(request: bytes, answer: bytes = LENGTH_2, **more: Any) -> Exchange:
    facts = {
        "seq": 7,
        "stack": "old",
        "started": 0.0,
        "elapsed_s": 0.25,
        "request": request,
        "request_bytes": len(request),
        "answer": answer,
        "answer_bytes": len(answer),
    }
    return Exchange(**facts | more)


def entry_of(request: bytes, answer: bytes = LENGTH_2, **more: Any) -> Entry:
    return Reader(settings(**more)).entry(exchange(request, answer))


def bearer(claims: Any) -> str:
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"Authorization: Bearer e30.{text}.c2ln"


def get(*lines: str, target: str = "/api/x", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: a", *lines, "", ""]).encode("latin-1")


def test_an_entry_holds_the_raw_request_without_prefix_and_without_what_the_gateway_added() -> None:
    request = get(
        "X-Real-IP: 10.0.0.1",
        "X-Request-Id: rid-1",
        "x-Two: 1",
        "X-two: 2 ",
        "X-Odd: caf\xe9",
        target="/api/x/%2F?a=%20&a=",
    )
    entry = entry_of(request, gateway_headers=["X-Real-IP", "X-Request-Id"])

    assert (entry.id, entry.seq, entry.request.target) == ("000007", 7, "/x/%2F?a=%20&a=")
    assert entry.request.headers == (("Host", "a"), ("x-Two", "1"), ("X-two", "2"), ("X-Odd", "caf\xe9"))
    assert (entry.meta["request_id"], entry.meta["stack"], entry.meta["elapsed_ms"]) == ("rid-1", "old", 250.0)
    assert "10.0.0.1" not in repr(entry)


def test_an_entry_holds_status_headers_and_body_without_transfer_coding() -> None:
    answer = (
        b"HTTP/1.1 404 Not Found\r\nSet-Cookie: a\r\nset-cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n"
    )
    entry = entry_of(get(), answer)

    assert entry.answer is not None
    assert (entry.answer.status, entry.answer.body, entry.answer.elapsed_s) == (404, b"ok", 0.25)
    assert [value for name, value in entry.answer.headers if name == "set-cookie"] == ["a", "b"]


def test_times_follow_the_moved_clock() -> None:
    assert entry_of(get()).started == "1970-01-01T00:00:00.000Z"
    assert entry_of(get(), clock_offset_s=3600).started == "1970-01-01T01:00:00.000Z"


def test_an_exchange_without_a_whole_answer_has_none() -> None:
    entry = Reader(settings()).entry(exchange(get(), b"HTTP/1.1 200", error="It broke."))

    assert (entry.answer, entry.meta["error"]) == (None, "It broke.")


def test_a_body_over_the_limit_is_noted_and_not_kept() -> None:
    log = Log()
    tap = log.tap(kept_bytes=10)
    tap.sent(ask("POST", b"x" * 11))
    tap.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + b"y" * 12)

    entry = Reader(settings(body_bytes=10)).entry(log.exchanges[0])

    assert (entry.request.body, entry.answer and entry.answer.body) == (b"", b"")
    assert {name: entry.meta[name] for name in entry.meta if "_body" in name} == {
        "request_body": "missing",
        "request_body_bytes": 11,
        "answer_body": "missing",
        "answer_body_bytes": 12,
    }


def test_a_session_is_a_person_or_else_an_address_and_tells_neither() -> None:
    known = {"gateway_headers": ["X-Real-IP"]}
    ann = [entry_of(get(bearer({"sub": "ann", "n": n}), f"X-Real-IP: 1.1.1.{n}"), **known) for n in range(2)]
    bob = entry_of(get(bearer({"sub": "bob"})), **known)
    nobody = [entry_of(get(f"X-Real-IP: 1.1.1.{n}"), **known) for n in (1, 1, 2)]

    assert ann[0].session == ann[1].session != bob.session
    assert nobody[0].session == nobody[1].session != nobody[2].session
    assert not [one for one in (*ann, *nobody) if "ann" in one.session or "1.1.1" in one.session]
    assert entry_of(get(bearer({"sub": "ann"})), key="f" * 64).session != ann[0].session


TOKENS: dict[str, tuple[str, dict[str, str] | None]] = {
    "with a role": (bearer({"sub": "u1", "role": "admin"}), {"id": "u1", "role": "admin"}),
    "without a role": (bearer({"sub": "u1"}), {"id": "u1"}),
    "a number": (bearer({"sub": 12}), {"id": "12"}),
    "without a subject": (bearer({"role": "admin"}), None),
    "not an object": (bearer([1]), None),
    "not a token": ("Authorization: Bearer abc", None),
    "not base64": ("Authorization: Bearer a.####.c", None),
    "not JSON": ("Authorization: Bearer a.YWJj.c", None),
    "another scheme": ("Authorization: Basic YTpi", None),
}


@pytest.mark.parametrize("case", TOKENS.values(), ids=TOKENS.keys())
def test_the_actor_is_whom_the_token_names(case: tuple[str, dict[str, str] | None]) -> None:
    header, actor = case

    assert entry_of(get(header)).meta.get("actor") == actor


def test_a_preflight_belongs_to_the_group_of_the_request_it_announces() -> None:
    routes = [("GET", "/x", "reading"), ("POST", "/x", "writing")]

    assert entry_of(get(), routes=routes).meta["group"] == "reading"
    preflight = get("Access-Control-Request-Method: POST", method="OPTIONS")
    assert entry_of(preflight, routes=routes).meta["group"] == "writing"


@pytest.mark.parametrize("data", [b"", b"hello", b"\r\n\r\n", b"HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_no_entry(data: bytes) -> None:
    reader = Reader(settings())

    with pytest.raises(ValueError, match=r".+"):
        reader.entry(exchange(data))
    with pytest.raises(ValueError, match=r".+"):
        reader.entry(exchange(get(), data))


def test_a_frame_comes_back_as_it_was_and_half_a_frame_does_not() -> None:
    one = exchange(b"\x00\xff" * 10, b"answer", error="caf\xe9")
    data = frame(one, 5)

    assert list(read_frames(io.BytesIO(data + data))) == [(one, 5)] * 2
    assert list(read_frames(io.BytesIO(data + data[:-1]))) == [(one, 5)]


def test_entries_come_in_the_order_of_their_requests() -> None:
    def arrived(seq: int, floor: int) -> tuple[Exchange, int]:
        return exchange(b"", seq=seq), floor

    frames = [arrived(2, 1), arrived(3, 1), arrived(1, 4), arrived(4, 5), arrived(6, 5), arrived(5, 7)]

    assert [one.seq for one in in_order(frames)] == [1, 2, 3, 4, 5, 6]
    assert [one.seq for one in in_order(frames, held=1)] == [2, 1, 3, 4, 5, 6]


def test_settings_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"name": "x"}')

    with pytest.raises(ParityError, match=r"^\S+settings\.json: file: .*"):
        load_settings(path)
    with pytest.raises(ParityError, match="cannot be read"):
        load_settings(tmp_path / "absent.json")


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def relayed(serve: Serve) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Log]]:
    """A connection that leads through a relay to `serve`, and what its tap heard."""
    log = Log()
    fronts: list[Front] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    stack = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = stack.sockets[0].getsockname()[1]

    def front() -> Front:
        fronts.append(Front("127.0.0.1", port, log.tap(), 2.0, lambda gone: None))
        return fronts[-1]

    relay = await asyncio.get_running_loop().create_server(front, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*relay.sockets[0].getsockname()[:2])
    try:
        yield reader, writer, log
    finally:
        writer.close()
        for server in (relay, stack):
            server.close()
            await server.wait_closed()


@pytest.mark.parametrize("sent", [b"\x00\xff not HTTP at all", ask(), ask("POST", b"\r\n\r\n" * 500_000)])
def test_any_bytes_pass_unchanged_both_ways(sent: bytes) -> None:
    answer = bytes(range(256)) * 20_000
    got = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        got = await reader.readexactly(len(sent))
        writer.write(answer)
        await writer.drain()

    async def run() -> bytes:
        async with relayed(serve) as (reader, writer, _):
            writer.write(sent)
            return await reader.read(-1)

    assert asyncio.run(run()) == answer
    assert got == sent


def test_a_client_that_reads_slowly_does_not_fill_the_recorders_memory() -> None:
    written = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while written < 400_000_000:
                writer.write(b"x" * 1_000_000)
                await asyncio.wait_for(writer.drain(), 0.2)
                written += 1_000_000

    async def run() -> None:
        async with relayed(serve) as (reader, writer, _):
            writer.write(ask())
            await reader.readuntil(b"\r\n\r\n")
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
            for _ in range(200):
                before = written
                await asyncio.sleep(0.01)
                if written == before > 0:
                    break

    asyncio.run(run())
    assert written < 50_000_000


def test_a_stack_that_is_down_closes_the_gateways_connection() -> None:
    async def run() -> bytes:
        with socket.socket() as dead:
            dead.bind(("127.0.0.1", 0))
            log = Log()
            address = dead.getsockname()
            relay = await asyncio.get_running_loop().create_server(
                lambda: Front(*address, log.tap(), 2.0, lambda gone: None), "127.0.0.1", 0
            )
            reader, writer = await asyncio.open_connection(*relay.sockets[0].getsockname()[:2])
            writer.write(ask())
            try:
                return await reader.read(-1)
            except ConnectionResetError:
                return b""
            finally:
                writer.close()
                relay.close()
                await relay.wait_closed()

    assert asyncio.run(run()) == b""


def test_a_client_that_hangs_up_is_hung_up_on_at_the_stack() -> None:
    heard = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(-1) == b""
        heard.set()

    async def run() -> list[str]:
        async with relayed(serve) as (_, writer, log):
            writer.write(ask())
            await writer.drain()
            await until(lambda: log.opened > 0)
            writer.close()
            await asyncio.wait_for(heard.wait(), 5)
            return [one.error for one in log.exchanges]

    assert asyncio.run(run()) == ["The connection was closed without an answer."]


async def until(ask: Callable[[], bool]) -> None:
    """Return when it is true; nothing here can be waited for by an event."""
    async with asyncio.timeout(20):
        while not ask():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def counts_of(queue: Queue) -> Counts:
    return queue._counts


def queue_run(program: str, work: Callable[[Queue], Awaitable[None]], limit_bytes: int = 1000) -> Counts:
    """Feed a program that stands for the writer; return the counts."""
    counts = Counts()

    async def run() -> None:
        queue = Queue([sys.executable, "-c", program], limit_bytes, counts)
        await queue.start()
        await work(queue)
        await queue.end()

    asyncio.run(run())
    return counts


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted() -> None:
    reads_at_the_end = (
        "import sys\nfrom parity.recorder.queue import read_frames\n"
        "print('ready', flush=True)\nsys.stdin.buffer.peek(1)\nfor _ in list(read_frames(sys.stdin.buffer)): print(flush=True)"
    )

    async def work(queue: Queue) -> None:
        for _ in range(10):
            queue.put(exchange(b"x" * 500_000), 1)

    counts = queue_run(reads_at_the_end, work)

    assert counts.entries + counts.dropped == 10
    assert (counts.dropped > 0, counts.failed, counts.reason) == (True, 0, "the queue was full")


def test_a_writer_that_dies_is_counted_and_started_again() -> None:
    one_and_die = (
        "import sys\nfrom parity.recorder.queue import read_frames\nprint('ready', flush=True)\n"
        "for _ in read_frames(sys.stdin.buffer): print(flush=True); sys.exit(3)"
    )

    async def work(queue: Queue) -> None:
        for wanted in (1, 2):
            queue.put(exchange(b"x"), 1)
            await until(lambda wanted=wanted: counts_of(queue).entries == wanted and not queue._answered)

    counts = queue_run(one_and_die, work)

    assert (counts.entries, counts.dropped) == (2, 0)
    assert counts.reason.startswith("the writer ended with code 3")


def test_a_writer_that_cannot_start_says_so() -> None:
    async def work(queue: Queue) -> None:
        raise AssertionError

    with pytest.raises(ParityError, match=r"^The writer ended with code 2 before it was ready"):
        queue_run("raise SystemExit(2)", work)


def test_a_writer_that_dies_of_its_first_exchange_is_not_tried_for_ever() -> None:
    async def work(queue: Queue) -> None:
        queue.put(exchange(b"x"), 1)
        await until(lambda: queue._process is None)
        queue.put(exchange(b"x"), 1)

    counts = queue_run("print('ready', flush=True); input()", work)

    assert (counts.entries, counts.dropped, counts.reason) == (0, 2, "the writer is gone; see its log")


SECRET = "correct-horse-battery"


class OneStack:
    """A stack that answers every request alike, on as many connections as are made."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
                await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
                writer.write(self.answer)
        writer.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="rec-") as name:
        yield Path(name)


def test_the_process_records_redacts_and_finishes_at_the_end(folder: Path) -> None:
    answer = gzip.compress(b'{"ok": true}')
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(answer)}"
    )
    login = b'{"username": "ann", "password": "%s"}' % SECRET.encode()
    # The secret stands in an address before it is known to be one.
    requests = [
        get(target=f"/api/found?q={SECRET}"),
        b"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        + b"Content-Length: %d\r\n\r\n" % len(login)
        + login,
    ]

    async def run() -> None:
        stack = await asyncio.start_server(OneStack(head.encode() + b"\r\n\r\n" + answer).serve, "127.0.0.1", 0)
        told = settings(
            file=str(folder / "r.jsonl.gz"),
            status=str(folder / "status.json"),
            stacks=[STACK | {"port": stack.sockets[0].getsockname()[1], "socket": str(folder / "s")}],
            header={"format": "parity-recording/1", "prefixes": ["/api"]},
        )
        (folder / "settings.json").write_text(told.model_dump_json())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "parity.recorder", str(folder / "settings.json")), cwd=ROOT, start_new_session=True
        )
        await until((folder / "status.json").exists)
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_unix_connection(folder / "s")
            for request in requests:
                writer.write(request)
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(answer))
            os.killpg(process.pid, signal.SIGTERM)
            assert await reader.read(-1) == b""
            assert await process.wait() == 0
            writer.close()
        stack.close()
        await stack.wait_closed()

    asyncio.run(run())
    header, entries = read(folder / "r.jsonl.gz")
    found, logged_in = entries
    assert header.counts["entries"] == 2
    assert found.answer is not None
    assert found.answer.body == b'{"ok": true}'
    assert SECRET not in gzip.decompress((folder / "r.jsonl.gz").read_bytes()).decode()
    pseudonym = json.loads(logged_in.request.body)["password"]
    assert found.request.target == f"/found?q={pseudonym}"
    assert json.loads((folder / "status.json").read_text())["state"] == "ended"


def test_it_refuses_bad_settings_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recorder", str(tmp_path / "absent.json")])

    assert main() == 2
    assert capsys.readouterr().err.count("\n") == 1
