"""Become one process group's command, after ending what its former self left behind.

supervisord restarts a killed master, but not the workers the master leaves behind: they keep the port, and the new
master can never bind it. Run as a script, so it needs nothing but the standard library.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Incarnation", "end_leftovers", "is_alive", "members", "read_incarnation"]

_GRACE_S = 3.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Incarnation:
    """The last start of a process group: its group id, its session (supervisord's), and which start in it this was."""

    pgid: int
    session: int
    starts: int


def read_incarnation(record: Path) -> Incarnation | None:
    """Return what the last start wrote to `record`, None when there was none."""
    try:
        pgid, session, starts = map(int, record.read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    return Incarnation(pgid, session, starts)


def end_leftovers(last: Incarnation, grace_s: float = _GRACE_S) -> int:
    """Stop every living process of that incarnation, by SIGTERM and after `grace_s` by SIGKILL; return how many."""
    found = members(last)
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_all(last, number)
        deadline = time.monotonic() + grace_s
        while members(last) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    return len(found)


def is_alive(pid: int) -> bool:
    """Say whether the process runs; a zombie nobody has waited for does not."""
    if Path("/proc/self/stat").exists():
        return _proc_row(Path(f"/proc/{pid}/stat")) is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal_all(last: Incarnation, number: signal.Signals) -> None:
    for pid in members(last):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def members(last: Incarnation) -> list[int]:
    """The living processes of the incarnation. The session tells them from strangers who got the same number later."""
    if Path("/proc/self/stat").exists():
        rows = map(_proc_row, Path("/proc").glob("[0-9]*/stat"))
        return [row[0] for row in rows if row is not None and row[1:] == (last.pgid, last.session)]
    listing = subprocess.run(["/bin/ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
    processes = (line.split() for line in listing.stdout.splitlines())
    return [int(pid) for pid, pgid, state in processes if int(pgid) == last.pgid and not state.startswith("Z")]


def _proc_row(stat: Path) -> tuple[int, int, int] | None:
    """Return process id, group id and session id; None for a zombie or a process that has just gone."""
    try:
        text = stat.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, _parent, pgid, session = text.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else (int(stat.parent.name), int(pgid), int(session))


def _become(record: Path, command: list[str]) -> None:
    last = read_incarnation(record)
    if last:
        left = end_leftovers(last)
        if left:
            print(f"ended {left} processes that the former start left behind", flush=True)
    session = os.getsid(0)
    starts = last.starts + 1 if last and last.session == session else 1
    record.write_text(f"{os.getpgid(0)} {session} {starts}\n")
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    _become(Path(sys.argv[1]), sys.argv[2:])
