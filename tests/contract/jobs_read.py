"""Cases: one job, and the list of jobs with its pages, filters and orders."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.contract import world
from tests.contract.api import Api
from tests.contract.jobs import KEYS, YEARLY, add_execution, add_job, new_year, today

MORNING = datetime(2026, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)


def numbered(number: int) -> str:
    return f"10000000-0000-4000-8000-{number:012d}"


def test_a_job_is_shown_whole(api: Api) -> None:
    job = add_job(
        api,
        name="Ünï",
        target_url=None,
        github_owner="acme",
        github_repo="web",
        github_workflow_name="deploy.yml",
        job_metadata={"z": 1, "a": {"b": [1.5, None, True]}},
        category="refund",
        enable_email_notifications=True,
        notification_emails=["a@example.com"],
        notify_on_success=True,
        created_at=MORNING,
        updated_at=MORNING + timedelta(seconds=1),
    )

    answer = api.get(f"/jobs/{job['id']}", as_="viewer")

    assert (answer.status, list(answer.json), list(answer.json["job"])) == (200, ["job"], KEYS)
    assert answer.json["job"] == {
        "id": job["id"],
        "name": "Ünï",
        "cron_expression": YEARLY,
        "target_url": None,
        "github_owner": "acme",
        "github_repo": "web",
        "github_workflow_name": "deploy.yml",
        "metadata": {"z": 1, "a": {"b": [1.5, None, True]}},
        "category": "refund",
        "end_date": "2099-12-31",
        "pic_team": "core",
        "enable_email_notifications": True,
        "notification_emails": ["a@example.com"],
        "notify_on_success": True,
        "created_by": world.user_id("user"),
        "is_active": True,
        "created_at": "2026-03-04T05:06:07.891Z",
        "updated_at": "2026-03-04T05:06:08.891Z",
        "last_execution_at": None,
        "next_execution_at": new_year(),
    }
    assert "Ünï".encode() in answer.body


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({"pic_team": None, "created_by": None}, {"pic_team": None, "created_by": None}, id="of nobody"),
        pytest.param(
            {"job_metadata": None, "notification_emails": None}, {"metadata": {}, "notification_emails": []}, id="null"
        ),
        pytest.param(
            {"category": "gone", "pic_team": "gone"}, {"category": "gone", "pic_team": "gone"}, id="gone taxonomy"
        ),
    ],
)
def test_an_odd_row_is_shown_as_it_is(api: Api, columns: dict[str, Any], expected: dict[str, Any]) -> None:
    job = add_job(api, **columns)

    shown = api.get(f"/jobs/{job['id']}").json["job"]

    assert {key: shown[key] for key in expected} == expected
    assert api.get("/jobs").json["jobs"] == [shown]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({}, "new year", id="active"),
        pytest.param({"is_active": False}, None, id="inactive"),
        pytest.param({"end_date": date(2026, 1, 1)}, None, id="over"),
        pytest.param({"end_date": "today"}, None, id="next fire after the last day"),
        pytest.param({"cron_expression": "0 9 * * 8"}, None, id="expression of another dialect"),
        pytest.param({"cron_expression": "nonsense"}, None, id="no expression at all"),
    ],
)
def test_the_next_run_is_none_when_there_will_be_none(api: Api, columns: dict[str, Any], expected: str | None) -> None:
    columns = {name: today() if value == "today" else value for name, value in columns.items()}
    job = add_job(api, **columns)
    expected = new_year() if expected else None

    assert api.get(f"/jobs/{job['id']}").json["job"]["next_execution_at"] == expected
    assert api.get("/jobs").json["jobs"][0]["next_execution_at"] == expected


def test_a_fire_on_the_last_day_still_counts(api: Api) -> None:
    new_years_day = date.fromisoformat(new_year()[:10])
    job = add_job(api, end_date=new_years_day)
    over = add_job(api, end_date=new_years_day - timedelta(days=1))

    assert api.get(f"/jobs/{job['id']}").json["job"]["next_execution_at"] == new_year()
    assert api.get(f"/jobs/{over['id']}").json["job"]["next_execution_at"] is None


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        pytest.param(["done", "done", "done"], 2, id="newest wins"),
        pytest.param(["done", "running", "missed"], 1, id="running counts, missed does not"),
        pytest.param(["unknown", "skipped", "claimed"], 0, id="unknown counts, skipped and claimed do not"),
        pytest.param(["missed", "skipped", "claimed"], None, id="nothing ran"),
    ],
)
def test_the_last_run_is_the_start_of_the_newest_that_ran(api: Api, phases: list[str], expected: int | None) -> None:
    other, job = add_job(api), add_job(api)
    add_execution(api, other, started_at=MORNING + timedelta(days=9))
    # Inserted newest first, so that neither order of rows is the right one by chance.
    for hours, phase in reversed(list(enumerate(phases))):
        start = MORNING + timedelta(hours=hours)
        add_execution(api, job, started_at=start, phase=phase, scheduled_for=start)
    last = None if expected is None else f"2026-03-04T{5 + expected:02d}:06:07.891Z"

    assert api.get(f"/jobs/{job['id']}").json["job"]["last_execution_at"] == last
    listed = {shown["id"]: shown["last_execution_at"] for shown in api.get("/jobs").json["jobs"]}
    assert listed == {job["id"]: last, other["id"]: "2026-03-13T05:06:07.891Z"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("path", "job_id"),
    [
        ("nope", "nope"),
        ("00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000"),
        ("a%20b", "a b"),
        ("%C3%BC%25", "ü%"),
        ("x" * 300, "x" * 300),
        ("validate-cron", "validate-cron"),
        ("cron-preview", "cron-preview"),
        ("bulk-upload", "bulk-upload"),
    ],
    ids=["word", "uuid", "blank", "encoded", "long", "validate-cron", "cron-preview", "bulk-upload"],
)
def test_an_unknown_job_is_not_found(api: Api, method: str, path: str, job_id: str) -> None:
    add_job(api)
    before = api.everything()

    answer = api.request(method, f"/jobs/{path}", json={"name": 7} if method == "PUT" else ...)

    assert (answer.status, answer.json) == (
        404,
        {"error": "Job not found", "message": f"No job found with ID: {job_id}"},
    )
    assert api.everything() == before


def test_of_an_unknown_job_the_body_is_judged_first(api: Api) -> None:
    assert api.put("/jobs/nope", content=b"{").json["error"] == "Content-Type must be application/json"
    assert api.put("/jobs/nope", []).json["error"] == "Invalid payload"


def test_without_jobs_the_list_is_empty(api: Api) -> None:
    assert api.get("/jobs", as_="viewer").json == {"count": 0, "jobs": []}
    assert api.get("/jobs?page=1").json == {
        "count": 0,
        "jobs": [],
        "total": 0,
        "page": 1,
        "per_page": 20,
        "total_pages": 0,
    }


def test_the_list_is_all_jobs_newest_created_first(api: Api) -> None:
    for number, hours in ((3, 1), (1, 2), (4, 2), (2, 2), (5, 0)):
        add_job(api, id=numbered(number), created_at=MORNING + timedelta(hours=hours))

    answer = api.get("/jobs", as_="viewer")

    assert (answer.status, list(answer.json), answer.json["count"]) == (200, ["count", "jobs"], 5)
    assert [job["id"] for job in answer.json["jobs"]] == [numbered(n) for n in (1, 2, 4, 3, 5)]
    assert all(list(job) == KEYS for job in answer.json["jobs"])
    assert answer.json["jobs"][0] == api.get(f"/jobs/{numbered(1)}").json["job"]


LISTED: dict[int, dict[str, Any]] = {
    1: {"name": "Beta deploy", "category": "refund", "end_date": date(2098, 1, 1)},
    2: {"name": "alpha Deploy", "category": "dr-testing", "pic_team": "old", "cron_expression": "0 0 2 1 *"},
    3: {"name": "Ärger_100%", "pic_team": None, "is_active": False, "end_date": date(2097, 1, 1)},
    4: {"name": "beta deploy", "category": "refund", "is_active": False},
    5: {"name": "Gamma", "pic_team": "old", "cron_expression": "0 0 3 1 *", "end_date": date(2098, 1, 1)},
}


def add_listed(api: Api) -> None:
    for number, columns in LISTED.items():
        add_job(api, id=numbered(number), created_at=MORNING + timedelta(hours=number), **columns)


def shown(api: Api, query: str) -> list[int]:
    answer = api.get(f"/jobs{query}")
    assert (answer.status, list(answer.json)) == (200, ["count", "jobs"])
    assert answer.json["count"] == len(answer.json["jobs"])
    return [int(job["id"][-2:]) for job in answer.json["jobs"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?search=deploy", [4, 2, 1]),
        ("?search=DEPLOY", [4, 2, 1]),
        ("?search=%20beta%20", [4, 1]),
        ("?search=%C3%A4rger", [3]),
        ("?search=%25", [3]),
        ("?search=_", [3]),
        ("?search=a%00", []),
        ("?search=%FF", []),
        ("?search=", [5, 4, 3, 2, 1]),
        ("?search=%20", [5, 4, 3, 2, 1]),
        ("?search", [5, 4, 3, 2, 1]),
        ("?search=alpha&search=beta", [2]),
        ("?search=&search=beta", [4, 1]),
        ("?search=' OR 1=1 --", []),
        ("?category=refund", [4, 1]),
        ("?category=REFUND", [4, 1]),
        ("?category=DR+Testing", [2]),
        ("?category=nope", []),
        ("?category=!!", []),
        ("?category=", [5, 4, 3, 2, 1]),
        ("?pic_team=old", [5, 2]),
        ("?pic_team=Core", [4, 1]),
        ("?pic_team=!!", []),
        ("?is_active=true", [5, 2, 1]),
        ("?is_active=1", [5, 2, 1]),
        ("?is_active=Yes", [5, 2, 1]),
        ("?is_active=false", [4, 3]),
        ("?is_active=0", [4, 3]),
        ("?is_active=Off", [4, 3]),
        ("?is_active=", [5, 4, 3, 2, 1]),
        ("?category=refund&is_active=true&search=beta&pic_team=core", [1]),
        ("?category=refund&pic_team=old", []),
        ("?unknown=1", [5, 4, 3, 2, 1]),
    ],
)
def test_a_filter_keeps_what_it_names(api: Api, query: str, expected: list[int]) -> None:
    add_listed(api)

    assert shown(api, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?sort=created_at", [1, 2, 3, 4, 5]),
        ("?sort=-created_at", [5, 4, 3, 2, 1]),
        ("?sort=name", [2, 1, 4, 5, 3]),
        ("?sort=-name", [3, 5, 1, 4, 2]),
        ("?sort=end_date", [3, 1, 5, 2, 4]),
        ("?sort=-end_date", [2, 4, 1, 5, 3]),
        ("?sort=next_execution_at", [1, 2, 5, 3, 4]),
        ("?sort=-next_execution_at", [5, 2, 1, 3, 4]),
        ("?sort=", [5, 4, 3, 2, 1]),
        ("?sort=name&sort=nonsense", [2, 1, 4, 5, 3]),
        ("?sort=name&search=deploy", [2, 1, 4]),
    ],
)
def test_the_list_is_sorted_by_what_is_asked_ties_by_id(api: Api, query: str, expected: list[int]) -> None:
    add_listed(api)

    assert shown(api, query) == expected


SORT = '"sort" must be one of: name, created_at, next_execution_at, end_date; with - in front it descends.'
BOOLEAN = '"is_active" must be true or false.'


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?sort=id", SORT),
        ("?sort=Name", SORT),
        ("?sort=--name", SORT),
        ("?sort=-", SORT),
        ("?sort=name,id", SORT),
        ("?sort=%2Bname", SORT),
        ("?page=1&sort=password_hash", SORT),
        ("?is_active=maybe", BOOLEAN),
        ("?is_active=2&sort=id", BOOLEAN),
    ],
)
def test_a_query_that_says_nothing_is_refused(api: Api, query: str, message: str) -> None:
    answer = api.get(f"/jobs{query}")

    assert (answer.status, answer.json) == (400, {"error": "Invalid payload", "message": message})


@pytest.mark.parametrize(
    ("query", "expected", "numbers"),
    [
        ("?page=1", [5, 4, 3, 2, 1], (5, 1, 20, 1)),
        ("?per_page=2", [5, 4], (5, 1, 2, 3)),
        ("?page=2&per_page=2", [3, 2], (5, 2, 2, 3)),
        ("?page=3&per_page=2", [1], (5, 3, 2, 3)),
        ("?page=4&per_page=2", [], (5, 4, 2, 3)),
        ("?page=99999999999999999999", [], (5, 999999999999999999, 20, 1)),
        ("?page=0&per_page=0", [5], (5, 1, 1, 5)),
        ("?page=-3&per_page=-1", [5], (5, 1, 1, 5)),
        ("?page=x&per_page=2.5", [5, 4, 3, 2, 1], (5, 1, 20, 1)),
        ("?per_page=201", [5, 4, 3, 2, 1], (5, 1, 200, 1)),
        ("?page=2&page=1&per_page=3", [2, 1], (5, 2, 3, 2)),
        ("?page=&per_page=3", [5, 4, 3], (5, 1, 3, 2)),
        ("?page=1&per_page=1&search=deploy", [4], (3, 1, 1, 3)),
        ("?page=2&per_page=1&sort=name&is_active=true", [1], (3, 2, 1, 3)),
        ("?page=2&per_page=2&sort=next_execution_at", [5, 3], (5, 2, 2, 3)),
        ("?page=1&category=nope", [], (0, 1, 20, 0)),
    ],
)
def test_a_page_says_where_it_stands(
    api: Api, query: str, expected: list[int], numbers: tuple[int, int, int, int]
) -> None:
    add_listed(api)

    answer = api.get(f"/jobs{query}")

    assert list(answer.json) == ["count", "jobs", "total", "page", "per_page", "total_pages"]
    assert [int(job["id"][-2:]) for job in answer.json["jobs"]] == expected
    assert answer.json["count"] == len(expected)
    assert tuple(answer.json[key] for key in ("total", "page", "per_page", "total_pages")) == numbers


def test_a_page_shows_jobs_whole(api: Api) -> None:
    job = add_job(api)
    add_execution(api, job, started_at=MORNING)

    whole = api.get("/jobs").json["jobs"]

    assert whole[0]["last_execution_at"] == "2026-03-04T05:06:07.891Z"
    assert api.get("/jobs?page=1").json["jobs"] == whole


@pytest.mark.parametrize("query", ["?page=", "?per_page=", "?page=&per_page="])
def test_an_empty_page_number_asks_for_no_page(api: Api, query: str) -> None:
    assert list(api.get(f"/jobs{query}").json) == ["count", "jobs"]


@pytest.mark.parametrize("query", ["", "?page=1&per_page=200", "?sort=name&is_active=true"])
def test_a_longer_list_takes_no_more_statements(api: Api, query: str) -> None:
    job = add_job(api)
    with counted_statements() as short:
        assert api.get(f"/jobs{query}").json["count"] == 1
    for _ in range(20):
        add_execution(api, add_job(api), scheduled_for=None)
    with counted_statements() as long:
        assert api.get(f"/jobs{query}").json["count"] == 21

    assert len(long) == len(short) <= 4
    assert job["id"] in {shown["id"] for shown in api.get("/jobs").json["jobs"]}


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Collect the SELECTs of whatever engine asks meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_head_answers_without_a_body(api: Api) -> None:
    answer = api.request("HEAD", "/jobs")

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/jobs", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/jobs", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/jobs/nope", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("PATCH", "/jobs/validate-cron", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
    ],
)
def test_another_method_is_not_allowed(api: Api, method: str, path: str, allow: str) -> None:
    answer = api.request(method, path, as_=None)

    assert (answer.status, answer.headers["allow"]) == (405, allow)
    assert answer.json == {"error": "Method not allowed", "message": f"Allowed: {allow}."}


@pytest.mark.parametrize("path", ["/jobs/", "//jobs", "/jobs//", "/jobs/a/", "/jobs/a%2Fb", "/jobs/a/b"])
def test_a_path_that_is_almost_one_is_unknown(api: Api, path: str) -> None:
    answer = api.get(path)

    assert (answer.status, answer.json) == (404, {"error": "Not found", "message": "No such endpoint."})
