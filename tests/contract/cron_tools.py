"""Cases: checking a cron expression, and previewing when it fires."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.api import Api
from tests.contract.jobs import YEARLY, ZONE, job_body, new_year

REQUIRED = "Cron expression is required."
FIVE_FIELDS = "Cron expression must have exactly 5 fields (minute hour day month day-of-week)."
NEVER = "This expression never fires."


def invalid(reason: str) -> dict[str, Any]:
    return {"valid": False, "error": "Invalid cron expression", "message": reason}


@pytest.mark.parametrize("person", ["admin", "user", "viewer"])
def test_a_valid_expression_is_described(api: Api, person: str) -> None:
    answer = api.post("/jobs/validate-cron", {"expression": "0 2 * * *"}, as_=person)

    assert (answer.status, list(answer.json.items())) == (
        200,
        [
            ("valid", True),
            ("message", "Valid cron expression"),
            ("cron_expression", "0 2 * * *"),
            ("description", "At 02:00 AM"),
        ],
    )


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        pytest.param({"cron_expression": "0 2 * * *"}, "0 2 * * *", id="other field"),
        pytest.param({"expression": None, "cron_expression": "0 2 * * *"}, "0 2 * * *", id="first null"),
        pytest.param({"expression": " ", "cron_expression": "0 2 * * *"}, "0 2 * * *", id="first blank"),
        pytest.param({"expression": "0 3 * * *", "cron_expression": "0 2 * * *"}, "0 3 * * *", id="first one wins"),
        pytest.param({"expression": "0 3 * * *", "cron_expression": "x"}, "0 3 * * *", id="second one bad"),
        pytest.param({"expression": "  0   2 * \u3000 * MON-Fri "}, "0 2 * * MON-Fri", id="extra blanks"),
        pytest.param({"expression": "0 2 29 2 *"}, "0 2 29 2 *", id="leap day"),
        pytest.param(
            {"expression": "*/59 */23 1-31/30 jan-dec sun,7", "count": "x"}, "*/59 */23 1-31/30 jan-dec sun,7", id="all"
        ),
    ],
)
def test_an_expression_is_echoed_with_single_blanks(api: Api, body: dict[str, Any], expression: str) -> None:
    checked = api.post("/jobs/validate-cron", body)
    previewed = api.post("/jobs/cron-preview", body | {"count": 1})

    assert (checked.status, checked.json["valid"], checked.json["cron_expression"]) == (200, True, expression)
    assert checked.json["description"]
    assert (previewed.status, previewed.json["cron_expression"]) == (200, expression)


BAD: dict[str, tuple[Any, str]] = {
    "empty": ("", REQUIRED),
    "blank": ("   ", REQUIRED),
    "null": (None, REQUIRED),
    "four fields": ("0 2 * *", FIVE_FIELDS),
    "six fields": ("0 0 2 * * *", FIVE_FIELDS),
    "a word": ("@daily", FIVE_FIELDS),
    "minute": ("60 2 * * *", 'Minute "60" is out of range 0-59.'),
    "hour": ("0 24 * * *", 'Hour "24" is out of range 0-23.'),
    "day": ("0 2 0 * *", 'Day "0" is out of range 1-31.'),
    "month": ("0 2 * 13 *", 'Month "13" is out of range 1-12.'),
    "weekday": ("0 2 * * 8", 'Weekday "8" is out of range 0-7.'),
    "never": ("0 2 30 2 *", NEVER),
    "never in april": ("0 2 31 4,6,9,11 *", NEVER),
}


@pytest.mark.parametrize(("expression", "reason"), BAD.values(), ids=BAD)
def test_a_bad_expression_is_told_why(api: Api, expression: Any, reason: str) -> None:
    checked = api.post("/jobs/validate-cron", {"expression": expression}, as_="viewer")
    previewed = api.post("/jobs/cron-preview", {"expression": expression}, as_="viewer")
    refused = {"error": "Invalid cron expression", "message": reason}

    assert (checked.status, list(checked.json.items())) == (200, list(invalid(reason).items()))
    assert (previewed.status, previewed.json) == (400, refused)
    assert api.post("/jobs", job_body(cron_expression=expression)).json == refused


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(7, "must be a string.", id="number"),
        pytest.param(True, "must be a string.", id="boolean"),
        pytest.param(["0 2 * * *"], "must be a string.", id="list"),
        pytest.param({"minute": 0}, "must be a string.", id="object"),
        pytest.param("0\t2 * * *", "must not contain control characters.", id="tab"),
        pytest.param("0\n2 * * *", "must not contain control characters.", id="line break"),
        pytest.param("0\0 2 * * *", "must not contain control characters.", id="NUL"),
        pytest.param("0 " * 51, "must be at most 100 characters.", id="too long"),
        pytest.param("0" + " " * 99 + "2 * * *", "must be at most 100 characters.", id="too long by blanks"),
    ],
)
@pytest.mark.parametrize("field", ["expression", "cron_expression"])
def test_what_a_job_s_field_would_refuse_is_refused_everywhere(api: Api, field: str, value: Any, says: str) -> None:
    checked = api.post("/jobs/validate-cron", {field: value})
    previewed = api.post("/jobs/cron-preview", {field: value})

    assert (checked.status, checked.json) == (200, invalid(f'"{field}" {says}'))
    assert (previewed.status, previewed.json) == (
        400,
        {"error": "Invalid payload", "message": f'"{field}" {says}'},
    )
    assert api.post("/jobs", job_body(cron_expression=value)).status == 400


@pytest.mark.parametrize("path", ["/jobs/validate-cron", "/jobs/cron-preview"])
def test_without_an_expression_one_is_asked_for(api: Api, path: str) -> None:
    assert api.post(path, {}).json["message"] == REQUIRED


@pytest.mark.parametrize("path", ["/jobs/validate-cron", "/jobs/cron-preview"])
@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        pytest.param(b"{}", "text/plain", {"error": "Content-Type must be application/json"}, id="content type"),
        pytest.param(b"{}", "", {"error": "Content-Type must be application/json"}, id="no content type"),
        pytest.param(
            b"{,}",
            "application/json",
            {"error": "Invalid JSON", "message": "Request body is not valid JSON."},
            id="no JSON",
        ),
        pytest.param(
            b"", "application/json", {"error": "Invalid JSON", "message": "Request body is not valid JSON."}, id="empty"
        ),
        pytest.param(
            b'"0 2 * * *"',
            "application/json",
            {"error": "Invalid payload", "message": "JSON body must be an object."},
            id="a text",
        ),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    api: Api, path: str, content: bytes, content_type: str, expected: dict[str, str]
) -> None:
    answer = api.post(path, content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (400, expected)


@pytest.mark.parametrize(
    ("sent", "count"),
    [
        pytest.param({}, 5, id="absent"),
        pytest.param({"count": None}, 5, id="null"),
        pytest.param({"count": 1}, 1, id="one"),
        pytest.param({"count": 20}, 20, id="most"),
        pytest.param({"count": 21}, 20, id="over"),
        pytest.param({"count": 2**63 - 1}, 20, id="far over"),
        pytest.param({"count": 0}, 0, id="zero"),
        pytest.param({"count": -(2**63)}, 0, id="below zero"),
    ],
)
def test_a_preview_shows_as_many_fires_as_asked(api: Api, sent: dict[str, Any], count: int) -> None:
    answer = api.post("/jobs/cron-preview", {"expression": YEARLY} | sent)

    first = datetime.fromisoformat(new_year()).year
    assert (answer.status, list(answer.json.items())) == (
        200,
        [
            ("cron_expression", YEARLY),
            ("timezone", "Asia/Tokyo"),
            ("next_runs", [f"{first + n}-01-01T00:00:00+09:00" for n in range(count)]),
            ("count", count),
        ],
    )


@pytest.mark.parametrize("count", ["5", "", 2.5, 5.0, True, [], {}], ids=repr)
def test_a_count_that_is_no_integer_is_refused(api: Api, count: Any) -> None:
    answer = api.post("/jobs/cron-preview", {"expression": YEARLY, "count": count})

    assert (answer.status, answer.json) == (
        400,
        {"error": "Invalid payload", "message": '"count" must be an integer.'},
    )


def test_of_a_bad_expression_and_a_bad_count_the_expression_is_said(api: Api) -> None:
    answer = api.post("/jobs/cron-preview", {"expression": "x", "count": "x"})

    assert answer.json["error"] == "Invalid cron expression"


def test_a_preview_begins_after_now(api: Api) -> None:
    before = datetime.now(UTC)
    answer = api.post("/jobs/cron-preview", {"expression": "* * * * *", "count": 3})

    first, *_ = runs = [datetime.fromisoformat(run) for run in answer.json["next_runs"]]
    assert before < first <= datetime.now(UTC) + timedelta(minutes=1)
    assert runs == [first + timedelta(minutes=n) for n in range(3)]
    assert all(run.utcoffset() == first.astimezone(ZONE).utcoffset() for run in runs)


def test_day_and_weekday_both_restricted_mean_either(api: Api) -> None:
    answer = api.post("/jobs/cron-preview", {"expression": "0 9 13 * 0", "count": 20})

    days = [datetime.fromisoformat(run) for run in answer.json["next_runs"]]
    assert {(day.day == 13 or day.isoweekday() == 7) for day in days} == {True}
    assert {day.day == 13 for day in days} == {True, False}


def test_nothing_is_written(api: Api) -> None:
    before = api.everything()

    api.post("/jobs/validate-cron", {"expression": YEARLY})
    api.post("/jobs/cron-preview", {"expression": YEARLY})

    assert api.everything() == before


@pytest.mark.parametrize("path", ["/jobs/validate-cron", "/jobs/cron-preview"])
def test_nobody_asks_without_a_token(api: Api, path: str) -> None:
    assert api.post(path, {"expression": YEARLY}, as_=None).status == 401
