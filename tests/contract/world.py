"""The database every contract case starts from: known people, no jobs, the default categories, one team."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Insert, insert

from shared_models import Base, JobCategory, PicTeam, SchedulerLease, User
from shared_rules.taxonomy import DEFAULT_CATEGORIES
from shared_rules.text import slugify
from tests.contract.changes import mark

PASSWORD: Final = "correct horse"
# pbkdf2_sha256 of PASSWORD with one round: hashing is not what most cases are about.
PASSWORD_HASH: Final = "$pbkdf2-sha256$1$c29tZXNhbHRzb21lc2FsdA$LUo74tjOLeD09vWEsfC5Du0tyC31.jDxRZykH93S.tA"
CREATED: Final = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)

PEOPLE: Final = {
    "admin": ("00000000-0000-4000-8000-000000000001", "admin"),
    "user": ("00000000-0000-4000-8000-000000000002", "user"),
    "other": ("00000000-0000-4000-8000-000000000003", "user"),
    "viewer": ("00000000-0000-4000-8000-000000000004", "viewer"),
    "inactive": ("00000000-0000-4000-8000-000000000005", "user"),
    "admin2": ("00000000-0000-4000-8000-000000000006", "admin"),
}
"""Name -> (id, role). Usernames are the names, e-mails `<name>@example.com`, all with PASSWORD."""

TEAM_ID: Final = "00000000-0000-4000-8000-0000000000a1"
DISABLED_TEAM_ID: Final = "00000000-0000-4000-8000-0000000000a2"
CATEGORY_IDS: Final = {slugify(n): f"00000000-0000-4000-8000-0000000000c{i}" for i, n in enumerate(DEFAULT_CATEGORIES)}


def user_id(name: str) -> str:
    return PEOPLE[name][0]


def reset(engine: Engine) -> None:
    """Make the database this world again, whatever was in it."""
    if _CLEAN.get(engine) == mark(engine):
        return
    statements = _script(engine)
    with engine.connect().execution_options(writes=True, no_parameters=True) as connection, connection.begin():
        # This runs before every case: PostgreSQL takes the whole script in one round trip.
        for statement in [";".join(statements)] if engine.dialect.name == "postgresql" else statements:
            connection.exec_driver_sql(statement)
    _CLEAN[engine] = mark(engine)


# How each database was marked when it was made this world last.
_CLEAN: WeakKeyDictionary[Engine, Any] = WeakKeyDictionary()


@cache
def _script(engine: Engine) -> list[str]:
    """Return the statements that make the world, with their values written out."""
    empty = [f"DELETE FROM {table.name}" for table in reversed(Base.metadata.sorted_tables)]
    written = {"literal_binds": True}
    return empty + [str(row.compile(engine, compile_kwargs=written)) for row in _rows()]


def _rows() -> Iterator[Insert]:
    stamps = {"created_at": CREATED, "updated_at": CREATED}
    for name, (identity, role) in PEOPLE.items():
        yield insert(User).values(
            id=identity,
            username=name,
            email=f"{name}@example.com",
            password_hash=PASSWORD_HASH,
            role=role,
            is_active=name != "inactive",
            **stamps,
        )
    for name in DEFAULT_CATEGORIES:
        slug = slugify(name)
        yield insert(JobCategory).values(id=CATEGORY_IDS[slug], slug=slug, name=name, is_active=True, **stamps)
    team = insert(PicTeam).values(**stamps)
    yield team.values(id=TEAM_ID, slug="core", name="Core", slack_handle="@core", is_active=True)
    yield team.values(id=DISABLED_TEAM_ID, slug="old", name="Old", slack_handle="@old", is_active=False)
    yield insert(SchedulerLease).values(id=1, desired_stack="legacy", epoch=0, beat=0, ttl_s=5.0)
