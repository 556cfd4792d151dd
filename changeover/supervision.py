"""The process groups under supervisord: its configuration, its start and stop, and what it says of each group."""

import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from changeover import launch
from changeover.place import Place
from changeover.problems import FAILED, Problem

__all__ = ["Group", "GroupState", "Supervisor", "render"]

_STOP_WAIT_S = 15
_POLL_S = 0.05


@dataclass(frozen=True)
class Group:
    """One process group: `stop_signal` goes to all of it; groups with a lower `order` start first and stop last."""

    name: str
    command: tuple[str, ...]
    directory: Path
    order: int
    stop_signal: str = "TERM"
    stop_wait_s: int = _STOP_WAIT_S


@dataclass(frozen=True)
class GroupState:
    """What supervisord says of a group. `state` is its word, such as RUNNING, BACKOFF or FATAL."""

    name: str
    state: str
    pid: int | None
    uptime_s: float
    restarts: int


def render(groups: Sequence[Group], place: Place, root: Path) -> str:
    """Return supervisord's configuration; no setting and no secret is in it, those come by the environment."""
    own: dict[str, Mapping[str, object]] = {
        "supervisord": {
            "logfile": place.log("supervisord"),
            "logfile_maxbytes": "1MB",
            "logfile_backups": 2,
            "pidfile": place.var_dir / "run" / "supervisord.pid",
            "directory": root,
            **({"user": "root"} if os.geteuid() == 0 else {}),
        },
        "unix_http_server": {"file": place.socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisorctl": {"serverurl": f"unix://{place.socket}"},
    }
    sections = own | {f"program:{group.name}": _program(group, place) for group in groups}
    return "\n".join(_section(name, values) for name, values in sections.items())


def _program(group: Group, place: Place) -> dict[str, object]:
    launcher = (sys.executable, "-I", "-S", launch.__file__, str(place.record(group.name)))
    return {
        "command": shlex.join((*launcher, *group.command)),
        "directory": group.directory,
        "priority": group.order,
        "autorestart": "true",
        "startsecs": 1,
        "startretries": 60,
        "stopsignal": group.stop_signal,
        "stopasgroup": "true",
        "killasgroup": "true",
        "stopwaitsecs": group.stop_wait_s,
        "redirect_stderr": "true",
        "stdout_logfile": place.log(group.name),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 3,
    }


def _section(name: str, values: Mapping[str, object]) -> str:
    lines = (f"{key} = {str(value).replace('%', '%%')}\n" for key, value in values.items())
    return f"[{name}]\n{''.join(lines)}"


class Supervisor:
    """The supervisord of one copy, reached by its socket."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def is_running(self) -> bool:
        try:
            self.call("getState")
        except Problem:
            return False
        return True

    def states(self) -> list[GroupState]:
        """Return the groups in the order they start, none when supervisord is not running."""
        if not self.is_running():
            return []
        return [self._state(info) for info in self.call("getAllProcessInfo")]

    def start(self, config: str, environ: Mapping[str, str]) -> None:
        """Start supervisord in the background; it starts the groups. Raise Problem when it refuses."""
        self._place.config.write_text(config)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._place.config)]
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own file
            command, env=dict(environ), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            first, *_ = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            raise Problem(f"supervisord did not start: {first}", FAILED)

    def add(self, group: Group, root: Path) -> None:
        """Start one more group, which stops with all others. Raise Problem when supervisord refuses."""
        self._forget(group.name)
        section = render([group], self._place, root).partition(f"[program:{group.name}]")
        with self._place.config.open("a") as config:
            config.write(f"\n{section[1]}{section[2]}")
        self._tell("reloadConfig")
        self._tell("addProcessGroup", group.name)

    def remove(self, name: str) -> None:
        """Stop a group that was added, wait for its end, and forget it."""
        if any(state.name == name for state in self.states()):
            self._tell("stopProcessGroup", name)
            self._tell("removeProcessGroup", name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        text = self._place.config.read_text() if self._place.config.exists() else ""
        before, found, section = text.partition(f"\n[program:{name}]")
        if found:
            self._place.config.write_text(before + "".join(section.partition("\n[")[1:]))
        self._place.record(name).unlink(missing_ok=True)

    def signal(self, name: str, number: str) -> None:
        """Send a signal such as HUP to a group's first process. Raise Problem when it does not run."""
        self._tell("signalProcess", name, number)

    def _tell(self, method: str, *arguments: object) -> None:
        try:
            self.call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            what = " ".join(map(str, arguments))
            raise Problem(f"supervisord refuses {method} {what}: {fault.faultString}", FAILED) from None

    def revive(self) -> list[str]:
        """Start the groups that are not up, and return their names."""
        down = [state.name for state in self.states() if state.state in ("STOPPED", "EXITED", "FATAL")]
        for name in down:
            self.call("startProcess", name, False)
        return down

    def stop(self) -> bool:
        """Stop every group and supervisord, and whatever a killed one left behind; say whether there was anything."""
        stopped = False
        if self.is_running():
            pid = int(self.call("getPID"))
            self.call("shutdown")
            stopped = True
            deadline = time.monotonic() + _STOP_WAIT_S * 4
            while launch.is_alive(pid):
                if time.monotonic() > deadline:
                    raise Problem(
                        f"supervisord (process {pid}) does not stop; see {self._place.log('supervisord')}", FAILED
                    )
                time.sleep(_POLL_S)
        stopped = self.end_leftovers() > 0 or stopped
        self._place.forget_socket()
        return stopped

    def end_leftovers(self) -> int:
        """Stop the groups that outlived a killed supervisord; return how many processes that were."""
        ended = 0
        for record in self._place.records():
            last = launch.read_incarnation(record)
            ended += launch.end_leftovers(last) if last else 0
            record.unlink()
        return ended

    def call(self, method: str, *arguments: object) -> Any:
        """Return the answer of supervisord's XML-RPC method. Raise Problem when nobody answers."""
        transport = SupervisorTransport(None, None, f"unix://{self._place.socket}")
        try:
            return getattr(xmlrpc.client.ServerProxy("http://localhost", transport).supervisor, method)(*arguments)
        except (OSError, xmlrpc.client.ProtocolError) as error:
            raise Problem(f"supervisord does not answer at {self._place.socket}: {error}", FAILED) from None
        finally:
            transport.close()

    def _state(self, info: dict[str, Any]) -> GroupState:
        last = launch.read_incarnation(self._place.record(info["name"]))
        return GroupState(
            name=info["name"],
            state=info["statename"],
            pid=info["pid"] or None,
            uptime_s=float(info["now"] - info["start"]) if info["pid"] else 0.0,
            restarts=last.starts - 1 if last else 0,
        )
