"""What is claimed after a gap, from rows nobody expected, and by a machine whose clock is wrong."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

import pytest
from sqlalchemy.exc import OperationalError

from scheduler.points import listen
from scheduler.store import JobsTableStore
from shared_models import JobSchedule, SchedulerHandover
from shared_models.queries import lease as lease_queries
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place

_JOBS = 20
_MINUTES = 240


@pytest.fixture
def reached() -> Iterator[Counter[str]]:
    """Yield how often each of the scheduler's named points was reached."""
    points: Counter[str] = Counter()
    listen(lambda name: points.update([name]))
    yield points
    listen(None)


def test_a_long_gap_is_claimed_in_many_short_transactions_with_a_row_for_each_tick(
    place: Place, reached: Counter[str]
) -> None:
    since = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=_MINUTES)
    jobs = [
        place.add_job(cron="* * * * *", due=since, end_date=date(2090, 1, 1) + timedelta(days=number))
        for number in range(_JOBS)
    ]

    with place.owning(scheduler_overlap="allow"):
        wait_for("all claimed", lambda: _next_run(place) > datetime.now(UTC))

    counts = {job: len(place.runs(job)) for job in jobs}
    assert all(count >= _MINUTES for count in counts.values())
    assert reached["claim.committed"] >= _JOBS * _MINUTES / 1_000


def test_a_schedule_whose_job_is_gone_is_looked_at_once(place: Place, reached: Counter[str]) -> None:
    orphan, job = place.add_job(due=True), place.add_job()
    # SQLite's own shell leaves foreign keys alone.
    with sqlite3.connect(str(place.engine.url.database)) as connection:
        connection.execute("DELETE FROM jobs WHERE id = ?", (orphan,))
    connection.close()

    with place.owning():
        wait_for("no next run", lambda: place.next_run(orphan) is None)
        claims = reached["claim.fenced"]
        place.make_due(job)
        place.wait_for_phases(job, "done")

    assert claims <= 2


def test_a_clock_ahead_of_the_database_makes_nobody_ask_again_and_again(
    postgresql_place: Place, reached: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=0.5)

    job = postgresql_place.add_job(due=datetime.now(UTC) + timedelta(seconds=1.5))
    with postgresql_place.owning():
        monkeypatch.setattr("scheduler.claims.datetime", Ahead)
        monkeypatch.setattr("apscheduler.schedulers.base.datetime", Ahead)
        postgresql_place.wait_for_phases(job, "done")

    assert reached["claim.fenced"] <= 10


def test_runs_claimed_before_an_error_are_started() -> None:
    heard: list[str] = []

    class Failing:
        def claim_due(self) -> NoReturn:
            raise RuntimeError("after the first batch")

        def next_look(self) -> NoReturn:
            raise ValueError("a row that cannot be read")

    store = JobsTableStore(Failing(), lambda: heard.append("claimed"), lambda: heard.append("lost"))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        store.get_due_jobs(datetime.now(UTC))
    look_again = store.get_next_run_time()

    assert heard == ["claimed"]
    assert look_again is not None


def test_what_a_handover_cost_is_written_though_the_database_failed_at_first(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = lease_queries.handover_counted
    failures = [OperationalError("UPDATE", {}, Exception("locked"))]

    def fail_once(handover: str, caught_up: int, skipped: int) -> Any:
        if failures:
            raise failures.pop()
        return counted(handover, caught_up, skipped)

    monkeypatch.setattr(lease_queries, "handover_counted", fail_once)
    place.hand_over("modern")
    job = place.add_job(due=True)
    with place.running():
        place.wait_for_phases(job, "done")
        wait_for("the count", lambda: [row.caught_up for row in place.rows(SchedulerHandover)] == [1])


def _next_run(place: Place) -> datetime:
    return min(row.next_run_at for row in place.rows(JobSchedule))
