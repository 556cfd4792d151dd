"""The copy of the system that the rehearsal is held on: folder, ports, database, secrets and sink of its own."""

import fcntl
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from changeover import launch
from changeover.backup import label_of, make_backup
from changeover.demo import fill
from changeover.flips import Control, candidate_of
from changeover.place import Place
from changeover.project import Project, load_project
from changeover.supervision import Supervisor
from changeover.system import System
from changeover.up import bring_down, bring_up
from gateway.config import Steps, load
from gateway.flips import Flips
from parity.sinks.http import HttpSink
from shared_rules.settings import load_settings

__all__ = ["Copy", "open_copy"]

_PREFIX = "copy-"
_LOCK = "lock"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Copy:
    """A copy that runs. Its certificates lie in its own VAR_DIR; `sink` gets every call that its jobs make.

    `keep` has its folder stay, for its logs.
    """

    system: System
    project: Project
    sink: HttpSink
    admin_password: str
    keep: Callable[[], None]

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.system.place)

    @property
    def flips(self) -> Flips:
        return Flips.of(self.system.config, self.system.place.var_dir)

    @property
    def control(self) -> Control:
        return Control(self.system, self.project, self.flips)

    @property
    def primary(self) -> str:
        return self.system.config.primary.name

    @property
    def candidate(self) -> str:
        return candidate_of(self.system).name

    def processes(self, name: str) -> tuple[int, list[int]]:
        """Return a group's first process and its workers; helpers of Python's multiprocessing are neither."""
        last = launch.read_incarnation(self.system.place.record(name))
        if last is None:
            return 0, []
        workers = [
            pid for pid in launch.members(last) if pid != last.pgid and "resource_tracker" not in command_of(pid)
        ]
        return last.pgid, workers


@contextmanager
def open_copy(owner: System, steps: Steps, say: Say) -> Iterator[Copy]:
    """Yield a copy that runs, with demo data and a backup, and stop it whatever happens.

    Its folder is in VAR_DIR/rehearsal. It stays until the next rehearsal where this raises, or where it is kept.
    """
    home = owner.place.var_dir / "rehearsal"
    clear_up(home)
    with ExitStack() as stack:
        folder, keep = stack.enter_context(own_folder(home))
        sink = stack.enter_context(HttpSink())
        password = secrets.token_urlsafe(16)
        system = system_in(folder, owner, steps, sink, password)
        stack.callback(bring_down, system, lambda _line: None)
        bring_up(system, say)
        fill(system.settings, lambda _line: None)
        kept = make_backup(system, label_of(system, None, "rehearsal"))
        say(f"Demo data is in, {kept.rows:,} rows are backed up.")
        yield Copy(system, replace(load_project(system.root), var_dir=folder), sink, password, keep)


def system_in(folder: Path, owner: System, steps: Steps, sink: HttpSink, password: str) -> System:
    """Return the system that would run in the folder: nothing of the environment or `.env` leads out of it."""
    own = settings_of(folder, sink, password)
    settings = load_settings(**{name.lower(): value for name, value in own.items()})
    environ = {**owner.environ, **own}
    environ.pop("FRONTEND_DIST", None)
    return System(owner.root, environ, settings, replace(load(owner.root, environ), steps=steps))


def settings_of(folder: Path, sink: HttpSink, password: str) -> Mapping[str, str]:
    gateway, legacy, modern = free_ports(3)
    database = f"sqlite:///{folder / 'cron_jobs.db'}"
    return {
        "VAR_DIR": str(folder),
        "DATABASE_URL": database,
        "MODERN_DATABASE_URL": database,
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "ENVIRONMENT": "development",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(gateway),
        "LEGACY_PORT": str(legacy),
        "MODERN_PORT": str(modern),
        "ADMIN_USERNAME": "admin",
        "ADMIN_PASSWORD": password,
        "LOGIN_LIMITS": "off",
        "LOG_LEVEL": "WARNING",
        "MAIL_ENABLED": "off",
        "SCHEDULER_ENABLED": "on",
        "SCHEDULER_LEASE_TTL_S": "5",
        "OUTGOING_SINK": sink.address,
    }


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


@contextmanager
def own_folder(home: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Yield a fresh folder, locked while it is used, and what keeps it; else it is removed, unless this raises."""
    kept: list[bool] = []
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
    # The user that the gateway's workers become reads it.
    folder.chmod(0o755)
    lock = locked(folder)
    try:
        yield folder, lambda: kept.append(True)
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        if lock is not None:
            os.close(lock)


def clear_up(home: Path) -> None:
    """Stop and remove the copies that nobody uses any more."""
    for folder in home.glob(f"{_PREFIX}*"):
        lock = locked(folder)
        if lock is not None:
            Supervisor(Place(folder)).stop()
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def locked(folder: Path) -> int | None:
    """Return the descriptor that holds the folder's lock, None while another process does."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    os.close(descriptor)
    return None


def command_of(pid: int) -> str:
    """Return a process's command line, "" where the system does not tell."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
