"""A real recorder process beside a real gateway, for tests of both."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from gateway.nginx import prepare
from gateway.recording import HUNG_UP, Recording
from gateway.render import GATEWAY_HEADERS
from parity.recording import read
from parity.values import Entry
from tests.gateway.edge import Edge, wait_for

__all__ = ["Recorder", "switch"]

ROOT = Path(__file__).resolve().parents[2]


def switch(edge: Edge, recording: Recording | None) -> None:
    """Put the recorder on the path of what the recording names, or take it off, and return when that counts."""
    environ = {"PATH": os.environ["PATH"]}
    prepare(replace(edge.config, recording=recording), edge.var_dir, environ)
    before = workers(edge)
    edge.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not before & workers(edge), "the former workers are gone", deadline_s=40)


def workers(edge: Edge) -> set[str]:
    return set(Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children").read_text().split())


@dataclass
class Recorder:
    """`python -m parity.recorder` for the stacks of an edge, until the `with` block ends."""

    edge: Edge
    folder: Path
    more: dict[str, Any]

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o755, exist_ok=True)
        self.folder.chmod(0o755)
        self.file = self.folder / "recording.jsonl"
        stacks = [
            {"name": s.name, "host": s.host, "port": s.port, "prefix": s.prefix, "socket": str(self.folder / s.name)}
            for s in self.edge.config.stacks
        ]
        settings = {
            "name": "test",
            "file": str(self.file),
            "status": str(self.folder / "status.json"),
            "stacks": stacks,
            "key": "ab" * 32,
            "header": {"format": "parity-recording/1", "prefixes": ["/api", "/api/v2"]},
            "routes": [
                (m, p, g.id)
                for g in self.edge.config.routes.groups
                for x in g.matches
                for m in x.methods
                for p in [x.path]
            ],
            "gateway_headers": list(GATEWAY_HEADERS),
            "hung_up_header": HUNG_UP,
        } | self.more
        (self.folder / "settings.json").write_text(json.dumps(settings))
        self.start()
        return self

    def start(self) -> None:
        command = [sys.executable, "-m", "parity.recorder", str(self.folder / "settings.json")]
        self.process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        wait_for(lambda: self.status().get("pid") == self.process.pid, "the recorder listens")

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it as a supervisor does: the signal goes to the whole group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def status(self) -> dict[str, Any]:
        path = self.folder / "status.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def recording(self, groups: Sequence[str] = (), subjects: Sequence[str] = ()) -> Recording:
        sockets = {stack.name: str(self.folder / stack.name) for stack in self.edge.config.stacks}
        return Recording(secrets.token_hex(8), sockets, tuple(groups), tuple(subjects))

    def entries(self) -> list[Entry]:
        return list(read(self.file)[1])

    def wait_for_entries(self, count: int) -> list[Entry]:
        wait_for(lambda: self.status().get("entries", 0) >= count, f"{count} entries")
        return self.entries()
