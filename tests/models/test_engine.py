"""The database recipe: no update is lost, times stay aware, text is the same on both databases."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from shared_models import Job, PicTeam, SchedulerLease, User
from shared_models.engine import is_unavailable, sync_engine
from tests.contract import stacks, world

NOW = datetime(2026, 11, 22, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture(scope="module", params=stacks.DATABASES)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = sync_engine(url)
    world.reset(engine)
    yield engine
    engine.dispose()


def beat_of(engine: Engine) -> int | None:
    with Session(engine) as session:
        return session.scalar(select(SchedulerLease.beat))


def test_two_processes_of_ten_writers_lose_no_update(url: str, engine: Engine) -> None:
    writers = [subprocess.Popen([sys.executable, "-m", "tests.models.increments", url, "100"]) for _ in range(2)]

    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert beat_of(engine) == 200


def test_a_writing_transaction_keeps_other_writers_waiting(url: str, engine: Engine) -> None:
    impatient = sync_engine(url, timeout_s=0.05)
    with engine.connect().execution_options(writes=True) as held, held.begin():
        held.execute(text("UPDATE scheduler_lease SET beat = 7"))
        with pytest.raises(OperationalError) as refused, impatient.connect().execution_options(writes=True) as second:
            second.begin()
    impatient.dispose()

    assert is_unavailable(refused.value)
    assert beat_of(engine) == 7


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with engine.connect().execution_options(writes=True) as held, held.begin():
        held.execute(text("UPDATE scheduler_lease SET beat = 7"))

        assert beat_of(engine) == 0


def test_a_missing_table_is_a_mistake_of_ours_and_not_an_outage(engine: Engine) -> None:
    with pytest.raises(Exception, match="nowhere") as failed, engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM nowhere"))

    assert not is_unavailable(failed.value)


def test_an_unreachable_server_is_an_outage() -> None:
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    with pytest.raises(OperationalError) as failed:
        engine.connect()

    assert is_unavailable(failed.value)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))], ids=["utc", "tokyo"])
def test_times_come_back_aware_in_utc_to_the_microsecond(engine: Engine, zone: timezone) -> None:
    with Session(engine) as session:
        team = session.get_one(PicTeam, world.TEAM_ID)
        team.updated_at = NOW.astimezone(zone)
        session.commit()
    with Session(engine) as session:
        assert session.get_one(PicTeam, world.TEAM_ID).updated_at == NOW
        assert session.get_one(PicTeam, world.TEAM_ID).updated_at.tzinfo is UTC


def test_a_naive_time_is_refused(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(Exception, match="naive datetime"):
        session.get_one(PicTeam, world.TEAM_ID).updated_at = datetime(2026, 1, 1)
        session.flush()


def test_nul_becomes_the_replacement_character(engine: Engine) -> None:
    with Session(engine) as session:
        session.get_one(PicTeam, world.TEAM_ID).name = "a\0b"
        session.commit()
        assert session.scalar(select(PicTeam.name).where(PicTeam.name == "a\0b")) == "a\ufffdb"


def test_usernames_are_unique_without_regard_to_case(engine: Engine) -> None:
    row = {"email": "x@example.com", "password_hash": "-", "role": "user", "created_at": NOW, "updated_at": NOW}
    with Session(engine) as session, pytest.raises(IntegrityError):
        session.execute(insert(User), [{"id": "x", "username": "ADMIN", **row}])


def test_foreign_keys_are_enforced(engine: Engine) -> None:
    row = {
        "id": "x",
        "name": "x",
        "cron_expression": "* * * * *",
        "job_metadata": {},
        "category": "general",
        "end_date": NOW.date(),
        "notification_emails": [],
        "created_by": "nobody",
        "created_at": NOW,
        "updated_at": NOW,
    }
    with Session(engine) as session, pytest.raises(IntegrityError):
        session.execute(insert(Job), [row])
        session.commit()
