"""Claiming what is due: every tick becomes a row and the schedule moves on, in one fenced transaction a batch."""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from scheduler import duties
from scheduler.lease import Acquired, Lease
from scheduler.points import reach
from shared_models.queries import claims as queries
from shared_models.queries import lease as lease_queries
from shared_rules.execution import is_github_job
from shared_rules.settings import Settings
from shared_rules.targets import workflow_file
from shared_rules.ticks import Claim, Tick, TickPolicy, decide_claim

__all__ = ["BATCH", "Claimed", "Claims"]

BATCH = 500
"""Jobs in one transaction: some milliseconds in which nobody else writes."""


@dataclass
class Claimed:
    """What one round claimed: ticks by phase, the job and time of those that do not run, and whether mails wait."""

    phases: Counter[str] = field(default_factory=Counter)
    not_run: list[tuple[str, datetime]] = field(default_factory=list)
    messages: int = 0


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
            found = (connection.scalar(queries.first_due()), connection.scalar(duties.next_due()))
        return min((at for at in found if at is not None), default=None)

    def claim_due(self) -> Claimed:
        """Claim everything that is due. Raise NotOwner when this process does not own; what was committed stays."""
        claimed = Claimed()
        first = self.next_due()
        if first is not None and first <= self._now(datetime.now(UTC)):
            while self._claim_batch(claimed) == BATCH:
                pass
            self._do_duties(claimed)
        self._report_gap()
        return claimed

    def _claim_batch(self, claimed: Claimed) -> int:
        """Claim one batch; return of how many jobs."""
        with self._lease.fenced() as (connection, at):
            reach("claim.fenced")
            now = self._now(at)
            jobs = connection.execute(queries.due(now, BATCH)).all()
            decisions = self._decide(connection, jobs, now)
            self._write(connection, jobs, decisions, now)
            reach("claim.written")
        reach("claim.committed")
        self._on_proof()
        for job, decision in zip(jobs, decisions, strict=True):
            self._count(claimed, job.id, decision.ticks)
        return len(jobs)

    def _decide(self, connection: Connection, jobs: Sequence[Any], now: datetime) -> list[Claim]:
        open_runs: dict[str, int] = {}
        if self._policy.overlap != "allow" and jobs:
            open_runs = dict(connection.execute(queries.open_runs([job.id for job in jobs])).tuples().all())
        zone = self.zone
        return [decide_claim(job, zone, now, self._policy, open_runs.get(job.id, 0)) for job in jobs]

    def _write(self, connection: Connection, jobs: Sequence[Any], decisions: Sequence[Claim], now: datetime) -> None:
        pairs = list(zip(jobs, decisions, strict=True))
        ticks = [self._row(job, tick, now) for job, decision in pairs for tick in decision.ticks]
        moves = [
            {"job": job.id, "rev": job.schedule_rev, "next": decision.next_run_at}
            for job, decision in pairs
            if not decision.over
        ]
        over = [job.id for job, decision in pairs if decision.over]
        if ticks:
            connection.execute(queries.ticks_added(connection.dialect.name), ticks)
        if moves:
            connection.execute(queries.advanced(), moves)
        if over:
            duties.pause_over(connection, over, now, self._settings)

    def _row(self, job: Any, tick: Tick, now: datetime) -> dict[str, Any]:
        github = is_github_job(job)
        return {
            "id": str(uuid.uuid4()),
            "job_id": job.id,
            "status": "running" if tick.phase == "claimed" else tick.phase,
            "trigger_type": "scheduled",
            "started_at": now,
            "execution_type": "github_actions" if github else "webhook",
            "target": f"{job.github_owner}/{job.github_repo}/{workflow_file(job.github_workflow_name)}"
            if github
            else job.target_url,
            "phase": tick.phase,
            "scheduled_for": tick.scheduled_for,
            "claim_epoch": self._lease.epoch,
            "skip_reason": tick.reason,
        }

    def _count(self, claimed: Claimed, job_id: str, ticks: Sequence[Tick]) -> None:
        for tick in ticks:
            claimed.phases[tick.phase] += 1
            if tick.phase != "claimed":
                claimed.not_run.append((job_id, tick.scheduled_for))
            if self._counting and tick.scheduled_for < self._now(self._counting.at):
                self._gap[tick.phase] += 1

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
        counting, self._counting = self._counting, None
        if counting is None or counting.handover is None:
            return
        skipped = self._gap["missed"] + self._gap["skipped"]
        with self._lease.fenced() as (connection, _at):
            connection.execute(lease_queries.handover_counted(counting.handover, self._gap["claimed"], skipped))

    def _now(self, at: datetime) -> datetime:
        return at + self.offset
