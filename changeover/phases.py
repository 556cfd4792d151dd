"""`changeover phase list|verify`: where each phase of the plan stands, and whether its success can be seen by running it."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from changeover.phase_certificates import Certificates, State
from changeover.phase_checks import Bench, Found, Say, imported, parity, respond, retired, run_tests
from changeover.phase_flows import FLOWS_FILE, Flows, load_flows
from changeover.phase_functions import operations, run_flow
from changeover.problems import Problem
from changeover.project import Project
from gateway.routes import Phase, RouteTable
from gateway.tables import ConfigError
from parity.config import CONFIG_FILE
from parity.values import ParityError

__all__ = ["Checked", "Listed", "Verification", "list_phases", "phase_of"]

Check = Callable[[Bench], Found]
_CHECKS: Mapping[str, Check] = {
    "respond": respond,
    "import": imported,
    "parity": parity,
    "operations": operations,
    "retired": retired,
    "tests": run_tests,
}


@dataclass(frozen=True)
class Listed:
    """A phase and what certificate each of its groups has."""

    phase: Phase
    groups: Mapping[str, State]

    def as_json(self) -> dict[str, Any]:
        facts = {name: value for name, value in asdict(self.phase).items() if name != "groups"}
        groups = [
            {"group": name, "certificate": state.word, "reason": state.reason, "created": state.created}
            for name, state in self.groups.items()
        ]
        return {**facts, "groups": groups}


@dataclass(frozen=True)
class Checked:
    """The outcome of one check."""

    check: str
    done: bool
    said: str
    remedy: str
    took_s: float


def list_phases(project: Project) -> list[Listed]:
    """Return every phase with its groups' certificates. Raise Problem where the project has no phases."""
    certificates = Certificates(project)
    return [
        Listed(phase, {group: certificates.state(group) for group in phase.groups}) for phase in _table(project).phases
    ]


def phase_of(project: Project, number: int) -> Phase:
    """Return a phase by its number. Raise Problem for one that is not there."""
    phases = {phase.id: phase for phase in _table(project).phases}
    if number not in phases:
        raise Problem(f"There is no phase {number}; there are {min(phases)} to {max(phases)}.")
    return phases[number]


def _table(project: Project) -> RouteTable:
    if project.routes is None or not project.routes.phases:
        raise Problem(f"{project.root / CONFIG_FILE} names no route groups with phases; add [[phase]] tables to them.")
    return project.routes


@dataclass(frozen=True)
class Verification:
    """The checks of one phase, ready to run."""

    project: Project
    phase: Phase
    flows: Flows
    checks: Mapping[str, Check]
    fresh: bool

    @classmethod
    def of(cls, project: Project, number: int, *, fresh: bool) -> "Verification":
        """Return the verification of a phase; one that names no checks has only parity. Raise Problem."""
        phase = phase_of(project, number)
        flows = load_flows((project.root / project.config.routes).with_name(FLOWS_FILE))
        known: dict[str, Check] = {name: partial(run_flow, flow=flow) for name, flow in flows.by_name.items()}
        known |= _CHECKS
        names = phase.checks or ("parity",)
        for name in names:
            if name not in known:
                raise Problem(f'Phase {number} names the check "{name}"; there are {", ".join(sorted(known))}.')
        return cls(project, phase, flows, {name: known[name] for name in names}, fresh)

    def run(self, say: Say) -> Iterator[Checked]:
        """Yield the outcome of each check as soon as it is known. A check that cannot run is missing, with the reason."""
        self.project.runs.mkdir(parents=True, exist_ok=True)
        for name, check in self.checks.items():
            began = time.monotonic()
            folder = Path(tempfile.mkdtemp(prefix=f"phase-{self.phase.id}-{name}-", dir=self.project.runs))
            bench = Bench(self.project, self.phase, self.flows, folder, self.fresh, lambda text: say(f"{name}: {text}"))  # noqa: B023
            try:
                found = check(bench)
            except (Problem, ParityError, ConfigError) as error:
                found = Found(False, " ".join(str(error).split()), "")
            if found.done or not any(folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)
            yield Checked(name, found.done, found.said, found.remedy, round(time.monotonic() - began, 1))
