"""Cases: the figures of all executions and those of one job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.api import Api
from tests.contract.execution_filters import INVALID_DATE, INVALID_RANGE, UNREADABLE
from tests.contract.executions import KEYS as EXECUTION_KEYS
from tests.contract.executions import NOT_RUN, UNKNOWN_ID, add_many, eid
from tests.contract.jobs import add_execution, add_job

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
OPEN = {"from": None, "to": None}
NOTHING: dict[str, Any] = {
    "total_executions": 0,
    "successful_executions": 0,
    "failed_executions": 0,
    "running_executions": 0,
    "success_rate": 0.0,
    "average_duration_seconds": 0.0,
    "range": OPEN,
}
NOTHING_OF_A_JOB: dict[str, Any] = {
    "total_executions": 0,
    "success_count": 0,
    "failed_count": 0,
    "running_count": 0,
    "success_rate": 0.0,
    "average_duration_seconds": None,
}


def add_runs(api: Api, job: dict[str, Any], status: str, *durations: float | None, started_at: datetime = NOON) -> None:
    """Add a run of this status for each duration."""
    phase = "running" if status == "running" else "done"
    columns = {"status": status, "phase": phase, "started_at": started_at}
    add_many(api, job, [{"id": new_number(), "duration_seconds": duration, **columns} for duration in durations])


_numbers = iter(range(1, 10**9))


def new_number() -> str:
    """Return an id of its own: those of statistics are not shown."""
    return f"40000000-0000-4000-8000-{next(_numbers):012d}"


def statistics(api: Api, **params: str) -> dict[str, Any]:
    answer = api.get("/executions/statistics", params=params)
    assert answer.status == 200
    return dict(answer.json)


def statistics_of(api: Api, job: dict[str, Any]) -> dict[str, Any]:
    answer = api.get(f"/jobs/{job['id']}/executions/stats")
    assert answer.status == 200
    return dict(answer.json["statistics"])


def test_without_executions_everything_is_zero(api: Api) -> None:
    answer = api.get("/executions/statistics", as_="viewer")

    assert (answer.status, answer.json) == (200, NOTHING)
    assert list(answer.json) == list(NOTHING)
    assert b'"success_rate":0.0,"average_duration_seconds":0.0,' in answer.body


def test_a_job_without_executions_has_zeros_and_no_average(api: Api) -> None:
    job = add_job(api)

    answer = api.get(f"/jobs/{job['id']}/executions/stats", as_="viewer")

    assert answer.json == {
        "job_id": job["id"],
        "job_name": job["name"],
        "statistics": NOTHING_OF_A_JOB,
        "latest_execution": None,
    }
    assert list(answer.json) == ["job_id", "job_name", "statistics", "latest_execution"]
    assert list(answer.json["statistics"]) == list(NOTHING_OF_A_JOB)
    assert b'"success_rate":0.0,' in answer.body


def test_the_figures_of_all_jobs(api: Api) -> None:
    job, other = add_job(api), add_job(api)
    add_runs(api, job, "success", 1.0, 2.5)
    add_runs(api, other, "success", None)
    add_runs(api, other, "failed", 10.25, None)
    add_runs(api, other, "running", None)

    assert statistics(api) == {
        "total_executions": 6,
        "successful_executions": 3,
        "failed_executions": 2,
        "running_executions": 1,
        "success_rate": 50.0,
        "average_duration_seconds": 4.58,
        "range": OPEN,
    }


def test_the_figures_of_one_job(api: Api) -> None:
    job, other = add_job(api), add_job(api)
    add_runs(api, job, "success", 1.0, 2.5, None)
    add_runs(api, job, "failed", 10.25, None)
    add_runs(api, job, "running", None)
    add_runs(api, other, "success", 99.0)

    assert statistics_of(api, job) == {
        "total_executions": 6,
        "success_count": 3,
        "failed_count": 2,
        "running_count": 1,
        "success_rate": 50.0,
        "average_duration_seconds": 1.75,
    }
    assert statistics(api, job_id=job["id"])["average_duration_seconds"] == 4.58


@pytest.mark.parametrize("status", ["success", "failed", "running"])
@pytest.mark.parametrize("phase", NOT_RUN)
def test_ticks_that_were_not_run_do_not_count(api: Api, phase: str, status: str) -> None:
    job = add_job(api)
    add_execution(api, job, id=eid(1), status=status, phase=phase, duration_seconds=5.0)

    assert statistics(api) == NOTHING
    assert statistics(api, job_id=job["id"]) == NOTHING
    answer = api.get(f"/jobs/{job['id']}/executions/stats").json
    assert (answer["statistics"], answer["latest_execution"]) == (NOTHING_OF_A_JOB, None)


@pytest.mark.parametrize("phase", ["running", "done", "unknown"])
def test_runs_count_however_their_runner_fared(api: Api, phase: str) -> None:
    job = add_job(api)
    add_execution(api, job, id=eid(1), status="failed", phase=phase)

    assert statistics(api)["failed_executions"] == 1
    assert statistics_of(api, job)["failed_count"] == 1


@pytest.mark.parametrize(
    ("success", "total", "one_decimal", "two_decimals"),
    [
        pytest.param(0, 3, 0.0, 0.0, id="none of three"),
        pytest.param(3, 3, 100.0, 100.0, id="all"),
        pytest.param(1, 3, 33.3, 33.33, id="a third"),
        pytest.param(2, 3, 66.7, 66.67, id="two thirds"),
        pytest.param(1, 7, 14.3, 14.29, id="a seventh"),
        pytest.param(1, 8, 12.5, 12.5, id="an eighth"),
        pytest.param(1, 16, 6.3, 6.25, id="half of the first decimal goes up, from even"),
        pytest.param(3, 16, 18.8, 18.75, id="half of the first decimal goes up, from odd"),
        pytest.param(1, 32, 3.1, 3.13, id="half of the second decimal goes up, from even"),
        pytest.param(3, 32, 9.4, 9.38, id="half of the second decimal goes up, from odd"),
        pytest.param(199, 200, 99.5, 99.5, id="one in 200 failed"),
        pytest.param(2000, 2001, 100.0, 99.95, id="one decimal may hide a failure"),
    ],
)
def test_rates_are_rounded_half_up(api: Api, success: int, total: int, one_decimal: float, two_decimals: float) -> None:
    job = add_job(api)
    add_runs(api, job, "success", *[None] * success)
    add_runs(api, job, "failed", *[None] * (total - success))

    assert statistics(api)["success_rate"] == one_decimal
    assert statistics_of(api, job)["success_rate"] == two_decimals


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        pytest.param([2], 2.0, id="a whole number is a float"),
        pytest.param([0.0], 0.0, id="no time at all"),
        pytest.param([0.004], 0.0, id="next to nothing"),
        pytest.param([0.005], 0.01, id="half a hundredth"),
        pytest.param([1.005], 1.01, id="half that binary floats fall short of"),
        pytest.param([2.675], 2.68, id="another one"),
        pytest.param([0.125], 0.13, id="half that binary floats hit"),
        pytest.param([0.12, 0.13], 0.13, id="half by division"),
        pytest.param([0.1, 0.2, 0.015], 0.11, id="half after noise: 0.105"),
        pytest.param([0.015, 0.2, 0.1], 0.11, id="the same in another order"),
        pytest.param([0.1] * 10, 0.1, id="ten tenths"),
        pytest.param([7200.0, 0.01], 3600.01, id="long beside short"),
        pytest.param([0.004999, 0.004999], 0.0, id="just below half"),
        pytest.param([3.14159, None, None], 3.14, id="only those that have one"),
    ],
)
def test_averages_are_rounded_half_up(api: Api, durations: list[float | None], expected: float) -> None:
    job = add_job(api)
    add_runs(api, job, "success", *durations)

    assert statistics(api)["average_duration_seconds"] == expected
    assert statistics_of(api, job)["average_duration_seconds"] == expected


@pytest.mark.parametrize("status", ["failed", "running"])
def test_only_successes_make_the_average_of_a_job(api: Api, status: str) -> None:
    job = add_job(api)
    add_runs(api, job, "success", None)
    add_runs(api, job, status, 4.0)

    assert statistics_of(api, job)["average_duration_seconds"] is None
    assert statistics(api)["average_duration_seconds"] == 4.0


def test_the_latest_execution_is_the_newest_run(api: Api) -> None:
    job, other = add_job(api, name="Ünï job", github_repo="web"), add_job(api)
    add_execution(api, job, id=eid(3), started_at=NOON)
    add_execution(api, job, id=eid(4), started_at=NOON, status="running", phase="running")
    add_execution(api, job, id=eid(5), started_at=NOON - timedelta(hours=1))
    add_execution(api, job, id=eid(6), started_at=NOON + timedelta(hours=1), phase="missed")
    add_execution(api, other, id=eid(7), started_at=NOON + timedelta(hours=1))

    latest = api.get(f"/jobs/{job['id']}/executions/stats").json["latest_execution"]

    assert list(latest) == EXECUTION_KEYS
    assert (latest["id"], latest["job_name"], latest["github_repo"]) == (eid(4), "Ünï job", "web")
    assert latest == api.get(f"/executions/{eid(4)}").json["execution"]


def test_the_figures_of_one_job_know_no_parameters(api: Api) -> None:
    job = add_job(api)
    add_runs(api, job, "success", 1.0)

    answer = api.get(f"/jobs/{job['id']}/executions/stats", params={"from": "nonsense", "status": "failed"})

    assert (answer.status, answer.json["statistics"]["total_executions"]) == (200, 1)


@pytest.mark.parametrize(
    ("params", "days", "echo"),
    [
        pytest.param({}, [1, 2, 3, 4], OPEN, id="open"),
        pytest.param({"from": "", "to": " "}, [1, 2, 3, 4], OPEN, id="empty and blank"),
        pytest.param({"from": "2026-03-02"}, [2, 3, 4], {"from": "2026-03-02T00:00:00.000Z", "to": None}, id="from"),
        pytest.param(
            {"to": "2026-03-02"}, [1, 2], {"from": None, "to": "2026-03-03T00:00:00.000Z"}, id="to, the whole day"
        ),
        pytest.param(
            {"from": "2026-03-02", "to": "2026-03-03"},
            [2, 3],
            {"from": "2026-03-02T00:00:00.000Z", "to": "2026-03-04T00:00:00.000Z"},
            id="two days",
        ),
        pytest.param(
            {"from": "2026-03-02T21:00:00.1239+09:00", "to": "2026-03-03T12:00"},
            [2],
            {"from": "2026-03-02T12:00:00.123Z", "to": "2026-03-03T12:00:00.000Z"},
            id="instants, the second exclusive",
        ),
        pytest.param(
            {"from": "0001-01-01", "to": "9999-12-31"},
            [1, 2, 3, 4],
            {"from": "0001-01-01T00:00:00.000Z", "to": "9999-12-31T23:59:59.999Z"},
            id="all there is",
        ),
        pytest.param(
            {"from": "2026-03-02", "from ": "nonsense", "status": "failed", "limit": "1"},
            [2, 3, 4],
            {"from": "2026-03-02T00:00:00.000Z", "to": None},
            id="other parameters are ignored",
        ),
    ],
)
def test_dates_bound_the_figures_and_are_echoed(
    api: Api, params: dict[str, str], days: list[int], echo: dict[str, str | None]
) -> None:
    job, other = add_job(api), add_job(api)
    # In the fraction of the first bound, so that 2 March lies within.
    for day in (1, 2, 3, 4):
        add_runs(api, job, "success", 2.0**day, started_at=datetime(2026, 3, day, 12, 0, 0, 123900, tzinfo=UTC))
    add_runs(api, other, "failed", 64.0, started_at=NOON)

    found = statistics(api, **params, job_id=job["id"])

    assert (found["total_executions"], found["range"]) == (len(days), echo)
    assert found["average_duration_seconds"] == pytest.approx(sum(2.0**day for day in days) / len(days), abs=0.005)
    assert statistics(api, **params)["range"] == echo


@pytest.mark.parametrize(
    ("job_id", "count"),
    [
        pytest.param("10000000-0000-4000-8000-000000000001", 2, id="a job"),
        pytest.param(" 10000000-0000-4000-8000-000000000002 ", 1, id="blanks around"),
        pytest.param(UNKNOWN_ID, 0, id="unknown"),
        pytest.param("\0", 0, id="NUL"),
        pytest.param("x" * 3000, 0, id="over-long"),
        pytest.param("", 3, id="empty"),
        pytest.param(" ", 3, id="blank"),
    ],
)
def test_the_job_id_filters_the_figures(api: Api, job_id: str, count: int) -> None:
    job, other = add_job(api), add_job(api)
    add_runs(api, job, "success", 1.0, 1.0)
    add_runs(api, other, "failed", 1.0)

    assert statistics(api, job_id=job_id)["total_executions"] == count


@pytest.mark.parametrize("params", UNREADABLE)
def test_an_unreadable_date_is_refused(api: Api, params: dict[str, str]) -> None:
    answer = api.get("/executions/statistics", params=params)

    assert (answer.status, answer.json) == (400, INVALID_DATE)


def test_a_range_that_ends_before_it_starts_is_refused(api: Api) -> None:
    answer = api.get("/executions/statistics", params={"from": "2026-03-05", "to": "2026-03-04", "job_id": UNKNOWN_ID})

    assert (answer.status, answer.json) == (400, INVALID_RANGE)
