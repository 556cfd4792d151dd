"""Jobs: which of two faults is said, what a target needs, which category and team are meant, what counts as a change."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared_rules import jobs
from shared_rules.errors import BadRequest, Refused
from shared_rules.fields import Fields
from shared_rules.job_fields import Target, Terms, find_category, find_team, parse_end_date, read_cron
from shared_rules.settings import Settings
from shared_rules.targets import TargetPolicy, parse_allowlist

TODAY = date(2026, 11, 22)
OPEN = TargetPolicy(production=False)
TERMS = Terms(TODAY, OPEN)
CATEGORIES = [("general", "General", True), ("refund", "Refund", False)]
TEAMS = [("core", "Core", True), ("old", "Old", False)]
MISSING = ...


def good_body(**changes: Any) -> dict[str, Any]:
    body = {
        "name": "Nightly",
        "cron_expression": "0 2 * * *",
        "end_date": "2026-12-31",
        "pic_team": "core",
        "target_url": "https://hooks.example.com/x",
    } | changes
    return {key: value for key, value in body.items() if value is not MISSING}


def good_row(**changes: Any) -> Any:
    columns: dict[str, Any] = {
        "id": "1",
        "name": "Nightly",
        "cron_expression": "0 2 * * *",
        "target_url": "https://hooks.example.com/x",
        "github_owner": None,
        "github_repo": None,
        "github_workflow_name": None,
        "job_metadata": {},
        "category": "general",
        "end_date": date(2026, 12, 31),
        "pic_team": "core",
        "enable_email_notifications": False,
        "notification_emails": [],
        "notify_on_success": False,
        "created_by": "u",
        "is_active": True,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return SimpleNamespace(**columns | changes)


def create(body: dict[str, Any], terms: Terms = TERMS) -> dict[str, Any]:
    wanted = jobs.wanted_for_create(Fields(body), terms)
    return jobs.decide_create(wanted, jobs.Facts(wanted["name"] == "Taken", CATEGORIES, TEAMS))


def change(row: Any, body: dict[str, Any], terms: Terms = TERMS) -> jobs.JobChange:
    wanted = jobs.wanted_for_update(Fields(body), terms)
    return jobs.decide_update(row, wanted, jobs.Facts(wanted.get("name") == "Taken", CATEGORIES, TEAMS), terms)


@dataclass(frozen=True)
class Fault:
    """Something wrong with a body, or for updates with the row; `says` is how the refusal's texts begin."""

    name: str
    says: str
    body: dict[str, Any]
    row: dict[str, Any] = field(default_factory=dict)


_IN_THE_REQUEST = [
    Fault("name of another type", 'Invalid payload: "name" must be a string.', {"name": 7}),
    Fault("name with control characters", 'Invalid payload: "name" must not contain', {"name": "a\nb"}),
    Fault("name blank", "Job name cannot be empty", {"name": " "}),
    Fault("cron of another type", 'Invalid payload: "cron_expression" must be a string.', {"cron_expression": 7}),
    Fault("cron too long", 'Invalid payload: "cron_expression" must be at most', {"cron_expression": "0" * 101}),
    Fault("cron bad", "Invalid cron expression: ", {"cron_expression": "0 2 * *"}),
    Fault("category of another type", 'Invalid payload: "category" must be a string.', {"category": 7}),
    Fault("category too long", 'Invalid payload: "category" must be at most', {"category": "x" * 256}),
    Fault("metadata bad", "Invalid metadata: ", {"metadata": []}),
    Fault("end date of another type", 'Invalid payload: "end_date" must be a string.', {"end_date": 7}),
    Fault("end date bad", "Invalid end_date: Invalid end_date.", {"end_date": "soon"}),
    Fault("end date over", "Invalid end_date: end_date must be today", {"end_date": "2026-11-21"}),
    Fault("team of another type", 'Invalid payload: "pic_team" must be a string.', {"pic_team": 7}),
    Fault("team slug of another type", 'Invalid payload: "pic_team_slug" must be a string.', {"pic_team_slug": 7}),
    Fault("url of another type", 'Invalid payload: "target_url" must be a string.', {"target_url": 7}),
    Fault("owner of another type", 'Invalid payload: "github_owner" must be a string.', {"github_owner": 7}),
    Fault("repo too long", 'Invalid payload: "github_repo" must be at most', {"github_repo": "x" * 256}),
    Fault("workflow of another type", 'Invalid payload: "github_workflow_name"', {"github_workflow_name": 7}),
]
_IN_THE_TARGET = [
    Fault("url bad", "Invalid target_url: ", {"target_url": "ftp://x"}),
    Fault("owner bad", 'Invalid GitHub configuration: "a/b" is not a valid owner.', {"github_owner": "a/b"}),
    Fault("repo bad", 'Invalid GitHub configuration: "a b" is not a valid repository.', {"github_repo": "a b"}),
    Fault("workflow bad", "Invalid github_workflow_name: ", {"github_workflow_name": "a.txt"}),
    Fault("e-mails of another type", 'Invalid payload: "enable_email', {"enable_email_notifications": 1}),
    Fault("recipients of another type", 'Invalid payload: "notification_emails"', {"notification_emails": 7}),
    Fault("recipient bad", "Invalid notification_emails: ", {"notification_emails": "ops"}),
    Fault("success mails of another type", 'Invalid payload: "notify_on_success"', {"notify_on_success": 1}),
    Fault("active of another type", 'Invalid payload: "is_active"', {"is_active": "yes"}),
]
_IN_THE_DATABASE = [
    Fault("name taken", "Duplicate job name: ", {"name": "Taken"}),
    Fault("category unknown", "Invalid category: ", {"category": "nope"}),
    Fault("team missing", "Invalid PIC team: PIC team is required.", {"pic_team": None}),
    Fault("team unknown", "Invalid PIC team: Unknown", {"pic_team": "nope"}),
    Fault("team disabled", "Invalid PIC team: PIC team is disabled.", {"pic_team": "old"}),
]
CREATE_FAULTS = [
    Fault("no name", "Missing required fields: ['name'", {"name": MISSING}),
    Fault("no end date", "Missing required fields: ['end_date'", {"end_date": MISSING}),
    *_IN_THE_REQUEST,
    Fault("no target", "Missing target configuration: ", {"target_url": MISSING}),
    *_IN_THE_TARGET,
    *_IN_THE_DATABASE,
]
UPDATE_FAULTS = [
    *_IN_THE_REQUEST,
    *_IN_THE_TARGET,
    *_IN_THE_DATABASE,
    Fault("target cleared", "Missing target configuration: ", {"target_url": None}),
    Fault("expired", "Job expired: ", {}, {"end_date": date(2026, 11, 21)}),
]


def pairs(faults: list[Fault]) -> list[Any]:
    """Return every two faults that one request can have, the one that is said before the other."""
    return [
        pytest.param(said, other, id=f"{said.name}, {other.name}")
        for said, other in combinations(faults, 2)
        if said.body.keys().isdisjoint(other.body)
    ]


def says(refusal: Refused) -> str:
    detail = refusal.message or refusal.extra.get("missing_fields")
    return f"{refusal.error}: {detail}" if detail else refusal.error


@pytest.mark.parametrize(
    ("said", "other"), [(fault, fault) for fault in CREATE_FAULTS], ids=[f.name for f in CREATE_FAULTS]
)
def test_each_fault_of_a_new_job_is_said(said: Fault, other: Fault) -> None:
    test_of_two_faults_of_a_new_job_the_earlier_is_said(said, other)


@pytest.mark.parametrize(("said", "other"), pairs(CREATE_FAULTS))
def test_of_two_faults_of_a_new_job_the_earlier_is_said(said: Fault, other: Fault) -> None:
    with pytest.raises(Refused) as refused:
        create(good_body(**other.body | said.body))

    assert says(refused.value).startswith(said.says)


@pytest.mark.parametrize(
    ("said", "other"), [(fault, fault) for fault in UPDATE_FAULTS], ids=[f.name for f in UPDATE_FAULTS]
)
def test_each_fault_of_a_change_is_said(said: Fault, other: Fault) -> None:
    test_of_two_faults_of_a_change_the_earlier_is_said(said, other)


@pytest.mark.parametrize(("said", "other"), pairs(UPDATE_FAULTS))
def test_of_two_faults_of_a_change_the_earlier_is_said(said: Fault, other: Fault) -> None:
    row = good_row(**other.row | said.row)
    before = vars(row).copy()

    with pytest.raises(Refused) as refused:
        change(row, other.body | said.body)

    assert says(refused.value).startswith(said.says)
    assert vars(row) == before


def test_all_missing_keys_are_said_at_once_whatever_else_is_wrong() -> None:
    with pytest.raises(BadRequest) as refused:
        create({"cron_expression": 7, "is_active": "x"})

    assert refused.value.body == {"error": "Missing required fields", "missing_fields": ["name", "end_date"]}


WORKFLOW = {"github_repo": "web", "github_workflow_name": "ci"}


@pytest.mark.parametrize(
    ("sent", "default_owner", "owner"),
    [
        pytest.param(WORKFLOW, "acme", "acme", id="default"),
        pytest.param(WORKFLOW | {"github_owner": "mine"}, "acme", "mine", id="own"),
        pytest.param({"target_url": "http://x"}, "acme", None, id="a url needs no owner"),
        pytest.param(
            {"target_url": "http://x", "github_repo": "web"}, "acme", None, id="half a workflow needs no owner"
        ),
        pytest.param({"target_url": "http://x"} | WORKFLOW, "acme", "acme", id="a whole workflow beside a url"),
        pytest.param({"target_url": "http://x"} | WORKFLOW, "", None, id="no default"),
    ],
)
def test_a_workflow_without_owner_gets_the_default_one(
    sent: dict[str, str], default_owner: str, owner: str | None
) -> None:
    terms = Terms(TODAY, OPEN, default_owner)

    assert Target(**sent).completed(default_owner).github_owner == owner
    assert create(good_body(target_url=MISSING) | sent, terms)["github_owner"] == owner
    assert change(good_row(target_url="http://old"), sent, terms).columns.get("github_owner") == owner


def test_clearing_the_owner_of_a_workflow_brings_the_default_one_back() -> None:
    row = good_row(target_url=None, github_owner="mine", **WORKFLOW)

    assert change(row, {"github_owner": ""}, Terms(TODAY, OPEN, "acme")).columns == {"github_owner": "acme"}
    assert not change(row, {"name": "Nightly"}, Terms(TODAY, OPEN, "acme"))


def test_a_default_owner_that_may_not_enter_a_url_is_refused() -> None:
    with pytest.raises(BadRequest, match='"a/b" is not a valid owner'):
        create(good_body(target_url=MISSING, **WORKFLOW), Terms(TODAY, OPEN, "a/b"))


@pytest.mark.parametrize(
    ("url", "allowlist", "allowed"),
    [
        ("https://hooks.example.com/x", "", True),
        ("http://hooks.example.com/x", "", False),
        ("https://10.0.0.1/x", "", False),
        ("https://localhost/x", "", False),
        ("http://build.corp.local/x", "build.corp.local", True),
    ],
)
def test_in_production_only_public_or_listed_targets_are_saved(url: str, allowlist: str, allowed: bool) -> None:
    terms = Terms(TODAY, TargetPolicy(production=True, allowlist=parse_allowlist(allowlist)))
    if allowed:
        assert create(good_body(target_url=url), terms)["target_url"] == url
        assert change(good_row(), {"target_url": url, "is_active": False}, terms)
        return
    for attempt in (
        lambda: create(good_body(target_url=url), terms),
        lambda: change(good_row(), {"target_url": url}, terms),
    ):
        with pytest.raises(BadRequest, match=r"is not an allowed target\."):
            attempt()


def test_terms_take_the_date_of_the_scheduler_zone() -> None:
    settings = Settings(scheduler_timezone="Asia/Tokyo", default_github_owner="acme")

    assert Terms.at(datetime(2026, 11, 22, 14, 59, tzinfo=UTC), settings, OPEN) == Terms(TODAY, OPEN, "acme")
    assert Terms.at(datetime(2026, 11, 22, 15, 0, tzinfo=UTC), settings, OPEN).today == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-11-22", TODAY), ("2028-02-29", date(2028, 2, 29)), ("9999-12-31", date(9999, 12, 31))],
)
def test_an_end_date_is_a_day_from_today(text: str, expected: date) -> None:
    assert parse_end_date(text, TODAY) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-31",
        "2027-02-29",
        "2026-1-01",
        "20261231",
        "2026-12-31 ",
        "2026-12-31T00:00",
        "-2026-12-31",
    ],
)
def test_anything_else_is_no_end_date(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_end_date(text, TODAY)

    assert refused.value.error == "Invalid end_date"


CHOICES = [
    ("zeta", "Same", True),
    ("alpha", "SAME", False),
    ("beta", "same", True),
    ("core", "Alpha", True),
    ("strasse", "Straße", True),
]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        pytest.param(None, "general", id="none"),
        pytest.param("ALPHA", "alpha", id="slug before name"),
        pytest.param("same", "beta", id="of equal names the first active one by slug"),
        pytest.param("STRASSE", "strasse", id="case of other scripts"),
    ],
)
def test_a_category_is_meant_by_slug_then_name(text: str | None, slug: str) -> None:
    assert find_category(CHOICES, text) == slug


def test_a_disabled_team_of_the_name_does_not_hide_an_active_one() -> None:
    assert find_team(CHOICES, "Same") == "beta"
    with pytest.raises(BadRequest, match="disabled"):
        find_team(CHOICES, "alpha")


def test_general_is_meant_even_where_it_is_gone() -> None:
    assert find_category([], None) == "general"
    with pytest.raises(BadRequest):
        find_category([], "general")


def test_a_cron_expression_is_the_first_that_is_not_blank() -> None:
    assert read_cron(Fields({"a": " ", "b": " 0  2 * * *"}), "a", "b") == "0 2 * * *"
    with pytest.raises(Refused, match='"b" must be a string'):
        read_cron(Fields({"a": "0 2 * * *", "b": 7}), "a", "b")


@pytest.mark.parametrize(
    ("columns", "reschedules"),
    [
        ({}, False),
        ({"name": "x"}, False),
        ({"job_metadata": {}}, False),
        ({"cron_expression": "x"}, True),
        ({"end_date": TODAY}, True),
        ({"is_active": False}, True),
        ({"name": "x", "is_active": True}, True),
    ],
    ids=str,
)
def test_a_schedule_changes_with_expression_end_and_state(columns: dict[str, Any], reschedules: bool) -> None:
    assert jobs.JobChange(columns).reschedules == reschedules


def test_applying_nothing_moves_nothing() -> None:
    row, later = good_row(), datetime(2026, 11, 22, tzinfo=UTC)
    before = vars(row).copy()

    jobs.apply(row, jobs.JobChange({}), later)
    assert vars(row) == before
    jobs.apply(row, jobs.JobChange({"name": "New"}), later)
    assert vars(row) == before | {"name": "New", "updated_at": later}


@pytest.mark.parametrize("repeat", [1, 2], ids=["asked once", "asked again"])
def test_a_job_runs_next_within_its_last_day(repeat: int) -> None:
    zone, now = ZoneInfo("Asia/Tokyo"), datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
    row = good_row(cron_expression="30 23 * * *", end_date=TODAY)

    for _ in range(repeat):
        assert jobs.next_run(row, zone, now) == datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
        assert jobs.next_run(row, zone, now + timedelta(minutes=30)) is None
    assert jobs.next_run(good_row(is_active=False), zone, now) is None
