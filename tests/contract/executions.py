"""Cases: one execution, the list of all and that of one job, with their filters, pages and dates."""

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
INVALID_DATE = {"error": "Invalid date", "message": "Invalid date"}
INVALID_RANGE = {"error": "Invalid date range", "message": '"from" must be earlier than "to".'}
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


@pytest.fixture(params=["of a job", "of all"])
def in_list(request: pytest.FixtureRequest) -> Any:
    """Return the path of either list, given the job."""
    return {"of a job": lambda job: f"/jobs/{job['id']}/executions", "of all": lambda _job: "/executions"}[
        request.param
    ]


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


def test_the_list_of_all_has_these_keys(api: Api) -> None:
    add_execution(api, add_job(api, name="Ünï job", github_repo="web"), **WHOLE)

    answer = api.get("/executions", as_="viewer")

    assert list(answer.json) == ["executions", "total", "page", "limit", "total_pages"]
    assert list(answer.json["executions"][0]) == KEYS
    assert (answer.json["executions"][0]["id"], answer.json["total_pages"]) == (eid(7), 1)


def test_the_list_of_a_job_has_these_keys_and_only_its_runs(api: Api) -> None:
    job, other = add_job(api), add_job(api)
    add_runs(api, job, {}, {})
    add_execution(api, other, id=eid(9), started_at=NOON + timedelta(hours=1))

    answer = api.get(f"/jobs/{job['id']}/executions", as_="viewer")

    assert list(answer.json) == ["job_id", "job_name", "total_executions", "executions"]
    assert (answer.json["job_id"], answer.json["job_name"]) == (job["id"], job["name"])
    assert (answer.json["total_executions"], numbers(answer)) == (2, [2, 1])
    assert list(answer.json["executions"][0]) == KEYS


def test_nothing_has_run_yet(api: Api) -> None:
    job = add_job(api)

    nothing = {"executions": [], "total": 0, "page": 1, "limit": 20, "total_pages": 0}
    assert api.get("/executions").json == nothing
    none_of_it = {"job_id": job["id"], "job_name": job["name"], "total_executions": 0, "executions": []}
    assert api.get(f"/jobs/{job['id']}/executions").json == none_of_it


def test_the_newest_comes_first_and_ties_go_by_id(api: Api, in_list: Any) -> None:
    job = add_job(api)
    micro = timedelta(microseconds=1)
    starts = {3: NOON, 1: NOON, 2: NOON, 4: NOON - micro, 5: NOON + micro, 6: NOON.replace(year=2025)}
    for number, started_at in starts.items():
        add_execution(api, job, id=eid(number), started_at=started_at)

    assert listed(api, in_list(job)) == [5, 3, 2, 1, 4, 6]


@pytest.mark.parametrize(
    ("limit", "shown", "expected"),
    [
        pytest.param(None, 20, [5, 4, 3, 2, 1], id="absent"),
        pytest.param("", 20, [5, 4, 3, 2, 1], id="empty"),
        pytest.param("2", 2, [5, 4], id="two"),
        pytest.param(" 2 ", 2, [5, 4], id="blanks around"),
        pytest.param("+2", 2, [5, 4], id="plus sign"),
        pytest.param("0" * 30 + "2", 2, [5, 4], id="many zeros in front"),
        pytest.param("0", 1, [5], id="zero"),
        pytest.param("-7", 1, [5], id="negative"),
        pytest.param("-" + "9" * 50, 1, [5], id="hugely negative"),
        pytest.param("200", 200, [5, 4, 3, 2, 1], id="the cap"),
        pytest.param("201", 200, [5, 4, 3, 2, 1], id="over the cap"),
        pytest.param("9" * 50, 200, [5, 4, 3, 2, 1], id="huge"),
        pytest.param("2.0", 20, [5, 4, 3, 2, 1], id="a fraction"),
        pytest.param("1e1", 20, [5, 4, 3, 2, 1], id="an exponent"),
        pytest.param("1_0", 20, [5, 4, 3, 2, 1], id="an underscore"),
        pytest.param("0x2", 20, [5, 4, 3, 2, 1], id="hexadecimal"),
        pytest.param("-+2", 20, [5, 4, 3, 2, 1], id="two signs"),
        pytest.param("--2", 20, [5, 4, 3, 2, 1], id="two minus signs"),
        pytest.param("٢", 20, [5, 4, 3, 2, 1], id="an Arabic digit"),
        pytest.param("²", 20, [5, 4, 3, 2, 1], id="a superscript"),
        pytest.param("two", 20, [5, 4, 3, 2, 1], id="a word"),
        pytest.param("null", 20, [5, 4, 3, 2, 1], id="null"),
    ],
)
def test_the_limit_is_clamped_and_echoed(api: Api, limit: str | None, shown: int, expected: list[int]) -> None:
    add_runs(api, add_job(api), {}, {}, {}, {}, {})

    answer = api.get("/executions", params={} if limit is None else {"limit": limit})

    assert (answer.status, answer.json["limit"], numbers(answer)) == (200, shown, expected)
    assert answer.json["total_pages"] == -(-5 // shown)


@pytest.mark.parametrize(
    ("params", "page", "expected"),
    [
        pytest.param({}, 1, [5, 4], id="absent"),
        pytest.param({"page": 1}, 1, [5, 4], id="first"),
        pytest.param({"page": 2}, 2, [3, 2], id="second"),
        pytest.param({"page": 3}, 3, [1], id="last"),
        pytest.param({"page": 4}, 4, [], id="past the end"),
        pytest.param({"page": 0}, 1, [5, 4], id="zero"),
        pytest.param({"page": -1}, 1, [5, 4], id="negative"),
        pytest.param({"page": "one"}, 1, [5, 4], id="a word"),
        pytest.param({"page": "9" * 18}, 10**18 - 1, [], id="huge"),
        pytest.param({"page": "9" * 5000}, 10**18 - 1, [], id="beyond any integer"),
    ],
)
def test_pages_are_counted_from_one(api: Api, params: dict[str, str | int], page: int, expected: list[int]) -> None:
    add_runs(api, add_job(api), {}, {}, {}, {}, {})

    answer = api.get("/executions", params={"limit": 2, **params})

    assert (answer.status, numbers(answer)) == (200, expected)
    assert {key: answer.json[key] for key in ("total", "page", "limit", "total_pages")} == {
        "total": 5,
        "page": page,
        "limit": 2,
        "total_pages": 3,
    }


def test_pages_of_ties_lose_and_repeat_nothing(api: Api) -> None:
    job = add_job(api)
    for number in range(1, 8):
        add_execution(api, job, id=eid(number), started_at=NOON)

    pages = [listed(api, "/executions", {"limit": 3, "page": page}) for page in (1, 2, 3)]

    assert pages == [[7, 6, 5], [4, 3, 2], [1]]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("", [3, 2, 1]), ("2", [3, 2]), ("0", [3]), ("-1", [3]), ("999", [3, 2, 1]), ("x", [3, 2, 1]), ("1.5", [3, 2, 1])],
)
def test_the_limit_of_a_jobs_list_counts_too(api: Api, limit: str, expected: list[int]) -> None:
    job = add_job(api)
    add_runs(api, job, {}, {}, {})

    answer = api.get(f"/jobs/{job['id']}/executions", params={"limit": limit, "page": 2})

    assert (answer.json["total_executions"], numbers(answer)) == (len(expected), expected)


@pytest.mark.parametrize(("limit", "count"), [(None, 50), (200, 200), (1000, 200)])
def test_a_jobs_list_ends_at_50_or_at_200(api: Api, limit: int | None, count: int) -> None:
    job = add_job(api)
    rows = [{"id": eid(number), "started_at": NOON + timedelta(seconds=number)} for number in range(1, 204)]
    add_many(api, job, rows)

    answer = api.get(f"/jobs/{job['id']}/executions", params={} if limit is None else {"limit": limit})

    assert (answer.json["total_executions"], numbers(answer)) == (count, list(range(203, 203 - count, -1)))


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


STATUSES = [
    pytest.param("success", [4, 1], id="one"),
    pytest.param("failed,running", [3, 2], id="two"),
    pytest.param("running,failed", [3, 2], id="in any order"),
    pytest.param("success,failed,running", [4, 3, 2, 1], id="all"),
    pytest.param(" failed , running ", [3, 2], id="blanks around"),
    pytest.param("failed,,running,", [3, 2], id="empty items"),
    pytest.param("failed,failed", [2], id="twice"),
    pytest.param("failed,nonsense", [2], id="one of them unknown"),
    pytest.param("nonsense", [], id="unknown"),
    pytest.param("FAILED", [], id="in capitals"),
    pytest.param("failed;running", [], id="with a semicolon"),
    pytest.param("null", [], id="null"),
    pytest.param("done", [], id="a phase"),
    pytest.param("%", [], id="a wildcard"),
    pytest.param("failed\0", [], id="NUL"),
    pytest.param("' OR 1=1 --", [], id="SQL"),
    pytest.param("ünï,✓", [], id="unicode"),
    pytest.param(",", [4, 3, 2, 1], id="a comma"),
    pytest.param(" , ,, ", [4, 3, 2, 1], id="commas and blanks"),
    pytest.param(" ", [4, 3, 2, 1], id="a blank"),
    pytest.param("", [4, 3, 2, 1], id="empty"),
    pytest.param("x," * 2000 + "failed", [2], id="thousands"),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_the_status_filters(api: Api, in_list: Any, status: str, expected: list[int]) -> None:
    job = add_job(api)
    running = {"status": "running", "phase": "running"}
    add_runs(api, job, {}, {"status": "failed"}, running, {}, {"status": "failed", "phase": "missed"})

    answer = api.get(in_list(job), params={"status": status})

    assert (answer.status, numbers(answer)) == (200, expected)
    assert answer.json.get("total", len(expected)) == len(expected)


@pytest.mark.parametrize(
    ("trigger_type", "expected"),
    [
        pytest.param("manual", [2], id="manual"),
        pytest.param("scheduled", [3, 1], id="scheduled"),
        pytest.param(" manual ", [2], id="blanks around"),
        pytest.param("Manual", [], id="capital"),
        pytest.param("manual,scheduled", [], id="a comma list, which only status may be"),
        pytest.param("nonsense", [], id="unknown"),
        pytest.param("manual\0", [], id="NUL"),
        pytest.param("x" * 3000, [], id="over-long"),
        pytest.param("", [3, 2, 1], id="empty"),
        pytest.param(" ", [3, 2, 1], id="blank"),
    ],
)
def test_the_trigger_type_filters(api: Api, in_list: Any, trigger_type: str, expected: list[int]) -> None:
    job = add_job(api)
    add_runs(api, job, {}, {"trigger_type": "manual"}, {})

    assert listed(api, in_list(job), {"trigger_type": trigger_type}) == expected


@pytest.mark.parametrize(
    ("execution_type", "expected"),
    [
        pytest.param("webhook", [3, 1], id="webhook"),
        pytest.param("github_actions", [2], id="github"),
        pytest.param(" github_actions ", [2], id="blanks around"),
        pytest.param("github", [], id="unknown"),
        pytest.param("webhook,github_actions", [], id="a comma list"),
        pytest.param("\0", [], id="NUL"),
        pytest.param("", [3, 2, 1], id="empty"),
    ],
)
def test_the_execution_type_filters_the_list_of_all_alone(api: Api, execution_type: str, expected: list[int]) -> None:
    job = add_job(api)
    add_runs(api, job, {}, {"execution_type": "github_actions"}, {})

    assert listed(api, "/executions", {"execution_type": execution_type}) == expected
    assert listed(api, f"/jobs/{job['id']}/executions", {"execution_type": execution_type}) == [3, 2, 1]


@pytest.mark.parametrize(
    ("job_id", "expected"),
    [
        pytest.param("10000000-0000-4000-8000-000000000001", [2, 1], id="a job"),
        pytest.param(" 10000000-0000-4000-8000-000000000001 ", [2, 1], id="blanks around"),
        pytest.param(UNKNOWN_ID, [], id="unknown"),
        pytest.param("Job 1", [], id="a name"),
        pytest.param("\0", [], id="NUL"),
        pytest.param("x" * 3000, [], id="over-long"),
        pytest.param("", [9, 2, 1], id="empty"),
        pytest.param("  ", [9, 2, 1], id="blank"),
    ],
)
def test_the_job_id_filters_the_list_of_all(api: Api, job_id: str, expected: list[int]) -> None:
    job, other = add_job(api), add_job(api)
    add_runs(api, job, {}, {})
    add_execution(api, other, id=eid(9), started_at=NOON + timedelta(hours=1))

    answer = api.get("/executions", params={"job_id": job_id})

    assert (numbers(answer), answer.json["total"]) == (expected, len(expected))
    # In the list of one job the path alone says which.
    assert listed(api, f"/jobs/{job['id']}/executions", {"job_id": other["id"]}) == [2, 1]


def test_filters_join(api: Api, in_list: Any) -> None:
    job = add_job(api)
    failed = {"status": "failed"}
    add_runs(api, job, failed, failed | {"trigger_type": "manual"}, {"trigger_type": "manual"}, failed)
    add_execution(api, job, **failed, id=eid(5), trigger_type="manual", started_at=NOON - timedelta(days=1))

    wanted: dict[str, str | int] = {"status": "failed", "trigger_type": "manual", "from": "2026-03-04"}
    assert listed(api, in_list(job), wanted) == [2]


def test_unknown_parameters_are_ignored(api: Api, in_list: Any) -> None:
    job = add_job(api)
    add_runs(api, job, {})

    assert listed(api, in_list(job), {"Status": "failed", "order": "asc", "offset": 5, "per_page": 0}) == [1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("status=failed&status=success", [2], id="the first counts"),
        pytest.param("status=&status=failed", [2], id="empty ones do not"),
        pytest.param("from=2026-03-05&from=nonsense", [], id="the second date is not looked at"),
        pytest.param("from=&from=2026-03-05", [], id="an empty date is skipped"),
        pytest.param("status", [3, 2, 1], id="no value at all"),
        pytest.param("&&=&=x&status=failed", [2], id="empty pairs"),
        pytest.param("status=fai%6Ced", [2], id="encoded"),
        pytest.param("status=%FF", [], id="not UTF-8"),
        pytest.param("status=%zz", [], id="not an escape"),
    ],
)
def test_a_parameter_sent_twice_counts_once(api: Api, in_list: Any, query: str, expected: list[int]) -> None:
    job = add_job(api)
    add_runs(api, job, {}, {"status": "failed"}, {})

    assert listed(api, f"{in_list(job)}?{query}") == expected


DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 4, tzinfo=UTC)
EDGES = {
    1: MIDNIGHT - timedelta(microseconds=1),
    2: MIDNIGHT,
    3: MIDNIGHT + timedelta(hours=9),
    4: MIDNIGHT + DAY - timedelta(microseconds=1),
    5: MIDNIGHT + DAY,
}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param({"from": "2026-03-04"}, [5, 4, 3, 2], id="a day as from is its midnight, inclusive"),
        pytest.param({"to": "2026-03-04"}, [4, 3, 2, 1], id="a day as to counts as a whole"),
        pytest.param({"from": "2026-03-04", "to": "2026-03-04"}, [4, 3, 2], id="one day"),
        pytest.param({"to": "2026-03-04T00:00:00Z"}, [1], id="an instant as to is exclusive"),
        pytest.param({"from": "2026-03-04T09:00:00Z"}, [5, 4, 3], id="an instant as from is inclusive"),
        pytest.param({"from": "2026-03-04T09:00:00.000001Z"}, [5, 4], id="a microsecond later"),
        pytest.param({"from": "2026-03-04T18:00:00+09:00"}, [5, 4, 3], id="an offset"),
        pytest.param({"to": "2026-03-03T19:00:00-05:00"}, [1], id="a negative offset"),
        pytest.param({"from": "2026-03-04T09:00"}, [5, 4, 3], id="no seconds, no offset: UTC"),
        pytest.param({"from": "2026-03-04T09:00:00.000Z", "to": "2026-03-04T09:00:00.001Z"}, [3], id="a millisecond"),
        pytest.param({"from": "0001-01-01", "to": "9999-12-31"}, [5, 4, 3, 2, 1], id="all there is"),
        pytest.param({"from": "2030-01-01"}, [], id="nothing so late"),
        pytest.param({"from": " ", "to": ""}, [5, 4, 3, 2, 1], id="blank and empty"),
        pytest.param({"from": " 2026-03-05 "}, [5], id="blanks around"),
    ],
)
def test_dates_bound_the_start(api: Api, in_list: Any, params: dict[str, str | int], expected: list[int]) -> None:
    job = add_job(api)
    for number, started_at in EDGES.items():
        add_execution(api, job, id=eid(number), started_at=started_at)

    answer = api.get(in_list(job), params=params)

    assert (answer.status, numbers(answer)) == (200, expected)
    assert answer.json.get("total", len(expected)) == len(expected)


UNREADABLE = [
    pytest.param({"from": "yesterday"}, id="a word"),
    pytest.param({"to": "yesterday"}, id="a word as to"),
    pytest.param({"from": "2026-02-29"}, id="no such day"),
    pytest.param({"from": "2026-W10-3"}, id="a week"),
    pytest.param({"from": "20260304"}, id="basic format"),
    pytest.param({"from": "2026-03-04T24:00:00Z"}, id="24 o'clock"),
    pytest.param({"from": "2026-03-04 09:00:00"}, id="a blank for T"),
    pytest.param({"from": "0001-01-01T00:00:00+09:00"}, id="before the first year"),
    pytest.param({"to": "9999-12-31T23:59:59-09:00"}, id="after the last year"),
    pytest.param({"from": "２０２６-03-04"}, id="wide digits"),
    pytest.param({"from": "2026-03-04\0"}, id="NUL"),
    pytest.param({"from": "9" * 5000}, id="endless"),
    pytest.param({"from": "1772582400"}, id="a timestamp"),
    pytest.param({"from": "2026-03-04", "to": "nonsense"}, id="only to"),
    pytest.param({"from": "nonsense", "to": "2026-03-04"}, id="only from"),
]
REVERSED = [
    pytest.param({"from": "2026-03-05", "to": "2026-03-04"}, id="days"),
    pytest.param({"from": "2026-03-04T09:00:00Z", "to": "2026-03-04T09:00:00Z"}, id="the same instant"),
    pytest.param({"from": "2026-03-04T09:00:00Z", "to": "2026-03-04T18:00:00+09:00"}, id="the same with an offset"),
    pytest.param({"from": "2026-03-05T00:00:00Z", "to": "2026-03-04"}, id="the end of the day"),
]


@pytest.mark.parametrize("params", UNREADABLE)
def test_an_unreadable_date_is_refused(api: Api, in_list: Any, params: dict[str, str | int]) -> None:
    job = add_job(api)
    add_runs(api, job, {})
    before = api.everything()

    answer = api.get(in_list(job), params=params)

    assert (answer.status, answer.json) == (400, INVALID_DATE)
    assert api.everything() == before


@pytest.mark.parametrize("params", REVERSED)
def test_a_range_that_ends_before_it_starts_is_refused(api: Api, in_list: Any, params: dict[str, str | int]) -> None:
    job = add_job(api)

    answer = api.get(in_list(job), params=params)

    assert (answer.status, answer.json) == (400, INVALID_RANGE)


def test_an_unencoded_plus_is_a_blank_and_no_offset(api: Api) -> None:
    answer = api.get("/executions?from=2026-03-04T18:00:00+09:00")

    assert (answer.status, answer.json) == (400, INVALID_DATE)


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
