"""Which ticks of a job run: the due one, the late ones after a gap, and why the others do not. No tick goes without a row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from shared_rules.jobs import ScheduledJob, next_run
from shared_rules.maintenance import is_over
from shared_rules.settings import Settings

__all__ = ["MOST_TICKS", "Claim", "DueJob", "Tick", "TickPolicy", "decide_claim", "next_tick"]

MOST_TICKS = 1000
"""Ticks of one job decided at once; after a long gap the rest is still due, and comes next."""

_ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)


class DueJob(ScheduledJob, Protocol):
    """A job whose time has come, and its schedule."""

    @property
    def next_run_at(self) -> Any: ...
    @property
    def every_s(self) -> Any: ...


@dataclass(frozen=True)
class TickPolicy:
    """What is done about ticks that are late or many. Durations are seconds.

    A tick later than `grace_s` never runs. `catch_up`: of several due ones the newest runs, or all of them, oldest first,
    at most `cap` of them waiting; with none, only those that are at most `on_time_s` late. `overlap`: what happens to a
    tick while a run of the same job is open.
    """

    grace_s: float = 3600
    catch_up: Literal["latest", "all", "none"] = "latest"
    overlap: Literal["skip", "queue", "allow"] = "skip"
    on_time_s: float = 5
    cap: int = 100

    @classmethod
    def of(cls, settings: Settings) -> "TickPolicy":
        return cls(
            grace_s=settings.scheduler_misfire_grace_s,
            catch_up=settings.scheduler_catch_up,
            overlap=settings.scheduler_overlap,
            on_time_s=settings.scheduler_lease_ttl_s,
        )


@dataclass(frozen=True)
class Tick:
    """One instant (UTC) at which a job was to run. `reason` says why it does not; it is None for one that is claimed."""

    scheduled_for: datetime
    phase: Literal["claimed", "missed", "skipped"] = "claimed"
    reason: str | None = None


@dataclass(frozen=True)
class Claim:
    """The due ticks of one job, ascending, and when it is due next (UTC): maybe at once again. `over`: it has to be paused."""

    ticks: Sequence[Tick]
    next_run_at: datetime | None
    over: bool


def decide_claim(
    job: DueJob, zone: ZoneInfo, now: datetime, policy: TickPolicy, open_runs: int = 0, *, most: int = MOST_TICKS
) -> Claim:
    """Return what becomes of the ticks of the job up to `now`, at most `most`. `open_runs` of its runs wait or run."""
    over = is_over(job, now.astimezone(zone).date())  # type: ignore[arg-type]
    due = list(islice(_due(job, zone, now), most))
    if not due:
        return Claim((), job.next_run_at if job.is_active else None, over)
    following = next_tick(job, zone, due[-1])
    all_decided = following is None or following > now
    room = policy.cap - open_runs
    ticks = []
    for instant in due:
        reason = _missed(instant, now, policy, newest=all_decided and instant == due[-1])
        tick = _tick(instant, reason, policy, open_runs, room)
        room -= tick.phase == "claimed"
        ticks.append(tick)
    # Paused too early, a job would never decide the rest.
    return Claim(ticks, following, over and all_decided)


def next_tick(job: DueJob, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return in UTC the first tick after `after`; None for an inactive job and past its end date."""
    if job.every_s is not None:
        if not job.is_active:
            return None
        step = timedelta(seconds=job.every_s)
        tick = _ORIGIN + ((after - _ORIGIN) // step + 1) * step
        return tick if tick.astimezone(zone).date() <= job.end_date else None
    fire = next_run(job, zone, after)
    return None if fire is None else fire.astimezone(UTC)


def _due(job: DueJob, zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    instant: datetime | None = job.next_run_at if job.is_active else None
    while instant is not None and instant <= now:
        yield instant
        instant = next_tick(job, zone, instant)


def _missed(instant: datetime, now: datetime, policy: TickPolicy, *, newest: bool) -> str | None:
    """Return why a tick is too late to run, None when it is not."""
    late_s = (now - instant).total_seconds()
    if late_s > policy.grace_s:
        return "misfire"
    if policy.catch_up == "none" and late_s > policy.on_time_s:
        return "late"
    if policy.catch_up == "latest" and not newest:
        return "coalesced"
    return None


def _tick(instant: datetime, missed: str | None, policy: TickPolicy, open_runs: int, room: int) -> Tick:
    if missed:
        return Tick(instant, "missed", missed)
    if policy.overlap == "skip" and open_runs:
        return Tick(instant, "skipped", "overlap")
    if room <= 0 and policy.overlap != "allow":
        return Tick(instant, "skipped", "too many wait")
    return Tick(instant)
