"""Cases: what settings mean for jobs: the default GitHub owner, the token, production's targets, the scheduler zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared_models import Job, JobExecution
from tests.contract.api import Api
from tests.contract.jobs import add_job, github_body, job_body, told
from tests.sinks import Reply

ApiWith = Callable[..., Api]

NAMES = {"target_url": None, "github_repo": "web", "github_workflow_name": "deploy"}
CSV = "name,cron,end_date,pic_team,repo,workflow name,target url\nNightly,0 0 1 1 *,2099-12-31,core,{repo},ci,{url}\n"


def upload(api: Api, *, repo: str = "", url: str = "") -> Any:
    """Return the answer to a file of one row."""
    content = CSV.format(repo=repo, url=url).encode()
    return api.request("POST", "/jobs/bulk-upload", files={"file": ("jobs.csv", content, "text/csv")}).json


# The default owner


@pytest.mark.parametrize("owner", [..., None, " "], ids=["absent", "null", "blank"])
def test_a_workflow_without_an_owner_gets_the_default_one(api: Api, api_with: ApiWith, owner: Any) -> None:
    answer = api_with(default_github_owner="dflt").post("/jobs", github_body(github_owner=owner))

    assert (answer.status, answer.json["job"]["github_owner"]) == (201, "dflt")
    assert api.row(Job)["github_owner"] == "dflt"


def test_an_owner_of_its_own_comes_before_the_default_one(api: Api, api_with: ApiWith) -> None:
    answer = api_with(default_github_owner="dflt").post("/jobs", github_body())

    assert answer.json["job"]["github_owner"] == "acme"


@pytest.mark.parametrize("github", [{}, {"github_repo": "web"}], ids=["no workflow", "half a workflow"])
def test_a_url_needs_no_owner(api: Api, api_with: ApiWith, github: dict[str, str]) -> None:
    answer = api_with(default_github_owner="dflt").post("/jobs", job_body(**github))

    assert answer.json["job"]["github_owner"] is None


def test_a_url_changed_into_a_workflow_gets_the_default_owner(api: Api, api_with: ApiWith) -> None:
    job = add_job(api)

    answer = api_with(default_github_owner="dflt").put(f"/jobs/{job['id']}", NAMES)

    assert (answer.status, answer.json["job"]["github_owner"]) == (200, "dflt")


def test_an_owner_that_is_cleared_becomes_the_default_one(api: Api, api_with: ApiWith) -> None:
    job = add_job(api, github_owner="acme", **NAMES)

    answer = api_with(default_github_owner="dflt").put(f"/jobs/{job['id']}", {"github_owner": None})

    assert answer.json["job"]["github_owner"] == "dflt"
    assert [title for title, *_ in told(api)] == ["Job Updated"]


def test_the_default_owner_that_is_cleared_stays_and_nothing_changes(api: Api, api_with: ApiWith) -> None:
    job = add_job(api, github_owner="dflt", **NAMES)
    before = api.everything()

    answer = api_with(default_github_owner="dflt").put(f"/jobs/{job['id']}", {"github_owner": ""})

    assert answer.status == 200
    assert api.everything() == before


def test_a_row_of_a_file_gets_the_default_owner(api: Api, api_with: ApiWith) -> None:
    upload(api_with(default_github_owner="dflt"), repo="web")

    assert api.row(Job)["github_owner"] == "dflt"


def test_a_test_run_calls_the_default_owners_workflow(api: Api, api_with: ApiWith) -> None:
    path = "/github/repos/dflt/web/actions/workflows/deploy.yml/dispatches"
    api.sinks.http.at(path, Reply(204, b""))

    assert api_with(default_github_owner="dflt").post("/jobs/test-run", NAMES).json["ok"] is True
    assert [received.path for received in api.sinks.http.received] == [path]


# The token


def test_without_a_token_a_workflow_is_not_dispatched(api: Api, api_with: ApiWith) -> None:
    job = add_job(api, name="Nightly", github_owner="acme", **NAMES)

    execution = api_with(github_token="").post(f"/jobs/{job['id']}/execute").json["execution"]

    said = "GitHub token not configured. Cannot trigger workflow for job 'Nightly'"
    assert (execution["status"], execution["error_message"]) == ("failed", said)
    assert (execution["response_status"], execution["output"]) == (None, None)
    assert api.sinks.http.received == []


def test_without_a_token_a_test_run_says_what_to_set(api: Api, api_with: ApiWith) -> None:
    answer = api_with(github_token="").post("/jobs/test-run", {"github_owner": "acme", **NAMES})

    assert (answer.status, list(answer.json.items())) == (
        200,
        [
            ("ok", False),
            ("type", "github"),
            ("error", "GitHub token not configured"),
            ("message", "Set GITHUB_TOKEN in backend .env to test-run GitHub workflows."),
        ],
    )
    assert api.sinks.http.received == []


# Production


def not_allowed(host: str) -> dict[str, str]:
    return {"error": "Invalid target_url", "message": f"{host} is not an allowed target."}


FORBIDDEN = {
    "not https": ("http://hooks.example.com/x", "hooks.example.com"),
    "this machine by name": ("https://localhost/x", "localhost"),
    "this machine": ("https://127.0.0.1/x", "127.0.0.1"),
    "this machine as a number": ("https://2130706433/x", "2130706433"),
    "a private network": ("https://10.0.0.1/x", "10.0.0.1"),
    "the cloud's metadata": ("https://169.254.169.254/latest", "169.254.169.254"),
    "this machine in IPv6": ("https://[::1]/x", "::1"),
}


@pytest.mark.parametrize(("url", "host"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_production_refuses_what_is_not_public(api: Api, api_with: ApiWith, url: str, host: str) -> None:
    production = api_with(environment="production")
    job = add_job(api)
    before = api.everything()

    for answer in (
        production.post("/jobs", job_body(target_url=url)),
        production.put(f"/jobs/{job['id']}", {"target_url": url}),
        production.post(f"/jobs/{job['id']}/execute", {"target_url": url}),
        production.post("/jobs/test-run", {"target_url": url}),
    ):
        assert (answer.status, answer.json) == (400, not_allowed(host))
    assert upload(production, url=url)["errors"] == [{"row": 2, "job_name": "Nightly", **not_allowed(host)}]
    assert api.everything() == before


def test_production_refuses_at_the_run_what_was_stored_before(api: Api, api_with: ApiWith) -> None:
    job = add_job(api, target_url=api.sinks.http.at("/hook", Reply()))

    execution = api_with(environment="production").post(f"/jobs/{job['id']}/execute").json["execution"]

    said = "Webhook call failed: 127.0.0.1 is not an allowed target."
    assert (execution["status"], execution["error_message"]) == ("failed", said)
    assert api.row(JobExecution)["error_message"] == said
    assert api.sinks.http.received == []


def test_production_calls_what_is_listed(api: Api, api_with: ApiWith) -> None:
    url = api.sinks.http.at("/hook", Reply())
    production = api_with(environment="production", target_allowlist="127.0.0.1")

    job = production.post("/jobs", job_body(target_url=url)).json["job"]

    assert production.post(f"/jobs/{job['id']}/execute").json["execution"]["status"] == "success"


# The zone


def test_days_and_next_runs_are_those_of_the_scheduler_zone(api: Api, api_with: ApiWith) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    far_east = api_with(scheduler_timezone=zone.key)
    today = datetime.now(UTC).astimezone(zone).date()

    over = far_east.post("/jobs", job_body(end_date=(today - timedelta(days=1)).isoformat()))
    job = far_east.post("/jobs", job_body(end_date=f"{today.year + 1}-01-01")).json["job"]

    assert over.json["error"] == "Invalid end_date"
    assert job["next_execution_at"] == f"{today.year + 1}-01-01T00:00:00+14:00"
    preview = far_east.post("/jobs/cron-preview", {"expression": "0 0 1 1 *", "count": 1}).json
    assert (preview["timezone"], preview["next_runs"]) == (zone.key, [job["next_execution_at"]])
