"""Jobs from a CSV file: what an upload asks for, which rows become jobs, and why the others do not."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from shared_rules import wire
from shared_rules.csv_file import CsvFile, read_csv
from shared_rules.csv_row import HEADERS, Facts, Judge, NewJob, name_of
from shared_rules.errors import BadRequest, Refused
from shared_rules.fields import Fields, is_true_word
from shared_rules.job_fields import NAME_MAX_CHARS, Terms
from shared_rules.jobs import next_run
from shared_rules.multipart import multipart_form
from shared_rules.notices import Notice, notice_rows
from shared_rules.people import Actor

__all__ = [
    "Facts",
    "NewRows",
    "Plan",
    "Refusal",
    "Upload",
    "decide",
    "new_rows",
    "processed",
    "read_upload",
    "validated",
]

_BATCH_ROWS = 500


@dataclass(frozen=True)
class Upload:
    """What was sent. `names` are all in the file, to be looked up; `default_github_owner` comes before the setting."""

    file: CsvFile
    names: Set[str]
    default_github_owner: str | None
    dry_run: bool


@dataclass(frozen=True)
class Refusal:
    """Why a row is no job. `name` is None where the row has none."""

    row: int
    name: str | None
    error: str
    message: str


@dataclass(frozen=True)
class Plan:
    """The jobs to be made and the refusals, both in the order of the file."""

    jobs: Sequence[NewJob]
    refusals: Sequence[Refusal]


@dataclass(frozen=True)
class NewRows:
    """The rows to be stored, by column name. Each schedule is that of the job in the same place."""

    jobs: Sequence[Mapping[str, Any]]
    schedules: Sequence[Mapping[str, Any]]
    notifications: Sequence[Mapping[str, Any]]

    def batches(self) -> Iterator[tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]]:
        """Yield jobs and their schedules a few hundred at a time, so that who waits for them does not block for long."""
        for start in range(0, len(self.jobs), _BATCH_ROWS):
            end = start + _BATCH_ROWS
            yield self.jobs[start:end], self.schedules[start:end]


def read_upload(content_type: str | None, raw: bytes) -> Upload:
    """Return what a body asks for. Takes its time for a large one.

    Raise Missing file, Invalid payload on a default owner that can be none, or Invalid CSV.
    """
    form = multipart_form(content_type, raw)
    file = form.files.get("file")
    if file is None:
        raise BadRequest("Missing file", 'Upload a CSV file using form field "file".')
    if not file.name.strip():
        raise BadRequest("Missing file", "No file selected.")
    owner = Fields(form.fields).text("default_github_owner", NAME_MAX_CHARS)
    table = read_csv(file.content, HEADERS)
    names = {name for row in table.rows if (name := name_of(row))}
    return Upload(table, names, owner, is_true_word(form.fields.get("dry_run")))


def decide(upload: Upload, facts: Facts, terms: Terms) -> Plan:
    """Return what becomes of each row; of the reasons against it the first counts."""
    judge = Judge(facts, replace(terms, default_github_owner=upload.default_github_owner or terms.default_github_owner))
    jobs: list[NewJob] = []
    refusals: list[Refusal] = []
    for row in upload.file.rows:
        try:
            jobs.append(judge.new_job(row))
        except Refused as refusal:
            refusals.append(Refusal(row.number, name_of(row), refusal.error, str(refusal)))
    return Plan(jobs, refusals)


def new_rows(plan: Plan, actor: Actor, zone: ZoneInfo, now: datetime) -> NewRows:
    """Return the rows of the jobs, created microseconds apart to keep the order of the file, and the one message."""
    jobs = []
    schedules = []
    for place, job in enumerate(plan.jobs):
        created_at, job_id = now + timedelta(microseconds=place), str(uuid4())
        stamps = {"created_by": actor.id, "created_at": created_at, "updated_at": created_at}
        jobs.append({"id": job_id, **job.columns(), **stamps})
        schedules.append({"job_id": job_id, "next_run_at": next_run(job, zone, now), "schedule_rev": 1})
    done = f"{len(plan.jobs)} jobs created, {len(plan.refusals)} rows refused."
    told = [actor.id] if plan.jobs else []
    return NewRows(jobs, schedules, notice_rows(Notice("Bulk upload", done, "info"), told, now))


def processed(upload: Upload, plan: Plan, rows: NewRows) -> dict[str, Any]:
    """Return the answer once the rows are stored, `jobs` as `[{"id", "name", "is_active"}]`."""
    jobs = [{"id": row["id"], "name": row["name"], "is_active": row["is_active"]} for row in rows.jobs]
    return _answer("Bulk upload processed", upload, plan, jobs)


def validated(upload: Upload, plan: Plan) -> dict[str, Any]:
    """Return the answer of a dry run, with the jobs as they would be."""
    jobs = [
        {
            "name": job.name,
            "is_active": job.is_active,
            "cron_expression": job.cron_expression,
            "end_date": wire.day(job.end_date),
            "pic_team": job.pic_team,
        }
        for job in plan.jobs
    ]
    return _answer("CSV validated successfully", upload, plan, jobs)


def _answer(message: str, upload: Upload, plan: Plan, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    file = upload.file
    return {
        "message": message,
        "dry_run": upload.dry_run,
        "stats": {
            "original_column_count": file.column_count,
            "original_row_count": file.row_count,
            "removed_column_count": file.removed_column_count,
            "removed_empty_row_count": file.removed_row_count,
        },
        "created_count": len(jobs),
        "error_count": len(plan.refusals),
        "errors": [
            {"row": refusal.row, "job_name": refusal.name, "error": refusal.error, "message": refusal.message}
            for refusal in plan.refusals
        ],
        "jobs": jobs,
    }
