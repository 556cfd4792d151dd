"""The demo data: what a newcomer finds, twice refused, never in production."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from changeover.demo import DEMO_PEOPLE, fill
from changeover.problems import Problem
from scheduler.clock import Clock
from shared_models import Job, JobExecution, JobSchedule, Notification, User, first_data
from shared_models.engine import sync_engine
from shared_models.migrate import upgrade
from shared_rules import passwords
from shared_rules.settings import Settings, load_settings

SECRET = "a secret for tests, long enough for HS256"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(var_dir=tmp_path, jwt_secret_key=SECRET)
    upgrade(settings.database_url)
    first_data.ensure(settings, Clock().now())
    return settings


def test_a_newcomer_finds_people_jobs_of_both_kinds_and_a_month_of_runs(settings: Settings) -> None:
    filled = fill(settings, lambda _line: None)

    engine = sync_engine(settings.database_url)
    with Session(engine) as session:
        people = {user.username: user for user in session.scalars(select(User)) if user.username in DEMO_PEOPLE}
        jobs = session.scalars(select(Job)).all()
        runs = session.scalars(select(JobExecution)).all()
        notices = session.scalars(select(Notification)).all()
        scheduled = {row.job_id: row.next_run_at for row in session.scalars(select(JobSchedule))}
    engine.dispose()
    assert {name: user.role for name, user in people.items()} == DEMO_PEOPLE
    assert all(passwords.verify(filled.password, user.password_hash) for user in people.values())
    assert len(jobs) == filled.jobs == 25
    assert min(Counter(job.target_url is None for job in jobs).values()) >= 5
    assert all((scheduled[job.id] is not None) == job.is_active for job in jobs)
    assert len(runs) == filled.executions > 1000
    assert {run.status for run in runs} == {"success", "failed"}
    assert max(run.started_at for run in runs) - min(run.started_at for run in runs) > timedelta(days=20)
    assert len(notices) == filled.notifications
    assert {notice.is_read for notice in notices} == {True, False}


def test_a_second_time_changes_nothing_and_says_so(settings: Settings) -> None:
    fill(settings, lambda _line: None)

    with pytest.raises(Problem, match="already there") as refused:
        fill(settings, lambda _line: None)

    assert refused.value.exit_code == 2


def test_production_gets_no_demo_data(settings: Settings) -> None:
    with pytest.raises(Problem, match="ENVIRONMENT=production"):
        fill(settings.model_copy(update={"environment": "production"}), lambda _line: None)

    engine = sync_engine(settings.database_url)
    with Session(engine) as session:
        assert session.scalars(select(Job)).all() == []
    engine.dispose()
