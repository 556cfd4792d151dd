"""Schedules are made true again without losing a run, and a job's end is told to the right people in the right words."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from shared_rules.maintenance import NextRun, audience, decide_resync, is_over, notice_of_pause

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TWO_O_CLOCK = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Job:
    id: str = "j"
    name: str = "Nightly"
    cron_expression: str = "0 2 * * *"
    end_date: date = date(2026, 12, 31)
    pic_team: str | None = "core"
    created_by: str | None = "u"
    is_active: bool = True
    next_run_at: datetime | None = TWO_O_CLOCK
    schedule_rev: int | None = 4


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("job", "today", "over"),
    [
        pytest.param(Job(end_date=date(2026, 11, 21)), date(2026, 11, 22), True, id="ended yesterday"),
        pytest.param(Job(end_date=date(2026, 11, 22)), date(2026, 11, 22), False, id="ends today"),
        pytest.param(Job(end_date=date(2026, 11, 23)), date(2026, 11, 22), False, id="ends tomorrow"),
        pytest.param(Job(end_date=date(2020, 1, 1), is_active=False), date(2026, 11, 22), False, id="paused already"),
    ],
)
def test_a_job_is_over_the_day_after_its_end(job: Job, today: date, over: bool) -> None:
    assert is_over(job, today) is over


@pytest.mark.parametrize(
    ("now", "paused"),
    [
        pytest.param(utc("2026-11-22T14:59:59.999999"), 0, id="the last instant of the day in Tokyo"),
        pytest.param(utc("2026-11-22T15:00"), 1, id="midnight in Tokyo"),
    ],
)
def test_the_day_is_that_of_the_scheduler_zone(now: datetime, paused: int) -> None:
    plan = decide_resync([Job(end_date=date(2026, 11, 22), next_run_at=None)], TOKYO, now)

    assert plan.answer["paused"] == paused


def test_the_notice_names_job_day_and_team() -> None:
    notice = notice_of_pause(Job(name='A "b"', end_date=date(2026, 1, 5)))

    assert notice.title == "Job auto-paused (end date passed)"
    assert notice.message == ('Job "A "b"" passed its end_date (2026-01-05 JST) and was auto-paused. PIC Team: core')
    assert (notice.type, notice.job_id, notice.execution_id) == ("warning", "j", None)


def test_a_job_without_a_team_shows_a_dash() -> None:
    assert notice_of_pause(Job(pic_team=None)).message.endswith("PIC Team: -")


@pytest.mark.parametrize(
    ("created_by", "admins", "told"),
    [
        pytest.param("u", ["a", "b"], ["u", "a", "b"], id="creator and admins"),
        pytest.param("a", ["a", "b"], ["a", "b"], id="an admin's own job"),
        pytest.param(None, ["a"], ["a"], id="nobody's job"),
        pytest.param("u", [], ["u"], id="no admin"),
        pytest.param(None, [], [], id="nobody"),
    ],
)
def test_everybody_concerned_is_told_once(created_by: str | None, admins: list[str], told: list[str]) -> None:
    assert audience(Job(created_by=created_by), admins) == told


@pytest.mark.parametrize(
    ("job", "changed"),
    [
        pytest.param(Job(), [], id="right already"),
        pytest.param(Job(next_run_at=None), [NextRun("j", TWO_O_CLOCK, 5)], id="none"),
        pytest.param(Job(next_run_at=utc("2026-11-23T17:00")), [NextRun("j", TWO_O_CLOCK, 5)], id="a day late"),
        pytest.param(Job(next_run_at=utc("2026-11-21T17:00")), [], id="due: stays to be claimed"),
        pytest.param(Job(next_run_at=utc("2026-11-01T17:00")), [], id="due for weeks: stays to be claimed"),
        pytest.param(Job(next_run_at=utc("2026-11-21T16:59")), [NextRun("j", TWO_O_CLOCK, 5)], id="past, never due"),
        pytest.param(Job(next_run_at=NOW, cron_expression="0 15 * * *"), [], id="due this instant"),
        pytest.param(Job(is_active=False), [NextRun("j", None, 5)], id="inactive"),
        pytest.param(Job(is_active=False, next_run_at=None), [], id="inactive, right already"),
        pytest.param(Job(end_date=date(2026, 11, 22)), [NextRun("j", None, 5)], id="the next one is after the end"),
        pytest.param(Job(cron_expression="no cron"), [NextRun("j", None, 5)], id="no expression"),
    ],
)
def test_a_next_run_is_written_only_where_it_is_wrong(job: Job, changed: list[NextRun]) -> None:
    plan = decide_resync([job], TOKYO, NOW)

    assert (plan.changed, plan.new) == (changed, [])
    assert plan.answer["rescheduled"] == (len(changed) if job.is_active else 0)


@pytest.mark.parametrize(
    ("job", "new", "rescheduled"),
    [
        pytest.param(Job(), [NextRun("j", TWO_O_CLOCK, 1)], 1, id="active"),
        pytest.param(Job(end_date=date(2026, 11, 22)), [NextRun("j", None, 1)], 0, id="active, no run left"),
        pytest.param(Job(is_active=False), [], 0, id="inactive"),
        pytest.param(Job(end_date=date(2026, 11, 21)), [], 0, id="over"),
    ],
)
def test_a_missing_schedule_is_made_for_an_active_job(job: Job, new: list[NextRun], rescheduled: int) -> None:
    plan = decide_resync([replace(job, next_run_at=None, schedule_rev=None)], TOKYO, NOW)

    assert (plan.new, plan.changed, plan.answer["rescheduled"]) == (new, [], rescheduled)


@pytest.mark.parametrize(
    ("now", "stored"),
    [
        pytest.param("2026-11-01T05:00", "2026-11-01T05:30", id="to come, in the hour the clocks repeat"),
        pytest.param("2026-11-01T06:10", "2026-11-01T05:30", id="due, in the hour the clocks repeat"),
        pytest.param("2026-03-08T06:00", "2026-03-08T06:30", id="to come, before the hour the clocks skip"),
        pytest.param("2026-03-08T06:30", "2026-03-09T05:30", id="to come, after it"),
    ],
)
def test_a_change_of_clocks_moves_no_schedule(now: str, stored: str) -> None:
    plan = decide_resync([Job(cron_expression="30 1 * * *", next_run_at=utc(stored))], NEW_YORK, utc(now))

    assert plan.changed == []


def test_a_job_that_is_over_loses_its_next_run_and_is_counted_as_paused_only() -> None:
    over = Job(id="over", end_date=date(2026, 11, 21))

    plan = decide_resync([over, Job()], TOKYO, NOW)

    assert plan.changed == [NextRun("over", None, 5)]
    assert plan.pauses(NOW) == [{"id": "over", "is_active": False, "updated_at": NOW}]
    assert list(plan.answer.values())[1:] == [2, 1, 0, 1]
    assert [row["user_id"] for row in plan.notices(["a"], NOW)] == ["u", "a"]
