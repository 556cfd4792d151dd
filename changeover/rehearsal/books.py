"""The books on writes: each carries a mark of its own, and in the end rows and calls say whether it is there once.

A write whose answer was lost may have happened or not, so its mark is allowed either; twice is never allowed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import InstrumentedAttribute

from parity.values import Effect
from shared_models import Job, JobCategory, JobExecution, PicTeam, User

__all__ = ["Balance", "Books", "balance", "calls_in", "rows_in"]

# Where marks stand: how often each may is kept by the name in front.
COLUMNS: Mapping[str, InstrumentedAttribute[str | None] | InstrumentedAttribute[str]] = {
    "job": Job.name,
    "target": Job.target_url,
    "run": JobExecution.target,
    "user": User.username,
    "e-mail": User.email,
    "category": JobCategory.name,
    "team": PicTeam.name,
}
Mark = tuple[str, str]


@dataclass
class Bounds:
    """How many rows may hold a mark."""

    least: int = 0
    most: int = 0


@dataclass
class Books:
    """`acknowledged` counts the writes that were answered well."""

    bounds: dict[Mark, Bounds] = field(default_factory=dict)
    acknowledged: int = 0
    lost: int = 0

    @contextmanager
    def writing(self, *, new: tuple[Mark, ...] = (), old: tuple[Mark, ...] = ()) -> Iterator[None]:
        """Note what a request does: adds one row for each new mark, and leaves none with an old one."""
        came = [self.bounds.setdefault(mark, Bounds()) for mark in new]
        went = [self.bounds.setdefault(mark, Bounds()) for mark in old]
        for bounds in came:
            bounds.most += 1
        for bounds in went:
            bounds.least = 0
        try:
            yield
        except BaseException:
            self.lost += 1
            raise
        self.acknowledged += 1
        for bounds in came:
            bounds.least += 1
        for bounds in went:
            bounds.most = 0


@dataclass(frozen=True)
class Balance:
    """Marks that fewer rows hold than were acknowledged, and marks that more rows hold than were asked for."""

    acknowledged: int
    unknown: int
    missing: tuple[str, ...]
    doubled: tuple[str, ...]


def balance(books: Books, found: Mapping[Mark, int]) -> Balance:
    """Return how the rows found agree with the books."""
    missing = [f"{what} {mark}" for (what, mark), may in books.bounds.items() if found.get((what, mark), 0) < may.least]
    doubled = [f"{what} {mark}" for (what, mark), may in books.bounds.items() if found.get((what, mark), 0) > may.most]
    return Balance(books.acknowledged, books.lost, tuple(missing), tuple(doubled))


def calls_in(effects: Iterable[Effect]) -> dict[Mark, int]:
    """Return how many calls each address got."""
    return Counter(("call", f"https://{call.content['host']}{call.content['path']}") for call in effects)


def rows_in(engine: Engine) -> dict[Mark, int]:
    """Return how many rows hold each text of the columns where marks stand."""
    found: dict[Mark, int] = {}
    with engine.connect() as connection:
        for what, column in COLUMNS.items():
            for text, count in connection.execute(select(column, func.count()).group_by(column)):
                found[what, str(text)] = count
    return found
