from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared_rules.csv_file import CsvFile, CsvRow
from shared_rules.csv_import import Facts, Plan, Refusal, Upload, decide, new_rows, read_upload
from shared_rules.errors import BadRequest, InvalidPayload, Refused
from shared_rules.job_fields import Target, Terms
from shared_rules.people import Actor
from shared_rules.targets import TargetPolicy
from shared_rules.tokens import Claims

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
ACTOR = Actor("the caller", "user", "user@example.com", "user", Claims("the caller", "jti", "access", 0, 0))
CATEGORIES = frozenset({("general", "General", True), ("dr-testing", "DR Testing", True), ("past", "Past", False)})
TEAMS = frozenset({("core", "Core", True), ("old", "Old", False)})
FACTS = Facts(frozenset({"Taken"}), CATEGORIES, TEAMS)
WEBHOOK = {
    "job name": "Nightly",
    "cron": "0 2 * * *",
    "end date": "2026-12-31",
    "pic team": "core",
    "target url": "https://hooks.example.com/x",
}
WORKFLOW = {**WEBHOOK, "target url": "", "owner": "acme", "repo": "web", "workflow name": "deploy.yml"}


def upload_of(*rows: Mapping[str, str], default_github_owner: str | None = None) -> Upload:
    file = CsvFile([CsvRow(number, row) for number, row in enumerate(rows, 2)], 5, len(rows), 0)
    return Upload(file, set(), default_github_owner, dry_run=False)


def plan_of(*rows: Mapping[str, str], **options: Any) -> Plan:
    return decide(upload_of(*rows, **options), FACTS, Terms(TODAY, TargetPolicy(production=False), "from-settings"))


def job_of(row: Mapping[str, str], **options: Any) -> Any:
    """Return the job a single row becomes, or the refusal it gets."""
    plan = plan_of(row, **options)
    (result,) = [*plan.jobs, *plan.refusals]
    return result


def test_a_row_becomes_a_job_with_mail_off() -> None:
    assert job_of(WEBHOOK).columns() == {
        "name": "Nightly",
        "cron_expression": "0 2 * * *",
        "target_url": "https://hooks.example.com/x",
        "github_owner": None,
        "github_repo": None,
        "github_workflow_name": None,
        "metadata": {},
        "category": "general",
        "end_date": date(2026, 12, 31),
        "pic_team": "core",
        "enable_email_notifications": False,
        "notification_emails": [],
        "notify_on_success": False,
        "is_active": True,
    }


ALIASES = {
    "name": ("job name", "name"),
    "cron": ("cron schedule (jst)", "cron expression", "cron", "cron_expression"),
    "target": ("target url", "target_url", "url"),
    "category": ("category", "job category", "job_category"),
    "end date": ("end date", "end_date"),
    "team": ("pic team", "pic_team", "pic team slug", "pic_team_slug"),
    "status": ("status", "is_active", "active"),
    "owner": ("github owner", "owner", "github_owner"),
    "repo": ("repo", "github repo", "github_repo"),
    "workflow": ("workflow name", "github workflow name", "github_workflow_name"),
    "branch": ("branch", "ref"),
    "body": ("request body", "request_body", "metadata"),
}
FIRST = {
    "name": "Nightly",
    "cron": "0 2 * * *",
    "target": "https://hooks.example.com/x",
    "category": "dr-testing",
    "end date": "2026-12-31",
    "team": "core",
    "status": "off",
    "owner": "acme",
    "repo": "web",
    "workflow": "deploy.yml",
    "branch": "main",
    "body": '{"a": 1}',
}
EVERY_ALIAS = [pytest.param(value, alias, id=alias) for value, aliases in ALIASES.items() for alias in aliases]


def row_of(values: Mapping[str, str], headers: Mapping[str, str], *, workflow: bool) -> dict[str, str]:
    left_out = {"target"} if workflow else {"owner", "repo", "workflow"}
    return {headers[value]: text for value, text in values.items() if value not in left_out}


@pytest.mark.parametrize(("value", "alias"), EVERY_ALIAS)
def test_each_header_means_its_value(value: str, alias: str) -> None:
    usual = {name: aliases[0] for name, aliases in ALIASES.items()}
    workflow = value in ("owner", "repo", "workflow")

    expected = job_of(row_of(FIRST, usual, workflow=workflow))

    assert not isinstance(expected, Refusal)
    assert job_of(row_of(FIRST, {**usual, value: alias}, workflow=workflow)) == expected


@pytest.mark.parametrize(("value", "alias"), EVERY_ALIAS)
def test_the_first_header_that_is_not_blank_counts(value: str, alias: str) -> None:
    usual = {name: aliases[0] for name, aliases in ALIASES.items()}
    row = row_of(FIRST, usual, workflow=value in ("owner", "repo", "workflow"))
    expected = job_of(row)
    place = ALIASES[value].index(alias)
    blanks = dict.fromkeys(ALIASES[value][:place], "")
    wrong = dict.fromkeys(ALIASES[value][place + 1 :], "\x07 not this")

    assert job_of({**row, **wrong, **blanks, alias: FIRST[value]}) == expected


@pytest.mark.parametrize("word", ["disable", "Disabled", "INACTIVE", "false", "0", "No", "n", "off"])
def test_a_status_word_switches_the_job_off(word: str) -> None:
    assert job_of({**WEBHOOK, "status": word}).is_active is False


@pytest.mark.parametrize("word", ["", "enable", "active", "1", "true", "yes", "paused", "none", "disable it", "\x07"])
def test_every_other_status_leaves_it_on(word: str) -> None:
    assert job_of({**WEBHOOK, "status": word}).is_active is True


@pytest.mark.parametrize(
    ("cells", "default", "expected"),
    [
        pytest.param({}, None, "acme/web", id="owner and repo"),
        pytest.param({"owner": ""}, None, "from-settings/web", id="owner of the settings"),
        pytest.param({"owner": ""}, "from-form", "from-form/web", id="owner of the form"),
        pytest.param({}, "from-form", "acme/web", id="the row's owner before the form's"),
        pytest.param({"repo": "other/site"}, "from-form", "other/site", id="owner in the repo before all others"),
        pytest.param({"repo": " other / site "}, None, "other/site", id="blanks around the slash"),
    ],
)
def test_the_owner_of_a_repository(cells: dict[str, str], default: str | None, expected: str) -> None:
    owner, repo = expected.split("/")

    job = job_of({**WORKFLOW, **cells}, default_github_owner=default)

    assert job.target == Target(None, owner, repo, "deploy.yml")


@pytest.mark.parametrize("repo", ["a/b/c", "/web", "acme/", "/", "//", "https://github.com/acme/web", "acme/ /web"])
def test_other_slashes_make_no_repository(repo: str) -> None:
    message = f'"{repo}" is not owner/repo or repo.'

    assert job_of({**WORKFLOW, "repo": repo}) == Refusal(2, "Nightly", "Invalid GitHub repository", message)


def test_with_a_url_the_github_fields_are_dropped_unread() -> None:
    row = {**WEBHOOK, "owner": "no owner!", "repo": "a/b/c", "workflow name": "x" * 300}

    assert job_of(row).target == Target("https://hooks.example.com/x")


@pytest.mark.parametrize(
    ("body", "branch", "expected"),
    [
        pytest.param("", "", {}, id="neither"),
        pytest.param("", "main", {"branchDetails": "main"}, id="branch alone"),
        pytest.param('{"a": 1}', "main", {"a": 1, "branchDetails": "main"}, id="both"),
        pytest.param('{"branchDetails": "dev"}', "main", {"branchDetails": "dev"}, id="branch there already"),
        pytest.param('{"branchDetails": null}', "main", {"branchDetails": None}, id="there, though null"),
        pytest.param('{\n "a": "ü"\n}', "", {"a": "ü"}, id="over several lines"),
    ],
)
def test_the_branch_joins_the_metadata(body: str, branch: str, expected: dict[str, Any]) -> None:
    for row in (WEBHOOK, WORKFLOW):
        assert job_of({**row, "request body": body, "branch": branch}).metadata == expected


def test_a_name_counts_from_the_first_row_that_reaches_the_check() -> None:
    bad_category = {**WEBHOOK, "category": "nope"}
    bad_cron = {**WEBHOOK, "job name": "Weekly", "cron": "61 * * * *"}
    weekly = {**WEBHOOK, "job name": "Weekly"}

    plan = plan_of(bad_category, WEBHOOK, WEBHOOK, bad_cron, weekly, {**WEBHOOK, "job name": "nightly"})

    assert [job.name for job in plan.jobs] == ["Nightly", "nightly"]
    assert [(refusal.row, refusal.error) for refusal in plan.refusals] == [
        (2, "Invalid category"),
        (4, "Duplicate job name in CSV"),
        (5, "Invalid cron expression"),
        (6, "Duplicate job name in CSV"),
    ]


def test_targets_are_judged_by_the_policy() -> None:
    row = {**WEBHOOK, "target url": "http://10.0.0.1/"}

    plan = decide(upload_of(row), FACTS, Terms(TODAY, TargetPolicy(production=True)))

    assert plan.refusals == [Refusal(2, "Nightly", "Invalid target_url", "10.0.0.1 is not an allowed target.")]


def test_rows_are_created_microseconds_apart_in_the_order_of_the_file() -> None:
    off = {**WEBHOOK, "job name": "Off", "status": "off"}
    over = {**WEBHOOK, "job name": "Over", "cron": "0 2 1 1 *"}

    rows = new_rows(plan_of(WEBHOOK, {}, off, over), ACTOR, TOKYO, NOW)

    assert [row["name"] for row in rows.jobs] == ["Nightly", "Off", "Over"]
    assert [row["created_at"] for row in rows.jobs] == [NOW + timedelta(microseconds=step) for step in range(3)]
    assert [row["updated_at"] for row in rows.jobs] == [row["created_at"] for row in rows.jobs]
    assert {row["created_by"] for row in rows.jobs} == {"the caller"}
    assert [row["job_id"] for row in rows.schedules] == [row["id"] for row in rows.jobs]
    first = datetime(2026, 11, 23, 2, tzinfo=TOKYO)
    assert [row["next_run_at"] for row in rows.schedules] == [first, None, None]
    (told,) = rows.notifications
    assert (told["user_id"], told["title"], told["type"]) == ("the caller", "Bulk upload", "info")
    assert told["message"] == "3 jobs created, 1 rows refused."
    assert told["related_job_id"] is None


def test_nobody_is_told_of_nothing() -> None:
    assert new_rows(plan_of({}), ACTOR, TOKYO, NOW).notifications == []


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1200])
def test_batches_hold_every_row_once_in_order(count: int) -> None:
    plan = plan_of(*({**WEBHOOK, "name": f"Job {i}", "job name": ""} for i in range(count)))
    rows = new_rows(plan, ACTOR, TOKYO, NOW)

    batches = list(rows.batches())

    assert [row for jobs, _ in batches for row in jobs] == rows.jobs
    assert [row for _, schedules in batches for row in schedules] == rows.schedules
    assert all(0 < len(jobs) == len(schedules) <= 500 for jobs, schedules in batches)


def form(*parts: str) -> bytes:
    head = "Content-Disposition: form-data; "
    return "".join(f"--B\r\n{head}{part}\r\n" for part in parts).encode() + b"--B--\r\n"


FILE = 'name="file"; filename="jobs.csv"\r\n\r\nname\nA'


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([], BadRequest("Missing file", 'Upload a CSV file using form field "file".'), id="nothing"),
        pytest.param(
            ['name="file"\r\n\r\nname\nA'],
            BadRequest("Missing file", 'Upload a CSV file using form field "file".'),
            id="file as text",
        ),
        pytest.param(
            ['name="file"; filename=""\r\n\r\nname\nA'], BadRequest("Missing file", "No file selected."), id="no name"
        ),
        pytest.param(
            ['name="file"; filename=" "\r\n\r\nname\nA'],
            BadRequest("Missing file", "No file selected."),
            id="blank name",
        ),
        pytest.param(
            [FILE, f'name="default_github_owner"\r\n\r\n{"x" * 256}'],
            InvalidPayload('"default_github_owner" must be at most 255 characters.'),
            id="over-long owner",
        ),
        pytest.param(
            [FILE, 'name="default_github_owner"\r\n\r\na\tb'],
            InvalidPayload('"default_github_owner" must not contain control characters.'),
            id="control character in the owner",
        ),
    ],
)
def test_a_form_that_asks_for_nothing_is_refused(parts: list[str], expected: Refused) -> None:
    with pytest.raises(Refused) as refused:
        read_upload("multipart/form-data; boundary=B", form(*parts))

    assert (refused.value.status, refused.value.body) == (400, expected.body)


@pytest.mark.parametrize(
    ("word", "dry_run"),
    [
        ("1", True),
        ("TRUE", True),
        (" yes ", True),
        ("y", True),
        ("On", True),
        ("0", False),
        ("no", False),
        ("2", False),
    ],
)
def test_the_words_for_a_dry_run(word: str, dry_run: bool) -> None:
    upload = read_upload("multipart/form-data; boundary=B", form(FILE, f'name="dry_run"\r\n\r\n{word}'))

    assert upload.dry_run is dry_run


def test_every_name_is_looked_up_once() -> None:
    upload = read_upload("multipart/form-data; boundary=B", form(FILE + '\n B \n""\nA'))

    assert upload.names == {"A", "B"}


def test_without_the_other_fields_jobs_are_stored_for_the_usual_owner() -> None:
    upload = read_upload("multipart/form-data; boundary=B", form(FILE))

    assert (upload.dry_run, upload.default_github_owner) == (False, None)
