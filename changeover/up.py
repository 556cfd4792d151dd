"""Start and stop one copy of the whole system in the background."""

import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from changeover.database import prepare
from changeover.health import StopWaiting, wait_until_alive
from changeover.ports import check_free
from changeover.problems import FAILED, Problem
from changeover.supervision import Supervisor, render
from changeover.system import System
from gateway import nginx
from gateway.config import ConfigError
from gateway.flips import Flips, NotNow

__all__ = ["bring_down", "bring_up", "check_same_settings", "tail"]

_HEALTHY_WITHIN_S = 60
_LOG_LINES = 15
_RESTARTS_ENOUGH = 2
Say = Callable[[str], None]


def bring_up(system: System, say: Say) -> None:
    """Return when every stack answers by its own port and through the gateway; what runs already is left as it is.

    Raise Problem after stopping what this call started.
    """
    with system.place.lock():
        supervisor = Supervisor(system.place)
        if supervisor.is_running():
            check_same_settings(system)
            _mend_table(system)
            for name in supervisor.revive():
                say(f"Started {name} again.")
            _wait(system, supervisor, lambda _: None)
            say("Everything is running already.")
        else:
            _start(system, supervisor, say)
        _say_urls(system, say)


def bring_down(system: System, say: Say) -> None:
    """Stop this copy's processes, also those that a killed supervisord left."""
    with system.place.lock():
        say("Stopped." if Supervisor(system.place).stop() else "Nothing was running.")
        system.place.fingerprint.unlink(missing_ok=True)


def check_same_settings(system: System) -> None:
    recorded = system.place.fingerprint
    if not recorded.exists() or recorded.read_text() != system.fingerprint():
        raise Problem(
            f"VAR_DIR={system.place.var_dir}: the copy there runs with other settings; "
            "type `make down` with that VAR_DIR first, or set VAR_DIR and the ports for another copy."
        )


def _start(system: System, supervisor: Supervisor, say: Say) -> None:
    if supervisor.end_leftovers():
        say("Ended processes that an earlier run left behind.")
    check_free(system.ports())
    command = _prepare_gateway(system)
    prepare(system.settings, [stack.name for stack in system.config.stacks], say)
    say(f"Starting {', '.join(system.group_names)} ...")
    config = render(system.groups(command), system.place, system.root)
    system.place.fingerprint.write_text(system.fingerprint())
    try:
        supervisor.start(config, system.environ)
        _wait(system, supervisor, say)
    except BaseException:
        supervisor.stop()
        raise


def _prepare_gateway(system: System) -> list[str]:
    try:
        return nginx.prepare(system.config, system.place.var_dir, system.environ)
    except (ConfigError, nginx.NginxError, NotNow) as error:
        raise Problem(str(error)) from None


def _mend_table(system: System) -> None:
    """Make a lost table again under a running gateway, which must know the route groups as they are."""
    flips = Flips.of(system.config, system.place.var_dir)
    if not flips.knows_the_groups():
        raise Problem(
            f"{system.config.route_file.name} was changed since the gateway read it; type `make down`, then `make up`."
        )
    try:
        flips.ensure_table()
    except NotNow as error:
        raise Problem(f"The table cannot be looked after: {error}.", FAILED) from None


def _wait(system: System, supervisor: Supervisor, say: Say) -> None:
    before = {state.name: state.restarts for state in supervisor.states()}

    def hopeless() -> str | None:
        """Name a group that was restarted twice since; what dies at its start does not get better by waiting."""
        failing = [s.name for s in supervisor.states() if s.restarts - before.get(s.name, 0) >= _RESTARTS_ENOUGH]
        return failing[0] if failing else None

    began = time.monotonic()
    try:
        for probe in wait_until_alive(system.probes(), hopeless, _HEALTHY_WITHIN_S):
            by = "" if probe.via == probe.stack else f" through the {probe.via}"
            say(f"  {probe.stack}{by} answers after {time.monotonic() - began:.1f} s")
    except StopWaiting as given_up:
        log = system.place.log(given_up.group)
        print(tail(log), file=sys.stderr)
        raise Problem(f"{given_up.group} does not become healthy: {given_up.reason}; see {log}", FAILED) from None


def tail(log: Path) -> str:
    if not log.exists():
        return f"(no {log})"
    with log.open(errors="replace") as lines:
        return "".join(deque(lines, _LOG_LINES)).rstrip()


def _say_urls(system: System, say: Say) -> None:
    say(f"  gateway  {system.gateway_url}")
    for stack in system.config.stacks:
        say(f"  {stack.name:8} {stack.url}")
