"""A real gateway process for the tests, the project folder it is rendered from, and a client that sends what it is told."""

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from gateway.config import Config, load
from gateway.nginx import prepare

__all__ = ["Answer", "Edge", "free_port", "make_project", "request_bytes", "wait_for"]

T = TypeVar("T")

PAIR = """
[gateway]
host = "127.0.0.1"
host_env = "BIND_HOST"
port = 8000
port_env = "GATEWAY_PORT"
routes = "groups.toml"
frontend_env = "FRONTEND_DIST"
texts = ["README.md", "ABSENT.md"]

[stacks.legacy]
folder = "old_app"
host = "127.0.0.1"
port = 5001
port_env = "LEGACY_PORT"
prefix = "/api"
interface = "wsgi"
app = "old:app"
start = ["old-server", "--bind", "{host}:{port}", "--idle={keep_alive_s}", "--workers={workers}", "{app}"]
keep_alive_s = 5
workers = 3
health = "/health"
live = "/health/live"

[stacks.modern]
host = "127.0.0.1"
port = 8001
port_env = "MODERN_PORT"
prefix = "/api/v2"
interface = "asgi"
app = "new:app"
start = ["new-server", "{app}"]
keep_alive_s = 10
health = "/health"
live = "/health/live"
pages = ["/docs", "/redoc", "/openapi.json"]

[limits]
body_bytes = 1048576

[[limits.larger]]
path = "/things/bulk"
body_bytes = 10485760

[timeouts]
connect_s = 2
answer_s = 30
client_header_s = 10
client_body_s = 10
"""

GROUPS = """
[[group]]
id = "things.read"
title = "Things"
match = ["GET /things", "GET /things/{id}"]

[[group]]
id = "things.write"
title = "Change things"
match = ["POST /things", "PUT,DELETE /things/{id}", "POST /things/bulk"]

[[phase]]
id = 1
title = "All"
groups = ["things.read", "things.write"]
success = "It works"
"""


def make_project(folder: Path, pair: str = PAIR, groups: str = GROUPS) -> Path:
    """Write a project with both stacks present, and return its folder."""
    (folder / "old_app").mkdir(parents=True)
    (folder / "dualstack.toml").write_text(pair)
    (folder / "groups.toml").write_text(groups)
    (folder / "README.md").write_text("# Things\n")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(look: Callable[[], T], what: str, deadline_s: float = 10) -> T:
    """Return the first true value of `look`."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {deadline_s} s: {what}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """Return the header's one value, or None. Twice is a failure."""
        found = self.all(name)
        assert len(found) < 2, (name, found)
        return found[0] if found else None

    def sent(self, name: str) -> list[str]:
        """Return the values of a request header, as the echoing stack got them."""
        return [value for key, value in self.json["headers"] if key.lower() == name.lower()]


def request_bytes(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    host: str = "edge.example:8000",
) -> bytes:
    """Return the request as it goes over the wire; nothing in it is encoded or corrected."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Edge:
    """nginx in front of two ports, until the `with` block ends."""

    def __init__(
        self, project: Path, var_dir: Path, ports: Sequence[int], environ: dict[str, str] | None = None
    ) -> None:
        self.project = project
        self.var_dir = var_dir
        self.variables = {"LEGACY_PORT": str(ports[0]), "MODERN_PORT": str(ports[1]), **(environ or {})}
        self.change: Callable[[Config], Config] = lambda config: config

    def with_timeouts(self, **seconds: float) -> Self:
        self.change = lambda config: replace(config, timeouts=replace(config.timeouts, **seconds))
        return self

    def __enter__(self) -> Self:
        for _ in range(5):
            self.port = free_port()
            environ = {"PATH": os.environ["PATH"], "GATEWAY_PORT": str(self.port), **self.variables}
            self.config = self.change(load(self.project, environ))
            command = prepare(self.config, self.var_dir, environ)
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda: self.is_bound() or self.process.poll() is not None, "nginx is up or gone")
            if self.is_bound() and wait_for(self.is_up, "nginx answers"):
                return self
        raise AssertionError((self.var_dir / "gateway/log/error.log").read_text())

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def is_bound(self) -> bool:
        """Whether this nginx, and not a stranger's on the same port, has its port: it writes its pid after binding."""
        pid_file = self.var_dir / "gateway/run/nginx.pid"
        return pid_file.is_file() and pid_file.read_text().strip() == str(self.process.pid)

    def is_up(self) -> bool:
        try:
            return self.get("/__gateway/health").status == 200
        except OSError:
            return False

    def connect(self, timeout_s: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)

    def raw(self, data: bytes, *, method: str = "GET", on: socket.socket | None = None) -> Answer:
        """Send bytes, return the answer; on a fresh connection unless one is given."""
        connection = on or self.connect()
        try:
            connection.sendall(data)
            return read_answer(connection, method)
        finally:
            if on is None:
                connection.close()

    def ask(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        on: socket.socket | None = None,
    ) -> Answer:
        return self.raw(request_bytes(method, target, headers, body), method=method, on=on)

    def get(self, target: str, *headers: tuple[str, str]) -> Answer:
        return self.ask("GET", target, headers)

    def log_lines(self) -> list[dict[str, Any]]:
        text = (self.var_dir / "gateway/log/access.jsonl").read_bytes().decode("ascii")
        return [json.loads(line) for line in text.splitlines()]

    def log_line(self, rid: str) -> dict[str, Any]:
        """Return the one line of a request id, as soon as it is written."""
        found = wait_for(lambda: [line for line in self.log_lines() if line["rid"] == rid], f"a log line of {rid}")
        assert len(found) == 1
        return found[0]


def read_answer(connection: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Answer(response.status, tuple(response.getheaders()), response.read())
    finally:
        response.close()
