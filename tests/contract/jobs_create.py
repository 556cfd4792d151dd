"""Cases: creating a job."""

from datetime import date, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from shared_models import Job, JobCategory, JobSchedule, Notification, PicTeam, new_id
from tests.contract import world
from tests.contract.api import Answer, Api
from tests.contract.job_refusals import (
    CONTROL,
    DISABLED_TEAM,
    METADATA,
    MISSING_TARGET,
    NO_END_DATE,
    NOT_A_DATE,
    OVER,
    STRING_FIELDS,
    TEAM_REQUIRED,
    UNKNOWN_CATEGORY,
    UNKNOWN_TEAM,
    WRONG_TYPES,
    cron,
    github,
    missing,
    nested,
    not_an_address,
    payload,
)
from tests.contract.jobs import END_DATE, KEYS, YEARLY, add_job, github_body, job_body, new_year, today, told


@pytest.mark.parametrize(
    ("field", "value", "message"),
    WRONG_TYPES,
    ids=[f"{field} {type(value).__name__} {value}" for field, value, _ in WRONG_TYPES],
)
def test_a_field_of_the_wrong_json_type_is_refused(api: Api, field: str, value: Any, message: str) -> None:
    before = api.everything()

    answer = api.post("/jobs", job_body(**{field: value}))

    assert (answer.status, answer.json) == (400, payload(message))
    assert api.everything() == before


LONGEST = {
    **dict.fromkeys(("name", "category", "pic_team", "pic_team_slug"), 255),
    **dict.fromkeys(("github_owner", "github_repo", "github_workflow_name"), 255),
    "cron_expression": 100,
    "target_url": 500,
}


@pytest.mark.parametrize(("field", "most"), LONGEST.items(), ids=LONGEST)
def test_a_text_longer_than_its_column_is_refused(api: Api, field: str, most: int) -> None:
    before = api.everything()

    answer = api.post("/jobs", job_body(**{field: "x" * (most + 1)}))

    assert (answer.status, answer.json) == (400, payload(f'"{field}" must be at most {most} characters.'))
    assert api.everything() == before


@pytest.mark.parametrize("character", ["\0", "\t", "\n", "\x7f", "\x85", "\u2028"], ids=ascii)
@pytest.mark.parametrize("field", [*STRING_FIELDS, "notification_emails"])
def test_a_control_character_is_refused(api: Api, field: str, character: str) -> None:
    answer = api.post("/jobs", job_body(**{field: f"a{character}b"}))

    assert (answer.status, answer.json) == (400, payload(f'"{field}" {CONTROL}'))


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing at all": ({}, missing("name", "cron_expression", "end_date")),
    "no name": (job_body(name=...), missing("name")),
    "no cron and no end date": (job_body(cron_expression=..., end_date=...), missing("cron_expression", "end_date")),
    "name null": (job_body(name=None), {"error": "Job name cannot be empty"}),
    "name empty": (job_body(name=""), {"error": "Job name cannot be empty"}),
    "name blank": (job_body(name=" \u3000 "), {"error": "Job name cannot be empty"}),
    "cron null": (job_body(cron_expression=None), cron("Cron expression is required.")),
    "cron blank": (job_body(cron_expression="  "), cron("Cron expression is required.")),
    "cron of four fields": (
        job_body(cron_expression="0 2 * *"),
        cron("Cron expression must have exactly 5 fields (minute hour day month day-of-week)."),
    ),
    "cron out of range": (job_body(cron_expression="60 2 * * *"), cron('Minute "60" is out of range 0-59.')),
    "cron that never fires": (job_body(cron_expression="0 2 30 2 *"), cron("This expression never fires.")),
    "category unknown": (job_body(category="nope"), UNKNOWN_CATEGORY),
    "category almost": (job_body(category="dr testing!"), UNKNOWN_CATEGORY),
    "metadata a list": (job_body(metadata=[1]), METADATA),
    "metadata a text": (job_body(metadata="{}"), METADATA),
    "metadata empty text": (job_body(metadata=""), METADATA),
    "metadata false": (job_body(metadata=False), METADATA),
    "metadata zero": (job_body(metadata=0), METADATA),
    "metadata an empty list": (job_body(metadata=[]), METADATA),
    "metadata too deep": (
        job_body(metadata=nested(101)),
        {"error": "Invalid metadata", "message": "metadata must not be nested more than 100 levels deep"},
    ),
    "metadata far too deep": (
        job_body(metadata=nested(900)),
        {"error": "Invalid metadata", "message": "metadata must not be nested more than 100 levels deep"},
    ),
    "end date null": (job_body(end_date=None), NO_END_DATE),
    "end date blank": (job_body(end_date="  "), NO_END_DATE),
    "end date with slashes": (job_body(end_date="2099/12/31"), NOT_A_DATE),
    "end date without zeros": (job_body(end_date="2099-1-1"), NOT_A_DATE),
    "end date compact": (job_body(end_date="20991231"), NOT_A_DATE),
    "end date of a week": (job_body(end_date="2099-W01-1"), NOT_A_DATE),
    "end date with a time": (job_body(end_date="2099-12-31T00:00:00Z"), NOT_A_DATE),
    "end date not in the calendar": (job_body(end_date="2099-02-29"), NOT_A_DATE),
    "end date of year zero": (job_body(end_date="0000-01-01"), NOT_A_DATE),
    "end date in other digits": (job_body(end_date="２０９９-12-31"), NOT_A_DATE),
    "end date long": (job_body(end_date="2" * 600), NOT_A_DATE),
    "end date over": (job_body(end_date="2026-01-01"), OVER),
    "team absent": (job_body(pic_team=...), TEAM_REQUIRED),
    "team null": (job_body(pic_team=None), TEAM_REQUIRED),
    "team blank": (job_body(pic_team=" "), TEAM_REQUIRED),
    "team with nothing to slugify": (job_body(pic_team="!!!"), TEAM_REQUIRED),
    "team in another script": (job_body(pic_team="基盤"), TEAM_REQUIRED),
    "team unknown": (job_body(pic_team="nope"), UNKNOWN_TEAM),
    "team slug unknown": (job_body(pic_team=..., pic_team_slug="nope"), UNKNOWN_TEAM),
    "team disabled": (job_body(pic_team="old"), DISABLED_TEAM),
    "no target": (job_body(target_url=...), MISSING_TARGET),
    "target null": (job_body(target_url=None), MISSING_TARGET),
    "target blank": (job_body(target_url="  "), MISSING_TARGET),
    "owner only": (job_body(target_url=..., github_owner="acme"), MISSING_TARGET),
    "no owner and no default one": (github_body(github_owner=...), MISSING_TARGET),
    "owner blank": (github_body(github_owner=" "), MISSING_TARGET),
    "no repo": (github_body(github_repo=...), MISSING_TARGET),
    "no workflow": (github_body(github_workflow_name=None), MISSING_TARGET),
    "target of another scheme": (
        job_body(target_url="ftp://example.com/x"),
        {"error": "Invalid target_url", "message": "The URL must start with http:// or https://."},
    ),
    "target without host": (
        job_body(target_url="https:///x"),
        {"error": "Invalid target_url", "message": "The URL must name a host."},
    ),
    "bad owner": (github_body(github_owner="ac/me"), github("ac/me", "owner")),
    "bad repo": (github_body(github_repo=".."), github("..", "repository")),
    "bad workflow": (github_body(github_workflow_name="a b.yml"), github("a b.yml", "workflow file")),
    "workflow of another kind": (
        github_body(github_workflow_name="deploy.json"),
        {"error": "Invalid github_workflow_name", "message": "Workflow file must end with .yml or .yaml."},
    ),
    "bad repo beside a good url": (job_body(github_repo="a b"), github("a b", "repository")),
    "recipient without at": (job_body(notification_emails=["ops"]), not_an_address("ops")),
    "second recipient bad": (job_body(notification_emails="a@example.com, b@"), not_an_address("b@")),
    "recipients with a semicolon": (
        job_body(notification_emails="a@example.com;b@example.com"),
        not_an_address("a@example.com;b@example.com"),
    ),
    "recipient with a name": (
        job_body(notification_emails=["Ops <ops@example.com>"]),
        not_an_address("Ops <ops@example.com>"),
    ),
    "recipients with a comma in a list": (
        job_body(notification_emails=["a@example.com,b@example.com"]),
        not_an_address("a@example.com,b@example.com"),
    ),
    "recipient too long": (
        job_body(notification_emails=["a" * 120 + "@example.com"]),
        not_an_address("a" * 120 + "@example.com"),
    ),
    "recipient with a line break": (
        job_body(notification_emails=["a@example.com\nbcc: b@example.com"]),
        payload(f'"notification_emails" {CONTROL}'),
    ),
    "recipient bad though e-mails are off": (
        job_body(enable_email_notifications=False, notification_emails=["ops"]),
        not_an_address("ops"),
    ),
}


@pytest.mark.parametrize(("body", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_job_that_cannot_be_saved_is_refused(api: Api, body: Any, expected: Any) -> None:
    before = api.everything()

    answer = api.post("/jobs", body, as_="user")

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


FAULTS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    # in the order of their refusals: first what the request alone shows, then what the database says
    ({"end_date": ...}, missing("end_date")),
    ({"name": " "}, {"error": "Job name cannot be empty"}),
    ({"cron_expression": "x"}, cron("Cron expression must have exactly 5 fields (minute hour day month day-of-week).")),
    ({"category": 7}, payload('"category" must be a string.')),
    ({"metadata": []}, METADATA),
    ({"end_date": "x"}, NOT_A_DATE),
    ({"pic_team": 7}, payload('"pic_team" must be a string.')),
    ({"target_url": 7}, payload('"target_url" must be a string.')),
    ({"target_url": None}, MISSING_TARGET),
    ({"target_url": "x"}, {"error": "Invalid target_url", "message": "The URL must start with http:// or https://."}),
    ({"github_repo": "a b"}, github("a b", "repository")),
    ({"notification_emails": ["ops"]}, not_an_address("ops")),
    ({"is_active": "yes"}, payload('"is_active" must be true or false.')),
    (
        {"name": "Taken"},
        {
            "error": "Duplicate job name",
            "message": 'A job with the name "Taken" already exists. Please use a unique name.',
        },
    ),
    ({"category": "nope"}, UNKNOWN_CATEGORY),
    ({"pic_team": None}, TEAM_REQUIRED),
)


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[str(fault) for fault, _ in FAULTS])
def test_of_several_faults_the_first_is_told(api: Api, first: int) -> None:
    add_job(api, name="Taken")
    before = api.everything()
    body: dict[str, Any] = {}
    for fault, _ in reversed(FAULTS[first:]):
        body |= fault

    answer = api.post("/jobs", job_body(**body))

    assert (answer.status, answer.json) == (400, FAULTS[first][1])
    assert api.everything() == before


def test_metadata_nested_as_deep_as_allowed_is_kept(api: Api) -> None:
    answer = api.post("/jobs", job_body(metadata=nested(100)))

    assert (answer.status, answer.json["job"]["metadata"]) == (201, nested(100))
    assert api.get(f"/jobs/{answer.json['job']['id']}").json["job"]["metadata"] == nested(100)


def test_a_new_job_is_answered_whole(api: Api) -> None:
    answer = api.post("/jobs", job_body(), as_="user")

    job = answer.json["job"]
    assert (answer.status, list(answer.json), list(job)) == (201, ["message", "job"], KEYS)
    assert answer.json["message"] == "Job created successfully"
    assert job["created_at"] == job["updated_at"]
    assert job | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "name": "Nightly deploy",
        "cron_expression": YEARLY,
        "target_url": "https://hooks.example.com/deploy",
        "github_owner": None,
        "github_repo": None,
        "github_workflow_name": None,
        "metadata": {},
        "category": "general",
        "end_date": END_DATE,
        "pic_team": "core",
        "enable_email_notifications": False,
        "notification_emails": [],
        "notify_on_success": False,
        "created_by": world.user_id("user"),
        "is_active": True,
        "created_at": "",
        "updated_at": "",
        "last_execution_at": None,
        "next_execution_at": new_year(),
    }
    assert api.get(f"/jobs/{job['id']}").json["job"] == job


def test_a_new_job_is_stored_scheduled_and_told(api: Api) -> None:
    before = api.everything()

    job = api.post("/jobs", job_body(metadata={"b": 1, "a": [None, "ü"]}), as_="user").json["job"]

    row = api.row(Job)
    assert (row["id"], row["name"], row["created_by"]) == (job["id"], "Nightly deploy", world.user_id("user"))
    assert (row["end_date"], row["metadata"]) == (date(2099, 12, 31), {"b": 1, "a": [None, "ü"]})
    schedule = api.row(JobSchedule)
    assert (schedule["job_id"], schedule["schedule_rev"]) == (job["id"], 1)
    assert schedule["next_run_at"].isoformat() == f"{today().year}-12-31T15:00:00+00:00"
    message = 'Job "Nightly deploy" was created by user@example.com.'
    assert told(api) == [("New Job Created", message, "info", job["id"])]
    untouched = set(before) - {"jobs", "job_schedule", "notifications"}
    assert {name: api.everything()[name] for name in untouched} == {name: before[name] for name in untouched}


def test_a_notification_is_new(api: Api) -> None:
    api.post("/jobs", job_body())

    rows = api.rows(Notification)
    assert {(row["is_read"], row["read_at"], row["related_execution_id"]) for row in rows} == {(False, None, None)}
    assert {row["created_at"] for row in rows} == {api.row(Job)["created_at"]}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param({"name": "  Ünï ☃ 日本 \u3000"}, {"name": "Ünï ☃ 日本"}, id="name trimmed"),
        pytest.param({"name": "x" * 255}, {"name": "x" * 255}, id="name as long as its column"),
        pytest.param({"name": " " + "x" * 255 + " "}, {"name": "x" * 255}, id="blanks do not count"),
        pytest.param({"name": '"><script>'}, {"name": '"><script>'}, id="name with markup"),
        pytest.param({"cron_expression": " 0  0 1   JAN * "}, {"cron_expression": "0 0 1 JAN *"}, id="single blanks"),
        pytest.param({"end_date": f"  {END_DATE} "}, {"end_date": END_DATE}, id="end date trimmed"),
        pytest.param({"end_date": "9999-12-31"}, {"end_date": "9999-12-31"}, id="the last date there is"),
        pytest.param(
            {"target_url": " http://10.0.0.1:8/a?b=c#d "}, {"target_url": "http://10.0.0.1:8/a?b=c#d"}, id="url"
        ),
        pytest.param(
            {"target_url": "https://h.example/" + "x" * 482},
            {"target_url": "https://h.example/" + "x" * 482},
            id="url 500",
        ),
        pytest.param({"metadata": None}, {"metadata": {}}, id="metadata null"),
        pytest.param({"metadata": {"\0": "\0"}}, {"metadata": {"\0": "\0"}}, id="metadata with NUL"),
        pytest.param({"metadata": {"n": 2**53, "f": 1.0}}, {"metadata": {"n": 2**53, "f": 1.0}}, id="metadata numbers"),
        pytest.param({"is_active": None}, {"is_active": True}, id="is_active null"),
        pytest.param({"is_active": False}, {"is_active": False, "next_execution_at": None}, id="inactive"),
        pytest.param({"enable_email_notifications": None}, {"enable_email_notifications": False}, id="e-mails null"),
        pytest.param(
            {"enable_email_notifications": False, "notification_emails": ["a@example.com"], "notify_on_success": True},
            {"enable_email_notifications": False, "notification_emails": [], "notify_on_success": False},
            id="e-mails off",
        ),
        pytest.param(
            {"notification_emails": ["a@example.com"], "notify_on_success": True},
            {"enable_email_notifications": False, "notification_emails": [], "notify_on_success": False},
            id="e-mails not mentioned",
        ),
        pytest.param(
            {
                "enable_email_notifications": True,
                "notification_emails": " a@x.jp,, B@corp.local ,",
                "notify_on_success": True,
            },
            {
                "enable_email_notifications": True,
                "notification_emails": ["a@x.jp", "B@corp.local"],
                "notify_on_success": True,
            },
            id="recipients as text",
        ),
        pytest.param(
            {"enable_email_notifications": True, "notification_emails": [" a@x.jp ", ""]},
            {"notification_emails": ["a@x.jp"], "notify_on_success": False},
            id="recipients as list",
        ),
        pytest.param(
            {"enable_email_notifications": True, "notification_emails": None},
            {"enable_email_notifications": True, "notification_emails": []},
            id="e-mails on without recipients",
        ),
        pytest.param(
            {"github_owner": "acme", "github_repo": "web", "github_workflow_name": "ci"},
            {"target_url": "https://hooks.example.com/deploy", "github_owner": "acme", "github_workflow_name": "ci"},
            id="both targets",
        ),
        pytest.param(
            {"github_repo": " web "}, {"github_repo": "web", "github_owner": None}, id="half a workflow beside a url"
        ),
        pytest.param(
            {"target_url": None, "github_owner": "acme", "github_repo": "web", "github_workflow_name": "a.yaml"},
            {"target_url": None, "github_owner": "acme", "github_repo": "web", "github_workflow_name": "a.yaml"},
            id="workflow",
        ),
        pytest.param(
            {"id": "mine", "created_by": None, "created_at": "now", "nonsense": [1]},
            {"name": "Nightly deploy"},
            id="unknown keys",
        ),
    ],
)
def test_what_is_sent_is_kept(api: Api, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    answer = api.post("/jobs", job_body(**sent))

    assert answer.status == 201
    job = answer.json["job"]
    assert {key: job[key] for key in kept} == kept
    assert api.get(f"/jobs/{job['id']}").json["job"] == job


def test_an_inactive_job_has_no_next_run(api: Api) -> None:
    api.post("/jobs", job_body(is_active=False))

    assert api.row(JobSchedule)["next_run_at"] is None


def test_a_job_may_end_today(api: Api) -> None:
    answer = api.post("/jobs", job_body(end_date=today().isoformat()))

    assert (answer.status, answer.json["job"]["next_execution_at"]) == (201, None)
    assert api.row(JobSchedule)["next_run_at"] is None


def test_a_job_may_not_end_yesterday(api: Api) -> None:
    answer = api.post("/jobs", job_body(end_date=(today() - timedelta(days=1)).isoformat()))

    assert (answer.status, answer.json) == (400, OVER)


@pytest.mark.parametrize(
    ("sent", "slug"),
    [
        pytest.param({}, "general", id="absent"),
        pytest.param({"category": None}, "general", id="null"),
        pytest.param({"category": "  "}, "general", id="blank"),
        pytest.param({"category": "dr-testing"}, "dr-testing", id="slug"),
        pytest.param({"category": " DR-TESTING "}, "dr-testing", id="slug in capitals"),
        pytest.param({"category": "dr testing"}, "dr-testing", id="name in small letters"),
        pytest.param({"category": "PROD/canary"}, "prod-canary", id="name with a slash"),
        pytest.param({"category": "shadow"}, "shadow", id="slug before name"),
        pytest.param({"category": "ÜBUNG"}, "uebung", id="name beyond ASCII"),
        pytest.param({"category": "disabled"}, "disabled", id="disabled"),
    ],
)
def test_a_category_is_found_by_slug_or_name(api: Api, sent: dict[str, Any], slug: str) -> None:
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    api.add(JobCategory, id=new_id(), slug="another", name="Shadow", **stamps)
    api.add(JobCategory, id=new_id(), slug="shadow", name="Light", **stamps)
    api.add(JobCategory, id=new_id(), slug="uebung", name="Übung", **stamps)
    api.add(JobCategory, id=new_id(), slug="disabled", name="Disabled", is_active=False, **stamps)

    answer = api.post("/jobs", job_body(**sent))

    assert (answer.status, answer.json["job"]["category"]) == (201, slug)
    assert api.row(Job)["category"] == slug


@pytest.mark.parametrize(
    ("sent", "slug"),
    [
        pytest.param({"pic_team": "core"}, "core", id="slug"),
        pytest.param({"pic_team": " CORE "}, "core", id="slug in capitals"),
        pytest.param({"pic_team": "platform TEAM"}, "ptf", id="name"),
        pytest.param({"pic_team": "基盤"}, "kiban", id="name without a slug of its own"),
        pytest.param({"pic_team": "Core!"}, "core", id="slugified"),
        pytest.param({"pic_team": None, "pic_team_slug": "core"}, "core", id="other field"),
        pytest.param({"pic_team": " ", "pic_team_slug": "core"}, "core", id="first one blank"),
        pytest.param({"pic_team": "core", "pic_team_slug": "nope"}, "core", id="first one wins"),
    ],
)
def test_a_team_is_found_by_slug_or_name(api: Api, sent: dict[str, Any], slug: str) -> None:
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED, "slack_handle": "@x"}
    api.add(PicTeam, id=new_id(), slug="ptf", name="Platform Team", **stamps)
    api.add(PicTeam, id=new_id(), slug="kiban", name="基盤", **stamps)

    answer = api.post("/jobs", job_body(**sent))

    assert (answer.status, answer.json["job"]["pic_team"]) == (201, slug)


@pytest.mark.parametrize("name", ["Nightly deploy", "  Nightly deploy "], ids=["same", "with blanks"])
def test_a_name_is_taken_once(api: Api, name: str) -> None:
    add_job(api, name="Nightly deploy")
    before = api.everything()

    answer = api.post("/jobs", job_body(name=name))

    assert (answer.status, answer.json) == (
        400,
        {
            "error": "Duplicate job name",
            "message": 'A job with the name "Nightly deploy" already exists. Please use a unique name.',
        },
    )
    assert api.everything() == before


@pytest.mark.parametrize("name", ["NIGHTLY DEPLOY", "Nightly  deploy", "Nightly deploy.", "Nightly deplo%"])
def test_another_name_is_another_name(api: Api, name: str) -> None:
    add_job(api, name="Nightly deploy")

    assert api.post("/jobs", job_body(name=name)).status == 201


def test_of_two_of_one_name_at_once_only_one_is_made(api: Api) -> None:
    gate = Barrier(2)
    answers: list[Answer] = []

    def create() -> None:
        gate.wait(10)
        answers.append(Api(api.stack, alone=False).post("/jobs", job_body(), as_="user"))

    threads = [Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    made, refused = sorted(answers, key=lambda answer: answer.status)
    assert (made.status, refused.status, refused.json["error"]) == (201, 400, "Duplicate job name")
    assert len(api.rows(Job)) == len(api.rows(JobSchedule)) == 1


def test_a_viewer_may_not_create(api: Api) -> None:
    before = api.everything()

    answer = api.post("/jobs", content=b"{", as_="viewer")

    assert (answer.status, answer.json) == (
        403,
        {
            "error": "Insufficient permissions",
            "message": "This endpoint requires one of the following roles: admin, user",
        },
    )
    assert api.everything() == before


def test_a_team_that_was_disabled_meanwhile_is_refused(api: Api) -> None:
    api.change(PicTeam, world.TEAM_ID, is_active=False)

    assert api.post("/jobs", job_body()).json == DISABLED_TEAM


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        pytest.param(b"{}", "text/plain", {"error": "Content-Type must be application/json"}, id="content type"),
        pytest.param(
            b"{",
            "application/json",
            {"error": "Invalid JSON", "message": "Request body is not valid JSON."},
            id="no JSON",
        ),
        pytest.param(
            b"", "application/json", {"error": "Invalid JSON", "message": "Request body is not valid JSON."}, id="empty"
        ),
        pytest.param(
            b'{"name": "\\ud800"}',
            "application/json",
            {"error": "Invalid JSON", "message": "Request body is not valid JSON."},
            id="half a character",
        ),
        pytest.param(
            b'{"metadata": {"n": 1e999}}',
            "application/json",
            {"error": "Invalid JSON", "message": "Request body is not valid JSON."},
            id="infinite number",
        ),
        pytest.param(b"[]", "application/json", payload("JSON body must be an object."), id="not an object"),
    ],
)
def test_a_body_that_is_no_object_is_refused(api: Api, content: bytes, content_type: str, expected: Any) -> None:
    answer = api.post("/jobs", content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (400, expected)
