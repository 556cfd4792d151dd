"""Cases: running a job by hand, trying a target, and what the end of a run sends."""

from datetime import timedelta
from typing import Any

import pytest

from shared_models import (
    Job,
    JobExecution,
    JobSchedule,
    Notification,
    SlackSettings,
    UserNotificationPreferences,
    new_id,
)
from tests.contract import world
from tests.contract.api import Api
from tests.contract.job_refusals import nested
from tests.contract.jobs import ACTIVE, add_job, today, told
from tests.sinks import Reply

EXECUTION_KEYS = [
    *("id", "job_id", "job_name", "github_repo", "status", "trigger_type", "started_at", "completed_at"),
    *("duration_seconds", "execution_type", "target", "response_status", "error_message", "output"),
]
GITHUB = {"target_url": None, "github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy"}
DISPATCH = "/github/repos/acme/web/actions/workflows/deploy.yml/dispatches"
FORBIDDEN = {"error": "Insufficient permissions", "message": "You can only execute your own jobs"}
EXPIRED = {"error": "Job expired", "message": "This job has passed its end_date and was auto-paused."}
BAD_DISPATCH_URL = {
    "error": "Invalid payload",
    "message": "Invalid dispatch URL format. Expected /<owner>/<repo>/actions/workflows/<workflow>.",
}

TOO_DEEP = {
    "error": "Invalid metadata",
    "message": "metadata must not be nested more than 100 levels deep",
}


def add_webhook(api: Api, reply: Reply | None = None, **columns: Any) -> dict[str, Any]:
    url = api.sinks.http.at("/hook", reply or Reply(body=b"thanks"))
    return add_job(api, name="Nightly", target_url=url, **columns)


def add_github(api: Api, reply: Reply | None = None, **columns: Any) -> dict[str, Any]:
    api.sinks.http.at(DISPATCH, reply or Reply(204, b""))
    return add_job(api, name="Nightly", **(GITHUB | columns))


def test_a_webhook_without_metadata_is_called_by_get(api: Api) -> None:
    job = add_webhook(api)

    answer = api.post(f"/jobs/{job['id']}/execute", as_="user")

    assert answer.status == 200
    assert list(answer.json) == ["message", "job_id", "execution"]
    assert (answer.json["message"], answer.json["job_id"]) == ("Job triggered successfully", job["id"])
    execution = answer.json["execution"]
    assert list(execution) == EXECUTION_KEYS
    assert execution | {"id": 0, "started_at": 0, "completed_at": 0, "duration_seconds": 0} == {
        "id": 0,
        "job_id": job["id"],
        "job_name": "Nightly",
        "github_repo": None,
        "status": "success",
        "trigger_type": "manual",
        "started_at": 0,
        "completed_at": 0,
        "duration_seconds": 0,
        "execution_type": "webhook",
        "target": job["target_url"],
        "response_status": 200,
        "error_message": None,
        "output": "thanks",
    }
    (received,) = api.sinks.http.received
    assert (received.method, received.path, received.body) == ("GET", "/hook", b"")
    assert received.headers["idempotency-key"] == received.headers["x-execution-id"] == execution["id"]
    assert received.headers["user-agent"].startswith("changeover/")
    assert "authorization" not in received.headers
    row = api.row(JobExecution)
    assert (row["phase"], row["status"], row["scheduled_for"]) == ("done", "success", None)
    assert row["duration_seconds"] == execution["duration_seconds"]


def test_a_webhook_with_metadata_is_called_by_post(api: Api) -> None:
    job = add_webhook(api, job_metadata={"a": [1, {"b": "ü"}]})

    api.post(f"/jobs/{job['id']}/execute", as_="user")

    (received,) = api.sinks.http.received
    assert (received.method, received.json) == ("POST", {"a": [1, {"b": "ü"}]})
    assert received.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [300, 400, 404, 500, 503], ids=str)
def test_a_webhook_that_refuses_is_a_failed_run_and_still_200(api: Api, status: int) -> None:
    job = add_webhook(api, Reply(status, b"no " * 1000))

    answer = api.post(f"/jobs/{job['id']}/execute", as_="user")

    execution = answer.json["execution"]
    assert (answer.status, execution["status"], execution["response_status"]) == (200, "failed", status)
    assert execution["error_message"] == f"Webhook returned status {status}"
    assert execution["output"] == ("no " * 1000)[:1000]


def test_a_target_that_does_not_answer_is_a_failed_run_with_a_reason(api: Api) -> None:
    job = add_job(api, target_url="http://127.0.0.1:9/hook")

    answer = api.post(f"/jobs/{job['id']}/execute", as_="user")

    execution = answer.json["execution"]
    assert (execution["status"], execution["response_status"], execution["output"]) == ("failed", None, None)
    assert execution["error_message"] == "Webhook call failed: Connection refused."


def test_an_inactive_job_may_be_run_by_hand(api: Api) -> None:
    job = add_webhook(api, is_active=False)

    assert api.post(f"/jobs/{job['id']}/execute").json["execution"]["status"] == "success"


def test_github_is_dispatched_with_the_systems_token(api: Api) -> None:
    job = add_github(api, job_metadata={"branchDetails": "release", "x": 1})

    execution = api.post(f"/jobs/{job['id']}/execute", as_="user").json["execution"]

    assert (execution["status"], execution["execution_type"]) == ("success", "github_actions")
    assert (execution["target"], execution["github_repo"]) == ("acme/web/deploy.yml", "web")
    assert (execution["response_status"], execution["output"]) == (
        204,
        "Workflow triggered successfully on branch release",
    )
    (received,) = api.sinks.http.received
    assert (received.method, received.path) == ("POST", DISPATCH)
    assert received.json == {"ref": "release", "inputs": {"branchDetails": "release", "x": 1}}
    assert received.headers["authorization"] == "Bearer ghp_of_the_tests"
    assert received.headers["accept"] == "application/vnd.github+json"
    assert received.headers["x-github-api-version"] == "2022-11-28"


def test_github_wins_over_a_target_url(api: Api) -> None:
    job = add_github(api, target_url=api.sinks.http.at("/hook", Reply()))

    assert api.post(f"/jobs/{job['id']}/execute").json["execution"]["execution_type"] == "github_actions"


def test_a_dispatch_github_refuses_is_a_failed_run(api: Api) -> None:
    job = add_github(api, Reply(422, b'{"message":"No ref found"}'))

    execution = api.post(f"/jobs/{job['id']}/execute").json["execution"]

    assert (execution["status"], execution["response_status"]) == ("failed", 422)
    said = 'GitHub Actions dispatch failed. Status: 422, Response: {"message":"No ref found"}'
    assert execution["error_message"] == said


@pytest.mark.parametrize(
    ("override", "path", "ref"),
    [
        pytest.param(
            {"github_owner": "other"},
            "/github/repos/other/web/actions/workflows/deploy.yml/dispatches",
            "main",
            id="owner",
        ),
        pytest.param(
            {"github_repo": "api"},
            "/github/repos/acme/api/actions/workflows/deploy.yml/dispatches",
            "main",
            id="repository",
        ),
        pytest.param(
            {"github_workflow_name": "x.yaml"},
            "/github/repos/acme/web/actions/workflows/x.yaml/dispatches",
            "main",
            id="workflow",
        ),
        pytest.param(
            {"dispatch_url": "/o/r/actions/workflows/w.yml"},
            "/github/repos/o/r/actions/workflows/w.yml/dispatches",
            "main",
            id="path",
        ),
        pytest.param(
            {"dispatch_url": "https://github.com/o/r/actions/workflows/w.yml"},
            "/github/repos/o/r/actions/workflows/w.yml/dispatches",
            "main",
            id="whole URL",
        ),
        pytest.param({"metadata": {"ref": "dev"}}, DISPATCH, "dev", id="metadata"),
        pytest.param({"inputs": {"branch": "dev"}}, DISPATCH, "dev", id="inputs, the alias"),
        pytest.param(
            {"target_url": 7, "metadata": None}, DISPATCH, "main", id="a field of webhooks, of any type, is ignored"
        ),
    ],
)
def test_an_override_counts_for_this_run_only(api: Api, override: dict[str, Any], path: str, ref: str) -> None:
    job = add_github(api)
    api.sinks.http.at(path, Reply(204, b""))
    before = api.rows(Job)

    execution = api.post(f"/jobs/{job['id']}/execute", override, as_="user").json["execution"]

    assert execution["status"] == "success"
    (received,) = api.sinks.http.received
    assert (received.path, received.json["ref"]) == (path, ref)
    assert api.rows(Job) == before


def test_a_token_sent_along_is_used_and_shown_nowhere(api: Api) -> None:
    job = add_github(api, Reply(401, b"bad token ghp_sent_along"))

    answer = api.post(f"/jobs/{job['id']}/execute", {"github_token": "ghp_sent_along"}, as_="user")

    (received,) = api.sinks.http.received
    assert received.headers["authorization"] == "Bearer ghp_sent_along"
    assert b"ghp_sent_along" not in answer.body
    assert "ghp_sent_along" not in str(api.everything())


def test_a_target_url_sent_along_is_called_instead(api: Api) -> None:
    job = add_webhook(api)
    other = api.sinks.http.at("/other", Reply(202, b"other"))

    execution = api.post(f"/jobs/{job['id']}/execute", {"target_url": other, "github_repo": 7}, as_="user").json[
        "execution"
    ]

    assert (execution["target"], execution["output"]) == (other, "other")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param(
            {"metadata": []},
            {"error": "Invalid payload", "message": '"metadata" must be a JSON object.'},
            id="metadata is a list",
        ),
        pytest.param(
            {"inputs": "x"},
            {"error": "Invalid payload", "message": '"metadata" must be a JSON object.'},
            id="inputs is text",
        ),
        pytest.param(
            {"metadata": {}, "inputs": 7},
            {"error": "Invalid payload", "message": '"metadata" must be a JSON object.'},
            id="inputs is a number beside metadata",
        ),
        pytest.param({"metadata": nested(101)}, TOO_DEEP, id="metadata is too deep"),
        pytest.param({"inputs": nested(900)}, TOO_DEEP, id="inputs is far too deep"),
        pytest.param(
            {"target_url": 7},
            {"error": "Invalid payload", "message": '"target_url" must be a string.'},
            id="target is a number",
        ),
    ],
)
def test_a_malformed_override_of_a_webhook_runs_and_stores_nothing(api: Api, override: Any, expected: Any) -> None:
    job = add_webhook(api)
    before = api.everything()

    answer = api.post(f"/jobs/{job['id']}/execute", override, as_="user")

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before
    assert api.sinks.http.received == []


@pytest.mark.parametrize(
    "target", ["ftp://x.example/", "http://", "http://user:pw@x.example/", "file:///etc/passwd", "//x"]
)
def test_an_override_that_is_no_target_is_refused(api: Api, target: str) -> None:
    job = add_webhook(api)
    before = api.everything()

    answer = api.post(f"/jobs/{job['id']}/execute", {"target_url": target}, as_="user")

    assert (answer.status, answer.json["error"]) == (400, "Invalid target_url")
    assert api.everything() == before


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param({"dispatch_url": "nowhere"}, BAD_DISPATCH_URL, id="no dispatch URL"),
        pytest.param({"dispatch_url": "/o/r/actions/runs/1"}, BAD_DISPATCH_URL, id="another page of GitHub"),
        pytest.param(
            {"github_owner": "a/b"},
            {"error": "Invalid GitHub configuration", "message": '"a/b" is not a valid owner.'},
            id="owner",
        ),
        pytest.param(
            {"github_repo": ".."},
            {"error": "Invalid GitHub configuration", "message": '".." is not a valid repository.'},
            id="repository",
        ),
        pytest.param(
            {"github_workflow_name": "x.exe"},
            {"error": "Invalid github_workflow_name", "message": "Workflow file must end with .yml or .yaml."},
            id="workflow",
        ),
        pytest.param(
            {"dispatch_url": "/o/r/actions/workflows/w", "github_owner": 7},
            {"error": "Invalid payload", "message": '"github_owner" must be a string.'},
            id="owner beside a dispatch URL",
        ),
        pytest.param({"metadata": nested(101)}, TOO_DEEP, id="metadata"),
        pytest.param(
            {"github_token": 7}, {"error": "Invalid payload", "message": '"github_token" must be a string.'}, id="token"
        ),
    ],
)
def test_a_malformed_override_of_a_github_job_is_refused(api: Api, override: Any, expected: Any) -> None:
    job = add_github(api)
    before = api.everything()

    answer = api.post(f"/jobs/{job['id']}/execute", override, as_="user")

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before
    assert api.sinks.http.received == []


@pytest.mark.parametrize("person", ["other"])
def test_somebody_elses_job_is_not_run(api: Api, person: str) -> None:
    job = add_webhook(api)
    before = api.everything()

    answer = api.post(f"/jobs/{job['id']}/execute", as_=person)

    assert (answer.status, answer.json) == (403, FORBIDDEN)
    assert api.everything() == before
    assert api.sinks.http.received == []


def test_the_role_is_checked_before_the_job(api: Api) -> None:
    answer = api.post("/jobs/nowhere/execute", as_="viewer")

    assert (answer.status, answer.json["message"]) == (
        403,
        "This endpoint requires one of the following roles: admin, user",
    )


def test_an_unknown_job_is_not_run(api: Api) -> None:
    answer = api.post("/jobs/nowhere/execute")

    assert (answer.status, answer.json) == (404, {"error": "Job not found", "message": "No job found with ID: nowhere"})


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        pytest.param(b"{", "application/json", "Invalid JSON", id="malformed"),
        pytest.param(b"{}", "text/plain", "Content-Type must be application/json", id="another content type"),
        pytest.param(b"[]", "application/json", "Invalid payload", id="a list"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_before_the_lookup(
    api: Api, content: bytes, content_type: str, expected: str
) -> None:
    answer = api.post("/jobs/nowhere/execute", content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json["error"]) == (400, expected)


@pytest.mark.parametrize("body", [..., None, {}], ids=["nothing", "null", "empty object"])
def test_the_body_is_optional(api: Api, body: Any) -> None:
    job = add_webhook(api)

    assert api.post(f"/jobs/{job['id']}/execute", body).status == 200


def test_a_job_past_its_end_date_is_paused_instead_of_run(api: Api) -> None:
    over = today() - timedelta(days=1)
    job = add_webhook(api, end_date=over)

    answer = api.post(f"/jobs/{job['id']}/execute", as_="user")

    assert (answer.status, answer.json) == (400, EXPIRED)
    assert api.sinks.http.received == []
    assert api.row(Job)["is_active"] is False
    assert api.row(JobSchedule)["next_run_at"] is None
    assert api.rows(JobExecution) == []
    text = f'Job "Nightly" passed its end_date ({over.isoformat()} JST) and was auto-paused. PIC Team: core'
    notices = api.rows(Notification)
    assert {(row["title"], row["message"], row["type"]) for row in notices} == {
        ("Job auto-paused (end date passed)", text, "warning")
    }
    assert sorted(row["user_id"] for row in notices) == sorted(map(world.user_id, ("admin", "admin2", "user")))


def test_a_pause_is_mailed_to_the_owner_who_wants_it_and_posted_to_slack(api: Api) -> None:
    enable_slack(api)
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    wishes = {"id": new_id(), "user_id": world.user_id("user"), "email_on_job_disabled": True}
    api.add(UserNotificationPreferences, **wishes, **stamps)
    over = today() - timedelta(days=1)
    job = add_webhook(api, end_date=over)

    api.post(f"/jobs/{job['id']}/execute")

    text = f'Job "Nightly" passed its end_date ({over.isoformat()} JST) and was auto-paused. PIC Team: core'
    (mail,) = api.sinks.mail.delivered
    assert (mail.to, mail.subject, mail.body) == ("user@example.com", "Job disabled: Nightly", f"{text}\n")
    (posted,) = api.sinks.http.received
    assert posted.json["text"] == f"@core {text} http://localhost:5173/jobs/{job['id']}/edit"


def test_a_pause_by_resync_is_mailed_and_posted_too(api: Api) -> None:
    enable_slack(api)
    add_webhook(api, end_date=today() - timedelta(days=1))

    assert api.post("/scheduler/resync").json["paused"] == 1

    (posted,) = api.sinks.http.received
    assert posted.json["text"].startswith('@core Job "Nightly" passed its end_date')


def test_a_paused_job_past_its_end_date_is_refused_and_left_alone(api: Api) -> None:
    job = add_webhook(api, end_date=today() - timedelta(days=1), is_active=False)
    before = api.everything()

    answer = api.post(f"/jobs/{job['id']}/execute", as_="user")

    assert (answer.status, answer.json) == (400, EXPIRED)
    assert api.everything() == before


def test_a_job_runs_on_its_last_day(api: Api) -> None:
    job = add_webhook(api, end_date=today())

    assert api.post(f"/jobs/{job['id']}/execute").status == 200


def test_everybody_active_is_told_of_a_success(api: Api) -> None:
    job = add_webhook(api)

    execution = api.post(f"/jobs/{job['id']}/execute").json["execution"]

    assert told(api) == [("Job Completed", 'Job "Nightly" completed successfully.', "success", job["id"])]
    assert {row["related_execution_id"] for row in api.rows(Notification)} == {execution["id"]}


def test_everybody_active_is_told_of_a_failure(api: Api) -> None:
    job = add_webhook(api, Reply(500))

    api.post(f"/jobs/{job['id']}/execute")

    assert told(api) == [("Job Failed", 'Job "Nightly" failed: Webhook returned status 500', "error", job["id"])]
    assert len(api.rows(Notification)) == len(ACTIVE)


MAIL = {"enable_email_notifications": True, "notification_emails": ["user@example.com", "ops@corp.local"]}


@pytest.mark.parametrize(
    ("status", "columns", "wishes", "recipients"),
    [
        pytest.param(500, MAIL, {}, ["ops@corp.local", "user@example.com"], id="a failure always"),
        pytest.param(200, MAIL, {}, [], id="a success not by itself"),
        pytest.param(
            200,
            MAIL | {"notify_on_success": True},
            {},
            ["ops@corp.local", "user@example.com"],
            id="a success if wanted",
        ),
        pytest.param(500, MAIL | {"enable_email_notifications": False}, {}, [], id="e-mails off"),
        pytest.param(
            500, MAIL, {"email_on_job_failure": False}, ["ops@corp.local"], id="not to users who want no failures"
        ),
        pytest.param(
            200,
            MAIL | {"notify_on_success": True},
            {"email_on_job_success": False},
            ["ops@corp.local"],
            id="nor successes",
        ),
    ],
)
def test_mails_go_to_those_who_want_them(
    api: Api, status: int, columns: dict[str, Any], wishes: dict[str, bool], recipients: list[str]
) -> None:
    job = add_webhook(api, Reply(status), **columns)
    if wishes:
        stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
        api.add(UserNotificationPreferences, id=new_id(), user_id=world.user_id("user"), **wishes, **stamps)

    api.post(f"/jobs/{job['id']}/execute")

    mails = api.sinks.mail.delivered
    assert sorted(mail.to for mail in mails) == recipients
    subject = "Job succeeded: Nightly" if status == 200 else "Job failed: Nightly"
    assert {mail.subject for mail in mails} <= {subject}


def enable_slack(api: Api, reply: Reply | None = None) -> None:
    url = api.sinks.http.at("/slack", reply or Reply())
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    api.add(SlackSettings, id=new_id(), is_enabled=True, webhook_url=url, channel="#ops", **stamps)


def test_slack_hears_of_a_failure_with_the_teams_handle(api: Api) -> None:
    enable_slack(api)
    job = add_webhook(api, Reply(500))

    api.post(f"/jobs/{job['id']}/execute")

    (posted,) = [received for received in api.sinks.http.received if received.path == "/slack"]
    assert posted.json["text"] == "@core Job failed: Nightly: Webhook returned status 500"
    assert posted.json["channel"] == "#ops"


def test_slack_hears_nothing_of_a_success(api: Api) -> None:
    enable_slack(api)
    job = add_webhook(api)

    api.post(f"/jobs/{job['id']}/execute")

    assert [received.path for received in api.sinks.http.received] == ["/hook"]


def test_a_slack_that_fails_does_not_fail_the_run(api: Api) -> None:
    enable_slack(api, Reply(500))
    job = add_webhook(api, Reply(503), **MAIL)

    execution = api.post(f"/jobs/{job['id']}/execute").json["execution"]

    assert execution["error_message"] == "Webhook returned status 503"
    assert len(api.sinks.mail.delivered) == 2


def test_a_test_run_stores_nothing(api: Api) -> None:
    url = api.sinks.http.at("/hook", Reply(202))
    before = api.everything()

    answer = api.post("/jobs/test-run", {"target_url": url, "metadata": {"a": 1}}, as_="user")

    assert answer.status == 200
    assert list(answer.json.items()) == [
        ("ok", True),
        ("type", "webhook"),
        ("status_code", 202),
        ("message", "Webhook test run succeeded."),
    ]
    assert [received.json for received in api.sinks.http.received] == [{"a": 1}]
    assert api.everything() == before


@pytest.mark.parametrize(
    ("body", "reply", "expected"),
    [
        pytest.param(
            {"target_url": "/hook"},
            Reply(500),
            {"ok": False, "type": "webhook", "status_code": 500, "message": "Webhook test run failed."},
            id="a webhook that refuses",
        ),
        pytest.param(
            {"target_url": "http://127.0.0.1:9/"},
            None,
            {"ok": False, "type": "webhook", "error": "Request failed", "message": "Connection refused."},
            id="a webhook that does not answer",
        ),
        pytest.param(
            {"github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy"},
            Reply(204, b""),
            {"ok": True, "type": "github", "status_code": 204, "message": "GitHub workflow dispatch triggered."},
            id="a dispatch",
        ),
        pytest.param(
            {"github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy"},
            Reply(404),
            {"ok": False, "type": "github", "status_code": 404, "message": "GitHub workflow dispatch failed."},
            id="a dispatch GitHub refuses",
        ),
    ],
)
def test_a_test_run_says_how_it_went(api: Api, body: dict[str, Any], reply: Reply | None, expected: Any) -> None:
    if reply is not None:
        api.sinks.http.at("/hook", reply)
        api.sinks.http.at(DISPATCH, reply)
    if body.get("target_url") == "/hook":
        body = {"target_url": f"{api.sinks.http.url}/hook"}

    answer = api.post("/jobs/test-run", body)

    assert (answer.status, answer.json) == (200, expected)


def test_a_target_url_wins_over_github_in_a_test_run(api: Api) -> None:
    url = api.sinks.http.at("/hook", Reply())

    answer = api.post("/jobs/test-run", {"target_url": url, "github_owner": 7})

    assert answer.json["type"] == "webhook"


@pytest.mark.parametrize("seconds", [0, -5, 0.5, 1, 30, 31, 1e300], ids=str)
def test_the_timeout_of_a_test_run_is_moved_into_bounds(api: Api, seconds: float) -> None:
    url = api.sinks.http.at("/hook", Reply())

    assert api.post("/jobs/test-run", {"target_url": url, "timeout_seconds": seconds}).json["ok"] is True


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {},
            {
                "error": "Missing target configuration",
                "message": "Provide target_url or GitHub config (github_owner, github_repo, github_workflow_name).",
            },
            id="no target",
        ),
        pytest.param(
            {"metadata": 1, "target_url": 7},
            {"error": "Invalid metadata", "message": '"metadata" must be an object.'},
            id="metadata first",
        ),
        pytest.param({"metadata": nested(900), "target_url": "http://127.0.0.1:9/"}, TOO_DEEP, id="metadata too deep"),
        pytest.param(
            {"github_owner": "a b", "github_repo": "r"},
            {
                "error": "Missing target configuration",
                "message": "Provide target_url or GitHub config (github_owner, github_repo, github_workflow_name).",
            },
            id="half a target, before what is wrong with it",
        ),
        pytest.param(
            {"target_url": 7}, {"error": "Invalid payload", "message": '"target_url" must be a string.'}, id="target"
        ),
        pytest.param(
            {"target_url": "http://127.0.0.1:9/", "timeout_seconds": "5"},
            {"error": "Invalid payload", "message": '"timeout_seconds" must be a number.'},
            id="timeout",
        ),
        pytest.param(
            {"github_owner": "a b", "github_repo": "r", "github_workflow_name": "w"},
            {"error": "Invalid GitHub configuration", "message": '"a b" is not a valid owner.'},
            id="owner",
        ),
    ],
)
def test_a_test_run_that_cannot_be_is_refused(api: Api, body: Any, expected: Any) -> None:
    answer = api.post("/jobs/test-run", body)

    assert (answer.status, answer.json) == (400, expected)
    assert api.sinks.http.received == []
