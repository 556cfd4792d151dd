"""Cases: what happens to a job while it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scheduler.runner import Runner
from shared_models import Job, JobExecution, JobSchedule, Notification
from tests.contract.api import Api
from tests.contract.jobs import add_job, told
from tests.sinks import Reply

MAIL = {"enable_email_notifications": True, "notification_emails": ["ops@corp.local"]}


@contextmanager
def meanwhile(happens: Callable[[], object]) -> Iterator[None]:
    """Make something happen while a target is called."""
    call = Runner.run

    def run(runner: Runner, *args: Any, **options: Any) -> Any:
        happens()
        return call(runner, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "run", run)
        yield


def test_a_run_is_shown_as_running_until_it_ends(api: Api) -> None:
    job = add_job(api, target_url=api.sinks.http.at("/hook", Reply()))
    seen: list[dict[str, Any]] = []

    with meanwhile(lambda: seen.extend(api.get("/executions").json["executions"])):
        ended = api.post(f"/jobs/{job['id']}/execute").json["execution"]

    nothing_yet = {"completed_at", "duration_seconds", "response_status", "error_message", "output"}
    assert seen == [ended | dict.fromkeys(nothing_yet) | {"status": "running"}]


def test_the_run_of_a_job_that_is_deleted_meanwhile_is_answered_and_gone(api: Api) -> None:
    job = add_job(api, name="Nightly", target_url=api.sinks.http.at("/hook", Reply(500, b"no")))

    with meanwhile(lambda: api.delete(f"/jobs/{job['id']}")):
        answer = api.post(f"/jobs/{job['id']}/execute")

    assert (answer.status, answer.json["message"], answer.json["job_id"]) == (
        200,
        "Job triggered successfully",
        job["id"],
    )
    execution = answer.json["execution"]
    assert (execution["job_name"], execution["status"], execution["output"]) == ("Nightly", "failed", "no")
    assert api.rows(Job) == api.rows(JobExecution) == api.rows(JobSchedule) == []
    assert {row["title"] for row in api.rows(Notification)} == {"Job Deleted"}


def test_a_change_made_meanwhile_stays(api: Api) -> None:
    job = add_job(api, name="Before", target_url=api.sinks.http.at("/hook", Reply(500)), **MAIL)
    change = {"name": "After", "is_active": False, "target_url": "https://x.example"}

    with meanwhile(lambda: api.put(f"/jobs/{job['id']}", change)):
        execution = api.post(f"/jobs/{job['id']}/execute").json["execution"]

    assert (execution["status"], execution["target"]) == ("failed", job["target_url"])
    row = api.row(Job)
    assert (row["name"], row["is_active"], row["target_url"]) == ("After", False, "https://x.example")
    assert [title for title, *_ in told(api)] == ["Job Disabled", "Job Failed"]
    assert len(api.sinks.mail.delivered) == 1


def test_a_job_may_run_twice_at_once(api: Api) -> None:
    job = add_job(api, target_url=api.sinks.http.at("/hook", Reply()))
    again = [True]

    def once_more() -> None:
        if again.pop():
            again.append(False)
            api.post(f"/jobs/{job['id']}/execute")

    with meanwhile(once_more):
        api.post(f"/jobs/{job['id']}/execute")

    assert [row["status"] for row in api.rows(JobExecution)] == ["success", "success"]
    keys = [received.headers["idempotency-key"] for received in api.sinks.http.received]
    assert sorted(keys) == [row["id"] for row in api.rows(JobExecution)]
