"""How SQLite finds the rows of lists and figures: by which index, and without sorting or looking through a whole table."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.sql import Executable

from shared_models.engine import sync_engine
from shared_models.queries.executions import figures, run_by_id, run_count, runs
from shared_models.queries.jobs import job_rows, last_run_of
from shared_models.queries.notifications import notification_count, notifications, read_ones_deleted, unread_ones_read
from shared_rules.date_range import DateRange
from shared_rules.executions import Wanted
from shared_rules.notifications import Wanted as WantedNotifications
from shared_rules.query import Page
from tests.contract import stacks

Plan = Callable[[Executable], list[str]]

OPEN = DateRange()
WEEK = DateRange(datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
BY_START = "job_executions USING INDEX ix_job_executions_started_id"
BY_JOB = "job_executions USING INDEX ix_job_executions_job_started"
BY_STATUS = "job_executions USING INDEX ix_job_executions_status_started_duration"
BY_JOB_AND_STATUS = "job_executions USING INDEX ix_job_executions_job_status_duration"
WITHIN = "started_at>? AND started_at<?"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with stacks.database_url("sqlite") as url:
        engine = sync_engine(url)
        event.listen(
            engine, "before_cursor_execute", lambda _c, _k, sql, values, *_: (explained(sql), values), retval=True
        )
        yield engine
        engine.dispose()


def explained(sql: str) -> str:
    return f"EXPLAIN QUERY PLAN {sql}" if sql.startswith(("SELECT", "UPDATE", "DELETE")) else sql


@pytest.fixture
def plan(engine: Engine) -> Plan:
    """Return what explains a statement: SQLite's steps, in words."""

    def steps(statement: Executable) -> list[str]:
        with engine.connect() as connection:
            rows: Any = connection.execute(statement).cursor
            return [row[-1] for row in rows.fetchall()]

    return steps


def sorts(steps: list[str]) -> list[str]:
    """Return the steps that sort; the last one, of the rows of one page, is no matter."""
    return [step for step in steps if "TEMP B-TREE" in step][:-1]


@pytest.mark.parametrize(
    ("wanted", "step"),
    [
        pytest.param(Wanted(), f"SCAN {BY_START}", id="all"),
        pytest.param(Wanted(WEEK), f"SEARCH {BY_START} ({WITHIN})", id="of a week"),
        pytest.param(Wanted(trigger_type="manual"), f"SCAN {BY_START}", id="by a filter without index"),
    ],
)
def test_a_page_of_the_list_is_read_in_the_order_of_its_index(plan: Plan, wanted: Wanted, step: str) -> None:
    steps = plan(runs(wanted, 20))

    assert (steps[1], sorts(steps)) == (step, [])


@pytest.mark.parametrize(
    ("wanted", "step"),
    [
        pytest.param(Wanted(job_id="j"), f"SEARCH {BY_JOB} (job_id=?)", id="of a job"),
        pytest.param(Wanted(WEEK, job_id="j"), f"SEARCH {BY_JOB} (job_id=? AND {WITHIN})", id="of a job and a week"),
        pytest.param(
            Wanted(job_id="j", statuses=("failed",)), f"SEARCH {BY_JOB} (job_id=?)", id="of a job, not of a status"
        ),
        pytest.param(Wanted(statuses=("failed",)), f"SEARCH {BY_STATUS} (status=?)", id="of a status"),
    ],
)
def test_a_shorter_list_is_sorted_only_where_starts_are_equal(plan: Plan, wanted: Wanted, step: str) -> None:
    steps = plan(runs(wanted, 50))

    assert (steps[1], sorts(steps)) == (step, ["USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"])


def test_statuses_of_a_week_are_found_by_both(plan: Plan) -> None:
    steps = plan(runs(Wanted(WEEK, statuses=("failed", "running")), 20))

    assert steps[1] == f"SEARCH {BY_STATUS} (status=? AND {WITHIN})"


@pytest.mark.parametrize(
    ("wanted", "step"),
    [
        pytest.param(Wanted(), f"SCAN {BY_STATUS}", id="all"),
        pytest.param(Wanted(WEEK), f"SEARCH {BY_START} ({WITHIN})", id="of a week"),
        pytest.param(Wanted(statuses=("failed",)), f"SEARCH {BY_STATUS} (status=?)", id="of a status"),
        pytest.param(Wanted(job_id="j"), f"SEARCH {BY_JOB_AND_STATUS} (job_id=?)", id="of a job"),
    ],
)
def test_counting_stays_within_an_index(plan: Plan, wanted: Wanted, step: str) -> None:
    assert plan(run_count(wanted)) == [step]


@pytest.mark.parametrize(
    ("wanted", "step"),
    [
        pytest.param(Wanted(), f"SEARCH {BY_STATUS} (status=?)", id="all"),
        pytest.param(Wanted(WEEK), f"SEARCH {BY_STATUS} (status=? AND {WITHIN})", id="of a week"),
        pytest.param(Wanted(job_id="j"), f"SEARCH {BY_JOB_AND_STATUS} (job_id=? AND status=?)", id="of a job"),
        pytest.param(Wanted(WEEK, job_id="j"), f"SEARCH {BY_JOB} (job_id=? AND {WITHIN})", id="of a job and a week"),
    ],
)
def test_the_figures_of_each_status_are_sought_in_an_index(plan: Plan, wanted: Wanted, step: str) -> None:
    steps = [step for step in plan(figures(wanted)) if "job_executions" in step]

    assert steps == [step] * 3


def test_one_execution_is_found_by_its_id(plan: Plan) -> None:
    by_id = "SEARCH job_executions USING INDEX sqlite_autoindex_job_executions_1 (id=?)"

    assert by_id in plan(run_by_id("e"))
    assert by_id in plan(run_by_id("e", "j"))


def test_the_last_run_of_a_job_is_the_first_of_its_index(plan: Plan) -> None:
    newest = f"SEARCH {BY_JOB} (job_id=?)"

    assert plan(last_run_of("j")) == [newest]
    assert plan(job_rows())[-1] == newest


NOTIFICATIONS = "SEARCH notifications USING INDEX ix_notifications_user_created"


@pytest.mark.parametrize(
    ("span", "step"),
    [
        pytest.param(OPEN, f"{NOTIFICATIONS} (user_id=?)", id="all"),
        pytest.param(WEEK, f"{NOTIFICATIONS} (user_id=? AND created_at>? AND created_at<?)", id="of a week"),
    ],
)
def test_notifications_are_read_newest_first_by_their_index(plan: Plan, span: DateRange, step: str) -> None:
    wanted = WantedNotifications(span, unread_only=False, page=Page(1, 20))

    assert plan(notifications("u", wanted)) == [step, "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"]


def test_unread_notifications_are_counted_within_an_index(plan: Plan) -> None:
    by_state = "SEARCH notifications USING COVERING INDEX ix_notifications_user_read (user_id=? AND is_read=?)"

    assert plan(notification_count("u", OPEN, unread_only=True)) == [by_state]


def test_one_users_notifications_alone_are_looked_through_to_change_them(plan: Plan) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)

    for statement in (unread_ones_read("u", now), read_ones_deleted("u", OPEN), read_ones_deleted("u", WEEK)):
        (step,) = plan(statement)
        assert "SEARCH notifications USING " in step
        assert "(user_id=? AND " in step
