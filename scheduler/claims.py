"""Claiming what is due: every tick becomes a row and the schedule moves on, in one fenced transaction a batch."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Select, select
from sqlalchemy.exc import SQLAlchemyError

from scheduler import duties
from scheduler.lease import Acquired, Lease, NotOwner
from scheduler.points import reach
from shared_models.queries import claims as queries
from shared_models.queries import lease as lease_queries
from shared_rules.settings import Settings
from shared_rules.ticks import MOST_TICKS, Claim, Tick, TickPolicy, decide_claim

__all__ = ["BATCH", "Claimed", "Claims"]

BATCH = 2000
"""Jobs in one transaction: some 50 to 90 ms in which nobody else writes, when so many are due at once."""
_ROWS: Final = 1_000
"""Ticks in one transaction. After a gap many are due of each job, and PostgreSQL ends a session that thinks for a second."""
_ROUND_S: Final = 0.5
"""So long is claimed at a stretch: then the runs claimed so far are started, and the rest comes next."""
_BREATH_S: Final = 0.03
"""A pause in which others can write, where what is claimed is late anyway: SQLite has no queue of those who wait."""
_log = structlog.get_logger(__name__)


@dataclass
class Claimed:
    """What one round claimed: ticks by phase, the job and time of those that do not run, and whether mails wait."""

    phases: Counter[str] = field(default_factory=Counter)
    not_run: list[tuple[str, datetime]] = field(default_factory=list)
    messages: int = 0


@dataclass(frozen=True)
class _Alike:
    """Jobs of which the same becomes."""

    ids: Sequence[str]
    claim: Claim


class Claims:
    """The owner's claims. Used by one thread at a time. `offset` is this process's clock before the database's."""

    def __init__(self, lease: Lease, settings: Settings, on_proof: Callable[[], None]) -> None:
        self.engine = lease.engine
        self.zone = settings.zone
        self.offset = timedelta(seconds=settings.clock_offset_s)
        self._lease = lease
        self._settings = settings
        self._policy = TickPolicy.of(settings)
        self._on_proof = on_proof
        self._known_due: datetime | None = None
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self._counting: Acquired | None = None
        self._gap: Counter[str] = Counter()

    def begin(self, acquired: Acquired) -> None:
        """Count from here which ticks fell due before this process owned."""
        self._counting = acquired
        self._gap = Counter()

    def prepare(self, connection: Connection, _epoch: int) -> None:
        """What belongs to acquiring, in its transaction."""
        duties.ensure(connection, self._now(datetime.now(UTC)), self.zone)

    def next_due(self) -> datetime | None:
        """Return when the first job or duty is due, by this process's clock; None without any."""
        with self.engine.connect() as connection:
            found = connection.execute(_next_due()).one()
        self._known_due = min((at for at in found if at is not None), default=None)
        return self._known_due

    def next_look(self) -> datetime | None:
        """Return when to claim next, by the clock of this machine; None without anything to wait for."""
        due = self.next_due()
        return None if due is None else max(due - self.offset, self._not_before)

    def is_due_changed(self) -> bool:
        """Tell whether the first due time is another one than when it was last asked for, or has come."""
        known = self._known_due
        due = self.next_due()
        return due != known or (due is not None and due <= self._now(datetime.now(UTC)))

    def claim_due(self) -> Claimed:
        """Claim what is due, or the first part of it. Raise NotOwner when this process does not own.

        What was committed before an error stays.
        """
        claimed = Claimed()
        try:
            all_claimed = self._claim_round(claimed)
        except (NotOwner, SQLAlchemyError):
            raise
        except Exception:
            self._set_aside()
            raise
        if all_claimed:
            self._report_gap()
        return claimed

    def _claim_round(self, claimed: Claimed) -> bool:
        """Claim for a while, and do the duties; tell whether nothing is due any more."""
        first = self.next_due()
        if first is None or first > self._now(datetime.now(UTC)):
            return True
        ends = time.monotonic() + _ROUND_S
        more = True
        while more and time.monotonic() < ends:
            more = self._claim_batch(claimed)
        self._do_duties(claimed)
        return not more

    def _claim_batch(self, claimed: Claimed) -> bool:
        """Claim one batch; tell whether more is due, of other jobs or of these after a long gap."""
        with self._lease.fenced() as (connection, at):
            reach("claim.fenced")
            now = self._now(at)
            batch = self._decide(connection, queries.due(now, BATCH), now)
            self._write(connection, batch, now)
            if not batch:
                self._nothing(connection, now)
            reach("claim.written")
        reach("claim.committed")
        self._on_proof()
        self._count(claimed, batch)
        behind = any(jobs.claim.next_run_at is not None and jobs.claim.next_run_at <= now for jobs in batch)
        if behind:
            time.sleep(_BREATH_S)
        return behind or sum(len(jobs.ids) for jobs in batch) >= BATCH

    def _nothing(self, connection: Connection, now: datetime) -> None:
        """Find out why nothing is due though this process's clock says so, and do not ask again at once."""
        connection.execute(queries.orphans_unscheduled(now))
        ahead = self._now(datetime.now(UTC)) - now
        due = self._known_due
        if due is not None and due > now:
            # This machine's clock is ahead of the database's, which decides.
            self._not_before = due - self.offset + ahead

    def _set_aside(self) -> None:
        """Take the next run from due jobs whose rows nobody can make sense of: they must not stop the others."""
        with self._lease.fenced() as (connection, at):
            now = self._now(at)
            for job_id in connection.scalars(queries.due_ids(now, BATCH)).all():
                try:
                    self._decide(connection, queries.due(now, 1, job_id), now)
                except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                    connection.execute(queries.advanced(connection.dialect.name, [job_id], None))
                    _log.exception("scheduler.job_set_aside", job_id=job_id, error=type(error).__name__)

    def _decide(self, connection: Connection, due: Select[*tuple[Any, ...]], now: datetime) -> list[_Alike]:
        groups = [(group, group.ids.split(",")) for group in connection.execute(due)]
        jobs = sum(len(ids) for _, ids in groups)
        most = min(MOST_TICKS, max(1, _ROWS // max(1, jobs)))
        open_runs: dict[str, int] = {}
        if groups and self._policy.overlap != "allow":
            every_id = list(chain.from_iterable(ids for _, ids in groups))
            open_runs = dict(connection.execute(queries.open_runs(connection.dialect.name, every_id)).all())
        return [
            _Alike(alike, decide_claim(group, self.zone, now, self._policy, count, most=most))
            for group, ids in groups
            for count, alike in _by_count(ids, open_runs).items()
        ]

    def _write(self, connection: Connection, batch: Sequence[_Alike], now: datetime) -> None:
        ticks: dict[Tick, list[str]] = defaultdict(list)
        moves: dict[datetime | None, list[str]] = defaultdict(list)
        for jobs in batch:
            for tick in jobs.claim.ticks:
                ticks[tick].extend(jobs.ids)
            moves[jobs.claim.next_run_at].extend(jobs.ids)
        dialect = connection.dialect.name
        for tick, ids in ticks.items():
            connection.execute(queries.tick_added(dialect, ids, self._columns(tick, now)))
        for next_run_at, ids in moves.items():
            connection.execute(queries.advanced(dialect, ids, next_run_at))
        over = list(chain.from_iterable(jobs.ids for jobs in batch if jobs.claim.over))
        if over:
            duties.pause_over(connection, over, now, self._settings)

    def _columns(self, tick: Tick, now: datetime) -> dict[str, Any]:
        return {
            "status": "running" if tick.phase == "claimed" else tick.phase,
            "trigger_type": "scheduled",
            "started_at": now,
            "phase": tick.phase,
            "scheduled_for": tick.scheduled_for,
            "claim_epoch": self._lease.epoch,
            "skip_reason": tick.reason,
        }

    def _count(self, claimed: Claimed, batch: Sequence[_Alike]) -> None:
        for jobs in batch:
            for tick in jobs.claim.ticks:
                claimed.phases[tick.phase] += len(jobs.ids)
                if tick.phase != "claimed":
                    claimed.not_run += [(job_id, tick.scheduled_for) for job_id in jobs.ids]
                if self._counting and tick.scheduled_for < self._now(self._counting.at):
                    self._gap[tick.phase] += len(jobs.ids)

    def _do_duties(self, claimed: Claimed) -> None:
        with self.engine.connect() as connection:
            due = connection.scalar(duties.next_due())
        if due is None or due > self._now(datetime.now(UTC)):
            return
        with self._lease.fenced() as (connection, at):
            claimed.messages = duties.run_due(connection, self._now(at), self._settings).messages
        self._on_proof()

    def _report_gap(self) -> None:
        """Once everything that fell due without an owner is claimed, write how much that was."""
        counting = self._counting
        if counting is not None and counting.handover is not None:
            skipped = self._gap["missed"] + self._gap["skipped"]
            with self._lease.fenced() as (connection, _at):
                connection.execute(lease_queries.handover_counted(counting.handover, self._gap["claimed"], skipped))
        # Only now: where the database failed, it is written after the next claim. And not what began meanwhile.
        if self._counting is counting:
            self._counting = None

    def _now(self, at: datetime) -> datetime:
        return at + self.offset


@cache
def _next_due() -> Select[datetime | None, datetime | None]:
    """When the first job and the first duty are due, in one statement, built once."""
    return select(queries.first_due().scalar_subquery(), duties.next_due().scalar_subquery())


def _by_count(ids: Iterable[str], open_runs: Mapping[str, int]) -> dict[int, list[str]]:
    """Return the ids by how many runs of the job are open."""
    found: dict[int, list[str]] = defaultdict(list)
    for job_id in ids:
        found[open_runs.get(job_id, 0)].append(job_id)
    return found
