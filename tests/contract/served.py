"""One stack as a real process, started as `dualstack.toml` says, and a client that sends bytes as they are."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

from gateway.config import load
from shared_models.engine import sync_engine
from tests.contract import stacks, world
from tests.contract.api import Answer

__all__ = ["Served", "request_bytes", "served"]

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 10


@dataclass(frozen=True)
class Served:
    """A stack that listens on `port` of this machine, over the world's rows."""

    name: str
    prefix: str
    port: int

    def ask(self, *requests: bytes) -> list[Answer]:
        """Send each request and read its answer, all on one connection; an answer that does not come is an error."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S) as connection:
            return [_exchange(connection, request) for request in requests]


def request_bytes(line: str | bytes, *headers: str | bytes, body: bytes = b"") -> bytes:
    """Return the lines as a request; nothing in it is encoded or corrected. A body gets its length."""
    lines = [part if isinstance(part, bytes) else part.encode("latin-1") for part in (line, "Host: h", *headers)]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


@contextmanager
def served(name: str) -> Iterator[Served]:
    with stacks.database_url("sqlite") as url, tempfile.TemporaryDirectory(prefix="served-") as folder:
        engine = sync_engine(url)
        world.reset(engine)
        engine.dispose()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        own = {
            f"{name.upper()}_PORT": str(port),
            "DATABASE_URL": url,
            "JWT_SECRET_KEY": stacks.SECRET,
            "VAR_DIR": folder,
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        stack = next(stack for stack in load(_ROOT, own).stacks if stack.name == name)
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                stack.command, cwd=_ROOT, env={"PATH": path} | own, stdout=output, stderr=output, process_group=0
            )
        try:
            _wait_until_it_answers(port, process, log)
            yield Served(name, stack.prefix, port)
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)


def _exchange(connection: socket.socket, request: bytes) -> Answer:
    connection.sendall(request)
    with closing(HTTPResponse(connection, method=request.partition(b" ")[0].decode("latin-1"))) as response:
        response.begin()
        body = response.read()
    headers = [(name.lower(), value) for name, value in response.getheaders()]
    assert len(dict(headers)) == len(headers), "a header twice"
    return Answer(response.status, dict(headers), body)


def _wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())
