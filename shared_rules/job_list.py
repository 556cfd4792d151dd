"""The list of jobs: which ones, in which order, which page. Text is compared and sorted here, as databases collate differently."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from shared_rules.errors import InvalidPayload, wrong_type
from shared_rules.fields import is_true_word
from shared_rules.jobs import JobRow, job, next_run
from shared_rules.query import Page, Query, total_pages
from shared_rules.text import slugify

__all__ = ["Chosen", "JobSketch", "ListedJob", "Wanted", "choose", "in_order", "job_list", "read_wanted"]

_SORTS = ("name", "created_at", "next_execution_at", "end_date")
_DEFAULT_SIZE, _MAX_SIZE = 20, 200
_FALSE_WORDS = frozenset({"0", "false", "no", "n", "off"})


class JobSketch(Protocol):
    """The columns that decide whether and where a job is listed."""

    id: Any
    name: Any
    cron_expression: Any
    category: Any
    pic_team: Any
    end_date: Any
    is_active: Any
    created_at: Any


class ListedJob(JobRow, Protocol):
    """A job with the start of its newest run."""

    last_execution_at: Any


_Row = TypeVar("_Row", bound=JobSketch)
_Listed = TypeVar("_Listed", bound=ListedJob)


@dataclass(frozen=True)
class Wanted:
    """What a query asks for. Without any of it: all jobs, newest created first."""

    search: str | None = None
    category: str | None = None
    pic_team: str | None = None
    is_active: bool | None = None
    sort: str = "created_at"
    descending: bool = True
    page: Page | None = None

    def admits(self, row: JobSketch) -> bool:
        return (
            (self.search is None or self.search in row.name.casefold())
            and (self.category is None or self.category == row.category)
            and (self.pic_team is None or self.pic_team == row.pic_team)
            and (self.is_active is None or self.is_active == row.is_active)
        )


@dataclass(frozen=True)
class Chosen(Generic[_Row]):
    """The rows of one answer, in its order, and how many there are in all pages."""

    rows: Sequence[_Row]
    total: int


def read_wanted(query: Query) -> Wanted:
    """Return what a query asks for; raise Invalid payload on an `is_active` or a `sort` that says nothing."""
    search, category, team = (query.trimmed(name) for name in ("search", "category", "pic_team"))
    is_active = _is_active(query)
    sort = query.text("sort") or "-created_at"
    if sort.removeprefix("-") not in _SORTS:
        raise InvalidPayload(f'"sort" must be one of: {", ".join(_SORTS)}; with - in front it descends.', field="sort")
    paged = "page" in query or "per_page" in query
    return Wanted(
        search=None if search is None else search.casefold(),
        category=None if category is None else slugify(category),
        pic_team=None if team is None else slugify(team),
        is_active=is_active,
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        page=query.page("per_page", _DEFAULT_SIZE, _MAX_SIZE) if paged else None,
    )


def choose(rows: Sequence[_Row], wanted: Wanted, zone: ZoneInfo, now: datetime) -> Chosen[_Row]:
    """Return the rows to show; what has no value to sort by comes last either way, ties go by id."""
    key = _key(wanted.sort, zone, now)
    keyed = [(key(row), row) for row in sorted(rows, key=lambda row: row.id) if wanted.admits(row)]
    known = sorted((pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=wanted.descending)
    ordered = [row for _, row in known] + [row for value, row in keyed if value is None]
    page = wanted.page
    shown = ordered if page is None else ordered[page.offset : page.offset + page.size]
    return Chosen(shown, len(ordered))


def in_order(chosen: Chosen[_Row], rows: Sequence[_Listed]) -> Chosen[_Listed]:
    """Return `rows`, the same jobs with all their columns, in the order chosen; one that is gone meanwhile is left out."""
    by_id = {row.id: row for row in rows}
    return Chosen([by_id[row.id] for row in chosen.rows if row.id in by_id], chosen.total)


def job_list(chosen: Chosen[_Listed], page: Page | None, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """`{"count", "jobs": [...]}`; of a page also `total`, `page`, `per_page` and `total_pages`."""
    jobs = [job(row, row.last_execution_at, zone, now) for row in chosen.rows]
    whole = {"count": len(jobs), "jobs": jobs}
    if page is None:
        return whole
    pages = total_pages(chosen.total, page.size)
    return whole | {"total": chosen.total, "page": page.number, "per_page": page.size, "total_pages": pages}


def _key(sort: str, zone: ZoneInfo, now: datetime) -> Callable[[JobSketch], Any]:
    if sort == "name":
        return lambda row: row.name.casefold()
    if sort == "next_execution_at":
        return lambda row: next_run(row, zone, now)
    return lambda row: getattr(row, sort)


def _is_active(query: Query) -> bool | None:
    word = query.trimmed("is_active")
    if word is None or is_true_word(word):
        return None if word is None else True
    if word.lower() not in _FALSE_WORDS:
        raise wrong_type("is_active", "true or false")
    return False
