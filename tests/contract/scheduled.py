"""Cases: what is asked of a stack happens in the scheduler, whichever stack owns it, and what that did is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.runtime import Runtime
from shared_models import JobExecution, JobSchedule, Notification, SlackSettings, UserNotificationPreferences
from tests.contract import world
from tests.contract.api import Api
from tests.contract.jobs import ACTIVE, github_body, job_body, today
from tests.contract.stacks import GITHUB_TOKEN
from tests.scheduler.running import Place
from tests.sinks import Reply

MINUTE = timedelta(minutes=1)
OTHER = {"legacy": "modern", "modern": "legacy"}
whichever_owns = pytest.mark.parametrize("by", ["the same", "the other"])


@contextmanager
def owner(api: Api, by: str = "the other", **settings: Any) -> Iterator[Runtime]:
    """Yield a scheduler that owns, with these settings: that of the stack that is not asked, or of the same."""
    api.alone = False
    asked = api.stack.name
    with place_of(api).owning(asked if by == "the same" else OTHER[asked], **settings) as runtime:
        yield runtime


def place_of(api: Api) -> Place:
    return Place(api.stack.settings.database_url, api.stack.engine, api.stack.sinks)


def create(api: Api, **changes: Any) -> str:
    """Create a job over HTTP, with a target at the sink; return its id."""
    changes = {"target_url": f"{api.stack.sinks.http.url}/hook"} | changes
    answer = api.post("/jobs", job_body(**changes), as_="user")
    assert answer.status == 201, answer.body
    return str(answer.json["job"]["id"])


def next_execution(api: Api, job_id: str) -> datetime:
    return datetime.fromisoformat(api.get(f"/jobs/{job_id}").json["job"]["next_execution_at"])


def run_once(api: Api, job_id: str) -> Any:
    """Let the job be due now; return the row of its run when it has ended."""
    place = place_of(api)
    place.make_due(job_id)
    [row] = place.wait_for_phases(job_id, "done")
    return row


def enable_slack(api: Api) -> None:
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    url = f"{api.stack.sinks.http.url}/slack"
    api.add(SlackSettings, id="slack", is_enabled=True, webhook_url=url, channel="#jobs", **stamps)


def bells(api: Api, title: str) -> list[tuple[str, str]]:
    """Return who was told something of this title, and what."""
    names = {identity: name for name, (identity, _) in world.PEOPLE.items()}
    return sorted((names[row["user_id"]], row["message"]) for row in api.rows(Notification) if row["title"] == title)


@whichever_owns
def test_a_created_job_is_in_the_owners_apscheduler_at_once(api: Api, by: str) -> None:
    with owner(api, by) as runtime:
        job_id = create(api, name="Nightly", cron_expression="30 2 * * mon")

        job = runtime.apscheduler.get_job(job_id)
        assert (job.id, job.name, str(job.trigger)) == (job_id, "Nightly", "cron[30 2 * * mon Asia/Tokyo]")
        assert job.next_run_time == next_execution(api, job_id)
        assert [job.id for job in runtime.apscheduler.get_jobs()] == [job_id]


def test_a_new_cron_expression_moves_the_job(api: Api) -> None:
    with owner(api) as runtime:
        job_id = create(api, cron_expression="30 2 * * *")
        before = runtime.apscheduler.get_job(job_id).next_run_time

        assert api.put(f"/jobs/{job_id}", {"cron_expression": "45 3 * * *"}, as_="user").status == 200

        job = runtime.apscheduler.get_job(job_id)
        assert job.next_run_time == next_execution(api, job_id) != before
        assert (job.next_run_time.hour, job.next_run_time.minute) == (3, 45)


def test_a_disabled_job_is_out_until_it_is_enabled_again(api: Api) -> None:
    with owner(api) as runtime:
        job_id = create(api)

        api.put(f"/jobs/{job_id}", {"is_active": False}, as_="user")
        assert runtime.apscheduler.get_job(job_id) is None

        api.put(f"/jobs/{job_id}", {"is_active": True}, as_="user")
        assert runtime.apscheduler.get_job(job_id).next_run_time == next_execution(api, job_id)


def test_a_deleted_job_is_out(api: Api) -> None:
    with owner(api) as runtime:
        job_id = create(api)

        assert api.delete(f"/jobs/{job_id}", as_="user").status == 200

        assert runtime.apscheduler.get_job(job_id) is None
        assert runtime.apscheduler.get_jobs() == []


@whichever_owns
def test_a_job_fires_at_its_minute_once_and_is_listed_as_scheduled(api: Api, by: str) -> None:
    sink = place_of(api).sinks.http
    sink.at("/hook", Reply(body=b"thanks"))
    job_id = create(api, cron_expression="* * * * *", metadata={"n": 1})
    due = next_execution(api, job_id).astimezone(UTC)
    # The owner's clock stands shortly before that minute.
    ahead_s = (due - datetime.now(UTC)).total_seconds() - 0.3

    with owner(api, by, clock_offset_s=ahead_s):
        [row] = place_of(api).wait_for_phases(job_id, "done")
        assert due <= row.started_at < due + timedelta(seconds=10)
        assert (row.scheduled_for, row.trigger_type, row.status, row.output) == (due, "scheduled", "success", "thanks")
        [received] = sink.received
        assert (received.method, received.path, received.json) == ("POST", "/hook", {"n": 1})
        assert received.headers["idempotency-key"] == f"{job_id}:{due:%Y-%m-%dT%H:%M:%SZ}"
        assert received.headers["x-execution-id"] == row.id
        assert api.row(JobSchedule, job_id=job_id)["next_run_at"] == due + MINUTE
        assert bells(api, "Job Completed") == told_all('Job "Nightly deploy" completed successfully.')
        [listed] = api.get("/executions").json["executions"]
        assert (listed["id"], listed["trigger_type"], listed["status"]) == (row.id, "scheduled", "success")
        assert api.get("/executions?trigger_type=scheduled").json["total"] == 1


def told_all(message: str) -> list[tuple[str, str]]:
    return [(name, message) for name in ACTIVE]


def test_a_workflow_is_dispatched_with_the_key_of_its_tick(api: Api) -> None:
    sink = place_of(api).sinks.http
    dispatch = "/github/repos/acme/web/actions/workflows/deploy.yml/dispatches"
    sink.at(dispatch, Reply(204, b""))
    job_id = create(api, **github_body(target_url=None, metadata={"branch": "next"}))
    with owner(api):
        row = run_once(api, job_id)

        assert (row.status, row.execution_type, row.target) == ("success", "github_actions", "acme/web/deploy.yml")
        [received] = sink.received
        assert (received.method, received.path) == ("POST", dispatch)
        assert received.json == {"ref": "next", "inputs": {"branch": "next"}}
        assert received.headers["authorization"] == f"Bearer {GITHUB_TOKEN}"
        assert received.headers["x-execution-id"] == row.id
        key_of_tick = f"{job_id}:{row.scheduled_for.replace(tzinfo=None).isoformat()}Z"
        assert received.headers["idempotency-key"] == key_of_tick


def test_past_its_end_date_a_job_pauses_and_tells_creator_and_admins_once(api: Api) -> None:
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    api.add(UserNotificationPreferences, user_id=world.user_id("user"), email_on_job_disabled=True, **stamps)
    enable_slack(api)
    place = place_of(api)
    yesterday = today() - timedelta(days=1)
    job_id = place.add_job(name="Nightly", end_date=yesterday, due=datetime.now(UTC) - timedelta(days=3))

    with owner(api) as runtime:
        [mail] = place.sinks.mail.wait_for(1)
        [slack] = place.sinks.http.wait_for(1)
        text = f'Job "Nightly" passed its end_date ({yesterday} JST) and was auto-paused. PIC Team: core'
        assert bells(api, "Job auto-paused (end date passed)") == [(name, text) for name in ("admin", "admin2", "user")]
        assert (mail.to, mail.subject, mail.body) == ("user@example.com", "Job disabled: Nightly", text + "\n")
        assert slack.json["text"] == f"@core {text} http://localhost:5173/jobs/{job_id}/edit"
        assert runtime.apscheduler.get_job(job_id) is None
        shown = api.get(f"/jobs/{job_id}").json["job"]
        assert (shown["is_active"], shown["next_execution_at"]) == (False, None)
        assert {row.phase for row in place.runs(job_id)} == {"missed"}


def test_a_failure_is_told_to_everybody(api: Api) -> None:
    api.stack.sinks.http.at("/hook", Reply(500, b"no"))
    job_id = create(api)
    with owner(api):
        row = run_once(api, job_id)

        assert (row.status, row.response_status) == ("failed", 500)
        assert bells(api, "Job Failed") == told_all('Job "Nightly deploy" failed: Webhook returned status 500')
        assert api.get("/executions?status=failed").json["executions"][0]["id"] == row.id


@pytest.mark.parametrize(
    ("status", "on_success", "subjects"),
    [(500, False, ["Job failed: Nightly deploy"]), (200, True, ["Job succeeded: Nightly deploy"]), (200, False, [])],
    ids=["a failure always", "a success if wanted", "else none"],
)
def test_the_end_of_a_run_is_mailed(api: Api, status: int, on_success: bool, subjects: list[str]) -> None:
    api.stack.sinks.http.at("/hook", Reply(status))
    mail = {"enable_email_notifications": True, "notification_emails": ["ops@example.com"]}
    job_id = create(api, **mail, notify_on_success=on_success)
    with owner(api):
        run_once(api, job_id)
        place_of(api).wait_until_sent()

        delivered = api.stack.sinks.mail.delivered
        assert [(mail.to, mail.subject) for mail in delivered] == [("ops@example.com", subject) for subject in subjects]


@pytest.mark.parametrize("status", [500, 200])
def test_a_failure_and_nothing_else_goes_to_slack(api: Api, status: int) -> None:
    sink = api.stack.sinks.http
    sink.at("/hook", Reply(status))
    enable_slack(api)
    job_id = create(api)
    with owner(api):
        run_once(api, job_id)
        place_of(api).wait_until_sent()

        posted = [received.json for received in sink.received if received.path == "/slack"]
        text = "@core Job failed: Nightly deploy: Webhook returned status 500"
        assert posted == ([{"text": text, "link_names": True, "channel": "#jobs"}] if status == 500 else [])


def test_what_a_tick_missed_is_in_no_list_and_no_count(api: Api) -> None:
    place = place_of(api)
    job_id = place.add_job(due=datetime.now(UTC) - timedelta(hours=5))

    with owner(api):
        place.wait_for_phases(job_id, "missed")
        assert api.get("/executions").json["total"] == 0
        assert api.get("/executions/statistics").json["total_executions"] == 0
        assert len(api.rows(JobExecution)) == 1
