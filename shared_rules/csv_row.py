"""One row of a CSV file: the job it stands for, or the first reason why it stands for none."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import orjson

from shared_rules.cron import parse_cron
from shared_rules.csv_file import CsvRow
from shared_rules.errors import BadRequest
from shared_rules.fields import Fields, check_no_control_characters
from shared_rules.job_fields import (
    CRON_MAX_CHARS,
    NAME_MAX_CHARS,
    Choice,
    Target,
    Terms,
    check_metadata,
    find_category,
    find_team,
    read_category,
    read_end_date,
    read_target,
    read_team,
)
from shared_rules.jobs import check_name_free

__all__ = ["HEADERS", "Facts", "Judge", "NewJob", "name_of"]

_HEADERS: Final[Mapping[str, Sequence[str]]] = {
    "name": ("job name", "name"),
    "cron_expression": ("cron schedule (jst)", "cron expression", "cron", "cron_expression"),
    "status": ("status", "is_active", "active"),
    "target_url": ("target url", "target_url", "url"),
    "github_owner": ("github owner", "owner", "github_owner"),
    "github_repo": ("repo", "github repo", "github_repo"),
    "github_workflow_name": ("workflow name", "github workflow name", "github_workflow_name"),
    "category": ("category", "job category", "job_category"),
    "end_date": ("end date", "end_date"),
    "pic_team": ("pic team", "pic_team", "pic team slug", "pic_team_slug"),
    "branch": ("branch", "ref"),
    "request_body": ("request body", "request_body", "metadata"),
}
_OFF_WORDS = frozenset({"disable", "disabled", "inactive", "false", "0", "no", "n", "off"})
HEADERS = frozenset(header for headers in _HEADERS.values() for header in headers)
"""Every header that means something, in lower case."""


@dataclass(frozen=True)
class Facts:
    """What the database knows: which names of the file are jobs' already, and the categories and teams there are."""

    taken: Set[str]
    categories: Set[Choice]
    teams: Set[Choice]


@dataclass(frozen=True)
class NewJob:
    """A row that can be a job."""

    name: str
    cron_expression: str
    target: Target
    metadata: Mapping[str, Any]
    category: str
    end_date: date
    pic_team: str
    is_active: bool

    def columns(self) -> dict[str, Any]:
        """Return the values by column name."""
        return {
            "name": self.name,
            "cron_expression": self.cron_expression,
            **self.target.columns(),
            "metadata": self.metadata,
            "category": self.category,
            "end_date": self.end_date,
            "pic_team": self.pic_team,
            "enable_email_notifications": False,
            "notification_emails": [],
            "notify_on_success": False,
            "is_active": self.is_active,
        }


def name_of(row: CsvRow) -> str | None:
    """Return the name of the row's job, trimmed but not checked."""
    return _text(row, "name") or None


class Judge:
    """Judges the rows of one file, in its order."""

    def __init__(self, facts: Facts, terms: Terms) -> None:
        self._facts = facts
        self._terms = terms
        self._names: set[str] = set()
        self._category = _remembered(find_category, facts.categories)
        self._team = _remembered(find_team, facts.teams)

    def new_job(self, row: CsvRow) -> NewJob:
        """Return the job of a row; raise the first reason against it."""
        body = Fields({field: _text(row, field) for field in _HEADERS})
        category = self._category(read_category(body))
        end_date = read_end_date(body, self._terms.today, missing=_missing("end_date (YYYY-MM-DD) is required."))
        team = self._team(read_team(body))
        name, cron = body.text("name", NAME_MAX_CHARS), body.text("cron_expression", CRON_MAX_CHARS)
        if name is None or cron is None:
            raise _missing("name and cron_expression are required.")
        self._check_name(name)
        expression = parse_cron(cron)
        metadata = _metadata(body)
        target = self._target(body)
        is_active = body.raw("status").lower() not in _OFF_WORDS
        return NewJob(name, expression, target, metadata, category, end_date, team, is_active)

    def _check_name(self, name: str) -> None:
        if name in self._names:
            raise BadRequest("Duplicate job name in CSV", f'The name "{name}" appears more than once in this file.')
        self._names.add(name)
        check_name_free(name, name in self._facts.taken)

    def _target(self, body: Fields) -> Target:
        """Return the URL alone, or else the workflow."""
        if body.raw("target_url"):
            body = Fields({"target_url": body.raw("target_url")})
        target = _with_owner_of_repo(read_target(body)).completed(self._terms.default_github_owner)
        target.check(self._terms.targets)
        return target


def _text(row: CsvRow, field: str) -> str:
    return row.first(_HEADERS[field])


def _with_owner_of_repo(target: Target) -> Target:
    """Return the target with `owner/repo` taken apart."""
    repo = target.github_repo
    if repo is None or "/" not in repo:
        return target
    parts = [part.strip() for part in repo.split("/")]
    if len(parts) != 2 or not all(parts):
        raise BadRequest("Invalid GitHub repository", f'"{repo}" is not owner/repo or repo.')
    return replace(target, github_owner=parts[0], github_repo=parts[1])


def _metadata(body: Fields) -> dict[str, Any]:
    metadata = _json_object(body.raw("request_body"))
    branch = body.raw("branch")
    check_no_control_characters("branch", branch)
    return {**metadata, "branchDetails": branch} if branch and "branchDetails" not in metadata else metadata


def _json_object(text: str) -> dict[str, Any]:
    """Return the object a cell holds, `{}` for a blank one."""
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        reason = f"Not valid JSON at line {error.lineno}, column {error.colno}."
        raise BadRequest("Invalid JSON in Request Body", reason) from None
    if not isinstance(value, dict):
        raise BadRequest("Invalid Request Body", "Request Body must be a JSON object.")
    return check_metadata(value)


def _remembered(
    find: Callable[[Iterable[Choice], str | None], str], choices: Iterable[Choice]
) -> Callable[[str | None], str]:
    """Return `find` for these choices, asked once for each text: thousands of rows name a handful of teams."""
    known: dict[str | None, str] = {}

    def found(text: str | None) -> str:
        if text not in known:
            known[text] = find(choices, text)
        return known[text]

    return found


def _missing(message: str) -> BadRequest:
    return BadRequest("Missing required fields", message)
