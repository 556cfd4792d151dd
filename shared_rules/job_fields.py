"""What each field of a job may be, one by one: for the API's bodies, and for whatever else brings a job's values.

A `read_` function takes its field out of a body, a `parse_` or `find_` function takes the text alone.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Self

from shared_rules.cron import parse_cron
from shared_rules.errors import BadRequest, wrong_type
from shared_rules.fields import Fields, check_no_control_characters
from shared_rules.settings import Settings
from shared_rules.targets import (
    TargetPolicy,
    check_github_owner,
    check_github_repo,
    check_github_workflow,
    parse_target_url,
)
from shared_rules.taxonomy import GENERAL
from shared_rules.text import is_email, slugify

__all__ = [
    "CRON_MAX_CHARS",
    "NAME_MAX_CHARS",
    "URL_MAX_CHARS",
    "Choice",
    "Target",
    "Terms",
    "check_metadata",
    "check_metadata_depth",
    "find_category",
    "find_team",
    "parse_end_date",
    "read_category",
    "read_cron",
    "read_emails",
    "read_end_date",
    "read_metadata",
    "read_name",
    "read_target",
    "read_team",
]

NAME_MAX_CHARS = 255
CRON_MAX_CHARS = 100
URL_MAX_CHARS = 500
# A date has no column of text whose length could be too small; a longer text is no date anyway.
_ANY_LENGTH = 2**20
_MAX_METADATA_LEVELS = 100
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Choice = tuple[str, str, bool]
"""Slug, display name and `is_active` of a category or a team."""


@dataclass(frozen=True)
class Terms:
    """What a job is judged by besides itself. `today` is in the scheduler zone."""

    today: date
    targets: TargetPolicy
    default_github_owner: str = ""

    @classmethod
    def at(cls, now: datetime, settings: Settings, targets: TargetPolicy) -> Self:
        return cls(now.astimezone(settings.zone).date(), targets, settings.default_github_owner)


@dataclass(frozen=True)
class Target:
    """What a run calls: a URL, or a GitHub workflow, which wins where both are complete."""

    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None

    def completed(self, default_owner: str) -> "Target":
        """Return it with the default owner if that is all a workflow lacks; raise Missing target configuration."""
        is_workflow = bool(self.github_repo and self.github_workflow_name)
        owner = self.github_owner or default_owner or None
        if not self.target_url and not (is_workflow and owner):
            raise BadRequest(
                "Missing target configuration",
                'Please provide either "target_url" or GitHub Actions configuration '
                "(github_owner, github_repo, github_workflow_name)",
            )
        return replace(self, github_owner=owner) if is_workflow else self

    def check(self, targets: TargetPolicy) -> None:
        """Raise the refusal of the first part that may not be called; parts that are none are fine."""
        if self.target_url:
            targets.check_url(parse_target_url(self.target_url))
        if self.github_owner:
            check_github_owner(self.github_owner)
        if self.github_repo:
            check_github_repo(self.github_repo)
        if self.github_workflow_name:
            check_github_workflow(self.github_workflow_name)

    def columns(self) -> dict[str, str | None]:
        return asdict(self)


def read_name(body: Fields) -> str:
    name = body.text("name", NAME_MAX_CHARS)
    if name is None:
        raise BadRequest("Job name cannot be empty")
    return name


def read_cron(body: Fields, *fields: str) -> str:
    """Return the first of `fields` that is not blank as an expression with single blanks; all of them must be text."""
    texts = [body.text(field, CRON_MAX_CHARS) for field in fields]
    return parse_cron(next(filter(None, texts), None))


def read_category(body: Fields) -> str | None:
    """Return what the category is called, by slug or name; `find_category` makes it a slug."""
    return body.text("category", NAME_MAX_CHARS)


def read_team(body: Fields) -> str | None:
    """Return what the PIC team is called, by slug or name; `find_team` makes it a slug."""
    texts = [body.text(field, NAME_MAX_CHARS) for field in ("pic_team", "pic_team_slug")]
    return next(filter(None, texts), None)


def read_metadata(body: Fields) -> dict[str, Any]:
    return check_metadata(body.raw("metadata"))


def check_metadata(value: Any) -> dict[str, Any]:
    """Return a JSON object that can be stored and answered, `{}` for None; raise Invalid metadata."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest("Invalid metadata", "metadata must be a JSON object")
    check_metadata_depth(value)
    return value


def check_metadata_depth(value: dict[str, Any]) -> None:
    """Raise Invalid metadata on a value so deep that what writes JSON gives up on it, each library at another depth."""
    if _levels(value) > _MAX_METADATA_LEVELS:
        raise BadRequest(
            "Invalid metadata", f"metadata must not be nested more than {_MAX_METADATA_LEVELS} levels deep"
        )


def read_end_date(body: Fields, today: date, *, missing: BadRequest) -> date:
    """Return the last day; raise `missing` for null and blank, Invalid end_date for what is no date or over."""
    text = body.text("end_date", _ANY_LENGTH)
    if text is None:
        raise missing
    return parse_end_date(text, today)


def parse_end_date(text: str, today: date) -> date:
    """Return the day of a trimmed `YYYY-MM-DD`; raise Invalid end_date, also for one before `today`."""
    try:
        end = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        end = None
    if end is None:
        raise BadRequest("Invalid end_date", "Invalid end_date. Use YYYY-MM-DD.")
    if end < today:
        raise BadRequest("Invalid end_date", "end_date must be today or in the future (JST).")
    return end


def read_target(body: Fields) -> Target:
    """Return the parts sent, each trimmed and short enough, no more checked than that."""
    return Target(
        body.text("target_url", URL_MAX_CHARS),
        body.text("github_owner", NAME_MAX_CHARS),
        body.text("github_repo", NAME_MAX_CHARS),
        body.text("github_workflow_name", NAME_MAX_CHARS),
    )


def read_emails(body: Fields) -> list[str]:
    """Return the recipients of a list, or of one text with commas; blank ones are left out."""
    value = body.raw("notification_emails")
    items = value.split(",") if isinstance(value, str) else [] if value is None else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise wrong_type("notification_emails", "a list of strings")
    emails = [item.strip() for item in items if item.strip()]
    for email in emails:
        check_no_control_characters("notification_emails", email)
        if not is_email(email):
            raise BadRequest("Invalid notification_emails", f'"{email}" is not an email address.')
    return emails


def find_category(choices: Iterable[Choice], text: str | None) -> str:
    """Return the slug of the category called so, by slug or name in any case, a disabled one too; none is General."""
    if text is None:
        return GENERAL
    found = _called(choices, text)
    if found is None:
        raise BadRequest(
            "Invalid category", "Unknown category. Create it in Settings → Categories first, or choose General."
        )
    return found[0]


def find_team(choices: Iterable[Choice], text: str | None) -> str:
    """Return the slug of the PIC team called so, by slug or name in any case; raise Invalid PIC team.

    A text that is neither is slugified first: `Core Team` is `core-team`.
    """
    teams = list(choices)
    slug = slugify(text or "")
    found = _called(teams, text or "") or _called(teams, slug)
    if found is None:
        raise _invalid_team(
            "Unknown PIC team. Create it in Settings → PIC Teams first."
            if slug
            else "PIC team is required. Create one in Settings → PIC Teams."
        )
    if not found[2]:
        raise _invalid_team("PIC team is disabled. Enable it in Settings → PIC Teams or choose another.")
    return found[0]


def _called(choices: Iterable[Choice], text: str) -> Choice | None:
    """Return the one with this slug, else the first by slug with this name, active ones before the others."""
    wanted = text.casefold()
    named = [choice for choice in choices if wanted in (choice[0].casefold(), choice[1].casefold())]
    return min(named, key=lambda choice: (choice[0].casefold() != wanted, not choice[2], choice[0]), default=None)


def _invalid_team(message: str) -> BadRequest:
    return BadRequest("Invalid PIC team", message)


def _levels(value: Any) -> int:
    level, values = 0, [value]
    while values:
        level += 1
        values = [inner for outer in values for inner in _inside(outer)]
    return level


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
