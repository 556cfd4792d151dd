"""The watch and the search for drift of one copy: what the commands and the supervised process are made of."""

import time

from changeover.problems import FAILED, Problem
from changeover.system import System
from gateway.drift import Drift, find_drift
from gateway.flips import Flips
from gateway.watch import Tell, Watch

__all__ = ["drift_of", "make_watch"]


def make_watch(system: System, tell: Tell, *, observe: bool) -> Watch | None:
    """Return a watch of the copy, None where there is no second stack to be watched."""
    candidate = system.config.candidate
    return Watch(_flips(system), candidate, tell, observe=observe) if candidate else None


def drift_of(system: System, minutes: float) -> Drift:
    """Return what was not served in the last minutes as the table says."""
    flips = _flips(system)
    return find_drift(flips, flips.table.folder.parent / "log", time.time() - minutes * 60)


def _flips(system: System) -> Flips:
    flips = Flips.of(system.config, system.settings.var_dir)
    if not flips.audit.path.exists():
        raise Problem(f"VAR_DIR={system.settings.var_dir} has no ownership table yet; type `make up` first.", FAILED)
    return flips
