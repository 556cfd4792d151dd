"""Health and the state of the scheduler: facts of the whole system, so that both stacks say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from shared_rules import wire
from shared_rules.errors import ServiceUnavailable

__all__ = ["HandoverRow", "LeaseRow", "SchedulerFacts", "Unhealthy", "handover_facts", "health", "scheduler_status"]

_SERVICE = "cron-job-backend"


class LeaseRow(Protocol):
    """The columns of the one row of flag and lease."""

    desired_stack: Any
    owner_stack: Any
    owner_process: Any
    epoch: Any
    ttl_s: Any
    acquired_at: Any


class HandoverRow(Protocol):
    """The columns of one planned change of owner."""

    from_stack: Any
    to_stack: Any
    requested_at: Any
    completed_at: Any
    gap_ms: Any
    caught_up: Any
    skipped: Any


@dataclass(frozen=True)
class SchedulerFacts:
    """What the database says; `beat_age_s` is by its clock, None before the first beat. Without a lease nobody can own."""

    lease: LeaseRow | None
    beat_age_s: float | None
    scheduled_jobs: int
    next_due_at: datetime | None

    @property
    def running(self) -> bool:
        """Tell whether there is an owner that beat within its time to live: for display, never for ownership."""
        return (
            self.lease is not None
            and self.lease.owner_stack is not None
            and self.beat_age_s is not None
            and self.beat_age_s <= self.lease.ttl_s
        )


class Unhealthy(ServiceUnavailable):
    """503 in the shape of a health answer, while the database does not answer: what only it knows is null."""

    def __init__(self, version: str, now: datetime) -> None:
        super().__init__()
        self._body = _health("unhealthy", version, None, None, now)

    @property
    def body(self) -> dict[str, Any]:
        return self._body


def health(facts: SchedulerFacts, version: str, now: datetime) -> dict[str, Any]:
    """`{"status", "service", "version", "scheduler_running", "scheduled_jobs_count", "timestamp"}`"""
    return _health("healthy", version, facts.running, facts.scheduled_jobs, now)


def scheduler_status(facts: SchedulerFacts, handover: HandoverRow | None, zone: ZoneInfo) -> dict[str, Any]:
    """`{"scheduler_running", "desired_stack", "owner", "scheduled_jobs_count", "next_due_at", "last_handover"}`"""
    return {
        "scheduler_running": facts.running,
        "desired_stack": "none" if facts.lease is None else facts.lease.desired_stack,
        "owner": _owner(facts.lease, facts.beat_age_s),
        "scheduled_jobs_count": facts.scheduled_jobs,
        "next_due_at": wire.local_instant(facts.next_due_at, zone),
        "last_handover": None if handover is None else handover_facts(handover),
    }


def _health(
    status: str, version: str, running: bool | None, scheduled_jobs: int | None, now: datetime
) -> dict[str, Any]:
    return {
        "status": status,
        "service": _SERVICE,
        "version": version,
        "scheduler_running": running,
        "scheduled_jobs_count": scheduled_jobs,
        "timestamp": wire.instant(now),
    }


def _owner(lease: LeaseRow | None, beat_age_s: float | None) -> Mapping[str, Any] | None:
    """Return who holds the lease, also after the last beat went stale: the age says so."""
    if lease is None or lease.owner_stack is None:
        return None
    return {
        "stack": lease.owner_stack,
        "process": lease.owner_process,
        "epoch": lease.epoch,
        "since": wire.instant(lease.acquired_at),
        # The clock of another database process may be a moment ahead.
        "heartbeat_age_seconds": None if beat_age_s is None else round(max(beat_age_s, 0.0), 3),
    }


def handover_facts(row: HandoverRow) -> dict[str, Any]:
    """`{"from", "to", "requested_at", "completed_at", "gap_ms", "caught_up", "skipped"}`"""
    return {
        "from": row.from_stack,
        "to": row.to_stack,
        "requested_at": wire.instant(row.requested_at),
        "completed_at": wire.instant(row.completed_at),
        "gap_ms": row.gap_ms,
        "caught_up": row.caught_up,
        "skipped": row.skipped,
    }
