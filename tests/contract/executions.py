"""Cases: one execution, by itself and of a job; what is no execution; and the runs that all cases of executions use."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from shared_models import JobExecution
from tests.contract.api import Api
from tests.contract.jobs import add_execution, add_job

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
KEYS = [
    *("id", "job_id", "job_name", "github_repo", "status", "trigger_type", "started_at", "completed_at"),
    *("duration_seconds", "execution_type", "target", "response_status", "error_message", "output"),
]
UNKNOWN_ID = "99999999-0000-4000-8000-000000000009"
NOT_RUN = ("claimed", "missed", "skipped")


def eid(number: int) -> str:
    return f"20000000-0000-4000-8000-{number:012d}"


def add_runs(api: Api, job: dict[str, Any], *changes: dict[str, Any]) -> None:
    """Add runs 1, 2, ... of the job, one a minute from noon, each with its columns."""
    for number, columns in enumerate(changes, start=1):
        started = {"id": eid(number), "started_at": NOON + timedelta(minutes=number)}
        add_execution(api, job, **(started | columns))


def numbers(answer: Any) -> list[int]:
    """Return the numbers of the runs listed, in the order of the answer."""
    return [int(execution["id"][-12:]) for execution in answer.json["executions"]]


def listed(api: Api, path: str, params: dict[str, str | int] | None = None, **options: Any) -> list[int]:
    answer = api.get(path, params=params, **options)
    assert answer.status == 200
    return numbers(answer)


def add_many(api: Api, job: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """Insert runs of the job that succeeded, all at once."""
    common = {
        "job_id": job["id"],
        "status": "success",
        "trigger_type": "scheduled",
        "execution_type": "webhook",
        "phase": "done",
    }
    with api.stack.engine.connect().execution_options(writes=True) as connection, connection.begin():
        if rows:
            connection.execute(insert(JobExecution), [common | row for row in rows])


in_both_lists = pytest.mark.parametrize(
    "in_list",
    [
        pytest.param(lambda job: f"/jobs/{job['id']}/executions", id="of a job"),
        pytest.param(lambda _job: "/executions", id="of all"),
    ],
)
"""Asks once the list of a job and once that of all: `in_list` makes the path of a job."""


WHOLE = {
    "id": eid(7),
    "status": "failed",
    "trigger_type": "manual",
    "started_at": datetime(2026, 3, 4, 5, 6, 7, 891999, tzinfo=UTC),
    "completed_at": datetime(2026, 3, 4, 5, 6, 9, tzinfo=UTC),
    "duration_seconds": 1.108,
    "execution_type": "github_actions",
    "target": "acme/web/deploy.yml",
    "response_status": 502,
    "error_message": "Ünï\nsecond line",
    "output": "<b>\u2028",
    "scheduled_for": datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
    "claim_epoch": 3,
    "claimed_by": "legacy:1",
    "skip_reason": None,
    "deadline_at": NOON,
}


def shown_whole(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": eid(7),
        "job_id": job["id"],
        "job_name": "Ünï job",
        "github_repo": "web",
        "status": "failed",
        "trigger_type": "manual",
        "started_at": "2026-03-04T05:06:07.891Z",
        "completed_at": "2026-03-04T05:06:09.000Z",
        "duration_seconds": 1.108,
        "execution_type": "github_actions",
        "target": "acme/web/deploy.yml",
        "response_status": 502,
        "error_message": "Ünï\nsecond line",
        "output": "<b>\u2028",
    }


@pytest.mark.parametrize("who", ["admin", "user", "other", "viewer"])
def test_an_execution_is_shown_whole_to_everybody(api: Api, who: str) -> None:
    job = add_job(api, name="Ünï job", github_repo="web")
    add_execution(api, job, **WHOLE)

    answer = api.get(f"/executions/{eid(7)}", as_=who)

    assert (answer.status, answer.json) == (200, {"execution": shown_whole(job)})
    assert list(answer.json["execution"]) == KEYS


def test_an_execution_of_a_job_names_the_job(api: Api) -> None:
    job = add_job(api, name="Ünï job", github_repo="web")
    add_execution(api, job, **WHOLE)

    answer = api.get(f"/jobs/{job['id']}/executions/{eid(7)}", as_="viewer")

    assert (answer.status, list(answer.json)) == (200, ["job", "execution"])
    assert answer.json == {"job": {"id": job["id"], "name": "Ünï job"}, "execution": shown_whole(job)}
    assert list(answer.json["execution"]) == KEYS


def test_a_run_that_has_not_ended_has_nulls(api: Api) -> None:
    add_execution(api, add_job(api), id=eid(1), status="running", phase="running")

    execution = api.get(f"/executions/{eid(1)}").json["execution"]

    nulls = ("completed_at", "duration_seconds", "target", "response_status", "error_message", "output", "github_repo")
    assert {key: execution[key] for key in nulls} == dict.fromkeys(nulls)
    assert execution["status"] == "running"


def test_a_duration_of_whole_seconds_is_a_float(api: Api) -> None:
    add_execution(api, add_job(api), id=eid(1), duration_seconds=2)

    assert b'"duration_seconds":2.0,' in api.get(f"/executions/{eid(1)}").body


def test_name_and_repository_are_those_the_job_has_now(api: Api) -> None:
    job = add_job(api, name="Before")
    add_execution(api, job, id=eid(1))
    api.put(f"/jobs/{job['id']}", {"name": "After", "github_repo": "moved", "github_workflow_name": "x.yml"})

    execution = api.get("/executions").json["executions"][0]

    assert (execution["job_name"], execution["github_repo"]) == ("After", "moved")


@pytest.mark.parametrize(
    ("wanted", "echoed"),
    [
        pytest.param(UNKNOWN_ID, UNKNOWN_ID, id="unknown"),
        pytest.param("7", "7", id="no uuid"),
        pytest.param("a%20b", "a b", id="with a blank"),
        pytest.param("%20", " ", id="blank"),
        pytest.param("x" * 300, "x" * 300, id="over-long"),
        pytest.param("%C3%BC", "ü", id="unicode"),
        pytest.param("%25", "%", id="a percent sign"),
        pytest.param("'%20OR%20'1'='1", "' OR '1'='1", id="SQL"),
        pytest.param("Statistics", "Statistics", id="nearly statistics"),
    ],
)
def test_an_unknown_execution_is_not_found(api: Api, wanted: str, echoed: str) -> None:
    add_runs(api, add_job(api), {})
    before = api.everything()

    answer = api.get(f"/executions/{wanted}")

    not_found = {"error": "Execution not found", "message": f"No execution found with ID: {echoed}"}
    assert (answer.status, answer.json) == (404, not_found)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("wanted", "echoed"),
    [
        pytest.param(UNKNOWN_ID, UNKNOWN_ID, id="unknown"),
        pytest.param(eid(2), eid(2), id="another job's"),
        pytest.param("a%20b", "a b", id="with a blank"),
        pytest.param("Stats", "Stats", id="nearly stats"),
    ],
)
def test_an_execution_the_job_does_not_have_is_not_found(api: Api, wanted: str, echoed: str) -> None:
    job, other = add_job(api), add_job(api)
    add_execution(api, job, id=eid(1))
    add_execution(api, other, id=eid(2))

    answer = api.get(f"/jobs/{job['id']}/executions/{wanted}")

    message = f"No execution found with ID: {echoed} for job: {job['id']}"
    assert (answer.status, answer.json) == (404, {"error": "Execution not found", "message": message})


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("", id="list"),
        pytest.param("/stats", id="statistics"),
        pytest.param(f"/{eid(1)}", id="existing execution"),
        pytest.param(f"/{UNKNOWN_ID}", id="unknown execution"),
        pytest.param("?from=nonsense", id="unreadable date, since the lookup comes before the fields"),
        pytest.param("?from=2026-01-02&to=2026-01-01", id="reversed dates, since the lookup comes before the fields"),
    ],
)
@pytest.mark.parametrize(("job_id", "echoed"), [(UNKNOWN_ID, UNKNOWN_ID), ("a%20b", "a b")])
def test_executions_of_an_unknown_job_are_not_found(api: Api, rest: str, job_id: str, echoed: str) -> None:
    add_runs(api, add_job(api), {})
    before = api.everything()

    answer = api.get(f"/jobs/{job_id}/executions{rest}")

    assert (answer.status, answer.json) == (
        404,
        {"error": "Job not found", "message": f"No job found with ID: {echoed}"},
    )
    assert api.everything() == before


@pytest.mark.parametrize("phase", NOT_RUN)
def test_a_tick_that_was_not_run_is_nowhere(api: Api, phase: str) -> None:
    job = add_job(api)
    add_execution(api, job, id=eid(1), status="failed", phase=phase)

    assert api.get(f"/executions/{eid(1)}").status == 404
    assert api.get(f"/jobs/{job['id']}/executions/{eid(1)}").status == 404
    assert api.get("/executions").json["total"] == 0
    assert listed(api, "/executions") == []
    assert listed(api, "/executions", {"status": "failed", "job_id": job["id"]}) == []
    assert listed(api, f"/jobs/{job['id']}/executions") == []
    assert listed(api, f"/jobs/{job['id']}/executions", {"status": "failed"}) == []


@pytest.mark.parametrize("phase", ["running", "done", "unknown"])
def test_a_run_is_listed_however_its_runner_fared(api: Api, phase: str) -> None:
    job = add_job(api)
    add_runs(api, job, {"phase": phase}, *({"phase": phase} for phase in NOT_RUN))

    assert api.get(f"/executions/{eid(1)}").status == 200
    assert (listed(api, "/executions"), api.get("/executions").json["total"]) == ([1], 1)
    assert listed(api, f"/jobs/{job['id']}/executions") == [1]


def test_the_executions_of_a_deleted_job_are_gone(api: Api) -> None:
    job = add_job(api)
    add_runs(api, job, {}, {"phase": "missed"})
    api.delete(f"/jobs/{job['id']}")

    assert api.get("/executions").json["total"] == 0
    assert api.get(f"/executions/{eid(1)}").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/executions", id="list"),
        pytest.param("DELETE", f"/executions/{eid(1)}", id="one"),
        pytest.param("PUT", "/executions/statistics", id="statistics"),
        pytest.param("POST", f"/jobs/{UNKNOWN_ID}/executions", id="list of a job"),
        pytest.param("PUT", f"/jobs/{UNKNOWN_ID}/executions/stats", id="statistics of a job"),
        pytest.param("PATCH", f"/jobs/{UNKNOWN_ID}/executions/{eid(1)}", id="one of a job"),
    ],
)
def test_executions_are_only_read(api: Api, method: str, path: str) -> None:
    answer = api.request(method, path, as_=None)

    allow = "GET, HEAD, OPTIONS"
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    assert answer.json == {"error": "Method not allowed", "message": f"Allowed: {allow}."}


@pytest.mark.parametrize("path", ["/executions/", f"/executions/{eid(1)}/", "//executions", "/executions/a/b"])
def test_a_path_with_a_slash_more_is_unknown(api: Api, path: str) -> None:
    answer = api.get(path)

    assert (answer.status, answer.json) == (404, {"error": "Not found", "message": "No such endpoint."})


@pytest.mark.parametrize("path", ["/executions", "/executions/statistics", "/executions?from=nonsense"])
def test_head_answers_like_get_without_a_body(api: Api, path: str) -> None:
    got, head = api.get(path), api.request("HEAD", path)

    assert (head.status, head.body) == (got.status, b"")


def test_bad_dates_are_not_looked_at_before_the_token(api: Api) -> None:
    assert api.get("/executions?from=nonsense", as_=None).status == 401
