"""Cases: what restricts the lists of executions: status, kind, job and dates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.api import Api
from tests.contract.executions import NOON, UNKNOWN_ID, add_runs, eid, in_both_lists, listed, numbers
from tests.contract.jobs import add_execution, add_job

INVALID_DATE = {"error": "Invalid date", "message": "Invalid date"}
INVALID_RANGE = {"error": "Invalid date range", "message": '"from" must be earlier than "to".'}

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


@in_both_lists
@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_the_status_filters(api: Api, in_list: Any, status: str, expected: list[int]) -> None:
    job = add_job(api)
    running = {"status": "running", "phase": "running"}
    add_runs(api, job, {}, {"status": "failed"}, running, {}, {"status": "failed", "phase": "missed"})

    answer = api.get(in_list(job), params={"status": status})

    assert (answer.status, numbers(answer)) == (200, expected)
    assert answer.json.get("total", len(expected)) == len(expected)


@in_both_lists
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


@in_both_lists
def test_filters_join(api: Api, in_list: Any) -> None:
    job = add_job(api)
    failed = {"status": "failed"}
    add_runs(api, job, failed, failed | {"trigger_type": "manual"}, {"trigger_type": "manual"}, failed)
    add_execution(api, job, **failed, id=eid(5), trigger_type="manual", started_at=NOON - timedelta(days=1))

    wanted: dict[str, str | int] = {"status": "failed", "trigger_type": "manual", "from": "2026-03-04"}
    assert listed(api, in_list(job), wanted) == [2]


@in_both_lists
def test_unknown_parameters_are_ignored(api: Api, in_list: Any) -> None:
    job = add_job(api)
    add_runs(api, job, {})

    assert listed(api, in_list(job), {"Status": "failed", "order": "asc", "offset": 5, "per_page": 0}) == [1]


@in_both_lists
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


@in_both_lists
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


@in_both_lists
@pytest.mark.parametrize("params", UNREADABLE)
def test_an_unreadable_date_is_refused(api: Api, in_list: Any, params: dict[str, str | int]) -> None:
    job = add_job(api)
    add_runs(api, job, {})
    before = api.everything()

    answer = api.get(in_list(job), params=params)

    assert (answer.status, answer.json) == (400, INVALID_DATE)
    assert api.everything() == before


@in_both_lists
@pytest.mark.parametrize("params", REVERSED)
def test_a_range_that_ends_before_it_starts_is_refused(api: Api, in_list: Any, params: dict[str, str | int]) -> None:
    job = add_job(api)

    answer = api.get(in_list(job), params=params)

    assert (answer.status, answer.json) == (400, INVALID_RANGE)


def test_an_unencoded_plus_is_a_blank_and_no_offset(api: Api) -> None:
    answer = api.get("/executions?from=2026-03-04T18:00:00+09:00")

    assert (answer.status, answer.json) == (400, INVALID_DATE)
