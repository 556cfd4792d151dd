"""Who serves which route group now: share, since when, certificate, and what the gateway's log has of the last hour."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from changeover.flip_step import last_changes
from changeover.flips import Control, candidate_of
from changeover.phase_certificates import Certificates, State
from gateway.cohorts import COHORTS
from gateway.traffic import Counts, LastHour, last_hour

__all__ = ["GroupStatus", "RoutesReport", "routes_report"]


@dataclass(frozen=True)
class GroupStatus:
    """One group. `share` is the candidate's, in %; `since` is ISO UTC, "" for never changed; `traffic` is by stack."""

    id: str
    share: int
    cohorts: tuple[str, ...]
    since: str
    certificate: State
    requires: tuple[str, ...]
    traffic: Mapping[str, Counts]


@dataclass(frozen=True)
class RoutesReport:
    """All groups; `candidate` is the stack the shares are of, `counted_since` when the traffic's count begins (ISO UTC)."""

    generation: str
    primary: str
    candidate: str
    pins: Mapping[str, bool]
    counted_since: str
    groups: tuple[GroupStatus, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def routes_report(control: Control) -> RoutesReport:
    config, standing = control.system.config, control.flips.standing()
    certificates, since = Certificates(control.project), last_changes(control.flips)
    hour = last_hour(Path(control.system.settings.var_dir) / "gateway" / "log", time.time())
    return RoutesReport(
        generation=standing.generation,
        primary=config.primary.name,
        candidate=candidate_of(control.system).name,
        pins={face.prefix: face.prefix not in standing.ownership.loose for face in config.faces if face.pinned},
        counted_since=iso(hour.since),
        groups=tuple(
            GroupStatus(
                group.id,
                share := standing.ownership.share(group.id),
                tuple(name for name, needed in COHORTS.items() if needed <= share),
                iso(since.get(group.id, 0.0)),
                certificates.state(group.id),
                tuple(map(str, group.requires)),
                traffic_of(hour, group.id, [stack.name for stack in config.stacks]),
            )
            for group in config.routes.groups
        ),
    )


def traffic_of(hour: LastHour, group: str, stacks: list[str]) -> dict[str, Counts]:
    return {stack: hour.get((group, stack), Counts()) for stack in stacks}


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment else ""
