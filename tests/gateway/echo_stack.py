"""A tiny HTTP service that answers with what it was sent: a stack for the gateway's tests."""

import hashlib
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["EchoStack", "reserved_port"]


@dataclass(frozen=True)
class Seen:
    """One request as the stack got it. `target` is the raw one of the request line."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 with keep-alive. What the path holds decides: `/status/503`, `/slow`, `/hang-up`, `/die-on-reuse`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "EchoServer"

    def setup(self) -> None:
        super().setup()
        self.answered = 0

    def answer(self) -> None:
        stack = self.server.stack
        target = self.requestline.split()[1]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        stack.seen.append(Seen(self.command, target, tuple(self.headers.items())))
        if "/slow" in target:
            stack.released.wait(30)
        if "/hang-up" in target or ("/die-on-reuse" in target and self.answered):
            self.close_connection = True
            return
        self.answered += 1
        self.send_echo(target, body)

    def send_echo(self, target: str, body: bytes) -> None:
        stack = self.server.stack
        echo = {
            "stack": stack.name,
            "method": self.command,
            "target": target,
            "headers": list(self.headers.items()),
            "length": len(body),
            "digest": hashlib.sha256(body).hexdigest(),
            "connection": self.client_address[1],
        }
        payload = json.dumps(echo).encode()
        status = int(target.rpartition("/status/")[2]) if "/status/" in target else 200
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in (*stack.extra, ("X-Request-Id", self.headers.get("X-Request-Id", "made-by-stack"))):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(payload)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True
    stack: "EchoStack"

    def handle_error(self, *args: Any) -> None:
        """A client that went away is no news."""


@dataclass
class EchoStack:
    """`seen` is every request so far; `released` lets the slow ones go. Use it in a `with` block."""

    name: str
    seen: list[Seen] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    handler: type[Handler] = Handler

    @property
    def extra(self) -> list[tuple[str, str]]:
        return [
            ("X-Served-By", "somebody else"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Allow", "GET, HEAD, OPTIONS"),
            ("Access-Control-Allow-Origin", "http://app.example"),
        ]

    def __enter__(self) -> Self:
        self.server = EchoServer(("127.0.0.1", 0), self.handler)
        self.server.stack = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def requests(self, marker: str) -> list[Seen]:
        """Return the requests whose target holds the marker."""
        return [seen for seen in self.seen if marker in seen.target]


def reserved_port() -> socket.socket:
    """Return a bound socket that refuses connections: a stack that is down, on a port nobody else can get."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken
