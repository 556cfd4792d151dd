"""The schema: migrations make exactly the models' tables, and a stack starts on no other revision."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from fastapi_app.app import create_app
from scheduler.clock import Clock
from shared_models import Base, first_data
from shared_models.engine import sync_engine
from shared_models.migrate import ForeignRevision, check_revision, expected_revision, upgrade
from shared_rules.settings import load_settings
from tests.contract import stacks

SECRET = "a secret for tests, long enough for HS256"


@pytest.fixture(scope="module", params=stacks.DATABASES)
def migrated(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@pytest.fixture
def empty(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/empty.db"


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_the_tables_of_the_models(migrated: str) -> None:
    engine = sync_engine(migrated)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
        indexes = {index["name"] for table in Base.metadata.tables for index in inspect(connection).get_indexes(table)}
        names = {str(index.name) for table in Base.metadata.sorted_tables for index in table.indexes}
        by_expression = {"uq_users_username_lower"}
        one_username = connection.scalar(
            text("SELECT count(*) FROM sqlite_master WHERE name = 'uq_users_username_lower'")
            if engine.dialect.name == "sqlite"
            else text("SELECT count(*) FROM pg_indexes WHERE indexname = 'uq_users_username_lower'")
        )
    engine.dispose()

    assert differences == []
    assert names - by_expression <= indexes
    assert one_username == 1


def test_a_second_upgrade_finds_nothing_to_do(empty: str) -> None:
    upgrade(empty)
    upgrade(empty)

    check_revision(empty)


def test_a_stack_refuses_an_empty_database_and_says_the_remedy(empty: str) -> None:
    with pytest.raises(ForeignRevision) as refused:
        create_app(load_settings(database_url=empty, jwt_secret_key=SECRET))

    expected = f"The database has no schema, this release needs {expected_revision()}: run make up."
    assert str(refused.value) == expected


def test_a_stack_refuses_a_foreign_revision_and_names_it(empty: str) -> None:
    upgrade(empty)
    engine = sync_engine(empty)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = 'f00d'"))
    engine.dispose()

    with pytest.raises(ForeignRevision, match="schema revision f00d"):
        create_app(load_settings(database_url=empty, jwt_secret_key=SECRET))


def test_first_data_is_added_once(empty: str) -> None:
    upgrade(empty)
    settings = load_settings(database_url=empty, jwt_secret_key=SECRET)
    now = Clock().now()

    passwords = [first_data.ensure(settings, now) for _ in range(2)]

    engine = sync_engine(empty)
    with engine.connect() as connection:
        counts = {
            table: connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("users", "job_categories", "scheduler_lease")
        }
    engine.dispose()
    assert passwords[0]
    assert passwords[1] is None
    assert counts == {"users": 1, "job_categories": 7, "scheduler_lease": 1}
