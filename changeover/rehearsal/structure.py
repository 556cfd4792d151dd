"""Putting the relay between gateway and candidate: a change of the gateway's structure, and so a reload."""

import time
from dataclasses import replace

from changeover.health import is_alive
from changeover.problems import FAILED, Problem
from changeover.rehearsal.copy import Copy
from changeover.system import GATEWAY
from gateway import nginx
from gateway.config import Config
from gateway.render import HEALTH

__all__ = ["reload_gateway", "through"]

_WITHIN_S = 10
_POLL_S = 0.02


def through(config: Config, port: int) -> Config:
    """Return what the gateway is to be rendered from when the candidate is reached by another port."""
    first, *others = config.stacks
    return replace(config, stacks=(first, *(replace(stack, host="127.0.0.1", port=port) for stack in others)))


def reload_gateway(copy: Copy, port: int) -> float:
    """Render the gateway anew, have it read that, and return the seconds until all its workers are new."""
    system = copy.system
    nginx.prepare(through(system.config, port), system.place.var_dir, system.environ)
    master, former = copy.processes(GATEWAY)
    began = time.monotonic()
    copy.supervisor.signal(GATEWAY, "HUP")
    while time.monotonic() < began + _WITHIN_S:
        _, workers = copy.processes(GATEWAY)
        if set(workers) - set(former) and is_alive(f"{system.gateway_url}{HEALTH}"):
            return time.monotonic() - began
        time.sleep(_POLL_S)
    raise Problem(f"The gateway (process {master}) did not read its new files within {_WITHIN_S} s.", FAILED)
