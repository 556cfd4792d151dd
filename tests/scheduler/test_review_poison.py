"""One bad row must not stop the others: whatever it holds, the scheduler's threads go on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from scheduler import recorder
from scheduler.lease import transaction
from scheduler.recorder import Ended
from shared_models import Job, JobExecution, Notification
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place

# What SQLite stores when somebody writes past the application.
_BAD = (
    "UPDATE jobs SET metadata = 'no JSON' WHERE id = :id",
    "UPDATE jobs SET metadata = '[1]' WHERE id = :id",
    "UPDATE jobs SET notification_emails = 'no JSON' WHERE id = :id",
    "UPDATE jobs SET notification_emails = '[1, null]' WHERE id = :id",
    "UPDATE jobs SET notification_emails = 'null' WHERE id = :id",
    "UPDATE jobs SET end_date = '2027-1-5' WHERE id = :id",
    "UPDATE jobs SET cron_expression = 'no cron' WHERE id = :id",
    "UPDATE jobs SET target_url = 'http://[' WHERE id = :id",
    "UPDATE job_schedule SET next_run_at = '1999' WHERE job_id = :id",
    "UPDATE job_schedule SET every_s = 0 WHERE job_id = :id",
)


def test_bad_rows_stop_no_other_job(place: Place) -> None:
    long_due = datetime.now(UTC) - timedelta(seconds=2)
    bad = {
        place.add_job("/bad", due=long_due, enable_email_notifications=True, notify_on_success=True): spoil
        for spoil in _BAD
    }
    with transaction(place.engine) as connection:
        for job_id, spoil in bad.items():
            connection.execute(text(spoil), {"id": job_id})
    good = place.add_job("/good")

    with place.owning():
        for times in (1, 2):
            place.make_due(good)
            wait_for("the good one", lambda times=times: _phases(place, good) == ["done"] * times)
        wait_for("the bad ones' ends", lambda: not any(set(_phases(place, job)) - {"done"} for job in bad))


def test_an_end_that_cannot_be_written_keeps_back_no_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    tell = recorder.tell

    def choke(connection: Connection, written: Sequence[Ended]) -> int:
        if any(ended.run.job.name == "Bad" for ended in written):
            raise ValueError("no such text")
        return tell(connection, written)

    monkeypatch.setattr(recorder, "tell", choke)
    bad, good = (place.add_job(due=True, name=name) for name in ("Bad", "Good"))
    with place.owning():
        (poor,) = place.wait_for_phases(bad, "done")
        (fine,) = place.wait_for_phases(good, "done")

    assert (poor.status, poor.error_message) == ("success", "How the run went could not be written down.")
    assert (fine.status, fine.error_message) == ("success", None)
    assert {row.related_execution_id for row in place.rows(Notification)} == {fine.id}


def test_a_lost_run_without_a_job_keeps_back_no_other(place: Place) -> None:
    """Where SQLite's foreign keys were off when its job was deleted."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    job, gone = place.add_job(), place.add_job()
    running = {
        "status": "running",
        "phase": "running",
        "trigger_type": "scheduled",
        "execution_type": "webhook",
        "started_at": long_ago,
        "scheduled_for": long_ago,
        "claimed_by": "modern:dead:1:00",
        "deadline_at": long_ago,
    }
    place.add(JobExecution, *({**running, "id": name, "job_id": id} for name, id in (("a", gone), ("b", job))))
    with place.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("DELETE FROM jobs WHERE id = ?", (gone,))
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.exec_driver_sql("BEGIN")

    with place.owning(scheduler_lease_ttl_s=0.5):
        (row,) = place.wait_for_phases(job, "unknown")

    assert row.status == "failed"
    assert [row.id for row in place.rows(Job)] == [job]


def _phases(place: Place, job_id: str) -> list[str]:
    # The whole rows cannot be read.
    statement = text("SELECT phase FROM job_executions WHERE job_id = :id ORDER BY scheduled_for")
    with place.engine.connect() as connection:
        return list(connection.scalars(statement, {"id": job_id}))
