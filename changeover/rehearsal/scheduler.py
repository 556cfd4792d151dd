"""The handover of the scheduler, to and fro under load: nobody may have to wait for it, and no tick may be without a row."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Engine, delete, insert, select

from changeover.problems import Problem
from changeover.rehearsal.deeds import HOST
from changeover.rehearsal.scene import Scene, Unexpected, until
from changeover.scheduler_handover import HandedOver, Request, hand_over
from scheduler.lease import transaction
from shared_models import Job, JobExecution, JobSchedule
from shared_models.engine import sync_engine

__all__ = ["hand_over_and_back", "without_a_row"]

_JOBS: Final = 10
_EVERY_S: Final = 0.5
_FIRST_WITHIN_S: Final = 20
# What is due by then has been claimed, on a busy machine too.
_CLAIMED_AFTER: Final = timedelta(seconds=3)
# A tick is a multiple of its interval since then.
_ORIGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)


def hand_over_and_back(scene: Scene, say: Callable[[str], None]) -> None:
    """Hand the scheduler to the candidate, back, and to the candidate again, while jobs are due twice a second.

    Raise Unexpected where that is refused, or a tick has no row.
    """
    copy = scene.copy
    with _ticking(copy.system.settings.database_url) as (engine, jobs):
        until(partial(_ticks, engine, jobs), "the scheduler claims ticks", _FIRST_WITHIN_S)
        done = [_handed_over(scene, to) for to in (copy.candidate, copy.primary, copy.candidate)]
        # Ticks of the last owner are looked at as well.
        ends = datetime.now(UTC) + timedelta(seconds=2 * _EVERY_S)
        until(lambda: datetime.now(UTC) > ends + _CLAIMED_AFTER, "the last ticks are claimed", _FIRST_WITHIN_S)
        ticks = _ticks(engine, jobs)
    missing = [tick for seen in ticks.values() for tick in without_a_row(seen, _EVERY_S, ends)]
    if missing:
        raise Unexpected(
            f"{len(missing)} ticks without a row across the handovers, the first of {missing[0]:%H:%M:%S.%f}"
        )
    gaps = max(each.gap_ms or 0.0 for each in done)
    count = sum(map(len, ticks.values()))
    scene.notes.append(
        f"The scheduler was handed over {len(done)} times, at most {gaps:g} ms without an owner; {count} ticks, each with a row."
    )
    say(scene.notes[-1])


def without_a_row(seen: Sequence[datetime], every_s: float, ends: datetime) -> list[datetime]:
    """Return the ticks of one job from its first row on, up to `ends`, that have no row."""
    step = timedelta(seconds=every_s)
    first, rows = min(seen, default=ends), set(seen)
    number = -(-(first - _ORIGIN) // step)
    found = []
    while (tick := _ORIGIN + number * step) <= ends:
        if tick not in rows:
            found.append(tick)
        number += 1
    return found


def _handed_over(scene: Scene, to: str) -> HandedOver:
    try:
        return hand_over(scene.copy.system, Request(to, "rehearsal"), lambda _line: None)
    except Problem as problem:
        raise Unexpected(f"the scheduler was not handed over to {to}: {problem}") from None


@contextmanager
def _ticking(url: str) -> Iterator[tuple[Engine, list[str]]]:
    """Yield an engine and the ids of jobs that call the sink twice a second, removed afterwards with their runs."""
    engine, jobs = sync_engine(url), [f"rehearsal-tick-{number}" for number in range(_JOBS)]
    now = datetime.now(UTC)
    common = {
        "cron_expression": "0 3 1 1 *",
        "category": "general",
        "end_date": date.max,
        "job_metadata": {},
        "notification_emails": [],
        "created_at": now,
        "updated_at": now,
    }
    try:
        with transaction(engine) as connection:
            rows = [{"id": job, "name": job, "target_url": f"https://{HOST}/{job}", **common} for job in jobs]
            connection.execute(insert(Job), rows)
            schedules = [{"job_id": job, "next_run_at": now, "every_s": _EVERY_S} for job in jobs]
            connection.execute(insert(JobSchedule), schedules)
        yield engine, jobs
    finally:
        with transaction(engine) as connection:
            connection.execute(delete(Job).where(Job.id.in_(jobs)))
        engine.dispose()


def _ticks(engine: Engine, jobs: Sequence[str]) -> dict[str, list[datetime]]:
    """Return the ticks of each job that have a row; nothing until every job has one."""
    found: dict[str, list[datetime]] = {}
    ticks = select(JobExecution.job_id, JobExecution.scheduled_for).where(JobExecution.job_id.in_(jobs))
    with engine.connect() as connection:
        for job, at in connection.execute(ticks):
            if at is not None:
                found.setdefault(job, []).append(at)
    return found if len(found) == len(jobs) else {}
