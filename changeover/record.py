"""Start, stop and look at a recording: the recorder as one more supervised group, the gateway told what goes by it.

The recorder listens before the gateway sends to it, and the gateway has let go before the recorder ends; should it end
by itself, the gateway passes it by.
"""

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from changeover.health import is_alive
from changeover.problems import FAILED, Problem
from changeover.record_plan import SHORT_FOLDER, Files, Kept, Request, files_of, header_of, kept_in, plan, settings_of
from changeover.supervision import Group, Supervisor
from changeover.system import GATEWAY, System
from changeover.up import check_same_settings, tail
from gateway import nginx
from gateway.config import ConfigError
from gateway.recording import Recording
from parity.redaction import load_key

__all__ = ["RECORDER", "Status", "present_recording", "start", "status", "stop"]

RECORDER = "recorder"
_POLL_S = 0.05
_READY_WITHIN_S = 20
_SWITCHED_WITHIN_S = 20
# nginx lets old and new workers accept side by side for a tenth of a second.
_SETTLED_S = 0.3
_SAY_AFTER_S = 2
# Finishing a long recording takes a while; `make down` waits a minute for everything.
_STOP_WAIT_S = 50
Say = Callable[[str], None]


@dataclass(frozen=True)
class Status:
    """One recording. `state` is "running", "dead" (its process is gone), "stopped" or "none".

    `on_path` says whether the gateway sends to it, `finished` whether the file is whole and its header has counts;
    `reason` is the last thing that went wrong.
    """

    state: str
    name: str = ""
    what: str = ""
    since: str = ""
    file: str = ""
    snapshot: str = ""
    on_path: bool = False
    finished: bool = False
    entries: int = 0
    dropped: int = 0
    failed: int = 0
    in_flight: int = 0
    starts: int = 1
    reason: str = ""

    @property
    def missing(self) -> int:
        """How many exchanges passed by the recorder and are not in the file."""
        return self.dropped + self.failed

    def as_json(self) -> dict[str, Any]:
        return {"running": self.state == "running"} | asdict(self)

    def text(self) -> str:
        """Return one to three lines for people."""
        entries = f"{self.entries} exchange{'' if self.entries == 1 else 's'}"
        match self.state:
            case "none":
                return "Nothing is being recorded."
            case "stopped":
                lines = [f"Recorded {entries} of {self.what} in {self.file}"]
            case "dead":
                lines = [
                    f"The recorder of {self.name} is gone, after {entries} in {self.file}; traffic goes straight to the "
                    "stacks. Type `changeover record stop` to end it."
                ]
            case _:
                lines = [f"Recording {self.what} as {self.name} since {self.since}: {entries} in {self.file}"]
                if not self.on_path:
                    lines.append("The gateway does not send to it.")
        if self.state == "stopped" and (self.starts > 1 or not self.finished):
            lines.append(
                "It was killed while it recorded: a secret that was sent before it was known as one may stand in the file."
            )
        if self.missing:
            lines.append(f"Missing: {self.dropped} dropped, {self.failed} not written; the last: {self.reason}")
        if self.starts > 1:
            lines.append(f"The recorder was started {self.starts} times; what passed in between is not recorded.")
        return "\n".join(lines)


def present_recording(system: System) -> Recording | None:
    """Return what goes by the recorder now, None if nothing: what every new rendering of the gateway has to keep."""
    kept = kept_in(files_of(system))
    there = kept is not None and any(state.name == RECORDER for state in Supervisor(system.place).states())
    return kept.recording if kept and there else None


def start(system: System, wanted: Request, say: Say) -> Status:
    """Return the status once everything wanted is recorded. Raise Problem, with nothing left behind, if it cannot be."""
    files = files_of(system)
    with system.place.lock():
        supervisor = Supervisor(system.place)
        _check_startable(system, supervisor, files)
        kept = plan(system, wanted, files)
        key = load_key(system.settings.var_dir)
        try:
            header = header_of(system, kept, key)
            _write_private(files.settings, settings_of(system, kept, key, header, files).model_dump_json())
            _write_private(files.kept, json.dumps(asdict(kept)))
            _start_recorder(system, supervisor, files)
            _switch(system, supervisor, kept.recording, on=True)
        except BaseException:
            _undo(system, supervisor, kept, files)
            raise
    say(f"Recording {kept.what} as {kept.name}; type `changeover record stop` to end it.")
    return status(system)


def stop(system: System, say: Say) -> Status:
    """Return the last status: the gateway has let go, requests in flight are answered, the file is finished.

    Raise Problem when nothing is recorded.
    """
    files = files_of(system)
    with system.place.lock():
        kept = kept_in(files)
        if kept is None:
            raise Problem("Nothing is being recorded; start with `changeover record start --all`.", FAILED)
        supervisor = Supervisor(system.place)
        if supervisor.is_running():
            check_same_settings(system)
            _switch(system, supervisor, kept.recording, on=False)
            _wait_for_answers(system, files, say)
            _finish(supervisor, files, say)
            supervisor.remove(RECORDER)
        last = _status(system, kept, files, supervisor)
        _forget(kept, files)
    return replace(last, state="stopped", on_path=False, in_flight=0)


def status(system: System) -> Status:
    """Return what is being recorded, and how it goes."""
    files = files_of(system)
    kept = kept_in(files)
    return _status(system, kept, files, Supervisor(system.place)) if kept else Status("none")


def _status(system: System, kept: Kept, files: Files, supervisor: Supervisor) -> Status:
    told = _told(files)
    numbers = {name: told[name] for name in ("entries", "dropped", "failed", "in_flight", "starts") if name in told}
    return Status(
        state="running" if _is_alive(supervisor) else "dead",
        finished=told.get("state") == "ended",
        name=kept.name,
        what=kept.what,
        since=kept.since,
        file=kept.file,
        snapshot=kept.snapshot,
        on_path=is_alive(f"{system.gateway_url}{kept.recording.place}"),
        reason=str(told.get("reason", "")),
        **numbers,
    )


def _check_startable(system: System, supervisor: Supervisor, files: Files) -> None:
    there = kept_in(files)
    if there:
        state = _status(system, there, files, supervisor).state
        runs = "runs" if state == "running" else "is there, without its process"
        raise Problem(
            f'The recording "{there.name}" ({there.what}, since {there.since}) {runs}; '
            "type `changeover record stop` first.",
            FAILED,
        )
    if not supervisor.is_running():
        raise Problem("Nothing runs that could be recorded; type `make up` first.", FAILED)
    check_same_settings(system)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; the settings hold a key."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _start_recorder(system: System, supervisor: Supervisor, files: Files) -> None:
    """Return when the recorder listens. Raise Problem with the last lines of its log on stderr when it does not."""
    files.status.unlink(missing_ok=True)
    command = (sys.executable, "-m", "parity.recorder", str(files.settings))
    supervisor.add(Group(RECORDER, command, system.root, order=15, stop_wait_s=_STOP_WAIT_S), system.root)

    def listens() -> bool:
        return files.status.exists()

    if not _within(_READY_WITHIN_S, listens):
        log = system.place.log(RECORDER)
        print(tail(log), file=sys.stderr)
        raise Problem(f"The recorder does not start; see {log}", FAILED)


def _switch(system: System, supervisor: Supervisor, recording: Recording, *, on: bool) -> None:
    """Return when the gateway's workers all know. No request is lost: those in flight are finished by former workers."""
    try:
        config = replace(system.config, recording=recording if on else None)
        nginx.prepare(config, system.settings.var_dir, system.environ)
    except (ConfigError, nginx.NginxError) as error:
        raise Problem(str(error)) from None
    supervisor.signal(GATEWAY, "HUP")
    url = f"{system.gateway_url}{recording.place}"
    settled_at: float | None = None

    def all_know() -> bool:
        nonlocal settled_at
        if is_alive(url) is not on:
            settled_at = None
        elif settled_at is None:
            settled_at = time.monotonic() + _SETTLED_S
        return settled_at is not None and time.monotonic() >= settled_at

    if not _within(_SWITCHED_WITHIN_S, all_know):
        raise Problem(f"The gateway does not take its new configuration; see {system.place.log(GATEWAY)}", FAILED)


def _wait_for_answers(system: System, files: Files, say: Say) -> None:
    """Return when nothing recorded is in flight, at the latest when the gateway has given up on it."""
    told = False

    def all_answered() -> bool:
        nonlocal told
        in_flight = _told(files).get("in_flight", 0)
        if in_flight and not told:
            say(f"Waiting for {in_flight} request{'s' if in_flight > 1 else ''} in flight ...")
            told = True
        return not in_flight

    _within(system.config.timeouts.answer_s, all_answered)


def _finish(supervisor: Supervisor, files: Files, say: Say) -> None:
    """Return when everything queued is in the file and secrets learned late are out of it, however long that takes."""

    def has_ended() -> bool:
        return _told(files).get("state") == "ended" or not _is_alive(supervisor)

    if not has_ended():
        supervisor.signal(RECORDER, "USR1")
        if not _within(_SAY_AFTER_S, has_ended):
            say("Finishing the file ...")
        while not has_ended():
            time.sleep(_POLL_S)


def _is_alive(supervisor: Supervisor) -> bool:
    return any(state.name == RECORDER and state.state in ("RUNNING", "STARTING") for state in supervisor.states())


def _told(files: Files) -> dict[str, Any]:
    """Return what the recorder last said of itself, nothing where it said nothing."""
    with contextlib.suppress(OSError, ValueError):
        told: dict[str, Any] = json.loads(files.status.read_text())
        return told
    return {}


def _within(seconds: float, ask: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (done := ask()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return done


def _undo(system: System, supervisor: Supervisor, kept: Kept, files: Files) -> None:
    """Leave nothing of a start that failed, and the gateway as it was before."""
    if files.settings.exists():
        nginx.prepare(system.config, system.settings.var_dir, system.environ)
        if supervisor.is_running():
            supervisor.signal(GATEWAY, "HUP")
            supervisor.remove(RECORDER)
    Path(kept.file).unlink(missing_ok=True)
    if kept.snapshot.endswith(".sqlite"):
        Path(kept.snapshot).unlink(missing_ok=True)
    _forget(kept, files)


def _forget(kept: Kept, files: Files) -> None:
    for path in (files.kept, files.settings, files.status):
        path.unlink(missing_ok=True)
    for socket in map(Path, kept.sockets.values()):
        socket.unlink(missing_ok=True)
        if socket.parent.name.startswith(SHORT_FOLDER):
            shutil.rmtree(socket.parent, ignore_errors=True)
