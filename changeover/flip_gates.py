"""The gates before a share may grow or shrink: certificates, requirements, health, and what this app's groups ask besides."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from changeover.health import told
from changeover.problems import Problem
from changeover.scheduler_database import scheduler_database
from changeover.scheduler_state import NONE, Standing, standing
from gateway.config import CONFIG_FILE, Stack
from gateway.gates import Gate, requirements, standing_requirements
from gateway.ownership import Change, Ownership

if TYPE_CHECKING:
    from changeover.phase_certificates import Certificates
    from changeover.system import System

__all__ = ["ask_gates"]

_TAKEOVER_S = 1.0
_POLL_S = 0.02


def ask_gates(
    system: "System", certificates: "Certificates", changes: Sequence[Change], after: Ownership
) -> list[Gate]:
    """Return every gate's answer. Raise Problem for a gate in the route file that nobody knows."""
    growing = [change.what for change in changes if change.after > change.before and ":" not in change.what]
    return [
        *(_certificate(certificates, group) for group in growing),
        *requirements(system.config.routes, changes, after),
        *standing_requirements(system.config.routes, changes, after),
        *_health(system, changes),
        *(_one_database(system) if growing else ()),
        *_named(system, growing),
    ]


def _certificate(certificates: "Certificates", group: str) -> Gate:
    state = certificates.state(group)
    if state.word == "valid":
        return Gate("certificate", group, True, f"parity was proven on {state.created}")
    remedy = {"none": "there is none; run `make parity`", "failed": f"{state.reason}; mend it and run `make parity`"}
    return Gate("certificate", group, False, remedy.get(state.word, f"{state.reason}; run `make parity` again"))


def _health(system: "System", changes: Sequence[Change]) -> Iterator[Gate]:
    """Yield whether the stacks that get more to do are well."""
    config = system.config
    gaining = []
    if config.candidate and any(change.after > change.before for change in changes):
        gaining.append(config.candidate)
    if any(change.after < change.before for change in changes):
        gaining.append(config.primary)
    for stack in gaining:
        yield _is_well(stack)


def _is_well(stack: Stack) -> Gate:
    said = told(f"{stack.url}{stack.health}")
    if said.endswith(" answers 200"):
        return Gate("health", "", True, f"{stack.name} is well")
    return Gate("health", "", False, f"{said}; see `changeover logs {stack.name}`")


def _one_database(system: "System") -> Iterator[Gate]:
    settings = system.settings
    if settings.database_url == settings.modern_database_url:
        yield Gate("database", "", True, "both stacks work on one database")
    else:
        yield Gate(
            "database", "", False, "MODERN_DATABASE_URL names another database than DATABASE_URL; unset it and restart"
        )


def _named(system: "System", growing: Sequence[str]) -> Iterator[Gate]:
    groups = {group.id: group for group in system.config.routes.groups}
    for group in growing:
        for name in groups[group].gates:
            if name not in _GATES:
                known = ", ".join(_GATES)
                raise Problem(
                    f'The route groups of {CONFIG_FILE}: gates of {group} = "{name}": unknown; there are {known}.'
                )
            yield _GATES[name](system, group)


def _scheduler(system: "System", group: str) -> Gate:
    """Somebody must run what this group writes: the owner reads the same table, whichever stack wrote to it."""
    try:
        found = _standing_soon(system)
    except Problem as problem:
        return Gate("scheduler", group, False, str(problem))
    if found.desired_stack == NONE:
        return Gate("scheduler", group, True, "nobody is to run it, and what falls due waits")
    if found.owner and not found.owner.stale:
        return Gate("scheduler", group, True, f"run by {found.owner.stack}, who sees the jobs of both stacks")
    remedy = "see `changeover scheduler status`, or hand it over: changeover scheduler handover --to STACK"
    return Gate("scheduler", group, False, f"{found.desired_stack} is to run it, and no living process does; {remedy}")


def _standing_soon(system: "System") -> Standing:
    """Return who runs the scheduler, after a moment in which one process may take over from another."""
    deadline = time.monotonic() + _TAKEOVER_S
    with scheduler_database(system.settings) as engine:
        while not (found := standing(engine)).as_wanted and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return found


_GATES: Mapping[str, Callable[["System", str], Gate]] = {"scheduler": _scheduler}
