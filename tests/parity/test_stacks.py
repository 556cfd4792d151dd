"""Stacks as processes, in memory and elsewhere: they start or say why not, answer alike, and leave nothing behind."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from parity.config import Stack
from parity.reach.processes import ProcessStack
from parity.reach.stacks import Reach, RunningStack, start_stack
from parity.values import Answer, ParityError, Request
from tests.ops.waiting import wait_for
from tests.parity import stub_apps
from tests.parity.scripted import ok, scripted

ROOT = Path(__file__).resolve().parents[2]
STUB = Path(__file__).with_name("stub_stack.py")
APPS = "tests.parity.stub_apps"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def stub(mood: str = "good", **keys: Any) -> Stack:
    start = (sys.executable, "-S", "-E", str(STUB), "{host}", "{port}", mood)
    return Stack(**{"name": "left", "prefix": "/api", "live": "/live", "start": start} | keys)


def in_memory(app: str, interface: str = "wsgi", **keys: Any) -> Stack:
    return Stack(name="left", prefix="/api", interface=interface, app=f"{APPS}:{app}", **keys)


def with_stack(
    stack: Stack,
    work: Callable[[RunningStack], Coroutine[Any, Any, Any]],
    folder: Path,
    reach: Reach = "process",
    env: dict[str, str] | None = None,
    root: Path = ROOT,
    **options: Any,
) -> Any:
    """Start the stack, return what `work` makes of it, stop it."""

    async def all_of_it() -> Any:
        running = await start_stack(stack, reach, env or {}, folder, 10, root=root, **options)
        try:
            return await work(running)
        finally:
            await running.stop()
            await running.stop()

    return run(all_of_it())


def answers_to(stack: Stack, folder: Path, *requests: Request, **options: Any) -> list[Answer]:
    async def send_all(running: RunningStack) -> list[Answer]:
        return [await running.send(request) for request in requests]

    answers: list[Answer] = with_stack(stack, send_all, folder, **options)
    return answers


def refusal(stack: Stack, folder: Path, reach: Reach = "process", start_s: float = 10.0) -> str:
    with pytest.raises(ParityError) as refused:
        run(start_stack(stack, reach, {}, folder, start_s, root=folder if reach == "process" else ROOT))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


# Processes


def test_a_process_is_told_where_to_listen_and_answers_under_its_prefix(tmp_path: Path) -> None:
    [answer] = answers_to(stub(), tmp_path, Request("GET", "/jobs?a=1"), env={"STUB": "told"}, root=tmp_path)

    assert answer.body.decode().splitlines() == [
        "GET /api/jobs?a=1 HTTP/1.1",
        "told",
        str(tmp_path),
        str(Path(sys.prefix, "bin")),
    ]


REASONS = {
    "a server that cannot bind": (
        (
            "INFO: Started server process [7]",
            "ERROR: [Errno 98] error while attempting to bind on address ('127.0.0.1', 80): address already in use",
            "INFO: Waiting for application shutdown.",
        ),
        "on address ('127.0.0.1', 80): address already in use; use {port} in start, which is a free one",
    ),
    "a line of a log's own level": (
        ("2026-11-22 10:00 ERROR app: no colour", "2026-11-22 10:00 INFO app: bye"),
        "says: 2026-11-22 10:00 ERROR app: no colour",
    ),
    "a command's own word": (("Error: Could not import 'x'.", "Try --help"), "says: Error: Could not import 'x'."),
    "the end of a traceback before what is logged": (
        ("ERROR:    Traceback (most recent call last):", "KeyError: 'PAINT'", "ERROR:    Application startup failed."),
        "says: KeyError: 'PAINT'",
    ),
    "nothing that looks like one": (("one", "no errors so far"), "says: no errors so far"),
}


@pytest.mark.parametrize(("lines", "said"), REASONS.values(), ids=REASONS.keys())
def test_of_a_log_the_line_with_the_reason_is_told(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    start = (sys.executable, "-c", "import sys; print(*sys.argv[2:], sep='\\n'); sys.exit(1)", "{port}", *lines)

    assert refusal(stub(start=start), tmp_path).endswith(said)


def test_a_stack_that_is_not_told_its_port_is_advised_to_take_it(tmp_path: Path) -> None:
    start = (sys.executable, "-S", "-E", str(STUB), "127.0.0.1", "0", "mute")

    assert refusal(stub(start=start), tmp_path, start_s=0.2).endswith("; use {port} in start, which is a free one")


def test_every_placeholder_of_a_start_command_is_filled(tmp_path: Path) -> None:
    keys = ("{host}", "{keep_alive_s}", "{app}", "{workers}")
    start = (sys.executable, "-c", "import sys; sys.exit('ValueError: ' + ' '.join(sys.argv[1:]))", *keys)

    assert "says: ValueError: 127.0.0.1 7 a:b 1" in refusal(stub(start=start, app="a:b", keep_alive_s=7), tmp_path)
    assert "{threads}" in refusal(stub(start=("x", "{threads}")), tmp_path)


FAILURES = {
    "an exception is found between other words": (
        "dying",
        'Stack "left" ended at once, with exit code 3; {log} says: ValueError: the colour of PAINT is unknown',
    ),
    "no word at all": ("wordless", 'Stack "left" ended at once, with exit code 4; it wrote nothing to {log}'),
}


@pytest.mark.parametrize(("mood", "said"), FAILURES.values(), ids=FAILURES.keys())
def test_a_process_that_ends_says_why(tmp_path: Path, mood: str, said: str) -> None:
    assert refusal(stub(mood), tmp_path) == said.format(log=tmp_path / "left.log")


@pytest.mark.parametrize(
    ("mood", "start_s", "heard"),
    [("mute", 0.2, ""), ("sick", 0.6, " (it answered 503)")],
    ids=["no answer", "an answer that says wait"],
)
def test_a_process_that_is_not_live_in_time_is_ended(tmp_path: Path, mood: str, start_s: float, heard: str) -> None:
    said = f'Stack "left" did not answer GET /api/live below 500 within {start_s:g} s{heard}; it wrote nothing to '

    assert refusal(stub(mood), tmp_path, start_s=start_s).startswith(said)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ((), 'Stack "left" has no start command; add `start` to [stacks.left].'),
        (("no-such-program",), '"no-such-program" cannot be started: No such file or directory; correct `start`.'),
    ],
    ids=["no command", "no such program"],
)
def test_a_command_that_cannot_be_run_is_named(tmp_path: Path, start: tuple[str, ...], said: str) -> None:
    assert refusal(stub(start=start), tmp_path) == said


def test_programs_beside_this_python_are_found(tmp_path: Path) -> None:
    start = ("python", "-c", "import sys; sys.exit('ValueError: ' + sys.prefix)")

    assert refusal(stub(start=start), tmp_path).endswith(f"ValueError: {sys.prefix}")


@pytest.mark.parametrize(
    "mood", ["late once", "plain"], ids=["taken by another", "a server that cannot share its port"]
)
def test_a_port_that_is_taken_is_tried_once_more(tmp_path: Path, mood: str) -> None:
    [answer] = answers_to(stub(mood), tmp_path, Request("GET", "/"), root=tmp_path)

    assert answer.status == 200


def test_a_crash_in_the_middle_is_an_outcome(tmp_path: Path) -> None:
    async def crash(running: RunningStack) -> tuple[Answer, Answer]:
        assert isinstance(running, ProcessStack)
        os.kill(running._group._process.pid, signal.SIGKILL)
        running._group._process.wait()
        return await running.send(Request("POST", "/")), await running.send(Request("GET", "/"))

    answers = with_stack(stub(), crash, tmp_path)

    assert [answer.error for answer in answers] == ["The connection was refused."] * 2


@pytest.mark.parametrize("mood", ["good", "deaf", "parent"])
def test_stopping_ends_all_that_was_started(tmp_path: Path, mood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.reach.processes._STOP_S", 0.2)
    ports = []

    async def note(running: RunningStack) -> None:
        assert isinstance(running, ProcessStack)
        ports.append(running._client._all[0]._origin.port)
        if mood == "parent":
            ports.append(int(wait_for("a child", lambda: read(tmp_path / "child-port"))))
        assert all(map(listens, ports))

    with_stack(stub(mood), note, tmp_path, root=tmp_path)

    wait_for("the end of its ports", lambda: not any(map(listens, ports)))


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


RUNNER = """
import asyncio, sys
from pathlib import Path
from parity.config import Stack
from parity.reach.stacks import start_stack

async def main():
    folder = Path(sys.argv[1])
    stack = Stack(name="left", live="/live", start=(sys.executable, "-S", "-E", *sys.argv[2:]))
    running = await start_stack(stack, "process", {}, folder, 10, root=folder)
    print(running._client._all[0]._origin.port, flush=True)
    if sys.argv[-1] == "parent":
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_runner_that_is_killed_leaves_no_stack_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUNNER, str(tmp_path), str(STUB), "{host}", "{port}", "parent"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        ports = [int(runner.stdout.readline()), int(wait_for("a child", lambda: read(tmp_path / "child-port")))]
        assert all(map(listens, ports))
        runner.send_signal(signal.SIGKILL)

    wait_for("the end of its stack", lambda: not any(map(listens, ports)))


def test_a_runner_that_ends_without_stopping_leaves_no_stack_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUNNER, str(tmp_path), str(STUB), "{host}", "{port}", "deaf"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=20, check=False)

    wait_for("the end of its stack", lambda: not listens(int(done.stdout)))


# Elsewhere


def test_a_stack_that_runs_elsewhere_is_only_called(tmp_path: Path) -> None:
    async def work() -> tuple[Answer, list[bytes]]:
        async with scripted(ok()) as server:
            stack = Stack(name="left", prefix="/api", url=f"http://127.0.0.1:{server.port}/base")
            running = await start_stack(stack, "url", {}, tmp_path, 10, root=tmp_path)
            answer = await running.send(Request("GET", "/jobs"))
            await running.stop()
            return answer, server.requests

    answer, requests = run(work())
    assert answer.body == b"ok"
    assert requests[0].startswith(b"GET /base/api/jobs HTTP/1.1\r\n")
    assert list(tmp_path.iterdir()) == []


def test_a_stack_without_a_url_is_named(tmp_path: Path) -> None:
    assert refusal(Stack(name="left"), tmp_path, "url") == 'Stack "left" has no url; add `url` to [stacks.left].'


# Memory

ODD = Request(
    "PUT",
    "/caf%C3%A9/a%2Fb//c?q=%E9&q=+",
    (
        ("Content-Type", "text/plain"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("X-Name", "caf\xe9"),
        ("X_Trick", "1"),
        ("Connection", "close"),
        ("Content-Length", "99"),
    ),
    b"\xffbody",
)


def test_a_wsgi_app_sees_what_a_server_would_tell_it(tmp_path: Path) -> None:
    stub_apps.LIFE.clear()
    [answer] = answers_to(in_memory("wsgi"), tmp_path, ODD, reach="memory")

    told = json.loads(answer.body)
    environ = told["environ"]
    assert base64.b64decode(told["body"]) == b"\xffbody"
    assert (
        environ
        | {
            "REQUEST_METHOD": "PUT",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/api/caf\xc3\xa9/a/b//c",
            "QUERY_STRING": "q=%E9&q=+",
            "RAW_URI": "/api/caf%C3%A9/a%2Fb//c?q=%E9&q=+",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "5",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_X_A": "1,2",
            "HTTP_X_NAME": "caf\xe9",
        }
        == environ
    )
    assert not {"HTTP_CONNECTION", "HTTP_X_TRICK", "HTTP_CONTENT_LENGTH"} & environ.keys()
    assert stub_apps.LIFE == ["closed"]


def test_an_asgi_app_sees_what_a_server_would_tell_it(tmp_path: Path) -> None:
    [answer] = answers_to(in_memory("asgi", "asgi"), tmp_path, ODD, reach="memory")

    told = json.loads(answer.body)
    scope = told["scope"]
    assert base64.b64decode(told["body"]) == b"\xffbody"
    assert (
        scope
        | {
            "method": "PUT",
            "path": "/api/café/a/b//c",
            "raw_path": "/api/caf%C3%A9/a%2Fb//c",
            "query_string": "q=%E9&q=+",
            "root_path": "",
            "state": {"made": "at start"},
            "headers": [
                ["host", "127.0.0.1"],
                ["content-type", "text/plain"],
                ["x-a", "1"],
                ["x-a", "2"],
                ["x-name", "caf\xe9"],
                ["x_trick", "1"],
                ["content-length", "5"],
            ],
        }
        == scope
    )
    assert answer.headers == (("x-a", "1"), ("x-a", "caf\xe9"))


INTERNAL = (500, b"Internal Server Error", "")
CUT = (0, b"", "The connection was closed in the middle of the answer.")
ENDS = {
    ("wsgi", "/raise"): INTERNAL,
    ("wsgi", "/exit"): INTERNAL,
    ("wsgi", "/silent"): INTERNAL,
    ("wsgi", "/raise/late"): CUT,
    ("wsgi", "/write"): (201, b"written and returned", ""),
    ("wsgi", "/corrected"): (500, b"corrected", ""),
    ("asgi", "/raise"): INTERNAL,
    ("asgi", "/exit"): INTERNAL,
    ("asgi", "/silent"): INTERNAL,
    ("asgi", "/raise/late"): CUT,
    ("asgi", "/hang"): (0, b"", "No complete answer within 0.1 s."),
}


@pytest.mark.parametrize(("interface", "target"), ENDS, ids=lambda value: value)
def test_an_app_that_goes_wrong_is_answered_for_as_by_a_server(tmp_path: Path, interface: str, target: str) -> None:
    stack = in_memory(interface, interface)
    requests = (Request("GET", target), Request("GET", "/fine"))

    begun = time.monotonic()
    wrong, fine = answers_to(stack, tmp_path, *requests, reach="memory", answer_s=0.1 if target == "/hang" else 5)

    assert (wrong.status, wrong.body, wrong.error) == ENDS[interface, target]
    assert time.monotonic() - begun < 3, "what was given up is not waited for"
    assert fine.status == 200
    if target in {"/raise", "/raise/late"}:
        assert "Error" in (tmp_path / "left.log").read_text()


def test_an_asgi_answer_is_there_before_what_the_app_does_behind_it(tmp_path: Path) -> None:
    stub_apps.LIFE.clear()
    [answer] = answers_to(
        in_memory("asgi", "asgi"), tmp_path, Request("GET", "/behind"), reach="memory", env={"STUB": "a"}
    )

    assert answer.body == b"early"
    assert stub_apps.LIFE == ["up a", "http.request", "http.disconnect", "down"]


def test_a_head_of_an_asgi_app_has_no_body(tmp_path: Path) -> None:
    [answer] = answers_to(in_memory("asgi", "asgi"), tmp_path, Request("HEAD", "/"), reach="memory")

    assert (answer.status, answer.body) == (200, b"")


def test_an_app_without_a_lifespan_does_without(tmp_path: Path) -> None:
    [answer] = answers_to(in_memory("without_lifespan", "asgi"), tmp_path, Request("GET", "/"), reach="memory")

    assert answer.body == b"ok"


def test_a_factory_is_called_in_the_stack_s_environment_and_leaves_the_runner_s_alone(tmp_path: Path) -> None:
    [answer] = answers_to(in_memory("make_wsgi"), tmp_path, Request("GET", "/"), reach="memory", env={"STUB": "told"})

    assert answer.body == b"told none"
    assert "STUB" not in os.environ


def test_an_attribute_may_lie_deeper(tmp_path: Path) -> None:
    [answer] = answers_to(in_memory("Namespace.app"), tmp_path, Request("GET", "/"), reach="memory")

    assert answer.status == 200


UNUSABLE = {
    "no interface": (
        Stack(name="left", app="a:b"),
        'Stack "left" cannot be reached in memory; add `interface` ("wsgi" or "asgi") and `app` (module:attribute) '
        "to [stacks.left].",
    ),
    "no attribute": (
        Stack(name="left", interface="wsgi", app="a.b"),
        '"a.b" names no app; write module:attribute, such as shop.main:app.',
    ),
    "no such module": (
        Stack(name="left", interface="wsgi", app="no_such_module:app"),
        f"\"no_such_module:app\" cannot be imported from {ROOT}: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "a factory that ends the process": (
        in_memory("exiting"),
        f'"{APPS}:exiting" cannot be imported from {ROOT}: SystemExit: PAINT: unknown colour',
    ),
    "a number": (
        in_memory("NOT_AN_APP"),
        f'"{APPS}:NOT_AN_APP" is no app but int; name a WSGI app or a function that makes one.',
    ),
    "a start-up that fails": (
        in_memory("failing", "asgi"),
        'Stack "left" failed to start: ValueError: PAINT is unknown',
    ),
}


@pytest.mark.parametrize(("stack", "said"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_app_that_cannot_be_used_says_why(tmp_path: Path, stack: Stack, said: str) -> None:
    assert refusal(stack, tmp_path, "memory") == said


def test_a_start_up_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    said = refusal(in_memory("starting_forever", "asgi"), tmp_path, "memory", start_s=0.1)

    assert said == 'Stack "left" failed to start: its start-up takes longer than 0.1 s.'


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_at_most_as_many_requests_as_allowed_are_in_flight(tmp_path: Path, interface: str) -> None:
    stub_apps.PEAK.clear()

    async def together(running: RunningStack) -> list[Answer]:
        return list(await asyncio.gather(*(running.send(Request("GET", "/slow")) for _ in range(6))))

    answers = with_stack(in_memory(interface, interface), together, tmp_path, reach="memory", connections=2)

    assert [answer.status for answer in answers] == [200] * 6
    assert max(stub_apps.PEAK) == 2


def test_an_app_forgets_what_its_modules_kept_when_it_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "counting_app.py").write_text(
        "calls = []\n"
        "def app(environ, start_response):\n"
        "    calls.append(1)\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [str(len(calls)).encode()]\n"
    )

    async def answers_of_two_starts() -> list[bytes]:
        bodies = []
        for _ in range(2):
            stack = Stack(name="one", interface="wsgi", app="counting_app:app")
            running = await start_stack(stack, "memory", {}, tmp_path, 5, root=tmp_path)
            bodies += [(await running.send(Request("GET", "/"))).body for _ in range(2)]
            await running.stop()
        return bodies

    assert asyncio.run(answers_of_two_starts()) == [b"1", b"2", b"1", b"2"]
