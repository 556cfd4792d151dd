"""What a scheduler left behind, as values: who owned when, each write of a row in the order of commits, calls that arrived."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """A tick each `every_s` seconds, counted from 2020-01-01T00:00:00Z, or a crontab line in a zone."""

    every_s: float | None = None
    cron: str = ""
    zone: str = "UTC"


@dataclass(frozen=True)
class Active:
    """A job had this schedule: every tick in (after, until] has to have a row."""

    job_id: str
    schedule: Schedule
    after: datetime
    until: datetime


@dataclass(frozen=True)
class LeaseWrite:
    """Flag and lease as a transaction left them. Positions are the order of commits, shared with `RowWrite`.

    `silent_s` is how long before it the last beat of an owner was.
    """

    position: int
    at: datetime
    wanted: str
    owner: str | None
    owner_stack: str | None
    epoch: int
    silent_s: float | None = None


@dataclass(frozen=True)
class RowWrite:
    """A row of an execution as a transaction left it; `before` is its phase until then, None for a new row."""

    position: int
    at: datetime
    execution_id: str
    before: str | None
    phase: str
    claim_epoch: int | None
    runner: str | None = None


@dataclass(frozen=True)
class Row:
    """A scheduled execution in the end; `answered` when its target's answer is known."""

    execution_id: str
    job_id: str
    scheduled_for: datetime
    phase: str
    reason: str | None = None
    answered: bool = True

    @property
    def key(self) -> str:
        """The idempotency key its call has to carry."""
        return f"{self.job_id}:{self.scheduled_for.isoformat().replace('+00:00', 'Z')}"


@dataclass(frozen=True)
class Effect:
    """One call that arrived at its target."""

    key: str
    execution_id: str
    at: datetime


@dataclass(frozen=True)
class Fault:
    """What was done to a process. A stopped one went on at `resumed`; a killed or ended one never does.

    A crash kills all processes of a stack at once.
    """

    process: str
    how: Literal["kill", "crash", "stop", "term"]
    at: datetime
    resumed: datetime | None = None
    point: str = ""

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Tell whether the process was kept from doing anything at some time in [start, end]."""
        return self.at <= end and (self.resumed is None or start < self.resumed)

    def gone(self, at: datetime) -> bool:
        """Tell whether this fault kept the process from doing anything at that time."""
        return self.at <= at and (self.resumed is None or at < self.resumed)


@dataclass(frozen=True)
class History:
    """`ended` is when the flag was taken from every stack for good and all runs had had their time to end."""

    active: Sequence[Active]
    lease: Sequence[LeaseWrite]
    writes: Sequence[RowWrite]
    rows: Sequence[Row]
    effects: Sequence[Effect]
    ended: datetime
    faults: Sequence[Fault] = field(default=())
