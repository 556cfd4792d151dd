"""A stack's real server on a database that others serve as well: one worker process, whose scheduler may own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.config import load
from scheduler.services import build_services
from shared_models import SchedulerNode
from tests.contract import stacks
from tests.contract.api import Answer, Api, Stack
from tests.contract.served import request_bytes
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place

__all__ = ["Server", "serving"]

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 20


@dataclass(frozen=True)
class Server:
    """A server that listens on `port`. `name` is its worker's among the schedulers, `worker` that process's id."""

    api: Api
    port: int
    process: "subprocess.Popen[bytes]"
    name: str

    @property
    def worker(self) -> int:
        return int(self.name.split(":")[2])

    def signal(self, number: signal.Signals) -> None:
        """Send the signal to the worker, as its manager or the kernel does."""
        os.kill(self.worker, number)

    @contextmanager
    def open_request(self, path: str) -> Iterator[Callable[[], int]]:
        """Send a POST of the person called user; yield a function that waits for the answer and returns its status."""
        line = f"POST {self.api.stack.prefix}{path} HTTP/1.1"
        headers = [f"Authorization: Bearer {self.api.token('user')}", "Content-Length: 0", "Connection: close"]
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S) as connection:
            connection.sendall(request_bytes(line, *headers))
            yield lambda: int(connection.makefile("rb").readline().split()[1])


@contextmanager
def serving(place: Place, folder: Path, *names: str, **environment: str) -> Iterator[list[Server]]:
    """Yield a server for each of these stacks, all answering; a name may come twice. They end as they are told to."""
    with ExitStack() as opened:
        begun = [_begin(opened, place, folder / str(number), name, environment) for number, name in enumerate(names)]
        yield [_server(place, *one) for one in begun]


def _begin(opened: ExitStack, place: Place, folder: Path, name: str, environment: dict[str, str]) -> tuple[Any, ...]:
    folder.mkdir()
    port = _free_port()
    own = {
        f"{name.upper()}_PORT": str(port),
        "DATABASE_URL": place.url,
        "JWT_SECRET_KEY": stacks.SECRET,
        "VAR_DIR": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    stack = next(stack for stack in load(_ROOT, own).stacks if stack.name == name)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            replace(stack, workers=1).command, cwd=_ROOT, env=own | environment, stdout=output, stderr=output
        )
    opened.callback(_end, process)
    return stack, port, process, log


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _server(place: Place, stack: Any, port: int, process: "subprocess.Popen[bytes]", log: Path) -> Server:
    def name() -> str | None:
        assert process.poll() is None, log.read_text()
        family = {process.pid, *_children(process.pid)}
        found = [row.process for row in place.rows(SchedulerNode) if int(row.process.split(":")[2]) in family]
        return found[0] if found else None

    settings = stacks.settings_for(place.url, place.sinks)
    served = Stack(
        stack.name, stack.prefix, settings, place.engine, _transport(port), build_services(settings), place.sinks
    )
    worker = wait_for(f"{stack.name} has a scheduler", name, 60)
    wait_for(f"{stack.name} answers", lambda: _answers(port), 60)
    return Server(Api(served, alone=False), port, process, worker)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _transport(port: int) -> Callable[..., Answer]:
    def send(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        try:
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    return send
