"""APScheduler over the jobs table: what its own API answers, on the owner and on a standby, and what it refuses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, EVENT_JOB_SUBMITTED
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.base import STATE_PAUSED, STATE_RUNNING

from shared_models import Job, JobSchedule
from tests.ops.waiting import wait_for
from tests.scheduler.running import Place
from tests.sinks import Reply


@pytest.mark.parametrize(
    "change",
    [
        lambda scheduler, job: scheduler.add_job(print, "interval", hours=1),
        lambda scheduler, job: scheduler.add_job(print, "interval", hours=1, id=job, replace_existing=True),
        lambda scheduler, job: scheduler.modify_job(job, name="another"),
        lambda scheduler, job: scheduler.reschedule_job(job, trigger="interval", hours=1),
        lambda scheduler, job: scheduler.pause_job(job),
        lambda scheduler, job: scheduler.remove_job(job),
        lambda scheduler, job: scheduler.remove_all_jobs(),
    ],
    ids=["add", "replace", "modify", "reschedule", "pause a job", "remove", "remove all"],
)
def test_the_schedule_is_changed_through_the_api_alone(place: Place, change: Callable[..., Any]) -> None:
    job = place.add_job(name="Nightly")
    with place.owning() as runtime:
        before = place.rows(Job), place.rows(JobSchedule)

        with pytest.raises(TypeError, match="through the API"):
            change(runtime.apscheduler, job)

        assert (place.rows(Job), place.rows(JobSchedule)) == before


def test_owner_and_standby_know_the_same_jobs_and_one_of_them_is_paused(each_place: Place) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    later, first = each_place.add_job(due=soon + timedelta(hours=1)), each_place.add_job(due=soon)
    with each_place.owning() as owner, each_place.running() as standby:
        states = (owner.apscheduler.state, standby.apscheduler.state)

        assert states == (STATE_RUNNING, STATE_PAUSED)
        for runtime in (owner, standby):
            assert [job.id for job in runtime.apscheduler.get_jobs()] == [first, later]
            job = runtime.apscheduler.get_job(first)
            assert job.next_run_time == soon
            assert job.trigger.get_next_fire_time(None, soon).astimezone(UTC).minute == 0
            assert runtime.apscheduler.get_job("unknown") is None


def test_a_job_of_the_store_cannot_be_called_past_its_row(place: Place) -> None:
    job = place.add_job()
    with place.owning() as runtime, pytest.raises(TypeError):
        runtime.apscheduler.get_job(job).func(job)


def test_listeners_hear_of_runs_and_of_ticks_that_do_not_run(place: Place) -> None:
    heard: dict[str, list[int]] = {}
    place.sinks.http.at("/bad", Reply(500))
    good, bad, late = place.add_job(), place.add_job("/bad"), place.add_job()
    with place.owning() as runtime:
        kinds = EVENT_JOB_SUBMITTED | EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED
        runtime.apscheduler.add_listener(lambda event: heard.setdefault(event.job_id, []).append(event.code), kinds)

        for job, at in ((good, None), (bad, None), (late, datetime.now(UTC) - timedelta(hours=2))):
            place.make_due(job, at)

        wait_for("events of all", lambda: sum(map(len, heard.values())) == 5)
    assert {job: sorted(codes) for job, codes in heard.items()} == {
        good: sorted([EVENT_JOB_SUBMITTED, EVENT_JOB_EXECUTED]),
        bad: sorted([EVENT_JOB_SUBMITTED, EVENT_JOB_ERROR]),
        late: [EVENT_JOB_MISSED],
    }


def test_a_job_that_went_is_not_found(place: Place) -> None:
    with place.owning() as runtime, pytest.raises(JobLookupError):
        runtime.apscheduler.modify_job("unknown", name="x")
