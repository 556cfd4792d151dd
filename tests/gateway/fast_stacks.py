"""Two stacks that cost next to nothing, both in one nginx: each answers with its name, and writes down what changed it."""

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from gateway.answers import block
from gateway.nginx import find_nginx
from tests.gateway.edge import free_port, wait_for

__all__ = ["FastStacks", "body_of"]


def body_of(stack: str) -> bytes:
    return b'{"stack":"%s"}' % stack.encode()


class FastStacks:
    """Use it in a `with` block. A request that is no read leaves its id in the log."""

    def __init__(self, folder: Path, names: Sequence[str] = ("legacy", "modern"), path: str = "") -> None:
        self.folder = folder
        self.names = names
        self.path = path

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self.ports = [free_port() for _ in self.names]
        (self.folder / "nginx.conf").write_text("\n".join(self._conf()))
        command = [find_nginx({"PATH": self.path}), "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "error.log"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(lambda: self._is_up() or self.process.poll() is not None, "the fast stacks are up or gone")
        assert self._is_up(), (self.folder / "error.log").read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End them, so that everything is written down."""
        self.process.terminate()
        self.process.wait(10)

    def _is_up(self) -> bool:
        pid_file = self.folder / "pid"
        return pid_file.is_file() and pid_file.read_text().strip() == str(self.process.pid)

    def _conf(self) -> list[str]:
        places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        servers = [
            line
            for name, port in zip(self.names, self.ports, strict=True)
            for line in block(
                "server", f"listen 127.0.0.1:{port};", f"location / {{ return 200 '{body_of(name).decode()}'; }}"
            )
        ]
        return [
            "daemon off;",
            "worker_processes 1;",
            "pid pid;",
            "events { worker_connections 1024; }",
            *block(
                "http",
                *(f"{place}_temp_path {place};" for place in places),
                "map $request_method $writes { default 1; GET 0; HEAD 0; OPTIONS 0; }",
                "log_format id '$http_x_request_id';",
                "access_log writes.log id buffer=64k flush=100ms if=$writes;",
                "keepalive_requests 10000000;",
                "default_type application/json;",
                *servers,
            ),
        ]

    def writes(self) -> Counter[str]:
        """Return how often each request that is no read has arrived, by its id; complete once they were stopped."""
        return Counter((self.folder / "writes.log").read_text().splitlines())
