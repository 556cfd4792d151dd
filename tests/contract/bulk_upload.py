"""Cases: the bulk upload of jobs from a CSV file."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared_models import Job, JobSchedule, Notification, PicTeam
from shared_rules import csv_import
from tests.contract import world
from tests.contract.api import Answer, Api
from tests.contract.jobs import END_DATE, YEARLY, ZONE, add_job, new_year, today

PATH = "/jobs/bulk-upload"
WEBHOOK = {
    "Job Name": "Nightly",
    "Cron": YEARLY,
    "End Date": END_DATE,
    "PIC Team": "core",
    "Target URL": "https://hooks.example.com/x",
}
WORKFLOW = {**WEBHOOK, "Target URL": "", "Owner": "acme", "Repo": "web", "Workflow Name": "deploy.yml"}
MISSING_FILE = {"error": "Missing file", "message": 'Upload a CSV file using form field "file".'}
NO_FILE = {"error": "Missing file", "message": "No file selected."}
PLAIN = "multipart/form-data; boundary=B"
FILE = b'Content-Disposition: form-data; name="file"; filename="jobs.csv"\r\n\r\n'


def csv_of(*rows: Mapping[str, str]) -> bytes:
    """Return a file with these rows, its headers those of all rows."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(header for row in rows for header in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def upload(api: Api, content: bytes, *, as_: str = "user", **form: str) -> Answer:
    return api.request("POST", PATH, as_=as_, files={"file": ("jobs.csv", content, "text/csv")}, data=form)


def raw(*parts: bytes) -> bytes:
    """Return a multipart body with boundary B of these parts, headers included."""
    return b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def invalid_csv(reason: str) -> dict[str, str]:
    return {"error": "Invalid CSV", "message": reason}


def refused(row: int, name: str | None, error: str, message: str) -> dict[str, Any]:
    return {"row": row, "job_name": name, "error": error, "message": message}


# The form


@pytest.mark.parametrize(
    ("content_type", "content", "expected"),
    [
        pytest.param(None, b"", MISSING_FILE, id="no body"),
        pytest.param(None, csv_of(WEBHOOK), MISSING_FILE, id="no content type"),
        pytest.param("text/csv", csv_of(WEBHOOK), MISSING_FILE, id="csv as it is"),
        pytest.param("application/json", b'{"file": "name"}', MISSING_FILE, id="json"),
        pytest.param("application/x-www-form-urlencoded", b"file=name", MISSING_FILE, id="url-encoded form"),
        pytest.param("multipart/mixed; boundary=B", raw(FILE + csv_of(WEBHOOK)), MISSING_FILE, id="multipart/mixed"),
        pytest.param("multipart/form-data", raw(FILE + csv_of(WEBHOOK)), MISSING_FILE, id="no boundary"),
        pytest.param("multipart/form-data; boundary=", raw(FILE + csv_of(WEBHOOK)), MISSING_FILE, id="empty boundary"),
        pytest.param("multipart/form-data; boundary=C", raw(FILE + csv_of(WEBHOOK)), MISSING_FILE, id="other boundary"),
        pytest.param(PLAIN, b"", MISSING_FILE, id="empty form"),
        pytest.param(PLAIN, b"--B--\r\n", MISSING_FILE, id="form without parts"),
        pytest.param(PLAIN, b"--B\r\n" + FILE + csv_of(WEBHOOK), MISSING_FILE, id="breaks off in the file"),
        pytest.param(
            PLAIN,
            b"--B\r\n" + FILE + csv_of(WEBHOOK) + b"\r\n--B\r\n" + field("dry_run", "tr"),
            MISSING_FILE,
            id="breaks off before it says that it is a dry run",
        ),
        pytest.param(
            PLAIN, raw(FILE + csv_of(WEBHOOK)).replace(b"\r\n", b"\n"), MISSING_FILE, id="bare line feeds in the form"
        ),
        pytest.param(PLAIN, raw(field("file", "name,cron")), MISSING_FILE, id="file as text field"),
        pytest.param(PLAIN, raw(FILE.replace(b'"file"', b'"csv"') + csv_of(WEBHOOK)), MISSING_FILE, id="another field"),
        pytest.param(PLAIN, raw(FILE + csv_of(WEBHOOK), *[field("a", "b")] * 100), MISSING_FILE, id="101 parts"),
        pytest.param(PLAIN, raw(FILE.replace(b"jobs.csv", b"")), NO_FILE, id="no file chosen"),
        pytest.param(PLAIN, raw(FILE.replace(b"jobs.csv", b"") + csv_of(WEBHOOK)), NO_FILE, id="file without a name"),
        pytest.param(PLAIN, raw(FILE.replace(b"jobs.csv", b" ") + csv_of(WEBHOOK)), NO_FILE, id="file named blank"),
        pytest.param(
            PLAIN,
            raw(FILE.replace(b"jobs.csv", b""), FILE + csv_of(WEBHOOK)),
            NO_FILE,
            id="a second file does not count",
        ),
        pytest.param(
            PLAIN,
            raw(FILE + csv_of(WEBHOOK), field("default_github_owner", "x" * 256)),
            {"error": "Invalid payload", "message": '"default_github_owner" must be at most 255 characters.'},
            id="over-long owner",
        ),
        pytest.param(
            PLAIN,
            raw(FILE, field("default_github_owner", "a\x00b")),
            {"error": "Invalid payload", "message": '"default_github_owner" must not contain control characters.'},
            id="control character in the owner, before the file is looked at",
        ),
    ],
)
def test_a_body_that_is_no_upload_is_refused(
    api: Api, content_type: str | None, content: bytes, expected: dict[str, str]
) -> None:
    before = api.everything()

    answer = api.request("POST", PATH, content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        pytest.param('Multipart/FORM-DATA; charset=utf-8; Boundary="B"', raw(FILE + csv_of(WEBHOOK)), id="any case"),
        pytest.param(PLAIN, raw(FILE + csv_of(WEBHOOK)) + b"epilogue", id="something after the form"),
        pytest.param(PLAIN, b"\r\n" + raw(FILE + csv_of(WEBHOOK)), id="a line end before it"),
        pytest.param(
            PLAIN,
            raw(FILE.replace(b'filename="jobs.csv"', b"filename*=utf-8''j%C3%B6bs.csv") + csv_of(WEBHOOK)),
            id="file name in a charset of its own",
        ),
        pytest.param(
            PLAIN,
            raw(FILE.replace(b'; filename="jobs.csv"', b'; filename="\xff"') + csv_of(WEBHOOK)),
            id="bad file name",
        ),
        pytest.param(PLAIN, raw(field("file", "x"), FILE + csv_of(WEBHOOK)), id="a text field of the same name"),
        pytest.param(PLAIN, raw(FILE + csv_of(WEBHOOK), FILE + b"second"), id="of two files the first"),
        pytest.param(PLAIN, raw(field("x" * 2000, "y" * 600_000), FILE + csv_of(WEBHOOK)), id="a long unknown field"),
        pytest.param(PLAIN, raw(b"\r\nnobody", FILE + csv_of(WEBHOOK)), id="a part without a name"),
        pytest.param(PLAIN, raw(b"Content-Length: 3\r\n" + FILE + csv_of(WEBHOOK)), id="a length of its own that lies"),
    ],
)
def test_a_form_may_look_otherwise(api: Api, content_type: str, content: bytes) -> None:
    answer = api.request("POST", PATH, content=content, headers={"Content-Type": content_type})

    assert (answer.status, answer.json["created_count"]) == (200, 1)
    assert api.row(Job)["name"] == "Nightly"


@pytest.mark.parametrize(
    ("sent", "dry_run"),
    [(["1"], True), (["Yes"], True), (["", "on"], True), (["no", "yes"], False), (["dry"], False), ([""], False)],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_of_equal_fields_the_first_that_is_not_empty_counts(api: Api, sent: list[str], dry_run: bool) -> None:
    body = raw(FILE + csv_of(WEBHOOK), *(field("dry_run", word) for word in sent))

    answer = api.request("POST", PATH, content=body, headers={"Content-Type": PLAIN})

    assert (answer.status, answer.json["dry_run"]) == (200, dry_run)
    assert len(api.rows(Job)) == (0 if dry_run else 1)


def test_roles_are_checked_before_the_body(api: Api) -> None:
    broken: dict[str, Any] = {"content": b"no form", "headers": {"Content-Type": "text/plain"}}

    assert api.request("POST", PATH, as_="viewer", **broken).status == 403
    assert api.request("POST", PATH, as_=None, **broken).status == 401


def test_other_methods_match_a_job_id(api: Api) -> None:
    for answer in (api.get(PATH), api.delete(PATH), api.put(PATH, {})):
        assert (answer.status, answer.json["error"]) == (404, "Job not found")


@pytest.mark.parametrize(
    "length", [pytest.param({}, id="declared"), pytest.param({"Content-Length": None}, id="chunked")]
)
def test_an_upload_may_have_ten_mebibytes(api: Api, length: dict[str, None]) -> None:
    limit = 10 * 1024 * 1024
    content = raw(FILE + csv_of(WEBHOOK) + b"\n" * 20)
    fill = b"x" * (limit - len(content))
    headers = {"Content-Type": PLAIN, **length}
    before = api.everything()

    too_large = api.request("POST", PATH, content=content + fill + b"x", headers=headers)

    assert too_large.status == 413
    assert too_large.json == {
        "error": "Payload too large",
        "message": "The request body may be at most 10485760 bytes.",
    }
    assert api.everything() == before
    assert api.request("POST", PATH, content=content + fill, headers=headers).json["created_count"] == 1


# The file


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", invalid_csv("CSV is empty."), id="no bytes"),
        pytest.param(b"\xef\xbb\xbf \r\n\n", invalid_csv("CSV is empty."), id="BOM and blanks"),
        pytest.param(b", ,\nA,B,C\n", invalid_csv("CSV header row has no usable column names."), id="blank headers"),
        pytest.param(
            b"\n" + csv_of(WEBHOOK), invalid_csv("CSV header row has no usable column names."), id="blank first line"
        ),
        pytest.param(
            csv_of(WEBHOOK) + b'"open\nA,B\n',
            invalid_csv("Row 3 opens a quoted cell that is never closed."),
            id="a quote that stays open",
        ),
        pytest.param(
            csv_of(WEBHOOK).decode().encode("utf-16"),
            invalid_csv("The file holds NUL characters, so it is not text in UTF-8. Save it as CSV UTF-8."),
            id="UTF-16",
        ),
        pytest.param(
            csv_of(WEBHOOK, {**WEBHOOK, "Job Name": "x" * 131_073}),
            invalid_csv("Row 3 has a cell of more than 131072 characters. Is a closing quote missing?"),
            id="a huge cell",
        ),
    ],
)
def test_a_file_that_is_no_table_is_refused(api: Api, content: bytes, expected: dict[str, str]) -> None:
    before = api.everything()

    answer = upload(api, content)

    assert (answer.status, answer.json) == (400, expected)
    assert api.everything() == before


def test_only_a_header_makes_no_jobs(api: Api) -> None:
    before = api.everything()

    answer = upload(api, b"name,cron,end_date\n")

    assert answer.status == 200
    assert answer.json == {
        "message": "Bulk upload processed",
        "dry_run": False,
        "stats": {
            "original_column_count": 3,
            "original_row_count": 0,
            "removed_column_count": 0,
            "removed_empty_row_count": 0,
        },
        "created_count": 0,
        "error_count": 0,
        "errors": [],
        "jobs": [],
    }
    assert api.everything() == before


def test_rows_are_numbered_as_a_spreadsheet_shows_them(api: Api) -> None:
    header = "name,,cron,end_date,pic_team,target_url,metadata, "
    good = f"A,note,{YEARLY},{END_DATE},core,https://hooks.example.com/x"
    lines = [header, "", good + ',"{""a"":\r\n\r\n1}"', ",only a note,,,,,,", "B,,,,,,", " , ", "C,,,,,,,,,extra", ""]

    answer = upload(api, "\r\n".join(lines).encode())

    assert answer.json["stats"] == {
        "original_column_count": 8,
        "original_row_count": 6,
        "removed_column_count": 2,
        "removed_empty_row_count": 3,
    }
    assert [(error["row"], error["job_name"]) for error in answer.json["errors"]] == [(5, "B"), (7, "C")]
    assert api.row(Job)["metadata"] == {"a": 1}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"\xef\xbb\xbf" + csv_of(WEBHOOK), "Nightly", id="BOM"),
        pytest.param(csv_of({**WEBHOOK, "Job Name": "夜間バッチ 🚀"}), "夜間バッチ 🚀", id="beyond ASCII"),
        pytest.param(csv_of(WEBHOOK).replace(b"Nightly", b"Caf\xe9"), "Caf\ufffd", id="bad byte"),
        pytest.param(csv_of(WEBHOOK).replace(b"\r\n", b"\r"), "Nightly", id="line ends of old Macs"),
        pytest.param(csv_of(WEBHOOK).replace(b"Job Name", b" jOB nAME\t"), "Nightly", id="header in any case"),
        pytest.param(csv_of({**WEBHOOK, "Job Name": " \u3000Nightly\t"}), "Nightly", id="blanks around a cell"),
        pytest.param(csv_of({"name": "Second", **WEBHOOK}), "Nightly", id="job name before name"),
        pytest.param(csv_of({"name": "Second", **WEBHOOK, "Job Name": " "}), "Second", id="first that is not blank"),
        pytest.param(csv_of({**WEBHOOK, "JOB NAME": "Last"}), "Last", id="of equal headers the last"),
        pytest.param(csv_of({**WEBHOOK, "Job Name": "=cmd|' /C calc'!A0"}), "=cmd|' /C calc'!A0", id="formula"),
        pytest.param(csv_of({**WEBHOOK, "Job Name": "a, \"b\" & 'c'"}), "a, \"b\" & 'c'", id="comma and quotes"),
        pytest.param(csv_of({**WEBHOOK, "Job Name": "x" * 255}), "x" * 255, id="as long as may be"),
    ],
)
def test_a_name_is_read(api: Api, content: bytes, expected: str) -> None:
    answer = upload(api, content)

    assert (answer.json["errors"], [job["name"] for job in answer.json["jobs"]]) == ([], [expected])
    assert api.row(Job)["name"] == expected


# The rows


MISSING = "Missing required fields"
NO_TARGET = (
    "Missing target configuration",
    'Please provide either "target_url" or GitHub Actions configuration (github_owner, github_repo, github_workflow_name)',
)
BAD_DATE = ("Invalid end_date", "Invalid end_date. Use YYYY-MM-DD.")
YESTERDAY = (datetime.now(UTC).astimezone(ZONE).date() - timedelta(days=1)).isoformat()


def too_long(name: str, limit: int) -> tuple[str, str]:
    return "Invalid payload", f'"{name}" must be at most {limit} characters.'


def control(name: str) -> tuple[str, str]:
    return "Invalid payload", f'"{name}" must not contain control characters.'


BAD_WEBHOOKS = [
    pytest.param(
        {"Category": "nope"},
        ("Invalid category", "Unknown category. Create it in Settings → Categories first, or choose General."),
        id="unknown category",
    ),
    pytest.param({"Category": "x" * 256}, too_long("category", 255), id="over-long category"),
    pytest.param({"Category": "a\x07b"}, control("category"), id="control character in the category"),
    pytest.param({"End Date": " "}, (MISSING, "end_date (YYYY-MM-DD) is required."), id="no end date"),
    pytest.param({"End Date": "31.12.2099"}, BAD_DATE, id="end date in another form"),
    pytest.param({"End Date": "2099-02-30"}, BAD_DATE, id="no day of the calendar"),
    pytest.param({"End Date": "2099-1-1"}, BAD_DATE, id="end date without zeros"),
    pytest.param({"End Date": "２０９９-12-31"}, BAD_DATE, id="end date in wide digits"),
    pytest.param({"End Date": "2099-12-31\n1"}, control("end_date"), id="line break in the end date"),
    pytest.param(
        {"End Date": YESTERDAY},
        ("Invalid end_date", "end_date must be today or in the future (JST)."),
        id="end date in the past",
    ),
    pytest.param(
        {"PIC Team": ""},
        ("Invalid PIC team", "PIC team is required. Create one in Settings → PIC Teams."),
        id="no team",
    ),
    pytest.param(
        {"PIC Team": "--"},
        ("Invalid PIC team", "PIC team is required. Create one in Settings → PIC Teams."),
        id="nothing left of the team",
    ),
    pytest.param(
        {"PIC Team": "nope"},
        ("Invalid PIC team", "Unknown PIC team. Create it in Settings → PIC Teams first."),
        id="unknown team",
    ),
    pytest.param(
        {"PIC Team": "Old"},
        ("Invalid PIC team", "PIC team is disabled. Enable it in Settings → PIC Teams or choose another."),
        id="disabled team",
    ),
    pytest.param({"PIC Team": "x" * 256}, too_long("pic_team", 255), id="over-long team"),
    pytest.param({"Job Name": " "}, (MISSING, "name and cron_expression are required."), id="no name"),
    pytest.param({"Cron": ""}, (MISSING, "name and cron_expression are required."), id="no cron"),
    pytest.param({"Job Name": "x" * 256}, too_long("name", 255), id="over-long name"),
    pytest.param({"Job Name": "two\nlines"}, control("name"), id="line break in the name"),
    pytest.param({"Job Name": "a\u2028b"}, control("name"), id="line separator in the name"),
    pytest.param({"Cron": "*" * 101}, too_long("cron_expression", 100), id="over-long cron"),
    pytest.param({"Cron": "0 2\n* * *"}, control("cron_expression"), id="line break in the cron"),
    pytest.param(
        {"Job Name": "Taken"},
        (
            "Duplicate job name",
            'A job with the name "Taken" already exists. Please use a unique name.',
        ),
        id="name taken",
    ),
    pytest.param(
        {"Cron": "60 * * * *"}, ("Invalid cron expression", 'Minute "60" is out of range 0-59.'), id="bad cron"
    ),
    pytest.param(
        {"Cron": "0 2 * *"},
        (
            "Invalid cron expression",
            "Cron expression must have exactly 5 fields (minute hour day month day-of-week).",
        ),
        id="four fields",
    ),
    pytest.param(
        {"Cron": "0 0 30 2 *"}, ("Invalid cron expression", "This expression never fires."), id="cron that never fires"
    ),
    pytest.param(
        {"Request Body": "{"},
        ("Invalid JSON in Request Body", "Not valid JSON at line 1, column 2."),
        id="half a body",
    ),
    pytest.param(
        {"Request Body": '{"a": 1,\n "b": NaN}'},
        ("Invalid JSON in Request Body", "Not valid JSON at line 2, column 7."),
        id="NaN in the body",
    ),
    pytest.param(
        {"Request Body": "[" * 100_000},
        ("Invalid JSON in Request Body", "Not valid JSON at line 1, column 1026."),
        id="endless brackets",
    ),
    pytest.param(
        {"Request Body": '{"a":' * 101 + "1" + "}" * 101},
        ("Invalid metadata", "metadata must not be nested more than 100 levels deep"),
        id="deep body",
    ),
    *(
        pytest.param(
            {"Request Body": text}, ("Invalid Request Body", "Request Body must be a JSON object."), id=f"body {text}"
        )
        for text in ("[]", "1", "null", '"text"', "true")
    ),
    pytest.param({"Branch": "ma\x07in"}, control("branch"), id="control character in the branch"),
    pytest.param({"Target URL": ""}, NO_TARGET, id="no target"),
    pytest.param({"Target URL": "https://e.com/" + "x" * 487}, too_long("target_url", 500), id="over-long URL"),
    pytest.param(
        {"Target URL": "ftp://hooks.example.com"},
        ("Invalid target_url", "The URL must start with http:// or https://."),
        id="no web address",
    ),
    pytest.param(
        {"Target URL": "https://user@hooks.example.com"},
        ("Invalid target_url", "The URL must not contain a user name or a password."),
        id="user in the URL",
    ),
]
BAD_WORKFLOWS = [
    pytest.param({"Repo": ""}, NO_TARGET, id="no repository"),
    pytest.param({"Workflow Name": ""}, NO_TARGET, id="no workflow"),
    pytest.param({"Owner": ""}, NO_TARGET, id="no owner anywhere"),
    pytest.param(
        {"Repo": "a/b/c"},
        ("Invalid GitHub repository", '"a/b/c" is not owner/repo or repo.'),
        id="two slashes",
    ),
    pytest.param(
        {"Repo": "acme/"}, ("Invalid GitHub repository", '"acme/" is not owner/repo or repo.'), id="slash at the end"
    ),
    pytest.param({"Owner": "ac me"}, ("Invalid GitHub configuration", '"ac me" is not a valid owner.'), id="bad owner"),
    pytest.param(
        {"Repo": "../x"}, ("Invalid GitHub configuration", '".." is not a valid owner.'), id="bad owner in the repo"
    ),
    pytest.param(
        {"Repo": "we:b"}, ("Invalid GitHub configuration", '"we:b" is not a valid repository.'), id="bad repository"
    ),
    pytest.param(
        {"Workflow Name": "deploy?.yml"},
        ("Invalid GitHub configuration", '"deploy?.yml" is not a valid workflow file.'),
        id="bad workflow",
    ),
    pytest.param(
        {"Workflow Name": "deploy.sh"},
        ("Invalid github_workflow_name", "Workflow file must end with .yml or .yaml."),
        id="workflow of another kind",
    ),
    pytest.param({"Owner": "x" * 256}, too_long("github_owner", 255), id="over-long owner"),
    pytest.param({"Repo": "x" * 256}, too_long("github_repo", 255), id="over-long repository"),
    pytest.param({"Workflow Name": "x" * 256}, too_long("github_workflow_name", 255), id="over-long workflow"),
    pytest.param({"Workflow Name": "a\tb"}, control("github_workflow_name"), id="tab in the workflow"),
]


@pytest.mark.parametrize(("changes", "expected"), BAD_WEBHOOKS)
def test_a_bad_webhook_row_is_reported(api: Api, changes: dict[str, str], expected: tuple[str, str]) -> None:
    check_reported(api, {**WEBHOOK, **changes}, expected)


@pytest.mark.parametrize(("changes", "expected"), BAD_WORKFLOWS)
def test_a_bad_workflow_row_is_reported(api: Api, changes: dict[str, str], expected: tuple[str, str]) -> None:
    check_reported(api, {**WORKFLOW, **changes}, expected)


def check_reported(api: Api, row: dict[str, str], expected: tuple[str, str]) -> None:
    """Upload a good row and this one; see it reported, dry or not, and only the good one stored."""
    add_job(api, name="Taken")
    content = csv_of({**WEBHOOK, "Job Name": "Good"}, row)
    error = refused(3, row["Job Name"].strip() or None, *expected)
    before = api.everything()

    dry = upload(api, content, dry_run="1")

    assert (dry.status, dry.json["errors"], dry.json["created_count"]) == (200, [error], 1)
    assert api.everything() == before

    answer = upload(api, content)

    assert (answer.status, answer.json["errors"], answer.json["error_count"]) == (200, [error], 1)
    assert sorted(row["name"] for row in api.rows(Job)) == ["Good", "Taken"]


FAULTS = [
    ({"Category": "nope"}, "Invalid category"),
    ({"End Date": "never"}, "Invalid end_date"),
    ({"PIC Team": "nope"}, "Invalid PIC team"),
    ({"Cron": ""}, "Missing required fields"),
    ({}, "Duplicate job name in CSV"),
    ({}, "Duplicate job name"),
    ({"Cron": "61 * * * *"}, "Invalid cron expression"),
    ({"Request Body": "{"}, "Invalid JSON in Request Body"),
    ({"Request Body": "[]"}, "Invalid Request Body"),
    ({"Target URL": ""}, "Missing target configuration"),
]


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[error for _, error in FAULTS])
def test_of_several_faults_the_first_is_reported(api: Api, first: int) -> None:
    errors = [error for _, error in FAULTS]
    row = {**WEBHOOK, "Job Name": "Taken"}
    for changes, _ in reversed(FAULTS[first:]):
        row |= changes
    rows = [row]
    if first <= errors.index("Duplicate job name in CSV"):
        rows = [{**WEBHOOK, "Job Name": "Taken"}, row]
    if first <= errors.index("Duplicate job name"):
        add_job(api, name="Taken")

    answer = upload(api, csv_of(*rows))

    assert (answer.json["errors"][-1]["row"], answer.json["errors"][-1]["error"]) == (len(rows) + 1, errors[first])


def test_a_name_may_stand_in_a_file_once(api: Api) -> None:
    rows = [WEBHOOK, {**WEBHOOK, "Job Name": " Nightly "}, {**WEBHOOK, "Job Name": "nightly"}, WEBHOOK]

    answer = upload(api, csv_of(*rows))

    twice = "Duplicate job name in CSV", 'The name "Nightly" appears more than once in this file.'
    assert answer.json["errors"] == [refused(3, "Nightly", *twice), refused(5, "Nightly", *twice)]
    assert [job["name"] for job in answer.json["jobs"]] == ["Nightly", "nightly"]


def test_uploading_a_file_twice_makes_no_job_twice(api: Api) -> None:
    upload(api, csv_of(WEBHOOK))
    before = api.everything()

    answer = upload(api, csv_of(WEBHOOK))

    taken = 'A job with the name "Nightly" already exists. Please use a unique name.'
    assert answer.json["errors"] == [refused(2, "Nightly", "Duplicate job name", taken)]
    assert (answer.json["created_count"], answer.json["jobs"]) == (0, [])
    assert api.everything() == before


# What is stored


def test_a_webhook_job_is_stored_as_the_row_says(api: Api) -> None:
    row = {**WEBHOOK, "Category": "dr TESTING", "PIC Team": "CORE", "Status": "Disabled"}
    row |= {"Cron": "0  0 1  1 *", "Request Body": '{"b": [1, 2.5, null], "a": "é"}', "Branch": "main"}
    before = datetime.now(UTC)

    answer = upload(api, csv_of(row))

    stored = api.row(Job)
    created_at = stored.pop("created_at")
    assert answer.json["jobs"] == [{"id": stored["id"], "name": "Nightly", "is_active": False}]
    assert before <= created_at <= datetime.now(UTC)
    assert stored == {
        "id": stored["id"],
        "name": "Nightly",
        "cron_expression": YEARLY,
        "target_url": "https://hooks.example.com/x",
        "github_owner": None,
        "github_repo": None,
        "github_workflow_name": None,
        "metadata": {"b": [1, 2.5, None], "a": "é", "branchDetails": "main"},
        "category": "dr-testing",
        "end_date": datetime.fromisoformat(END_DATE).date(),
        "pic_team": "core",
        "enable_email_notifications": False,
        "notification_emails": [],
        "notify_on_success": False,
        "created_by": world.user_id("user"),
        "is_active": False,
        "updated_at": created_at,
    }
    assert api.rows(JobSchedule) == [{"job_id": stored["id"], "next_run_at": None, "schedule_rev": 1, "every_s": None}]


def test_a_stored_job_reads_like_any_other(api: Api) -> None:
    upload(api, csv_of(WEBHOOK))

    (job,) = api.get("/jobs").json["jobs"]

    assert job["next_execution_at"] == new_year()
    assert api.row(JobSchedule)["next_run_at"] == datetime.fromisoformat(new_year())
    assert api.get(f"/jobs/{job['id']}").json == {"job": job}


@pytest.mark.parametrize(
    ("changes", "form", "expected"),
    [
        pytest.param({}, {}, "acme/web", id="owner and repository"),
        pytest.param({"Repo": "other/site"}, {}, "other/site", id="owner in the repository"),
        pytest.param(
            {"Owner": ""}, {"default_github_owner": " of-the-form "}, "of-the-form/web", id="owner of the form"
        ),
        pytest.param({}, {"default_github_owner": "of-the-form"}, "acme/web", id="the row's owner before it"),
    ],
)
def test_a_workflow_job_is_stored(api: Api, changes: dict[str, str], form: dict[str, str], expected: str) -> None:
    answer = upload(api, csv_of({**WORKFLOW, **changes}), **form)

    assert answer.json["errors"] == []
    row = api.row(Job)
    assert (row["target_url"], row["github_workflow_name"]) == (None, "deploy.yml")
    assert f"{row['github_owner']}/{row['github_repo']}" == expected


def test_a_bad_default_owner_is_reported_where_it_is_used(api: Api) -> None:
    rows = [{**WORKFLOW, "Owner": ""}, {**WORKFLOW, "Job Name": "Other"}]

    answer = upload(api, csv_of(*rows), default_github_owner="ac me")

    bad = "Invalid GitHub configuration", '"ac me" is not a valid owner.'
    assert answer.json["errors"] == [refused(2, "Nightly", *bad)]
    assert answer.json["created_count"] == 1


def test_with_a_url_the_github_fields_are_dropped(api: Api) -> None:
    upload(api, csv_of({**WORKFLOW, "Target URL": "https://hooks.example.com/x", "Repo": "a/b/c"}))

    row = api.row(Job)
    assert row["target_url"] == "https://hooks.example.com/x"
    assert (row["github_owner"], row["github_repo"], row["github_workflow_name"]) == (None, None, None)


def test_a_job_may_end_today(api: Api) -> None:
    answer = upload(api, csv_of({**WEBHOOK, "End Date": today().isoformat()}))

    assert answer.json["created_count"] == 1
    assert api.row(Job)["end_date"] == today()


def test_jobs_keep_the_order_of_the_file(api: Api) -> None:
    names = ["m", "z", "a", "", "k", "b"]

    answer = upload(api, csv_of(*({**WEBHOOK, "Job Name": name} for name in names)))

    expected = ["m", "z", "a", "k", "b"]
    assert [job["name"] for job in answer.json["jobs"]] == expected
    rows = sorted(api.rows(Job), key=lambda row: row["created_at"])
    assert [row["name"] for row in rows] == expected
    assert len({row["created_at"] for row in rows}) == len(expected)
    assert [job["name"] for job in api.get("/jobs").json["jobs"]] == expected[::-1]


def test_only_the_caller_is_told_and_once(api: Api) -> None:
    rows = [WEBHOOK, {**WEBHOOK, "Job Name": "Weekly"}, {}, {**WEBHOOK, "Cron": "no"}, WEBHOOK]

    upload(api, csv_of(*rows), as_="other")

    notification = api.row(Notification)
    assert notification["user_id"] == world.user_id("other")
    assert (notification["title"], notification["type"]) == ("Bulk upload", "info")
    assert notification["message"] == "2 jobs created, 2 rows refused."
    assert (notification["related_job_id"], notification["is_read"]) == (None, False)
    assert {row["created_by"] for row in api.rows(Job)} == {world.user_id("other")}
    assert api.sinks.mail.delivered == []


def test_nobody_is_told_when_nothing_was_stored(api: Api) -> None:
    before = api.everything()

    answer = upload(api, csv_of({**WEBHOOK, "Cron": "no"}))

    assert (answer.status, answer.json["created_count"], answer.json["error_count"]) == (200, 0, 1)
    assert api.everything() == before


def test_a_dry_run_says_what_would_be_and_stores_nothing(api: Api) -> None:
    rows = [{**WEBHOOK, "Status": "off", "Cron": "0  2 * * MON"}, {**WORKFLOW, "Job Name": "Weekly"}, {"Job Name": "X"}]
    before = api.everything()

    answer = upload(api, csv_of(*rows), dry_run="true")

    assert answer.status == 200
    assert answer.json == {
        "message": "CSV validated successfully",
        "dry_run": True,
        "stats": {
            "original_column_count": 9,
            "original_row_count": 3,
            "removed_column_count": 0,
            "removed_empty_row_count": 0,
        },
        "created_count": 2,
        "error_count": 1,
        "errors": [refused(4, "X", "Missing required fields", "end_date (YYYY-MM-DD) is required.")],
        "jobs": [
            {
                "name": "Nightly",
                "is_active": False,
                "cron_expression": "0 2 * * MON",
                "end_date": END_DATE,
                "pic_team": "core",
            },
            {
                "name": "Weekly",
                "is_active": True,
                "cron_expression": YEARLY,
                "end_date": END_DATE,
                "pic_team": "core",
            },
        ],
    }
    assert list(answer.json) == [
        *("message", "dry_run", "stats", "created_count", "error_count", "errors", "jobs"),
    ]
    assert api.everything() == before


def test_more_rows_than_a_statement_takes_are_stored(api: Api) -> None:
    add_job(api, name="Job 1000")
    rows = [{**WEBHOOK, "Job Name": f"Job {number}"} for number in range(1100)]

    answer = upload(api, csv_of(*rows))

    taken = 'A job with the name "Job 1000" already exists. Please use a unique name.'
    assert answer.json["errors"] == [refused(1002, "Job 1000", "Duplicate job name", taken)]
    assert answer.json["created_count"] == 1099
    assert len(api.rows(JobSchedule)) == len(api.rows(Job)) == 1100
    assert api.row(Notification)["message"] == "1099 jobs created, 1 rows refused."


def test_what_changed_while_a_file_was_judged_counts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, meanwhile = csv_import.decide, [True]

    def decide_as_others_write(*args: Any) -> csv_import.Plan:
        plan = judge(*args)
        if meanwhile.pop():
            meanwhile.append(False)
            add_job(api, name="Nightly")
            team = "Fresh team"
            api.add(
                PicTeam, slug="fresh", name=team, slack_handle="@f", created_at=world.CREATED, updated_at=world.CREATED
            )
        return plan

    rows = [WEBHOOK, {**WEBHOOK, "Job Name": "Weekly", "PIC Team": "fresh"}, {**WEBHOOK, "Job Name": "Yearly"}]
    with monkeypatch.context() as patch:
        patch.setattr(csv_import, "decide", decide_as_others_write)
        answer = upload(api, csv_of(*rows))

    taken = 'A job with the name "Nightly" already exists. Please use a unique name.'
    assert answer.json["errors"] == [refused(2, "Nightly", "Duplicate job name", taken)]
    assert [job["name"] for job in answer.json["jobs"]] == ["Weekly", "Yearly"]
    assert sorted(row["name"] for row in api.rows(Job)) == ["Nightly", "Weekly", "Yearly"]
    assert api.row(Notification)["message"] == "2 jobs created, 1 rows refused."
