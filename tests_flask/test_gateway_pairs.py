"""The gateway before somebody else's pair, half of it ported: real Flask under gunicorn, real FastAPI under uvicorn."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from gateway.config import load
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.conftest import open_folder
from tests.gateway.edge import Answer, Edge, free_port, wait_for

__all__ = ["open_folder"]

PAIR = Path(__file__).parent / "gateway_pairs" / "half_ported"
PROGRAMS = Path(sys.executable).parent
OPEN = frozenset({"/api/v2"})


@dataclass(frozen=True)
class Service:
    """One of the two, run by its own start command as `changeover up` would."""

    url: str
    process: subprocess.Popen[bytes]

    def is_up(self) -> bool:
        try:
            return httpx2.get(self.url, trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass(frozen=True)
class Notes:
    edge: Edge
    services: dict[str, Service]

    def own(self, share: int, loose: frozenset[str] = frozenset()) -> None:
        order = Order("flip", Ownership({"notes.read": share, "notes.write": share}, loose), must_stay=True)
        assert Flips.of(self.edge.config, self.edge.var_dir).carry_out(order).word in {"done", "nothing"}

    def ask(self, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> Answer:
        return self.edge.ask(method, target, headers, body)


@pytest.fixture(scope="module")
def notes(open_folder: Callable[[str], Path]) -> Iterator[Notes]:
    with Running(open_folder("notes")) as running:
        yield running


class Running(ExitStack):
    """The pair and its gateway, until the `with` block ends."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __enter__(self) -> Notes:
        super().__enter__()
        ports = {"FLASK_PORT": str(free_port()), "FASTAPI_PORT": str(free_port())}
        services = {stack.name: self.start(stack.command, stack.url + stack.live) for stack in load(PAIR, ports).stacks}
        for name, service in services.items():
            wait_for(service.is_up, f"{name} answers", deadline_s=30)
        return Notes(self.enter_context(Edge(PAIR, self.folder / "var", [0, 0], ports)), services)

    def start(self, command: list[str], url: str) -> Service:
        environ = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        service = Service(url, subprocess.Popen(command, cwd=PAIR, env=environ, start_new_session=True, **quiet))
        self.callback(service.end)
        return service


WRITES = {
    "POST of nothing": ("POST", "/notes/", b""),
    "POST": ("POST", "/notes/", b'{"text":"new"}'),
    "PUT": ("PUT", "/notes/1", b"changed"),
    "PATCH": ("PATCH", "/notes/1", b"changed"),
    "DELETE": ("DELETE", "/notes/1", b""),
    "an import of 3 MB": ("POST", "/import", bytes(range(250)) * 12_000),
}


@pytest.mark.parametrize(("method", "path", "body"), WRITES.values(), ids=WRITES.keys())
def test_what_is_not_ported_goes_on_with_its_body(notes: Notes, method: str, path: str, body: bytes) -> None:
    notes.own(100)

    answer = notes.ask(method, f"/api{path}", body=body)

    assert (answer.status, answer.header("X-Served-By"), answer.header("X-Fallback-From")) == (200, "flask", "fastapi")
    assert (answer.json["method"], answer.json["size"]) == (method, len(body))
    assert answer.json["digest"] == hashlib.sha256(body).hexdigest()


def test_what_is_ported_is_answered_by_it(notes: Notes) -> None:
    notes.own(100)

    answer = notes.ask("GET", "/api/notes/2")

    assert (answer.header("X-Served-By"), answer.header("X-Fallback-From")) == ("fastapi", None)
    assert answer.json == {"number": 2, "text": "call Ana"}


def test_a_read_that_is_not_ported_goes_on_too(notes: Notes) -> None:
    notes.own(100)

    answer = notes.ask("GET", "/api/export")

    assert (answer.header("X-Served-By"), answer.header("Content-Type")) == ("flask", "text/csv")
    assert answer.body == b"buy milk\ncall Ana"


def test_a_404_of_what_is_ported_is_an_answer(notes: Notes) -> None:
    notes.own(100)

    answer = notes.ask("GET", "/api/notes/9")

    assert (answer.status, answer.header("X-Served-By"), answer.json["detail"]) == (
        404,
        "fastapi",
        "There is no such note",
    )


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/api/notes/", [("X-Stack", "fastapi")]), ("/api/v2/notes/", [])],
    ids=["asked for by name", "below its own prefix"],
)
def test_who_tests_the_new_one_is_told_what_it_lacks(notes: Notes, target: str, headers: list[tuple[str, str]]) -> None:
    notes.own(100)

    answer = notes.ask("POST", target, *headers, body=b"{}")

    assert (answer.status, answer.header("X-Served-By"), answer.json["error"]) == (501, "none", "Not implemented")


@pytest.mark.parametrize("prefix", ["/api", "/api/v2"])
@pytest.mark.parametrize(("share", "owner", "status"), [(0, "flask", 308), (100, "fastapi", 307)])
def test_a_redirect_for_a_slash_stays_below_the_clients_prefix(
    notes: Notes, prefix: str, share: int, owner: str, status: int
) -> None:
    """Both frameworks name a whole address: of the stack's own host or of ours, below the stack's own prefix."""
    notes.own(share, OPEN)

    redirect = notes.ask("GET", f"{prefix}/notes?a=1")
    target = redirect.header("Location") or ""

    assert (redirect.status, redirect.header("X-Served-By"), target) == (status, owner, f"{prefix}/notes/?a=1")
    assert notes.ask("GET", target).json == {"1": "buy milk", "2": "call Ana"}


@pytest.mark.parametrize("dead", ["flask", "fastapi"])
def test_reads_go_on_when_one_is_killed(open_folder: Callable[[str], Path], dead: str) -> None:
    with Running(open_folder("killed")) as notes:
        notes.own(100 if dead == "fastapi" else 0)
        notes.services[dead].end()
        read = notes.ask("GET", "/api/notes/1")
        write = notes.ask("PUT", "/api/notes/1", body=b"x")

    other = "flask" if dead == "fastapi" else "fastapi"
    assert (read.status, read.header("X-Served-By"), read.header("X-Fallback-From")) == (200, other, dead)
    assert (write.status, write.header("X-Served-By")) == (502, "none")
