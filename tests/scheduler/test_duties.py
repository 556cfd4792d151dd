"""The scheduler's own duties on real databases: whom they tell, what they write, and that they are done exactly once."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update

from scheduler import duties
from scheduler.lease import transaction
from shared_models import (
    Base,
    Job,
    JobExecution,
    JobSchedule,
    Notification,
    OutboxMessage,
    SchedulerDuty,
    SlackSettings,
    User,
    UserNotificationPreferences,
    new_id,
)
from shared_models.engine import sync_engine
from shared_rules.duties import DUTIES
from shared_rules.settings import Settings
from tests.contract import stacks, world

TOKYO = ZoneInfo("Asia/Tokyo")
# 08:30 on Monday in Tokyo; Sunday in UTC.
NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
SETTINGS = Settings(frontend_base_url="http://front")
LONG_AGO = datetime(2026, 11, 20, tzinfo=UTC)


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


class Ground:
    """A database with jobs and people in it, and the duties done to it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with transaction(engine) as connection:
            duties.ensure(connection, LONG_AGO, TOKYO)

    def add(self, model: type[Base], *rows: dict[str, Any]) -> None:
        with transaction(self.engine) as connection:
            connection.execute(insert(model), list(rows))

    def add_job(self, name: str = "Nightly", **columns: Any) -> str:
        row = job_row(name, **columns)
        self.add(Job, row)
        self.add(JobSchedule, {"job_id": row["id"], "next_run_at": NOW + timedelta(hours=1), "schedule_rev": 4})
        return str(row["id"])

    def add_runs(self, job_id: str, *starts: datetime, **columns: Any) -> None:
        self.add(JobExecution, *(run_row(job_id, start, **columns) for start in starts))

    def want(self, preference: str, *names: str) -> None:
        rows = ({"user_id": world.user_id(name), preference: True} for name in names)
        self.add(UserNotificationPreferences, *(row | {"created_at": NOW, "updated_at": NOW} for row in rows))

    def enable_slack(self) -> None:
        stamps = {"created_at": NOW, "updated_at": NOW}
        self.add(SlackSettings, {"is_enabled": True, "webhook_url": "http://slack.test/hook", **stamps})

    def due_only(self, name: str, at: datetime = NOW) -> None:
        """Make this duty due since `at`, and the others in a year."""
        with transaction(self.engine) as connection:
            connection.execute(update(SchedulerDuty).values(next_run_at=NOW + timedelta(days=365)))
            connection.execute(update(SchedulerDuty).where(SchedulerDuty.name == name).values(next_run_at=at))

    def run_due(self, now: datetime = NOW, settings: Settings = SETTINGS) -> duties.DutiesDone:
        with transaction(self.engine) as connection:
            return duties.run_due(connection, now, settings)

    def pause_over(self, *job_ids: str) -> int:
        with transaction(self.engine) as connection:
            return duties.pause_over(connection, job_ids, NOW, SETTINGS)

    def rows(self, model: type[Base]) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(model).order_by(*model.__table__.primary_key)))

    def bells(self) -> list[tuple[str, str, str]]:
        """Who was told what: name, title, message."""
        names = {identity: name for name, (identity, _role) in world.PEOPLE.items()}
        return sorted((names[row.user_id], row.title, row.message) for row in self.rows(Notification))

    def messages(self) -> dict[str, tuple[str | None, str | None, str]]:
        """What is queued: by key recipient, subject and body."""
        return {row.key: (row.recipient, row.subject, row.body) for row in self.rows(OutboxMessage)}

    def everything(self) -> dict[str, list[Any]]:
        return {mapper.class_.__name__: self.rows(mapper.class_) for mapper in Base.registry.mappers}


def job_row(name: str, **columns: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "name": name,
        "cron_expression": "0 2 * * *",
        "target_url": "http://target.test",
        "job_metadata": {},
        "category": "general",
        "end_date": date(2027, 6, 1),
        "pic_team": "core",
        "created_by": world.user_id("user"),
        "notification_emails": [],
        "created_at": world.CREATED,
        "updated_at": world.CREATED,
        **columns,
    }


def run_row(job_id: str, start: datetime, **columns: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "job_id": job_id,
        "status": "success",
        "trigger_type": "scheduled",
        "started_at": start,
        "execution_type": "webhook",
        "phase": "done",
        "scheduled_for": start,
        **columns,
    }


@pytest.fixture
def ground(engine: Engine) -> Ground:
    return Ground(engine)


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


# Pausing


def test_a_job_past_its_end_is_paused_and_everybody_concerned_is_told(ground: Ground) -> None:
    ground.enable_slack()
    ground.want("email_on_job_disabled", "user")
    job_id = ground.add_job(end_date=date(2026, 11, 22))

    assert ground.pause_over(job_id) == 2
    [job], [schedule] = ground.rows(Job), ground.rows(JobSchedule)
    assert (job.is_active, job.updated_at) == (False, NOW)
    assert (schedule.next_run_at, schedule.schedule_rev) == (None, 5)
    text = 'Job "Nightly" passed its end_date (2026-11-22 JST) and was auto-paused. PIC Team: core'
    title = "Job auto-paused (end date passed)"
    assert ground.bells() == [(name, title, text) for name in ("admin", "admin2", "user")]
    assert {(row.type, row.related_job_id) for row in ground.rows(Notification)} == {("warning", job_id)}
    assert ground.messages() == {
        f"pause:2026-11-22:{job_id}:owner": ("user@example.com", "Job disabled: Nightly", f"{text}\n"),
        f"pause:2026-11-22:{job_id}:slack": (None, None, f"@core {text} http://front/jobs/{job_id}/edit"),
    }


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"end_date": TODAY}, id="ends today"),
        pytest.param({"end_date": date(2026, 1, 1), "is_active": False}, id="paused already"),
    ],
)
def test_a_job_that_need_not_be_paused_is_left_alone(ground: Ground, columns: dict[str, Any]) -> None:
    job_id = ground.add_job(**columns)
    before = ground.everything()

    assert ground.pause_over(job_id) == 0
    assert ground.everything() == before


def test_a_pause_is_told_once_whoever_notices_first(ground: Ground) -> None:
    ground.enable_slack()
    job_id = ground.add_job(end_date=date(2026, 11, 22))
    ground.pause_over(job_id)
    paused = ground.everything()
    ground.due_only("maintenance")

    assert ground.run_due().messages == ground.pause_over(job_id) == 0
    assert ground.everything() | {"SchedulerDuty": []} == paused | {"SchedulerDuty": []}


@pytest.mark.parametrize(
    ("wanting", "owner", "mailed"),
    [
        pytest.param("user", "user", 1, id="who wants it"),
        pytest.param("other", "user", 0, id="who does not"),
        pytest.param("inactive", "inactive", 0, id="who is inactive"),
        pytest.param("user", None, 0, id="nobody's job"),
    ],
)
def test_the_owner_of_a_paused_job_is_mailed(ground: Ground, wanting: str, owner: str | None, mailed: int) -> None:
    ground.want("email_on_job_disabled", wanting)
    job_id = ground.add_job(end_date=date(2026, 11, 22), created_by=owner and world.user_id(owner))

    assert ground.pause_over(job_id) == len(ground.messages()) == mailed


# Maintenance


def test_maintenance_pauses_what_is_over_and_nothing_else(ground: Ground) -> None:
    over = [ground.add_job(f"over {number}", end_date=date(2026, 11, 22)) for number in range(3)]
    ground.add_job("last day", end_date=TODAY)
    ground.due_only("maintenance")

    ground.run_due()

    assert sorted(job.id for job in ground.rows(Job) if not job.is_active) == sorted(over)
    assert len(ground.rows(Notification)) == 3 * 3


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        pytest.param({"phase": "sent", "sent_at": NOW - timedelta(days=6)}, True, id="sent last week"),
        pytest.param({"phase": "sent", "sent_at": NOW - timedelta(days=8)}, False, id="sent before"),
        pytest.param({"phase": "failed", "created_at": NOW - timedelta(days=29)}, True, id="failed this month"),
        pytest.param({"phase": "failed", "created_at": NOW - timedelta(days=31)}, False, id="failed before"),
        pytest.param({"phase": "unknown", "created_at": NOW - timedelta(days=31)}, False, id="unknown"),
        pytest.param({"phase": "queued"}, True, id="queued"),
        pytest.param({"phase": "sending"}, True, id="being sent"),
    ],
)
def test_maintenance_removes_old_messages(ground: Ground, columns: dict[str, Any], kept: bool) -> None:
    old = NOW - timedelta(days=400)
    ground.add(OutboxMessage, {"key": "k", "kind": "mail", "body": "b", "created_at": old, **columns})
    ground.due_only("maintenance")

    ground.run_due()

    assert bool(ground.rows(OutboxMessage)) is kept


@pytest.mark.parametrize(
    ("phase", "days", "kept"),
    [("missed", 91, False), ("skipped", 91, False), ("missed", 89, True), ("done", 400, True), ("unknown", 400, True)],
)
def test_maintenance_removes_old_ticks_that_were_not_run(ground: Ground, phase: str, days: int, kept: bool) -> None:
    ground.add_runs(ground.add_job(), NOW - timedelta(days=days), phase=phase)
    ground.due_only("maintenance")

    ground.run_due()

    assert bool(ground.rows(JobExecution)) is kept


def test_much_to_do_is_done_in_several_transactions(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "_BATCH", 2)
    monkeypatch.setattr(duties, "_MOST_REMOVED", 2)
    for number in range(5):
        ground.add_runs(ground.add_job(f"over {number}", end_date=date(2026, 11, 22)), LONG_AGO, phase="missed")
    now = LONG_AGO + timedelta(days=91)
    ground.due_only("maintenance")
    left = []
    for _ in range(3):
        done = ground.run_due(now)
        left.append((sum(job.is_active for job in ground.rows(Job)), len(ground.rows(JobExecution))))

    assert left == [(3, 3), (1, 1), (0, 0)]
    assert done.next_at is not None
    assert done.next_at > now
    assert len(ground.bells()) == 5 * 3


# Ending soon


@pytest.mark.parametrize(
    ("columns", "days"),
    [
        pytest.param({"end_date": TODAY}, 0, id="today"),
        pytest.param({"end_date": date(2026, 12, 23)}, 30, id="in 30 days"),
        pytest.param({"end_date": date(2026, 12, 24)}, None, id="in 31 days"),
        pytest.param({"end_date": date(2026, 11, 22)}, None, id="over"),
        pytest.param({"end_date": TODAY, "is_active": False}, None, id="inactive"),
    ],
)
def test_a_job_that_ends_within_30_days_is_announced(ground: Ground, columns: dict[str, Any], days: int | None) -> None:
    job_id = ground.add_job(**columns)
    ground.enable_slack()
    ground.due_only("ending_soon")

    ground.run_due()

    text = f'Job "Nightly" ends on {columns["end_date"]} JST ({days} day(s) left). PIC Team: core'
    told = [] if days is None else ["admin", "admin2", "user"]
    assert ground.bells() == [(name, "Job ending soon", text) for name in told]
    line = (None, None, f"@core {text} http://front/jobs/{job_id}/edit")
    assert ground.messages() == ({} if days is None else {f"ending_soon:2026-11-23:{job_id}": line})


def test_without_slack_an_end_is_announced_by_the_bell_alone(ground: Ground) -> None:
    ground.add_job(end_date=TODAY)
    ground.due_only("ending_soon")

    assert ground.run_due().messages == 0
    assert (len(ground.bells()), ground.messages()) == (3, {})


def test_many_ends_are_announced_in_several_transactions(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "_BATCH", 2)
    ground.enable_slack()
    for number in range(5):
        ground.add_job(f"job {number}", end_date=TODAY)
    ground.due_only("ending_soon")

    assert [ground.run_due().messages for _ in range(4)] == [2, 2, 1, 0]
    assert len(ground.bells()) == len(set(ground.bells())) == 5 * 3


def test_ends_are_announced_at_once_where_there_is_no_admin(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "_BATCH", 1)
    with transaction(ground.engine) as connection:
        connection.execute(update(User).where(User.role == "admin").values(is_active=False))
    for number in range(3):
        ground.add_job(f"job {number}", end_date=TODAY)
    ground.due_only("ending_soon")

    assert ground.run_due().next_at != NOW
    assert [name for name, _, _ in ground.bells()] == ["user"] * 3


# Summaries


def test_a_digest_counts_yesterday_in_the_scheduler_zone(ground: Ground) -> None:
    ground.want("daily_digest", "user")
    nightly = ground.add_job(end_date=date(2026, 11, 25))
    ground.add_runs(nightly, tokyo("2026-11-21T23:59:59"), tokyo("2026-11-23T00:00"), status="failed")
    ground.add_runs(nightly, tokyo("2026-11-22T00:00"), tokyo("2026-11-22T23:59:59"))
    ground.add_runs(nightly, tokyo("2026-11-22T12:00"), status="failed")
    ground.add_runs(nightly, tokyo("2026-11-22T13:00"), phase="skipped")
    ground.due_only("daily_digest")

    assert ground.run_due().messages == 1
    body = (
        "Your jobs on 2026-11-22 (Asia/Tokyo): 3 runs, 1 failed.\n\n"
        "Runs:\n- Nightly: 3 runs, 1 failed\n\nNext ends:\n- Nightly: 2026-11-25 (2 days left)\n"
    )
    assert ground.messages() == {
        f"daily_digest:2026-11-23:{world.user_id('user')}": (
            "user@example.com",
            "Daily digest, 2026-11-22: 3 runs, 1 failed",
            body,
        )
    }
    assert ground.bells() == []


@pytest.mark.parametrize(
    ("wanting", "mailed"),
    [
        pytest.param(["user"], ["user"], id="who wants it"),
        pytest.param(["user", "admin"], ["user"], id="not who has no jobs, admins neither"),
        pytest.param(["inactive"], [], id="not who is inactive"),
        pytest.param([], [], id="nobody wants it"),
        pytest.param(["user", "other"], ["other", "user"], id="each about their own"),
    ],
)
@pytest.mark.parametrize("duty", ["daily_digest", "weekly_report"])
def test_who_gets_a_summary(ground: Ground, duty: str, wanting: list[str], mailed: list[str]) -> None:
    if wanting:
        ground.want(duty, *wanting)
    for name in ("user", "other", "inactive"):
        ground.add_runs(ground.add_job(f"of {name}", created_by=world.user_id(name)), tokyo("2026-11-22T12:00"))
    ground.due_only(duty)

    ground.run_due()

    messages = ground.rows(OutboxMessage)
    assert sorted(row.recipient for row in messages) == [f"{name}@example.com" for name in mailed]
    assert all(f"- of {str(row.recipient).partition('@')[0]}: 1 run" in row.body for row in messages)
    assert all(row.body.count("- of ") == 1 for row in messages)


def test_a_user_who_wants_the_other_summary_gets_none(ground: Ground) -> None:
    ground.want("daily_digest", "user")
    ground.add_runs(ground.add_job(), tokyo("2026-11-22T12:00"))
    ground.due_only("weekly_report")

    assert ground.run_due().messages == 0


def test_a_weekly_report_counts_seven_days(ground: Ground) -> None:
    ground.want("weekly_report", "user")
    starts = [tokyo("2026-11-16T00:00") + timedelta(days=days, seconds=-1) for days in range(9)]
    ground.add_runs(ground.add_job(end_date=date(2026, 12, 23)), *starts)
    ground.due_only("weekly_report")

    ground.run_due()

    [(_, subject, body)] = ground.messages().values()
    assert subject == "Weekly report, 2026-11-16 to 2026-11-22: 7 runs, none failed"
    assert body.endswith("Next ends:\n- Nightly: 2026-12-23 (30 days left)\n")


# Exactly once


def test_the_same_due_instant_twice_makes_one_set_of_rows(ground: Ground) -> None:
    ground.enable_slack()
    ground.want("daily_digest", "user")
    ground.add_runs(ground.add_job(end_date=TODAY), tokyo("2026-11-22T12:00"))
    ground.add_job("over", end_date=date(2026, 11, 22))
    nine = tokyo("2026-11-23T09:00")
    first = ground.run_due(nine)
    once = ground.everything()

    assert first == duties.DutiesDone(3, tokyo("2026-11-24T00:05"))
    assert ground.run_due(nine) == replace(first, messages=0)
    assert ground.everything() == once


@pytest.mark.parametrize("duty", [duty.name for duty in DUTIES])
def test_a_timetable_that_went_back_tells_nobody_twice(ground: Ground, duty: str) -> None:
    ground.enable_slack()
    ground.want("daily_digest", "user")
    ground.want("weekly_report", "other")
    for name in ("user", "other"):
        columns = {"created_by": world.user_id(name), "end_date": TODAY - timedelta(days=duty == "maintenance")}
        ground.add_runs(ground.add_job(name, **columns), tokyo("2026-11-22T12:00"))
    ground.due_only(duty)
    ground.run_due()
    before = ground.everything()
    ground.due_only(duty)

    ground.run_due()

    assert ground.everything() == before
    assert ground.messages()


def test_a_duty_that_is_rolled_back_is_done_the_next_time(ground: Ground) -> None:
    ground.add_job(end_date=date(2026, 11, 22))
    ground.due_only("maintenance")
    before = ground.everything()
    with ground.engine.connect().execution_options(writes=True) as connection, connection.begin() as transaction:
        duties.run_due(connection, NOW, SETTINGS)
        transaction.rollback()

    assert ground.everything() == before
    ground.run_due()
    assert [job.is_active for job in ground.rows(Job)] == [False]


def test_a_duty_that_fails_is_undone_and_holds_back_no_other(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    over = ground.add_job(end_date=TODAY - timedelta(days=1))
    with transaction(ground.engine) as connection:
        connection.execute(update(SchedulerDuty).values(next_run_at=NOW))

    def digests(connection: Any, this: Any, now: datetime, settings: Settings) -> Any:
        connection.execute(delete(User))
        raise RuntimeError("planted")

    monkeypatch.setitem(duties._WAYS, duties.DAILY_DIGEST.name, digests)
    ground.run_due()

    users = ground.rows(User)
    jobs = {job.id: job.is_active for job in ground.rows(Job)}
    times = timetable(ground)
    assert users
    assert jobs[over] is False
    assert times[duties.DAILY_DIGEST.name][1] == NOW + timedelta(minutes=5)
    assert times[duties.WEEKLY_REPORT.name][1] > NOW + timedelta(days=1)


def test_days_that_were_missed_are_in_one_digest(ground: Ground) -> None:
    ground.want("daily_digest", "user")
    noons = [tokyo("2026-11-18T12:00") + timedelta(days=days) for days in range(6)]
    ground.add_runs(ground.add_job(), *noons)
    ground.due_only("daily_digest", tokyo("2026-11-20T08:00"))

    assert ground.run_due().messages == 1
    [(_, subject, _)] = ground.messages().values()
    assert subject == "Daily digest, 2026-11-19 to 2026-11-22: 4 runs, none failed"
    assert ground.run_due(NOW + timedelta(hours=12)).messages == 0


# The timetable


def timetable(ground: Ground) -> dict[str, tuple[str, datetime]]:
    return {row.name: (row.zone, row.next_run_at) for row in ground.rows(SchedulerDuty)}


def test_a_first_owner_writes_the_timetable_and_waits_for_its_times(ground: Ground) -> None:
    assert timetable(ground) == {
        "maintenance": ("Asia/Tokyo", tokyo("2026-11-21T00:05")),
        "daily_digest": ("Asia/Tokyo", tokyo("2026-11-21T08:00")),
        "weekly_report": ("Asia/Tokyo", tokyo("2026-11-23T08:00")),
        "ending_soon": ("Asia/Tokyo", tokyo("2026-11-23T09:00")),
    }


def test_a_next_owner_of_another_zone_moves_what_is_not_due(ground: Ground) -> None:
    with transaction(ground.engine) as connection:
        duties.ensure(connection, NOW, ZoneInfo("America/New_York"))

    assert timetable(ground) == {
        "maintenance": ("America/New_York", tokyo("2026-11-21T00:05")),
        "daily_digest": ("America/New_York", tokyo("2026-11-21T08:00")),
        "weekly_report": ("America/New_York", tokyo("2026-11-23T08:00")),
        "ending_soon": ("America/New_York", tokyo("2026-11-23T23:00")),
    }


def test_a_next_owner_of_the_same_zone_changes_nothing(ground: Ground) -> None:
    before = timetable(ground)
    with transaction(ground.engine) as connection:
        duties.ensure(connection, NOW, TOKYO)

    assert timetable(ground) == before


def test_a_duty_nobody_knows_any_more_is_not_waited_for(ground: Ground) -> None:
    ground.add(SchedulerDuty, {"name": "gone", "zone": "UTC", "next_run_at": LONG_AGO})
    done = ground.run_due()

    assert done.next_at == tokyo("2026-11-23T09:00")
    assert timetable(ground)["gone"] == ("UTC", LONG_AGO)


def test_a_database_without_a_timetable_has_nothing_due(ground: Ground) -> None:
    with transaction(ground.engine) as connection:
        connection.execute(delete(SchedulerDuty))

    assert ground.run_due() == duties.DutiesDone(0, None)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Pacific/Apia"])
def test_monday_is_that_of_the_scheduler_zone(ground: Ground, zone: str) -> None:
    settings = SETTINGS.model_copy(update={"scheduler_timezone": zone})
    with transaction(ground.engine) as connection:
        connection.execute(delete(SchedulerDuty))
        duties.ensure(connection, LONG_AGO, settings.zone)
    ground.add_job(end_date=date(2026, 11, 25))
    monday = datetime(2026, 11, 23, 9, tzinfo=settings.zone)

    ground.run_due(monday - timedelta(seconds=1), settings)
    assert ground.bells() == []

    ground.run_due(monday, settings)
    assert {message.partition(" JST")[2] for _, _, message in ground.bells()} == {" (2 day(s) left). PIC Team: core"}


# At scale


@pytest.mark.long
def test_ten_thousand_jobs_are_told_of_in_seconds(ground: Ground) -> None:
    people, jobs = 100, 10_000
    person = {"password_hash": "-", "role": "user", "is_active": True, "created_at": NOW, "updated_at": NOW}
    ids = [new_id() for _ in range(people)]
    ground.add(User, *({"id": i, "username": i, "email": f"{i}@example.com", **person} for i in ids))
    flags = {"daily_digest": True, "weekly_report": True, "email_on_job_disabled": True}
    ground.add(
        UserNotificationPreferences, *({"user_id": i, **flags, "created_at": NOW, "updated_at": NOW} for i in ids)
    )
    ground.enable_slack()
    rows = [job_row(f"job {n}", created_by=ids[n % people], end_date=date(2026, 11, 30)) for n in range(jobs)]
    ground.add(Job, *rows)
    ground.add(JobSchedule, *({"job_id": row["id"], "next_run_at": NOW, "schedule_rev": 1} for row in rows))
    for day in range(7):
        start = tokyo("2026-11-16T02:00") + timedelta(days=day)
        ground.add(JobExecution, *(run_row(row["id"], start) for row in rows))
    took = {}
    for duty in DUTIES:
        took[duty.name] = timed(ground, duty.name, NOW)
    took["maintenance, all over"] = timed(ground, "maintenance", NOW + timedelta(days=14))
    print(ground.engine.dialect.name, {name: f"{seconds * 1000:.0f} ms" for name, seconds in took.items()})

    with ground.engine.connect() as connection:
        assert connection.scalar(select(func.count()).where(Job.is_active)) == 0
        assert connection.scalar(select(func.count(OutboxMessage.id))) == 100 + 100 + jobs + 2 * jobs
    assert max(took.values()) < 10


def timed(ground: Ground, name: str, now: datetime) -> float:
    """Return how long the longest transaction of the duty took, in seconds."""
    ground.due_only(name)
    longest = 0.0
    done = duties.DutiesDone(0, NOW)
    while done.next_at is not None and done.next_at <= now:
        start = time.perf_counter()
        done = ground.run_due(now)
        longest = max(longest, time.perf_counter() - start)
    return longest
