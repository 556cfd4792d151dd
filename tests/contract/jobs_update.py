"""Cases: changing a job, switching it on and off, and who hears of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from shared_models import Job, JobSchedule, User, UserNotificationPreferences, new_id
from tests.contract import world
from tests.contract.api import Api
from tests.contract.job_refusals import (
    DISABLED_TEAM,
    METADATA,
    MISSING_TARGET,
    NOT_A_DATE,
    OVER,
    TEAM_REQUIRED,
    UNKNOWN_CATEGORY,
    UNKNOWN_TEAM,
    WRONG_TYPES,
    cron,
    github,
    nested,
    not_an_address,
    payload,
)
from tests.contract.jobs import KEYS, YEARLY, add_execution, add_job, new_year, today, told

EXPIRED = {
    "error": "Job expired",
    "message": "Job cannot be enabled after end_date has passed. Update end_date first.",
}
NO_END_DATE = {"error": "Invalid end_date", "message": "end_date is required (YYYY-MM-DD)."}
NOT_YOURS = {"error": "Insufficient permissions", "message": "You can only update your own jobs"}
PAST = date(2026, 1, 1)
GITHUB = {"target_url": None, "github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy.yml"}
MAIL = {"enable_email_notifications": True, "notification_emails": ["a@example.com"], "notify_on_success": True}


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # columns of the job, body, refusal
    "name null": ({}, {"name": None}, {"error": "Job name cannot be empty"}),
    "name blank": ({}, {"name": " "}, {"error": "Job name cannot be empty"}),
    "name too long": ({}, {"name": "x" * 256}, payload('"name" must be at most 255 characters.')),
    "name with a line break": ({}, {"name": "a\nb"}, payload('"name" must not contain control characters.')),
    "name of another job": (
        {},
        {"name": " Taken "},
        {"error": "Duplicate job name", "message": 'A job with the name "Taken" already exists.'},
    ),
    "cron null": ({}, {"cron_expression": None}, cron("Cron expression is required.")),
    "cron blank": ({}, {"cron_expression": ""}, cron("Cron expression is required.")),
    "cron out of range": ({}, {"cron_expression": "0 24 * * *"}, cron('Hour "24" is out of range 0-23.')),
    "category unknown": ({}, {"category": "nope"}, UNKNOWN_CATEGORY),
    "metadata a text": ({}, {"metadata": "x"}, METADATA),
    "metadata too deep": (
        {},
        {"metadata": nested(101)},
        {"error": "Invalid metadata", "message": "metadata must not be nested more than 100 levels deep"},
    ),
    "end date null": ({}, {"end_date": None}, NO_END_DATE),
    "end date blank": ({}, {"end_date": "  "}, NO_END_DATE),
    "end date no date": ({}, {"end_date": "tomorrow"}, NOT_A_DATE),
    "end date over": ({}, {"end_date": "2026-01-01"}, OVER),
    "end date over and unchanged": ({"end_date": PAST, "is_active": False}, {"end_date": "2026-01-01"}, OVER),
    "team null": ({}, {"pic_team": None}, TEAM_REQUIRED),
    "team blank": ({}, {"pic_team": " "}, TEAM_REQUIRED),
    "other team field null": ({}, {"pic_team_slug": None}, TEAM_REQUIRED),
    "team unknown": ({}, {"pic_team": "nope"}, UNKNOWN_TEAM),
    "team disabled": ({}, {"pic_team": "old"}, DISABLED_TEAM),
    "team disabled and unchanged": ({"pic_team": "old"}, {"pic_team": "old"}, DISABLED_TEAM),
    "only target cleared": ({}, {"target_url": None}, MISSING_TARGET),
    "only target blank": ({}, {"target_url": " "}, MISSING_TARGET),
    "repo of a workflow cleared": (GITHUB, {"github_repo": ""}, MISSING_TARGET),
    "owner cleared and no default one": (GITHUB, {"github_owner": None}, MISSING_TARGET),
    "workflow without the rest": ({}, {"target_url": None, "github_workflow_name": "ci"}, MISSING_TARGET),
    "target of another scheme": (
        {},
        {"target_url": "file:///etc/passwd"},
        {"error": "Invalid target_url", "message": "The URL must start with http:// or https://."},
    ),
    "bad owner": ({}, {"github_owner": "a/b"}, github("a/b", "owner")),
    "bad repo": (GITHUB, {"github_repo": "a b"}, github("a b", "repository")),
    "workflow of another kind": (
        GITHUB,
        {"github_workflow_name": "deploy.txt"},
        {"error": "Invalid github_workflow_name", "message": "Workflow file must end with .yml or .yaml."},
    ),
    "recipient bad": ({}, {"notification_emails": ["ops"]}, not_an_address("ops")),
    "recipient bad and e-mails go off": (
        MAIL,
        {"enable_email_notifications": False, "notification_emails": "x"},
        not_an_address("x"),
    ),
    "enabled after its end": ({"end_date": PAST, "is_active": False}, {"is_active": True}, EXPIRED),
    "active after its end, renamed": ({"end_date": PAST}, {"name": "New"}, EXPIRED),
    "active after its end, nothing sent": ({"end_date": PAST}, {}, EXPIRED),
}


@pytest.mark.parametrize(("columns", "body", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_cannot_be_made_is_refused(
    api: Api, columns: dict[str, Any], body: dict[str, Any], expected: dict[str, Any]
) -> None:
    job = add_job(api, **columns)
    add_job(api, name="Taken")
    before = api.everything()

    answer = api.put(f"/jobs/{job['id']}", body, as_="user")

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


FAULTS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    # in the order of their refusals: what the request alone shows, what the database says, what the job would then be
    ({"name": None}, {"error": "Job name cannot be empty"}),
    ({"cron_expression": None}, cron("Cron expression is required.")),
    ({"category": 7}, payload('"category" must be a string.')),
    ({"metadata": []}, METADATA),
    ({"end_date": None}, NO_END_DATE),
    ({"pic_team": 7}, payload('"pic_team" must be a string.')),
    ({"target_url": "x"}, {"error": "Invalid target_url", "message": "The URL must start with http:// or https://."}),
    ({"github_repo": "a b"}, github("a b", "repository")),
    ({"notification_emails": ["ops"]}, not_an_address("ops")),
    ({"is_active": "yes"}, payload('"is_active" must be true or false.')),
    ({"name": "Taken"}, {"error": "Duplicate job name", "message": 'A job with the name "Taken" already exists.'}),
    ({"category": "nope"}, UNKNOWN_CATEGORY),
    ({"pic_team": "nope"}, UNKNOWN_TEAM),
    ({"target_url": None}, MISSING_TARGET),
    ({"is_active": True}, EXPIRED),
)


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[str(fault) for fault, _ in FAULTS])
def test_of_several_faults_the_first_is_told(api: Api, first: int) -> None:
    job = add_job(api, end_date=PAST, is_active=False)
    add_job(api, name="Taken")
    before = api.everything()
    body: dict[str, Any] = {}
    for fault, _ in reversed(FAULTS[first:]):
        body |= fault

    answer = api.put(f"/jobs/{job['id']}", body)

    assert (answer.status, answer.json) == (400, FAULTS[first][1])
    assert api.everything() == before


@pytest.mark.parametrize(
    ("field", "value", "message"),
    WRONG_TYPES,
    ids=[f"{field} {type(value).__name__} {value}" for field, value, _ in WRONG_TYPES],
)
def test_a_field_of_the_wrong_json_type_is_refused(api: Api, field: str, value: Any, message: str) -> None:
    job = add_job(api)
    before = api.everything()

    answer = api.put(f"/jobs/{job['id']}", {field: value})

    assert (answer.status, answer.json) == (400, payload(message))
    assert api.everything() == before


def test_of_a_refused_change_nothing_is_kept(api: Api) -> None:
    job = add_job(api)
    before = api.everything()
    body = {"name": "New", "cron_expression": "0 1 * * *", "metadata": {"a": 1}, "is_active": False, "pic_team": "nope"}

    assert api.put(f"/jobs/{job['id']}", body).status == 400
    assert api.everything() == before
    assert api.get(f"/jobs/{job['id']}").json["job"]["name"] == job["name"]


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # columns of the job, body, what the answer then says
    "name": ({}, {"name": "  Ünï "}, {"name": "Ünï"}),
    "name in other capitals": ({"name": "a"}, {"name": "A"}, {"name": "A"}),
    "cron": ({}, {"cron_expression": "0  0 2 1 *"}, {"cron_expression": "0 0 2 1 *"}),
    "url": ({}, {"target_url": " http://10.0.0.1/x "}, {"target_url": "http://10.0.0.1/x"}),
    "url to workflow": ({}, GITHUB, GITHUB),
    "workflow to url": (
        GITHUB,
        {"target_url": "https://x.example", "github_owner": None, "github_repo": "", "github_workflow_name": " "},
        {"target_url": "https://x.example", "github_owner": None, "github_repo": None, "github_workflow_name": None},
    ),
    "url cleared beside a workflow": (GITHUB | {"target_url": "https://x.example"}, {"target_url": None}, GITHUB),
    "workflow beside a url cleared": (
        GITHUB | {"target_url": "https://x.example"},
        {"github_repo": None},
        {"target_url": "https://x.example", "github_owner": "acme", "github_repo": None},
    ),
    "workflow alone": (GITHUB, {"github_workflow_name": "ci"}, {"github_workflow_name": "ci", "github_repo": "web"}),
    "metadata": ({"job_metadata": {"a": 1}}, {"metadata": {"b": 2}}, {"metadata": {"b": 2}}),
    "metadata null": ({"job_metadata": {"a": 1}}, {"metadata": None}, {"metadata": {}}),
    "metadata 1 to true": ({"job_metadata": {"a": 1}}, {"metadata": {"a": True}}, {"metadata": {"a": True}}),
    "metadata 0 to false": ({"job_metadata": {"a": [0]}}, {"metadata": {"a": [False]}}, {"metadata": {"a": [False]}}),
    "metadata 1 to 1.0": ({"job_metadata": {"a": 1}}, {"metadata": {"a": 1.0}}, {"metadata": {"a": 1.0}}),
    "category": ({}, {"category": "DR Testing"}, {"category": "dr-testing"}),
    "category null": ({"category": "refund"}, {"category": None}, {"category": "general"}),
    "category blank": ({"category": "refund"}, {"category": " "}, {"category": "general"}),
    "end date": ({}, {"end_date": "2098-02-28"}, {"end_date": "2098-02-28"}),
    "team": ({"pic_team": "old"}, {"pic_team": "Core"}, {"pic_team": "core"}),
    "team of a job without": ({"pic_team": None}, {"pic_team_slug": "core"}, {"pic_team": "core"}),
    "e-mails on": (
        {},
        {"enable_email_notifications": True, "notification_emails": "a@x.jp, b@x.jp"},
        {"enable_email_notifications": True, "notification_emails": ["a@x.jp", "b@x.jp"], "notify_on_success": False},
    ),
    "recipients": (MAIL, {"notification_emails": ["b@x.jp"]}, MAIL | {"notification_emails": ["b@x.jp"]}),
    "recipients null": (MAIL, {"notification_emails": None}, MAIL | {"notification_emails": []}),
    "success mails off": (MAIL, {"notify_on_success": False}, MAIL | {"notify_on_success": False}),
    "e-mails off": (
        MAIL,
        {"enable_email_notifications": False},
        {"enable_email_notifications": False, "notification_emails": [], "notify_on_success": False},
    ),
    "e-mails off with recipients": (
        MAIL,
        {"enable_email_notifications": False, "notification_emails": ["b@x.jp"], "notify_on_success": True},
        {"enable_email_notifications": False, "notification_emails": [], "notify_on_success": False},
    ),
    "an expired job renamed while off": ({"end_date": PAST, "is_active": False}, {"name": "New"}, {"name": "New"}),
}


@pytest.mark.parametrize(("columns", "body", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_kept_and_told_once(
    api: Api, columns: dict[str, Any], body: dict[str, Any], expected: dict[str, Any]
) -> None:
    job = add_job(api, **columns)
    other = add_job(api)
    before = api.get(f"/jobs/{job['id']}").json["job"]

    answer = api.put(f"/jobs/{job['id']}", body, as_="user")

    assert (answer.status, list(answer.json)) == (200, ["message", "job"])
    assert answer.json["message"] == "Job updated successfully"
    after = answer.json["job"]
    assert list(after) == KEYS
    assert {key: after[key] for key in expected} == expected
    moved = {*expected, "updated_at", "next_execution_at"}
    assert {key: after[key] for key in KEYS if key not in moved} == {
        key: before[key] for key in KEYS if key not in moved
    }
    assert after["updated_at"] > before["updated_at"]
    # As bytes: to Python, 1 and 1.0 and true are equal.
    assert answer.body.partition(b'"job":')[2] == api.get(f"/jobs/{job['id']}").body.partition(b'"job":')[2]
    message = f'Job "{after["name"]}" was updated by user@example.com.'
    assert told(api) == [("Job Updated", message, "info", job["id"])]
    assert api.row(Job, id=other["id"])["updated_at"] == world.CREATED


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # columns of the job, body
    "nothing": ({}, {}),
    "unknown keys": ({}, {"id": "x", "created_by": None, "nonsense": 1}),
    "name": ({"name": "Same"}, {"name": " Same "}),
    "cron with other blanks": ({}, {"cron_expression": " 0  0 1 1  * "}),
    "category by its name": ({"category": "dr-testing"}, {"category": "DR TESTING"}),
    "category none": ({}, {"category": None}),
    "metadata in another order": (
        {"job_metadata": {"b": {"d": [], "c": 2}, "a": 1, "e": 3}},
        {"metadata": {"e": 3, "b": {"c": 2, "d": []}, "a": 1}},
    ),
    "metadata none": ({}, {"metadata": None}),
    "end date": ({}, {"end_date": "2099-12-31"}),
    "team by its name": ({}, {"pic_team": "Core"}),
    "github fields none": ({}, {"github_owner": None, "github_repo": "", "github_workflow_name": " "}),
    "flags null": (MAIL, {"enable_email_notifications": None, "notify_on_success": None, "is_active": None}),
    "recipients while e-mails are off": ({}, {"notification_emails": ["a@example.com"], "notify_on_success": True}),
    "recipients as text": (MAIL, {"notification_emails": "a@example.com,"}),
    "active": ({}, {"is_active": True}),
    "inactive": ({"is_active": False}, {"is_active": False}),
    "everything": (
        GITHUB | MAIL,
        GITHUB | MAIL | {"cron_expression": YEARLY, "end_date": "2099-12-31", "pic_team": "core", "metadata": {}},
    ),
    "an old row with recipients though e-mails are off": (
        {"notification_emails": ["a@example.com"]},
        {"pic_team": "core"},
    ),
    "an old row without target": ({"target_url": None}, {"pic_team": "core"}),
}


@pytest.mark.parametrize(("columns", "body"), SAME.values(), ids=SAME)
def test_what_changes_nothing_leaves_every_table_as_it_was(
    api: Api, columns: dict[str, Any], body: dict[str, Any]
) -> None:
    job = add_job(api, **columns)
    before = api.everything()
    shown = api.get(f"/jobs/{job['id']}").json["job"]

    answer = api.put(f"/jobs/{job['id']}", body)

    assert (answer.status, answer.json) == (200, {"message": "Job updated successfully", "job": shown})
    assert api.everything() == before


def test_a_changed_job_still_says_when_it_ran_last(api: Api) -> None:
    job = add_job(api)
    add_execution(api, job, started_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))

    answer = api.put(f"/jobs/{job['id']}", {"name": "New"})

    assert answer.json["job"]["last_execution_at"] == "2026-03-04T05:06:07.000Z"


@pytest.mark.parametrize(
    ("columns", "body", "notice"),
    [
        pytest.param({}, {"is_active": False}, ("Job Disabled", "disabled", "warning"), id="off"),
        pytest.param({"is_active": False}, {"is_active": True}, ("Job Enabled", "enabled", "info"), id="on"),
        pytest.param(
            {}, {"is_active": False, "metadata": {"a": 1}}, ("Job Disabled", "disabled", "warning"), id="off and more"
        ),
        pytest.param(
            {"is_active": False, "end_date": PAST},
            {"is_active": True, "end_date": "2099-12-31"},
            ("Job Enabled", "enabled", "info"),
            id="on with a new end",
        ),
        pytest.param(
            {}, {"end_date": "2098-01-01", "is_active": True}, ("Job Updated", "updated", "info"), id="still on"
        ),
    ],
)
def test_switching_is_told_as_such(
    api: Api, columns: dict[str, Any], body: dict[str, Any], notice: tuple[str, str, str]
) -> None:
    job = add_job(api, **columns)

    answer = api.put(f"/jobs/{job['id']}", body)

    title, done, kind = notice
    message = f'Job "{job["name"]}" was {done} by admin@example.com.'
    assert (answer.status, told(api)) == (200, [(title, message, kind, job["id"])])


def test_the_message_names_the_job_as_it_is_called_now(api: Api) -> None:
    job = add_job(api, name="Before")

    api.put(f"/jobs/{job['id']}", {"name": "After", "is_active": False})

    assert [message for _, message, *_ in told(api)] == ['Job "After" was disabled by admin@example.com.']


SOON = datetime(2026, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("columns", "body", "next_run"),
    [
        pytest.param({}, {"is_active": False}, None, id="off"),
        pytest.param({"is_active": False}, {"is_active": True}, "new year", id="on"),
        pytest.param({"cron_expression": "0 0 5 5 *"}, {"cron_expression": YEARLY}, "new year", id="expression"),
        pytest.param({}, {"end_date": "2098-01-01"}, "new year", id="end date"),
        pytest.param({}, {"end_date": "today"}, None, id="end date before the next fire"),
        pytest.param({"is_active": False}, {"cron_expression": "0 0 2 1 *"}, None, id="expression while off"),
    ],
)
def test_a_changed_schedule_is_a_new_revision(
    api: Api, columns: dict[str, Any], body: dict[str, Any], next_run: str | None
) -> None:
    body = {key: today().isoformat() if value == "today" else value for key, value in body.items()}
    job = add_job(api, next_run_at=SOON, schedule_rev=7, **columns)
    untouched = add_job(api, next_run_at=SOON, schedule_rev=3)

    answer = api.put(f"/jobs/{job['id']}", body)

    expected = datetime.fromisoformat(new_year()) if next_run else None
    schedule = api.row(JobSchedule, job_id=job["id"])
    assert (schedule["schedule_rev"], schedule["next_run_at"]) == (8, expected)
    assert answer.json["job"]["next_execution_at"] == (new_year() if next_run else None)
    left = api.row(JobSchedule, job_id=untouched["id"])
    assert (left["schedule_rev"], left["next_run_at"]) == (3, SOON)


@pytest.mark.parametrize(
    "body",
    [{"name": "New"}, {"metadata": {"a": 1}}, {"target_url": "https://x.example"}, {"category": "refund"}],
    ids=["name", "metadata", "target", "category"],
)
def test_another_change_leaves_the_schedule_alone(api: Api, body: dict[str, Any]) -> None:
    job = add_job(api, next_run_at=SOON, schedule_rev=7)

    assert api.put(f"/jobs/{job['id']}", body).status == 200
    schedule = api.row(JobSchedule)
    assert (schedule["schedule_rev"], schedule["next_run_at"]) == (7, SOON)


def test_a_job_without_a_schedule_gets_one(api: Api) -> None:
    job = add_job(api)
    with api.stack.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(delete(JobSchedule))

    assert api.put(f"/jobs/{job['id']}", {"end_date": "2098-01-01"}).status == 200
    assert (api.row(JobSchedule)["job_id"], api.row(JobSchedule)["schedule_rev"]) == (job["id"], 1)


def test_a_job_may_be_made_to_end_today(api: Api) -> None:
    job = add_job(api, end_date=today() - timedelta(days=1), is_active=False)

    answer = api.put(f"/jobs/{job['id']}", {"end_date": today().isoformat(), "is_active": True})

    assert (answer.status, answer.json["job"]["is_active"]) == (200, True)


@pytest.mark.parametrize(
    ("owner", "person", "status"),
    [
        pytest.param("user", "user", 200, id="own job"),
        pytest.param("other", "user", 403, id="another user's job"),
        pytest.param("admin", "user", 403, id="an admin's job"),
        pytest.param(None, "user", 403, id="nobody's job"),
        pytest.param("viewer", "viewer", 403, id="a viewer's own job"),
        pytest.param("other", "viewer", 403, id="viewer"),
        pytest.param("user", "admin", 200, id="admin"),
        pytest.param(None, "admin2", 200, id="admin and nobody's job"),
    ],
)
def test_users_change_their_own_jobs_only(api: Api, owner: str | None, person: str, status: int) -> None:
    job = add_job(api, created_by=owner and world.user_id(owner))
    before = api.everything()

    answer = api.put(f"/jobs/{job['id']}", {"name": "New"}, as_=person)

    assert answer.status == status
    if status == 403:
        assert answer.json == NOT_YOURS
        assert api.everything() == before


def test_whose_job_it_is_is_said_before_what_is_wrong_with_the_body(api: Api) -> None:
    job = add_job(api)

    assert api.put(f"/jobs/{job['id']}", {"name": 7}, as_="other").json == NOT_YOURS


def test_a_demoted_user_may_not_change_even_their_own_job(api: Api) -> None:
    job = add_job(api)
    api.change(User, world.user_id("user"), role="viewer")

    assert api.put(f"/jobs/{job['id']}", {"name": "New"}, as_="user").json == NOT_YOURS


def want_mail(api: Api, person: str, **columns: Any) -> None:
    stamps = {"created_at": world.CREATED, "updated_at": world.CREATED}
    wanted = {"email_on_job_disabled": True} | columns
    api.add(UserNotificationPreferences, id=new_id(), user_id=world.user_id(person), **wanted, **stamps)


def mails(api: Api) -> list[tuple[tuple[str, ...], str, str]]:
    return [(mail.envelope_to, mail.subject, mail.body) for mail in api.sinks.mail.delivered]


@pytest.mark.parametrize("person", ["admin", "user"])
def test_the_owner_gets_a_mail_when_a_job_is_disabled(api: Api, person: str) -> None:
    want_mail(api, "user")
    want_mail(api, "admin")
    job = add_job(api, name="Ünï")

    api.put(f"/jobs/{job['id']}", {"is_active": False}, as_=person)

    body = f'Job "Ünï" was disabled by {person}@example.com.\n'
    assert mails(api) == [(("user@example.com",), "Job disabled: Ünï", body)]


@pytest.mark.parametrize(
    ("owner", "preferences", "columns", "body"),
    [
        pytest.param("user", None, {}, {"is_active": False}, id="no preferences yet"),
        pytest.param("user", {"email_on_job_disabled": False}, {}, {"is_active": False}, id="not wanted"),
        pytest.param(None, {}, {}, {"is_active": False}, id="nobody's job"),
        pytest.param("inactive", {}, {}, {"is_active": False}, id="owner inactive"),
        pytest.param("user", {}, {"is_active": False}, {"is_active": True}, id="enabled"),
        pytest.param("user", {}, {"is_active": False}, {"is_active": False}, id="was off"),
        pytest.param("user", {}, {}, {"name": "New"}, id="renamed"),
        pytest.param("user", {}, {}, {"is_active": False, "category": "nope"}, id="refused"),
    ],
)
def test_nobody_else_gets_a_mail(
    api: Api, owner: str | None, preferences: dict[str, Any] | None, columns: dict[str, Any], body: dict[str, Any]
) -> None:
    if preferences is not None:
        want_mail(api, owner or "user", **preferences)
    job = add_job(api, created_by=owner and world.user_id(owner), **columns)

    api.put(f"/jobs/{job['id']}", body)

    assert mails(api) == []
