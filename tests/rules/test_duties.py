"""When the scheduler's own duties are due, which days a summary is about, and what it says."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from shared_rules.date_range import DateRange
from shared_rules.duties import (
    DAILY_DIGEST,
    DUTIES,
    ENDING_SOON,
    MAINTENANCE,
    WEEKLY_REPORT,
    Duty,
    Occasion,
    SummaryDuty,
    mail_of_summary,
    next_time,
    occasion,
)
from shared_rules.mails import Mail
from shared_rules.maintenance import notice_of_ending, slack_of_ending

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Runs:
    name: str
    runs: int
    failures: int = 0


@dataclass(frozen=True)
class End:
    name: str
    end_date: date


@dataclass(frozen=True)
class Job:
    id: str = "j"
    name: str = "Nightly"
    end_date: date = date(2026, 12, 1)
    pic_team: str | None = "core"
    created_by: str | None = "u"
    is_active: bool = True


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_duty_has_a_name_of_its_own() -> None:
    assert len({duty.name for duty in DUTIES}) == len(DUTIES) == 4


@pytest.mark.parametrize(
    ("duty", "zone", "after", "due"),
    [
        pytest.param(MAINTENANCE, TOKYO, "2026-11-22T15:04:59", "2026-11-22T15:05", id="maintenance"),
        pytest.param(MAINTENANCE, TOKYO, "2026-11-22T15:05", "2026-11-23T15:05", id="maintenance, the next day"),
        pytest.param(DAILY_DIGEST, TOKYO, "2026-11-22T15:05", "2026-11-22T23:00", id="digest"),
        pytest.param(WEEKLY_REPORT, TOKYO, "2026-11-18T00:00", "2026-11-22T23:00", id="Monday there, Sunday in UTC"),
        pytest.param(ENDING_SOON, TOKYO, "2026-11-18T00:00", "2026-11-23T00:00", id="ending soon"),
        pytest.param(ENDING_SOON, NEW_YORK, "2026-11-18T00:00", "2026-11-23T14:00", id="Monday in New York"),
        pytest.param(DAILY_DIGEST, NEW_YORK, "2026-10-31T12:00", "2026-11-01T13:00", id="the day clocks go back"),
        pytest.param(MAINTENANCE, ZoneInfo("America/Santiago"), "2026-09-05T12:00", "2026-09-06T04:00", id="in a gap"),
    ],
)
def test_a_duty_is_due_by_the_clock_of_the_scheduler_zone(duty: Duty, zone: ZoneInfo, after: str, due: str) -> None:
    assert duty.next_after(utc(after), zone) == utc(due)


@pytest.mark.parametrize(
    ("due", "now", "start"),
    [
        pytest.param("2026-11-22T23:00", "2026-11-22T23:00", "2026-11-21T15:00", id="in time"),
        pytest.param("2026-11-22T23:00", "2026-11-23T22:59", "2026-11-21T15:00", id="almost a day late"),
        pytest.param("2026-11-19T23:00", "2026-11-23T05:00", "2026-11-18T15:00", id="days missed"),
    ],
)
def test_what_was_missed_is_made_up_for_at_once(due: str, now: str, start: str) -> None:
    this = occasion(DAILY_DIGEST, utc(due), utc(now), TOKYO)

    assert this.key == "daily_digest:2026-11-23"
    assert this.instants(1) == DateRange(utc(start), utc("2026-11-22T15:00"))


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("summary", [DAILY_DIGEST, WEEKLY_REPORT], ids=lambda summary: summary.name)
def test_summaries_follow_each_other_without_gap_or_overlap(zone: str, summary: SummaryDuty) -> None:
    in_zone = ZoneInfo(zone)
    due = summary.next_after(utc("2026-01-01T00:00"), in_zone)
    end = None
    for late_by in (0, 0, 1, 4, 0) * 20:
        now = due
        for _ in range(late_by):
            now = summary.next_after(now, in_zone)
        span = occasion(summary, due, now, in_zone).instants(summary.days)

        assert end in {None, span.start}
        end, due = span.end, summary.next_after(now, in_zone)


@pytest.mark.parametrize(
    ("stored", "same_zone", "wanted"),
    [
        pytest.param(None, False, "2026-11-22T23:00", id="not known yet"),
        pytest.param("2026-11-22T23:00", True, "2026-11-22T23:00", id="right already"),
        pytest.param("2026-11-20T23:00", True, "2026-11-20T23:00", id="due"),
        pytest.param("2026-11-20T23:00", False, "2026-11-20T23:00", id="due, in another zone"),
        pytest.param("2026-11-23T12:00", False, "2026-11-22T23:00", id="another zone"),
        pytest.param("2026-11-23T23:00", True, "2026-11-23T23:00", id="done by a clock a little ahead"),
        pytest.param("2027-11-23T23:00", True, "2026-11-22T23:00", id="done by a clock a year ahead"),
    ],
)
def test_a_new_owner_keeps_what_is_due_and_corrects_what_is_wrong(
    stored: str | None, same_zone: bool, wanted: str
) -> None:
    now = utc("2026-11-22T06:00")

    assert next_time(DAILY_DIGEST, stored and utc(stored), now, TOKYO, same_zone=same_zone) == utc(wanted)


def digest(runs: list[Runs], ends: list[End]) -> Mail | None:
    this = Occasion(DAILY_DIGEST, *[date(2026, 11, 23)] * 3, zone=TOKYO)
    return mail_of_summary(this, DAILY_DIGEST, "u@example.com", runs, ends)


def test_a_digest_names_runs_failures_and_next_ends() -> None:
    runs = [Runs("b", 3), Runs("a", 1), Runs("c", 24, 2)]
    ends = [End("late", date(2026, 11, 30)), End("soon", date(2026, 11, 24)), End("today", date(2026, 11, 23))]

    assert digest(runs, ends) == Mail(
        "u@example.com",
        "Daily digest, 2026-11-22: 28 runs, 2 failed",
        "Your jobs on 2026-11-22 (Asia/Tokyo): 28 runs, 2 failed.\n\n"
        "Runs:\n- c: 24 runs, 2 failed\n- a: 1 run, none failed\n- b: 3 runs, none failed\n\n"
        "Next ends:\n- today: 2026-11-23 (0 days left)\n- soon: 2026-11-24 (1 day left)\n- late: 2026-11-30 (7 days left)\n",
    )


def test_a_digest_of_ends_alone_says_that_nothing_ran() -> None:
    mail = digest([], [End("a", date(2026, 11, 24))])

    assert mail is not None
    assert mail.subject == "Daily digest, 2026-11-22: no runs"
    assert mail.body == ("Your jobs on 2026-11-22 (Asia/Tokyo): no runs.\n\nNext ends:\n- a: 2026-11-24 (1 day left)\n")


def test_nothing_to_say_is_no_mail() -> None:
    assert digest([], []) is None


def test_a_weekly_report_names_its_days() -> None:
    this = Occasion(WEEKLY_REPORT, *[date(2026, 11, 23)] * 3, zone=TOKYO)

    mail = mail_of_summary(this, WEEKLY_REPORT, "u@example.com", [Runs("a", 7, 1)], [])

    assert mail is not None
    assert mail.subject == "Weekly report, 2026-11-16 to 2026-11-22: 7 runs, 1 failed"
    assert mail.body.startswith("Your jobs from 2026-11-16 to 2026-11-22 (Asia/Tokyo): 7 runs, 1 failed.\n\n")


def test_a_long_list_ends_with_how_many_more_there_are() -> None:
    mail = digest([Runs(f"job {number:03}", 1) for number in range(102)], [])

    assert mail is not None
    assert mail.subject.endswith(": 102 runs, none failed")
    assert mail.body.endswith("- job 099: 1 run, none failed\n- and 2 more jobs\n")


@pytest.mark.parametrize(
    ("today", "left"), [(date(2026, 12, 1), 0), (date(2026, 11, 30), 1), (date(2026, 11, 1), 30)], ids=str
)
def test_the_warning_of_an_end_counts_the_days_that_are_left(today: date, left: int) -> None:
    notice = notice_of_ending(Job(name='A "b"'), today)

    assert notice.title == "Job ending soon"
    assert notice.message == f'Job "A "b"" ends on 2026-12-01 JST ({left} day(s) left). PIC Team: core'
    assert (notice.type, notice.job_id) == ("warning", "j")


def test_slack_hears_of_an_end_with_handle_and_link() -> None:
    line = slack_of_ending(Job(name="<!here>", pic_team=None), date(2026, 11, 30), "@core", "http://front")

    assert line == (
        '@core Job "&lt;!here&gt;" ends on 2026-12-01 JST (1 day(s) left). PIC Team: - http://front/jobs/j/edit'
    )
