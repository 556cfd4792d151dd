"""Who runs the scheduler, who could, and how it goes, as the database has it. Ages are by the database's clock."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from changeover.problems import FAILED, Problem
from changeover.scheduler_blocked import Blocked, blocked
from changeover.scheduler_database import scheduler_database
from changeover.scheduler_missed import counts_since
from scheduler.clock import Clock
from shared_models.queries import lease as lease_queries
from shared_models.queries import scheduler as queries
from shared_models.scheduler import SchedulerHandover
from shared_rules import wire
from shared_rules.health import handover_facts
from shared_rules.settings import Settings

__all__ = ["NONE", "Node", "Owner", "Standing", "State", "standing", "state_of"]

# The word for nobody.
NONE = "none"
# A process beats at least so often when its time to live is short; a busy machine may keep it from it for a while.
_BEAT_S = 2.5
_NOT_RUN_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class Owner:
    """Who holds the lease. A `stale` one has not beaten for longer than its time to live."""

    stack: str
    process: str
    epoch: int
    since: str | None
    heartbeat_age_s: float | None
    stale: bool


@dataclass(frozen=True)
class Node:
    """A process that could own, if it is `alive`. `facts` is what must be the same in all of them."""

    process: str
    stack: str
    beat: int
    age_s: float
    alive: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """The flag, the lease and the processes at one moment."""

    desired_stack: str
    epoch: int
    ttl_s: float
    owner: Owner | None
    nodes: tuple[Node, ...]

    @property
    def living(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.alive)

    @property
    def as_wanted(self) -> bool:
        """Whether the wanted stack owns and lives; nobody, where nobody is wanted."""
        if self.owner is None:
            return self.desired_stack == NONE
        return self.owner.stack == self.desired_stack and not self.owner.stale


@dataclass(frozen=True)
class State:
    """Everything `changeover scheduler status` shows. `not_run` counts the ticks of the last day by reason."""

    standing: Standing
    scheduled_jobs: int
    next_due_at: str | None
    last_handover: Mapping[str, Any] | None
    not_run: Mapping[str, int]
    blocked: Blocked | None

    @property
    def healthy(self) -> bool:
        return self.standing.as_wanted and self.blocked is None

    def as_json(self) -> dict[str, Any]:
        facts = asdict(self)
        standing = facts.pop("standing")
        stuck = facts.pop("blocked")
        return {
            "healthy": self.healthy,
            **standing,
            **facts,
            "db_write_blocked": stuck is not None,
            "blocked_by": stuck,
        }


def state_of(settings: Settings) -> State:
    """Return the state. Raise Problem where the database cannot be read."""
    with scheduler_database(settings) as engine:
        found = standing(engine)
        since = Clock(settings.clock_offset_s).now() - _NOT_RUN_WITHIN
        with Session(engine) as session:
            jobs, next_due_at = session.execute(queries.scheduled_jobs()).one()
            handover = session.scalar(queries.newest_handover())
            not_run = counts_since(session, since)
        return State(
            standing=found,
            scheduled_jobs=jobs,
            next_due_at=wire.local_instant(next_due_at, settings.zone),
            last_handover=None if handover is None else _handover(handover),
            not_run=not_run,
            blocked=blocked(settings.database_url, found.owner.process if found.owner else None),
        )


def standing(engine: Engine) -> Standing:
    """Return flag, lease and processes. Raise Problem on a database without a lease."""
    with Session(engine) as session:
        row = session.execute(queries.lease()).one_or_none()
        nodes = session.execute(lease_queries.nodes()).all()
    if row is None:
        raise Problem("The scheduler has no row in this database; type `make up`, which adds it.", FAILED)
    lease, age_s = row
    owner = None
    if lease.owner_stack is not None:
        stale = age_s is None or age_s > lease.ttl_s
        shown_s = None if age_s is None else round(max(age_s, 0.0), 3)
        since = wire.instant(lease.acquired_at)
        owner = Owner(lease.owner_stack, lease.owner_process or "", lease.epoch, since, shown_s, stale)
    seen = tuple(_node(node, beat_age_s or 0.0, lease.ttl_s) for node, beat_age_s in nodes)
    return Standing(lease.desired_stack, lease.epoch, lease.ttl_s, owner, seen)


def _node(row: Any, age_s: float, ttl_s: float) -> Node:
    shown_s = round(max(age_s, 0.0), 3)
    return Node(row.process, row.stack, row.beat, shown_s, age_s <= _BEAT_S + ttl_s, row.facts)


def _handover(row: SchedulerHandover) -> Mapping[str, Any]:
    return handover_facts(row) | {"requested_by": row.requested_by, "reason": row.reason, "aborted": row.aborted}
