"""Cases: categories and PIC teams."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared_models import Job, JobCategory, PicTeam
from tests.contract import world
from tests.contract.api import Answer, Api

NOBODY = "99999999-0000-4000-8000-000000000000"
LATER = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
GENERAL = f"/job-categories/{world.CATEGORY_IDS['general']}"


@dataclass(frozen=True)
class Kind:
    """The words in which categories and teams differ. `extra` are the fields a team needs besides."""

    path: str
    model: type[JobCategory] | type[PicTeam]
    listed: str
    shown: str
    noun: str
    created: str
    slug_noun: str
    column: str
    extra: Mapping[str, Any]

    @property
    def keys(self) -> list[str]:
        return ["id", "slug", "name", *self.extra, "is_active", "created_at", "updated_at"]

    @property
    def told(self) -> str:
        return self.created.removesuffix(" created")

    def add(self, api: Api, number: int = 1, **columns: Any) -> str:
        """Insert one; return its path."""
        row_id = f"77777777-0000-4000-8000-{number:012}"
        row = {"id": row_id, "slug": "old-name", "name": "Old name", "is_active": True, **self.extra}
        api.add(self.model, **(row | {"created_at": LATER, "updated_at": LATER} | columns))
        return f"{self.path}/{row_id}"


CATEGORY = Kind(
    "/job-categories", JobCategory, "categories", "category", "category", "Category created", "Category", "category", {}
)
TEAM = Kind(
    "/pic-teams",
    PicTeam,
    "pic_teams",
    "pic_team",
    "PIC team",
    "PIC team created",
    "PIC team",
    "pic_team",
    {"slack_handle": "@them"},
)
KINDS = pytest.mark.parametrize("kind", [CATEGORY, TEAM], ids=["category", "team"])


def invalid(message: str) -> dict[str, str]:
    return {"error": "Invalid payload", "message": message}


def required(field: str) -> dict[str, str]:
    return {"error": "Missing required fields", "message": f'"{field}" is required.'}


NO_SLUG = {"error": "Invalid slug", "message": "Unable to generate a valid slug from name."}


def add_job(api: Api, number: int, **columns: Any) -> None:
    row = {
        "id": f"88888888-0000-4000-8000-{number:012}",
        "name": f"job {number}",
        "cron_expression": "0 2 * * *",
        "target_url": "http://127.0.0.1:9/",
        "category": "general",
        "end_date": date(2030, 1, 1),
        "created_at": world.CREATED,
        "updated_at": world.CREATED,
    }
    api.add(Job, **(row | columns))


# Lists


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


def test_teams_are_listed_with_their_handles(api: Api) -> None:
    answer = api.get("/pic-teams", as_="viewer")

    (team,) = answer.json["pic_teams"]
    assert list(answer.json) == ["pic_teams"]
    assert list(team.items()) == [
        ("id", world.TEAM_ID),
        ("slug", "core"),
        ("name", "Core"),
        ("slack_handle", "@core"),
        ("is_active", True),
        ("created_at", "2026-01-02T03:04:05.678Z"),
        ("updated_at", "2026-01-02T03:04:05.678Z"),
    ]


def test_names_are_sorted_by_lower_case_then_id(api: Api) -> None:
    for number, name in enumerate(["Zebra", "apple", "Élan", "Apple", "_x", "10", "9"], 1):
        TEAM.add(api, number, slug=f"s{number}", name=name)

    names = [team["name"] for team in api.get("/pic-teams").json["pic_teams"]]

    assert names == ["10", "9", "_x", "apple", "Apple", "Core", "Zebra", "Élan"]


def test_an_empty_list_is_a_list(api: Api) -> None:
    api.delete(f"/pic-teams/{world.TEAM_ID}")

    assert api.get("/pic-teams").json == {"pic_teams": []}


@KINDS
@pytest.mark.parametrize(
    ("query", "who", "everything"),
    [
        *(
            pytest.param(f"?include_inactive={word}", "admin", True, id=word)
            for word in ["1", "true", "yes", "y", "on"]
        ),
        *(pytest.param(f"?include_inactive={word}", "admin", True, id=word) for word in ["TRUE", "Yes", "%20on%20"]),
        pytest.param("?include_inactive=", "admin", False, id="empty"),
        pytest.param("?include_inactive", "admin", False, id="no value"),
        *(
            pytest.param(f"?include_inactive={word}", "admin", False, id=word)
            for word in ["0", "false", "2", "oui", "%FF"]
        ),
        pytest.param("?include_inactive=1&include_inactive=0", "admin", True, id="twice, the first is true"),
        pytest.param("?include_inactive=0&include_inactive=1", "admin", False, id="twice, the first is false"),
        pytest.param("?include_inactive=&include_inactive=1", "admin", True, id="twice, the first is empty"),
        pytest.param("?Include_Inactive=1", "admin", False, id="another parameter"),
        pytest.param("?include_inactive=1", "user", False, id="a user"),
        pytest.param("?include_inactive=1", "viewer", False, id="a viewer"),
    ],
)
def test_inactive_ones_are_for_admins_who_ask(api: Api, kind: Kind, query: str, who: str, everything: bool) -> None:
    kind.add(api, slug="off", name="Off", is_active=False)

    answer = api.get(f"{kind.path}{query}", as_=who)

    assert ("off" in [row["slug"] for row in answer.json[kind.listed]]) is everything


# Creation


@KINDS
@pytest.mark.parametrize(
    ("body", "name", "slug", "is_active"),
    [
        pytest.param({"name": "Nightly"}, "Nightly", "nightly", True, id="a name"),
        pytest.param({"name": "  Über Tests/2 \n"}, "Über Tests/2", "ber-tests-2", True, id="trimmed and slugified"),
        pytest.param({"name": "日本 x"}, "日本 x", "x", True, id="only what fits into a slug"),
        pytest.param({"name": "A--b__C..d"}, "A--b__C..d", "a-b-c-d", True, id="runs become one dash"),
        pytest.param({"name": "N", "slug": "My Slug!"}, "N", "my-slug", True, id="a slug is slugified"),
        pytest.param({"name": "日本", "slug": "japan"}, "日本", "japan", True, id="a slug for a name that gives none"),
        pytest.param({"name": "N", "slug": None}, "N", "n", True, id="slug null"),
        pytest.param({"name": "N", "slug": "  "}, "N", "n", True, id="slug blank"),
        pytest.param({"name": "N", "is_active": False}, "N", "n", False, id="inactive"),
        pytest.param({"name": "N", "is_active": None}, "N", "n", True, id="is_active null"),
        pytest.param({"name": "N", "id": "x", "created_at": 1, "unknown": {}}, "N", "n", True, id="unknown keys"),
        pytest.param({"name": "x" * 255, "slug": "y" * 100}, "x" * 255, "y" * 100, True, id="as long as may be"),
        pytest.param({"name": "<b>'\"; --"}, "<b>'\"; --", "b", True, id="markup is text"),
    ],
)
def test_a_new_one_is_stored_and_answered(
    api: Api, kind: Kind, body: Any, name: str, slug: str, is_active: bool
) -> None:
    answer = api.post(kind.path, body | kind.extra)

    assert answer.status == 201
    assert list(answer.json) == ["message", kind.shown]
    assert answer.json["message"] == kind.created
    shown = answer.json[kind.shown]
    assert list(shown) == kind.keys
    assert (shown["name"], shown["slug"], shown["is_active"]) == (name, slug, is_active)
    assert shown["created_at"] == shown["updated_at"]
    row = api.row(kind.model, slug=slug)
    assert (row["id"], row["name"], row["is_active"]) == (shown["id"], name, is_active)
    assert row["created_at"] == row["updated_at"]


def test_a_teams_handle_is_trimmed_and_need_not_start_with_an_at(api: Api) -> None:
    answer = api.post("/pic-teams", {"name": "Night", "slack_handle": "  night shift "})

    assert answer.json["pic_team"]["slack_handle"] == "night shift"
    assert api.row(PicTeam, slug="night")["slack_handle"] == "night shift"


@KINDS
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, required("name"), id="nothing"),
        *(pytest.param({"name": value}, required("name"), id=f"name is {value!r}") for value in [None, "", " \t\n"]),
        *(
            pytest.param({"name": value}, invalid('"name" must be a string.'), id=f"name is {value!r}")
            for value in [7, 0, 1.5, True, False, [], ["x"], {}]
        ),
        pytest.param({"name": "x" * 256}, invalid('"name" must be at most 255 characters.'), id="a name of 256"),
        *(
            pytest.param(
                {"name": f"a{character}b"}, invalid('"name" must not contain control characters.'), id=f"{character!r}"
            )
            for character in ["\0", "\n", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]
        ),
        pytest.param({"name": "!!"}, NO_SLUG, id="nothing to slugify"),
        pytest.param({"name": "日本"}, NO_SLUG, id="no letter of a slug"),
        pytest.param({"name": "x" * 101}, invalid('"slug" must be at most 100 characters.'), id="a slug of 101"),
        *(
            pytest.param({"name": "N", "slug": value}, invalid('"slug" must be a string.'), id=f"slug is {value!r}")
            for value in [7, False, [], {}]
        ),
        pytest.param({"name": "N", "slug": "?!"}, NO_SLUG, id="a slug of nothing"),
        pytest.param(
            {"name": "N", "slug": "a" + "!" * 100},
            invalid('"slug" must be at most 100 characters.'),
            id="slug too long",
        ),
        pytest.param(
            {"name": "N", "slug": "a\nb"},
            invalid('"slug" must not contain control characters.'),
            id="a slug in two lines",
        ),
        *(
            pytest.param(
                {"name": "N", "is_active": value},
                invalid('"is_active" must be true or false.'),
                id=f"is_active is {value!r}",
            )
            for value in ["true", "", 1, 0, []]
        ),
    ],
)
def test_one_that_cannot_be_made_is_refused(api: Api, kind: Kind, body: Any, expected: object) -> None:
    before = api.everything()

    answer = api.post(kind.path, kind.extra | body)

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"name": "N"}, required("slack_handle"), id="no handle"),
        *(
            pytest.param({"name": "N", "slack_handle": value}, required("slack_handle"), id=f"handle is {value!r}")
            for value in [None, "", "  "]
        ),
        *(
            pytest.param(
                {"name": "N", "slack_handle": value},
                invalid('"slack_handle" must be a string.'),
                id=f"handle is {value!r}",
            )
            for value in [7, True, []]
        ),
        pytest.param({"slack_handle": 7}, required("name"), id="the name comes first"),
        pytest.param({"name": "!!"}, required("slack_handle"), id="the handle comes before the slug"),
        pytest.param(
            {"name": "N", "slack_handle": "@" * 256},
            invalid('"slack_handle" must be at most 255 characters.'),
            id="a handle of 256",
        ),
        pytest.param(
            {"name": "N", "slack_handle": "@a\rb"},
            invalid('"slack_handle" must not contain control characters.'),
            id="a handle in two lines",
        ),
    ],
)
def test_a_team_needs_a_handle(api: Api, body: Any, expected: object) -> None:
    before = api.everything()

    answer = api.post("/pic-teams", body)

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


@KINDS
@pytest.mark.parametrize(
    ("body", "slug"),
    [
        pytest.param({"name": "Old name"}, "old-name", id="the same name"),
        pytest.param({"name": "OLD--NAME!"}, "old-name", id="a name with the same slug"),
        pytest.param({"name": "Fresh", "slug": "Old Name"}, "old-name", id="the same slug"),
        pytest.param({"name": "Off"}, "off", id="the slug of a disabled one"),
    ],
)
def test_a_slug_is_taken_once(api: Api, kind: Kind, body: Any, slug: str) -> None:
    kind.add(api)
    kind.add(api, 2, slug="off", name="Off", is_active=False)
    before = api.everything()

    answer = api.post(kind.path, body | kind.extra)

    expected = {"error": "Duplicate slug", "message": f'{kind.slug_noun} slug "{slug}" already exists.'}
    assert (answer.status, answer.json) == (409, expected)
    assert api.everything() == before


@KINDS
def test_of_two_that_arrive_at_once_one_is_made(api: Api, kind: Kind) -> None:
    api.alone = False
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: api.post(kind.path, {"name": "At once", **kind.extra}), range(4)))

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert len([row for row in api.rows(kind.model) if row["slug"] == "at-once"]) == 1
    api.transcript.sort(key=lambda entry: entry[2].status)


# Update


def told(answer: Answer, kind: Kind) -> tuple[int, str, int]:
    assert list(answer.json) == ["message", kind.shown, "jobs_updated"]
    assert list(answer.json[kind.shown]) == kind.keys
    return answer.status, answer.json["message"], answer.json["jobs_updated"]


@KINDS
@pytest.mark.parametrize(
    ("body", "changes"),
    [
        pytest.param({"name": " Fresh Name "}, {"name": "Fresh Name", "slug": "fresh-name"}, id="a new name"),
        pytest.param({"name": "OLD NAME"}, {"name": "OLD NAME"}, id="a name with the same slug"),
        pytest.param({"is_active": False}, {"is_active": False}, id="disabled"),
        pytest.param(
            {"name": "Gone", "is_active": False}, {"name": "Gone", "slug": "gone", "is_active": False}, id="both"
        ),
    ],
)
def test_an_update_sets_what_is_sent(api: Api, kind: Kind, body: Any, changes: dict[str, Any]) -> None:
    path = kind.add(api)
    old = api.row(kind.model, slug="old-name")

    answer = api.put(path, body)

    assert told(answer, kind) == (200, f"{kind.told} updated", 0)
    assert {key: answer.json[kind.shown][key] for key in changes} == changes
    row = api.row(kind.model, id=old["id"])
    assert row == old | changes | {"updated_at": row["updated_at"]}
    assert row["updated_at"] > old["updated_at"]


def test_a_teams_handle_can_be_changed(api: Api) -> None:
    answer = api.put(f"/pic-teams/{world.TEAM_ID}", {"slack_handle": " @night "})

    assert answer.json["pic_team"]["slack_handle"] == "@night"
    assert api.row(PicTeam, id=world.TEAM_ID)["slack_handle"] == "@night"


@KINDS
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"name": "Old name", "is_active": True}, id="what is there"),
        pytest.param({"is_active": None}, id="is_active null"),
        pytest.param({"id": "x", "created_at": 1, "unknown": []}, id="unknown keys"),
    ],
)
def test_an_update_that_changes_nothing_leaves_the_row_as_it_was(api: Api, kind: Kind, body: Any) -> None:
    path = kind.add(api)
    before = api.everything()

    answer = api.put(path, body)

    assert told(answer, kind) == (200, f"{kind.told} updated", 0)
    assert answer.json[kind.shown]["updated_at"] == "2026-02-03T04:05:06.000Z"
    assert api.everything() == before


def test_a_category_has_no_handle_to_change(api: Api) -> None:
    path = CATEGORY.add(api)
    before = api.everything()

    assert api.put(path, {"slack_handle": ""}).status == 200
    assert api.everything() == before


def test_a_disabled_team_can_be_enabled_again(api: Api) -> None:
    answer = api.put(f"/pic-teams/{world.DISABLED_TEAM_ID}", {"is_active": True})

    assert answer.json["pic_team"]["is_active"] is True
    assert api.row(PicTeam, slug="old")["is_active"] is True


@KINDS
def test_the_slug_of_a_name_sent_again_is_derived_again(api: Api, kind: Kind) -> None:
    path = kind.add(api, slug="chosen")

    assert api.put(path, {"name": "Old name"}).json[kind.shown]["slug"] == "old-name"


@KINDS
def test_jobs_follow_a_changed_slug(api: Api, kind: Kind) -> None:
    path = kind.add(api)
    add_job(api, 1, **{kind.column: "old-name"})
    add_job(api, 2, **{kind.column: "old-name", "is_active": False})
    add_job(api, 3, **{kind.column: "other"})
    before = api.rows(Job)

    answer = api.put(path, {"name": "New name"})

    assert told(answer, kind) == (200, f"{kind.told} updated", 2)
    after = [row | ({kind.column: "new-name"} if row[kind.column] == "old-name" else {}) for row in before]
    assert api.rows(Job) == after


@KINDS
def test_jobs_stay_where_the_slug_does(api: Api, kind: Kind) -> None:
    path = kind.add(api)
    add_job(api, 1, **{kind.column: "old-name"})
    before = api.rows(Job)

    assert api.put(path, {"name": "old NAME", "is_active": False}).json["jobs_updated"] == 0
    assert api.rows(Job) == before


@KINDS
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        *(
            pytest.param(
                {"name": value}, {"error": "Invalid name", "message": "Name cannot be empty."}, id=f"name is {value!r}"
            )
            for value in [None, "", "  "]
        ),
        *(
            pytest.param({"name": value}, invalid('"name" must be a string.'), id=f"name is {value!r}")
            for value in [7, True, [], {}]
        ),
        pytest.param({"name": "x" * 256}, invalid('"name" must be at most 255 characters.'), id="a name of 256"),
        pytest.param(
            {"name": "a\nb"}, invalid('"name" must not contain control characters.'), id="a name in two lines"
        ),
        pytest.param({"name": "!!"}, NO_SLUG, id="nothing to slugify"),
        pytest.param({"name": "x" * 101}, invalid('"slug" must be at most 100 characters.'), id="a slug of 101"),
        *(
            pytest.param(
                {"name": "Fresh", "slug": value},
                invalid("Slug cannot be edited directly; it is derived from name."),
                id=f"slug is {value!r}",
            )
            for value in ["fresh", "old-name", "", None, 7]
        ),
        *(
            pytest.param(
                {"name": "Fresh", "is_active": value},
                invalid('"is_active" must be true or false.'),
                id=f"is_active is {value!r}",
            )
            for value in ["no", 0, []]
        ),
        pytest.param(
            {"name": "Taken", "slug": "x"},
            invalid("Slug cannot be edited directly; it is derived from name."),
            id="the request comes before what is taken",
        ),
    ],
)
def test_an_update_that_cannot_be_is_refused(api: Api, kind: Kind, body: Any, expected: object) -> None:
    path = kind.add(api)
    kind.add(api, 2, slug="taken", name="Taken")
    before = api.everything()

    answer = api.put(path, body)

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            pytest.param(
                value, {"error": "Invalid slack_handle", "message": "slack_handle cannot be empty."}, id=repr(value)
            )
            for value in [None, "", " \t"]
        ),
        *(pytest.param(value, invalid('"slack_handle" must be a string.'), id=repr(value)) for value in [7, False, {}]),
        pytest.param("@" * 256, invalid('"slack_handle" must be at most 255 characters.'), id="256 characters"),
        pytest.param("@\x00", invalid('"slack_handle" must not contain control characters.'), id="NUL"),
    ],
)
def test_a_team_keeps_a_handle(api: Api, value: Any, expected: object) -> None:
    before = api.everything()

    answer = api.put(f"/pic-teams/{world.TEAM_ID}", {"name": "Fresh", "slack_handle": value})

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


@KINDS
def test_a_rename_to_a_taken_slug_is_refused(api: Api, kind: Kind) -> None:
    path = kind.add(api)
    kind.add(api, 2, slug="taken", name="Other", is_active=False)
    add_job(api, 1, **{kind.column: "old-name"})
    before = api.everything()

    answer = api.put(path, {"name": "Taken!", "is_active": False})

    expected = {"error": "Duplicate slug", "message": f'{kind.slug_noun} slug "taken" already exists.'}
    assert (answer.status, answer.json) == (409, expected)
    assert api.everything() == before


@pytest.mark.parametrize("name", ["Other", "GENERAL", "general"])
def test_general_cannot_be_renamed(api: Api, name: str) -> None:
    before = api.everything()

    answer = api.put(GENERAL, {"name": name, "is_active": False})

    expected = {"error": "Invalid category", "message": 'The "General" category cannot be renamed.'}
    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


def test_general_may_be_disabled_under_its_own_name(api: Api) -> None:
    answer = api.put(GENERAL, {"name": " General ", "is_active": False})

    assert answer.status == 200
    assert api.row(JobCategory, slug="general")["is_active"] is False


def test_a_team_called_general_is_a_team_like_others(api: Api) -> None:
    path = TEAM.add(api, slug="general", name="General")

    assert api.put(path, {"name": "Other"}).json["pic_team"]["slug"] == "other"


# Disabling


@KINDS
def test_disabling_keeps_the_row_and_its_jobs(api: Api, kind: Kind) -> None:
    path = kind.add(api)
    add_job(api, 1, **{kind.column: "old-name"})
    old, jobs = api.row(kind.model, slug="old-name"), api.rows(Job)

    answer = api.delete(path)

    assert answer.status == 200
    assert list(answer.json) == ["message", kind.shown]
    assert answer.json["message"] == f"{kind.told} disabled"
    assert list(answer.json[kind.shown]) == kind.keys
    assert answer.json[kind.shown]["is_active"] is False
    row = api.row(kind.model, slug="old-name")
    assert row == old | {"is_active": False, "updated_at": row["updated_at"]}
    assert row["updated_at"] > old["updated_at"]
    assert api.rows(Job) == jobs


@KINDS
def test_disabling_twice_answers_the_same_and_writes_once(api: Api, kind: Kind) -> None:
    path = kind.add(api)
    first = api.delete(path)
    before = api.everything()

    second = api.delete(path)

    assert (second.status, second.body) == (200, first.body)
    assert api.everything() == before


def test_general_may_be_disabled(api: Api) -> None:
    assert api.delete(GENERAL).status == 200
    assert api.row(JobCategory, slug="general")["is_active"] is False


@KINDS
def test_disabling_reads_no_body(api: Api, kind: Kind) -> None:
    assert api.delete(kind.add(api), content=b"{", headers={"Content-Type": "text/plain"}).status == 200


# Both


@KINDS
@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        (NOBODY, NOBODY),
        ("%20", " "),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("%C3%A9%E2%80%A8", "é\u2028"),
        ("%FF", "\ufffd"),
        ("a%252Fb", "a%2Fb"),
        ("..", ".."),
        ("x" * 300, "x" * 300),
        ("' OR 1=1 --", "' OR 1=1 --"),
        (f"{world.TEAM_ID}%20", f"{world.TEAM_ID} "),
    ],
    ids=lambda value: value[:20],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_id_is_named(api: Api, kind: Kind, method: str, sent: str, echoed: str) -> None:
    before = api.everything()
    options = {"json": {"name": "", "slug": 7}} if method == "PUT" else {}

    answer = api.request(method, f"{kind.path}/{sent}", **options)

    assert answer.status == 404
    assert answer.json == {"error": "Not found", "message": f"No {kind.noun} found with ID: {echoed}"}
    assert api.everything() == before


@KINDS
def test_the_id_of_the_other_kind_is_unknown(api: Api, kind: Kind) -> None:
    other = world.TEAM_ID if kind is CATEGORY else world.CATEGORY_IDS["refund"]

    assert api.put(f"{kind.path}/{other}", {}).status == 404


@KINDS
@pytest.mark.parametrize("who", ["user", "viewer"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_admins_change_them(api: Api, kind: Kind, method: str, who: str) -> None:
    path = kind.path if method == "POST" else kind.add(api)
    before = api.everything()

    answer = api.request(method, path, as_=who, content=b"{", headers={"Content-Type": "text/plain"})

    assert answer.status == 403
    assert answer.json["message"] == "This endpoint requires one of the following roles: admin"
    assert api.everything() == before
