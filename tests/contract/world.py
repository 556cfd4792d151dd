"""The database every contract case starts from: known people, no jobs, the default categories, one team."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine, delete, insert
from sqlalchemy.engine import Connection

from shared_models import Base, JobCategory, PicTeam, SchedulerLease, User
from shared_rules.taxonomy import DEFAULT_CATEGORIES
from shared_rules.text import slugify

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
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(delete(table))
        _fill(connection)


def _fill(connection: Connection) -> None:
    stamps = {"created_at": CREATED, "updated_at": CREATED}
    people = [
        {
            "id": identity,
            "username": name,
            "email": f"{name}@example.com",
            "password_hash": PASSWORD_HASH,
            "role": role,
            "is_active": name != "inactive",
            **stamps,
        }
        for name, (identity, role) in PEOPLE.items()
    ]
    connection.execute(insert(User), people)
    categories = [{"id": CATEGORY_IDS[slugify(n)], "slug": slugify(n), "name": n, **stamps} for n in DEFAULT_CATEGORIES]
    connection.execute(insert(JobCategory), categories)
    teams = [
        {"id": TEAM_ID, "slug": "core", "name": "Core", "slack_handle": "@core", "is_active": True, **stamps},
        {"id": DISABLED_TEAM_ID, "slug": "old", "name": "Old", "slack_handle": "@old", "is_active": False, **stamps},
    ]
    connection.execute(insert(PicTeam), teams)
    connection.execute(insert(SchedulerLease), [{"id": 1}])
