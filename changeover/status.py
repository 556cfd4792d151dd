"""What runs, how it feels, and whether database and scheduler are as this release wants them."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from changeover.database import reason, without_password
from changeover.health import get_json, is_alive
from changeover.supervision import Supervisor
from changeover.system import GATEWAY, System
from shared_models import migrate
from shared_models.engine import sync_engine
from shared_models.scheduler import SchedulerLease

__all__ = ["DatabaseReport", "GroupReport", "Report", "SchedulerReport", "report", "scheduler_of"]


@dataclass(frozen=True)
class GroupReport:
    """One process group. `health` is "healthy", "no answer", or of the gateway which stacks it does not reach."""

    name: str
    state: str
    pid: int | None
    uptime_s: float
    restarts: int
    url: str
    health: str

    @property
    def healthy(self) -> bool:
        return self.state in ("RUNNING", "STARTING") and self.health == "healthy"


@dataclass(frozen=True)
class DatabaseReport:
    """`url` without its password. `problem` is empty when the revision is the expected one."""

    url: str
    revision: str | None
    expected: str
    problem: str


@dataclass(frozen=True)
class SchedulerReport:
    """The flag and the owner, as the database has them."""

    desired_stack: str
    owner_stack: str | None
    owner_process: str | None
    epoch: int


@dataclass(frozen=True)
class Report:
    """Everything `changeover status` shows. `remark` is a line to read first, mostly empty."""

    remark: str
    var_dir: str
    gateway_url: str
    groups: list[GroupReport]
    database: DatabaseReport
    scheduler: SchedulerReport | None
    versions: Mapping[str, str]

    @property
    def healthy(self) -> bool:
        return bool(self.groups) and all(group.healthy for group in self.groups) and not self.database.problem

    def as_json(self) -> dict[str, Any]:
        return {"healthy": self.healthy} | asdict(self)


def report(system: System) -> Report:
    """Ask every process, the database and the programs; nothing that does not answer is an error here."""
    database, scheduler = _database(system.settings.database_url)
    groups = _groups(system)
    return Report(
        remark=_remark(system, any(group.pid for group in groups)),
        var_dir=str(system.place.var_dir),
        gateway_url=system.gateway_url,
        groups=groups,
        database=database,
        scheduler=scheduler,
        versions=_versions(system),
    )


def _remark(system: System, running: bool) -> str:
    recorded = system.place.fingerprint
    if running and not (recorded.exists() and recorded.read_text() == system.fingerprint()):
        return f"The copy in {system.place.var_dir} was started with other settings than the present ones."
    return ""


def _groups(system: System) -> list[GroupReport]:
    """Return a report of every group there should be, and of one more that still runs, such as a removed stack."""
    states = {state.name: state for state in Supervisor(system.place).states()}
    urls = {stack.name: stack.url for stack in system.config.stacks} | {GATEWAY: system.gateway_url}
    reports = []
    for name in dict.fromkeys([*system.group_names, *states]):
        state = states.get(name)
        reports.append(
            GroupReport(
                name=name,
                state=state.state if state else "not running",
                pid=state.pid if state else None,
                uptime_s=state.uptime_s if state else 0.0,
                restarts=state.restarts if state else 0,
                url=urls.get(name, ""),
                health=_health(system, name),
            )
        )
    return reports


def _health(system: System, name: str) -> str:
    probes = [probe for probe in system.probes() if probe.via == name]
    silent = [probe.stack for probe in probes if not is_alive(probe.url)]
    if not silent:
        return "healthy"
    return "no answer" if len(silent) == len(probes) else f"does not reach {', '.join(silent)}"


def _database(url: str) -> tuple[DatabaseReport, SchedulerReport | None]:
    parsed = make_url(url)
    shown, expected = without_password(url), migrate.expected_revision()
    # Connecting would make the file.
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return DatabaseReport(shown, None, expected, "there is no such file"), None
    engine = sync_engine(url)
    try:
        revision = migrate.revision_of(engine)
        problem = "" if revision == expected else f"is at revision {revision}, this release needs {expected}"
        return DatabaseReport(shown, revision, expected, problem), None if problem else _scheduler(engine)
    except SQLAlchemyError as error:
        return DatabaseReport(shown, None, expected, reason(error)), None
    finally:
        engine.dispose()


def scheduler_of(url: str) -> SchedulerReport | None:
    """Return the flag and the owner, None where the database cannot be read or is not of this release."""
    return _database(url)[1]


def _scheduler(engine: Engine) -> SchedulerReport | None:
    columns = (
        SchedulerLease.desired_stack,
        SchedulerLease.owner_stack,
        SchedulerLease.owner_process,
        SchedulerLease.epoch,
    )
    with engine.connect() as connection:
        row = connection.execute(select(*columns)).one_or_none()
    return SchedulerReport(*row) if row else None


def _versions(system: System) -> dict[str, str]:
    stacks = {}
    for stack in system.config.stacks:
        health = get_json(f"{stack.url}{stack.health}") or {}
        stacks[stack.name] = str(health.get("version", "no answer"))
    return stacks | {
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "supervisor": metadata.version("supervisor"),
        "nginx": _nginx_version(system.environ),
    }


def _nginx_version(environ: Mapping[str, str]) -> str:
    program = shutil.which("nginx", path=f"{environ.get('PATH', '')}:/usr/sbin:/opt/homebrew/bin")
    if not program:
        return "not installed"
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)  # noqa: S603 - found by name
    return done.stderr.strip().rpartition("/")[2]
