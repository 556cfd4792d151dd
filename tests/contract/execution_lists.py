"""Cases: the list of all executions and that of one job: keys, order, limits, pages."""

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.api import Api
from tests.contract.executions import KEYS, NOON, WHOLE, add_many, add_runs, eid, in_both_lists, listed, numbers
from tests.contract.jobs import add_execution, add_job


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


@in_both_lists
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
