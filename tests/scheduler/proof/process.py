"""A scheduler's process for the proof: services and runtime of one stack, until it is told to end, with faults planted.

Forked from a server that has imported everything once, so that a hundred of them cost little. Each is a process of the
operating system like a web server's worker, with its own signals, threads and connections.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from scheduler import points, pool
from scheduler.runtime import Runtime
from scheduler.services import build_services
from shared_rules.settings import load_settings
from tests.scheduler.proof import mutants
from tests.scheduler.proof.history import Fault

How = Literal["kill", "stop"]
DRAIN_S = 5.0
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"])


@dataclass(frozen=True)
class Trap:
    """At the n-th reach of a point the process kills or stops itself, once."""

    point: str
    how: How
    nth: int = 1


@dataclass(frozen=True)
class Orders:
    """How a process is started. `margin_s` is how long after its timeout a run may still be recorded."""

    stack: str
    settings: Mapping[str, Any]
    log: Path
    mutant: str = ""
    trap: Trap | None = None
    margin_s: float = 0.5


@dataclass
class Process:
    """One running process, seen from outside. Times are this machine's."""

    orders: Orders
    name: str = ""
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._ours, theirs = _context.Pipe()
        self._process = _context.Process(target=_live, args=(self.orders, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs or is stopped. One that was killed is dead, also before the system says so."""
        return self._process.is_alive() and not any(fault.how in {"kill", "crash"} for fault in self.faults)

    @property
    def stopped(self) -> bool:
        """Whether it has stopped itself or was stopped, and not gone on."""
        stat = Path(f"/proc/{self.pid}/stat")
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "T"

    def wait_until_ready(self, timeout_s: float = 30) -> None:
        if not self._ours.poll(timeout_s):
            raise AssertionError(f"a process of {self.orders.stack} is not ready after {timeout_s:g} s")
        self.name = self._ours.recv()

    def set_trap(self, trap: Trap) -> None:
        self._ours.send(trap)

    def take_note(self) -> None:
        """Add the fault by which a trap ended or stopped it, if one has since the last call."""
        with self._lock, suppress(EOFError, ConnectionResetError):
            while self._ours.poll():
                point, how, at = self._ours.recv()
                self.faults.append(Fault(self.name, how, at, point=point))

    def kill(self) -> None:
        self._signal(signal.SIGKILL, "kill")

    def crash(self) -> None:
        """Kill it as one of all processes of its stack."""
        self._signal(signal.SIGKILL, "crash")

    def stop(self) -> None:
        self._signal(signal.SIGSTOP, "stop")
        while self.is_alive and not self.stopped:
            time.sleep(0.01)

    def end(self) -> None:
        """Ask it to end, as a server's manager does; it releases, drains and goes."""
        self._signal(signal.SIGTERM, "term")

    def resume_after(self, pause_s: float) -> None:
        """Let it go on if it was stopped so long ago and lives; its fault then knows when."""
        now = datetime.now(UTC)
        with self._lock, suppress(ProcessLookupError):
            for number, fault in enumerate(self.faults):
                over = fault.how == "stop" and fault.resumed is None and (now - fault.at).total_seconds() >= pause_s
                if over and self.is_alive:
                    self.faults[number] = replace(fault, resumed=now)
                    os.kill(self.pid, signal.SIGCONT)

    def join(self, timeout_s: float) -> bool:
        """Tell whether it ended in time."""
        self._process.join(timeout_s)
        return not self._process.is_alive()

    def close(self) -> None:
        """End it in any case."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._ours.close()

    def _signal(self, number: int, how: Literal["kill", "crash", "stop", "term"]) -> None:
        with self._lock, suppress(ProcessLookupError):
            if self.is_alive:
                self.faults.append(Fault(self.name, how, datetime.now(UTC)))
                os.kill(self.pid, number)


def _live(orders: Orders, driver: Connection) -> None:
    """The process itself."""
    _log_to(orders.log)
    ended = threading.Event()
    settings = load_settings(**orders.settings)
    pool._MARGIN_S = orders.margin_s
    services = build_services(settings)
    mutants.apply(orders.mutant)
    runtime = Runtime(services, settings.database_url, orders.stack)

    def on_term(*_: object) -> None:
        runtime.release()
        ended.set()

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    traps = _Traps(driver)
    points.listen(traps.reached)
    if orders.trap:
        traps.set(orders.trap)
    runtime.start()
    driver.send(runtime.process)
    threading.Thread(target=traps.take_orders, args=(ended,), daemon=True).start()
    while not ended.wait(0.05):
        pass
    runtime.stop(drain_s=DRAIN_S)
    services.close()


class _Traps:
    """The traps set in this process, sprung in whatever thread reaches their point."""

    def __init__(self, driver: Connection) -> None:
        self._driver = driver
        self._lock = threading.Lock()
        self._trap: Trap | None = None
        self._left = 0

    def set(self, trap: Trap) -> None:
        with self._lock:
            self._trap, self._left = trap, trap.nth

    def take_orders(self, ended: threading.Event) -> None:
        """Set traps as the driver sends them; end with the driver."""
        try:
            while True:
                self.set(self._driver.recv())
        except (EOFError, OSError):
            ended.set()

    def reached(self, point: str) -> None:
        with self._lock:
            if self._trap is None or self._trap.point != point:
                return
            self._left -= 1
            if self._left:
                return
            trap, self._trap = self._trap, None
            self._driver.send((point, trap.how, datetime.now(UTC)))
            os.kill(os.getpid(), signal.SIGKILL if trap.how == "kill" else signal.SIGSTOP)
            # A stop reaches the other threads at once and this one when it leaves the kernel.
            time.sleep(0.01)


def _log_to(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    logging.basicConfig(level=logging.WARNING)
