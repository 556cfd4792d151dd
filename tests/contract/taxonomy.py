"""Cases: categories and PIC teams."""

import pytest

from shared_models import JobCategory
from tests.contract import world
from tests.contract.api import Api


def test_the_default_categories_are_listed_by_lower_cased_name(api: Api) -> None:
    answer = api.get("/job-categories", as_="viewer")

    assert answer.status == 200
    assert [category["slug"] for category in answer.json["categories"]] == [
        "backward-compatibility",
        "dr-testing",
        "feature-testing",
        "general",
        "prod-canary",
        "refund",
        "regression",
    ]
    assert list(answer.json["categories"][0]) == ["id", "slug", "name", "is_active", "created_at", "updated_at"]
    assert answer.json["categories"][0]["created_at"] == "2026-01-02T03:04:05.678Z"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, {"error": "Missing required fields", "message": '"name" is required.'}, id="no name"),
        pytest.param({"name": " "}, {"error": "Missing required fields", "message": '"name" is required.'}, id="blank"),
        pytest.param(
            {"name": 7}, {"error": "Invalid payload", "message": '"name" must be a string.'}, id="name is a number"
        ),
        pytest.param(
            {"name": "!!"},
            {"error": "Invalid slug", "message": "Unable to generate a valid slug from name."},
            id="nothing to slugify",
        ),
    ],
)
def test_a_category_that_cannot_be_made_is_refused(api: Api, body: object, expected: object) -> None:
    before = api.everything()

    answer = api.post("/job-categories", body)

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


def test_a_new_category_gets_its_slug_from_its_name(api: Api) -> None:
    answer = api.post("/job-categories", {"name": "  Über Tests/2 "})

    assert answer.status == 201
    assert answer.json["message"] == "Category created"
    assert answer.json["category"]["slug"] == "ber-tests-2"
    assert api.row(JobCategory, slug="ber-tests-2")["name"] == "Über Tests/2"


def test_general_cannot_be_renamed(api: Api) -> None:
    answer = api.put(f"/job-categories/{world.CATEGORY_IDS['general']}", {"name": "Other"})

    assert (answer.status, answer.json["message"]) == (400, 'The "General" category cannot be renamed.')


def test_an_unknown_path_is_an_unknown_endpoint(api: Api) -> None:
    assert api.get("/nope").json == {"error": "Not found", "message": "No such endpoint."}
