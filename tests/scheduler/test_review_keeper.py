"""An owner that stopped for a moment, or was not told, goes on with all that it does."""

import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text, update

from scheduler.changes import watch_changes
from scheduler.lease import transaction
from scheduler.runtime import Runtime
from shared_models import OutboxMessage, SchedulerLease
from shared_models.engine import sync_engine
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place


def test_messages_are_sent_after_an_owner_proved_itself_again(place: Place) -> None:
    with place.owning() as runtime:
        runtime.suspend()
        runtime.resume(None)
        place.add_job(
            due=True, enable_email_notifications=True, notification_emails=["a@b.example"], notify_on_success=True
        )
        wait_for("a mail", lambda: [row.phase for row in place.rows(OutboxMessage)] == ["sent"])


def test_runs_start_after_the_flag_went_away_and_came_back_unseen(place: Place) -> None:
    with place.owning() as runtime:
        wait_for("an open pool", lambda: runtime._pool._open)
        # What the thread that starts runs does when it meets the fence.
        runtime._pool.shut()
        runtime._keeper.doubt()
        job = place.add_job(due=True)
        place.wait_for_phases(job, "done")


def test_an_owner_whose_beginning_failed_begins_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [RuntimeError("can't start new thread")]
    resume = Runtime.resume

    def fail_once(self: Runtime, acquired: object) -> None:
        if failures:
            raise failures.pop()
        resume(self, acquired)  # type: ignore[arg-type]

    monkeypatch.setattr(Runtime, "resume", fail_once)
    job = place.add_job(due=True)
    with place.owning():
        place.wait_for_phases(job, "done")


def test_a_job_runs_on_time_though_nobody_tells_of_it(place: Place) -> None:
    with place.owning(scheduler_lease_ttl_s=0.8) as runtime:
        runtime._keeper._changes.wait = _deaf  # type: ignore[method-assign]
        first = place.add_job(due=True)
        place.wait_for_phases(first, "done")
        second = place.add_job(due=True)
        place.wait_for_phases(second, "done")


def test_what_was_written_between_two_connections_is_seen(place: Place) -> None:
    engine = sync_engine(place.url)
    changes = watch_changes(engine)
    try:
        assert changes.wait(0)
        assert not changes.wait(0)
        changes.close()
        with transaction(place.engine) as connection:
            connection.execute(update(SchedulerLease).values(ttl_s=5.0))
        assert changes.wait(0)
    finally:
        changes.close()
        engine.dispose()


def test_a_process_whose_mark_cannot_be_made_is_not_dead(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/missing/x.db")
    changes = watch_changes(engine)

    changes.live("here")
    assert not changes.is_dead("here")
    changes.forget_dead()
    engine.dispose()


def test_an_owner_hears_of_jobs_after_its_connection_was_cut(postgresql_place: Place) -> None:
    with postgresql_place.owning():
        cut = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'LISTEN scheduler' "
            "OR query LIKE 'SELECT pg_try_advisory_lock(%'"
        )
        with postgresql_place.engine.begin() as connection:
            assert connection.scalar(cut)
        job = postgresql_place.add_job(due=True)
        postgresql_place.wait_for_phases(job, "done")


def _deaf(_timeout_s: float) -> bool:
    time.sleep(0.02)
    return False
