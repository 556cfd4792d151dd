"""Categories and PIC teams: names, slugs, and what an edit does to the jobs that have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from shared_rules import wire
from shared_rules.errors import BadRequest, Conflict, InvalidPayload, NotFound
from shared_rules.fields import Fields
from shared_rules.text import slugify

__all__ = [
    "CATEGORY",
    "DEFAULT_CATEGORIES",
    "GENERAL",
    "TEAM",
    "CategoryRow",
    "TaxonomyKind",
    "TaxonomyRow",
    "TeamRow",
    "category",
    "check_found",
    "check_may_rename",
    "check_slug_free",
    "in_name_order",
    "team",
    "wanted_for_create",
    "wanted_for_update",
]

GENERAL = "general"
DEFAULT_CATEGORIES = (
    "General",
    "Regression",
    "DR Testing",
    "Feature Testing",
    "Prod/Canary",
    "Refund",
    "Backward Compatibility",
)
_NAME_MAX_CHARS = 255
_SLUG_MAX_CHARS = 100


@dataclass(frozen=True)
class TaxonomyKind:
    """The words in which categories and teams differ."""

    noun: str
    slug_noun: str
    has_slack_handle: bool


CATEGORY = TaxonomyKind("category", "Category", has_slack_handle=False)
TEAM = TaxonomyKind("PIC team", "PIC team", has_slack_handle=True)


class TaxonomyRow(Protocol):
    """The columns both kinds have."""

    id: Any
    slug: Any
    name: Any
    is_active: Any
    created_at: Any
    updated_at: Any


class CategoryRow(TaxonomyRow, Protocol):
    pass


class TeamRow(TaxonomyRow, Protocol):
    slack_handle: Any


_Row = TypeVar("_Row", bound=TaxonomyRow)


def category(row: CategoryRow) -> dict[str, Any]:
    """`{"id", "slug", "name", "is_active", "created_at", "updated_at"}`"""
    return {"id": row.id, "slug": row.slug, "name": row.name, **_state(row)}


def team(row: TeamRow) -> dict[str, Any]:
    """`{"id", "slug", "name", "slack_handle", "is_active", "created_at", "updated_at"}`"""
    return {"id": row.id, "slug": row.slug, "name": row.name, "slack_handle": row.slack_handle, **_state(row)}


def _state(row: TaxonomyRow) -> dict[str, Any]:
    return {
        "is_active": row.is_active,
        "created_at": wire.instant(row.created_at),
        "updated_at": wire.instant(row.updated_at),
    }


def in_name_order(rows: Sequence[_Row]) -> list[_Row]:
    """Return the rows by lower-cased name, then id: sorted here, for databases collate differently."""
    return sorted(rows, key=lambda row: (row.name.lower(), row.id))


def wanted_for_create(kind: TaxonomyKind, body: Fields) -> Mapping[str, Any]:
    """Return the columns of a new row: name, slug, for teams slack_handle, is_active."""
    name = body.text("name", _NAME_MAX_CHARS)
    if name is None:
        raise _missing("name")
    handle = body.text("slack_handle", _NAME_MAX_CHARS) if kind.has_slack_handle else None
    if kind.has_slack_handle and handle is None:
        raise _missing("slack_handle")
    slug = _slug(body.text("slug", _SLUG_MAX_CHARS) or name)
    is_active = body.flag("is_active")
    wanted = {"name": name, "slug": slug, "is_active": True if is_active is None else is_active}
    return wanted | {"slack_handle": handle} if kind.has_slack_handle else wanted


def wanted_for_update(kind: TaxonomyKind, body: Fields) -> Mapping[str, Any]:
    """Return the columns to set, with the slug derived from a name sent."""
    wanted: dict[str, Any] = {}
    if "name" in body:
        name = body.text("name", _NAME_MAX_CHARS)
        if name is None:
            raise BadRequest("Invalid name", "Name cannot be empty.")
        wanted |= {"name": name, "slug": _slug(name)}
    if "slug" in body:
        raise InvalidPayload("Slug cannot be edited directly; it is derived from name.", field="slug")
    if kind.has_slack_handle and "slack_handle" in body:
        handle = body.text("slack_handle", _NAME_MAX_CHARS)
        if handle is None:
            raise BadRequest("Invalid slack_handle", "slack_handle cannot be empty.")
        wanted["slack_handle"] = handle
    is_active = body.flag("is_active")
    return wanted if is_active is None else wanted | {"is_active": is_active}


def check_found(kind: TaxonomyKind, row: _Row | None, row_id: str) -> _Row:
    """Return the row that was looked up; raise 404 when there is none."""
    if row is None:
        raise NotFound("Not found", f"No {kind.noun} found with ID: {row_id}")
    return row


def check_may_rename(row: CategoryRow, name: str) -> None:
    """Raise 400 for another name of the category that jobs without one have."""
    if row.slug == GENERAL and name != row.name:
        raise BadRequest("Invalid category", 'The "General" category cannot be renamed.')


def check_slug_free(kind: TaxonomyKind, slug: str, taken: bool | None) -> None:
    if taken:
        raise Conflict("Duplicate slug", f'{kind.slug_noun} slug "{slug}" already exists.')


def _slug(text: str) -> str:
    slug = slugify(text)
    if not slug:
        raise BadRequest("Invalid slug", "Unable to generate a valid slug from name.")
    if len(slug) > _SLUG_MAX_CHARS:
        raise InvalidPayload(f'"slug" must be at most {_SLUG_MAX_CHARS} characters.', field="slug")
    return slug


def _missing(field: str) -> BadRequest:
    return BadRequest("Missing required fields", f'"{field}" is required.')
