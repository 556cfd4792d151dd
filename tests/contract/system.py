"""Cases: health of the whole system, and its scheduler."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, update

from scheduler.services import VERSION
from shared_models import Job, JobSchedule, Notification, SchedulerHandover, SchedulerLease
from tests.contract import world
from tests.contract.api import Api

TOKYO = ZoneInfo("Asia/Tokyo")
TODAY = datetime.now(TOKYO).date()
NEXT_YEAR = date(TODAY.year + 1, 12, 31)
PROCESS = "host:4711"


def set_lease(api: Api, *, beat_age_s: float | None = 0, **columns: Any) -> None:
    """Let the lease be held, by a beat so many seconds ago."""
    beat_at = None if beat_age_s is None else datetime.now(UTC) - timedelta(seconds=beat_age_s)
    owner = {"owner_stack": "legacy", "owner_process": PROCESS, "epoch": 7, "acquired_at": world.CREATED}
    with api.stack.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(update(SchedulerLease).values({"beat_at": beat_at} | owner | columns))


def remove_lease(api: Api) -> None:
    with api.stack.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(delete(SchedulerLease))


def job_id(number: int) -> str:
    return f"88888888-0000-4000-8000-{number:012}"


def add_job(api: Api, number: int, *, schedule: datetime | str | None = "none", rev: int = 4, **columns: Any) -> str:
    """Insert a job, and its schedule unless that is "none"."""
    row = {
        "id": job_id(number),
        "name": f"Job {number}",
        "cron_expression": "0 2 * * *",
        "target_url": "http://127.0.0.1:9/",
        "category": "general",
        "end_date": NEXT_YEAR,
        "created_at": world.CREATED,
        "updated_at": world.CREATED,
    }
    api.add(Job, **(row | columns))
    if schedule != "none":
        api.add(JobSchedule, job_id=job_id(number), next_run_at=schedule, schedule_rev=rev)
    return job_id(number)


def soon(hours: float = 1) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)


def next_two_o_clock() -> datetime:
    now = datetime.now(TOKYO)
    fire = now.replace(hour=2, minute=0, second=0, microsecond=0)
    return fire if fire > now else fire + timedelta(days=1)


# Health


@pytest.mark.parametrize("who", [None, "viewer", "admin"])
def test_health_is_public_and_says_what_the_database_says(api: Api, who: str | None) -> None:
    answer = api.get("/health", as_=who)

    assert answer.status == 200
    assert list(answer.json) == [
        "status",
        "service",
        "version",
        "scheduler_running",
        "scheduled_jobs_count",
        "timestamp",
    ]
    said = datetime.fromisoformat(answer.json.pop("timestamp"))
    assert abs(datetime.now(UTC) - said) < timedelta(seconds=30)
    assert answer.json | {"timestamp": None} == {
        "status": "healthy",
        "service": "cron-job-backend",
        "version": VERSION,
        "scheduler_running": False,
        "scheduled_jobs_count": 0,
        "timestamp": None,
    }


def test_a_bad_token_does_not_matter_to_health(api: Api) -> None:
    assert api.get("/health", token="nonsense").status == 200


def test_health_writes_nothing(api: Api) -> None:
    before = api.everything()

    api.get("/health")

    assert api.everything() == before


@pytest.mark.parametrize(
    ("lease", "running"),
    [
        pytest.param({}, True, id="a beat just now"),
        pytest.param({"owner_stack": "modern"}, True, id="the other stack"),
        pytest.param({"beat_age_s": 60, "ttl_s": 90.0}, True, id="a beat within a long time to live"),
        pytest.param({"beat_age_s": -60}, True, id="a beat by a clock ahead"),
        pytest.param({"desired_stack": "none"}, True, id="an owner that is to stop"),
        pytest.param({"beat_age_s": 60}, False, id="a stale beat"),
        pytest.param({"beat_age_s": 2, "ttl_s": 0.5}, False, id="a beat older than a short time to live"),
        pytest.param({"beat_age_s": None}, False, id="no beat yet"),
        pytest.param({"owner_stack": None, "owner_process": None}, False, id="no owner"),
    ],
)
def test_the_scheduler_runs_while_its_owner_beats(api: Api, lease: dict[str, Any], running: bool) -> None:
    set_lease(api, **lease)

    assert api.get("/health").json["scheduler_running"] is running
    assert api.get("/scheduler/status").json["scheduler_running"] is running


def test_a_process_with_another_clock_says_the_same(api: Api, api_with: Callable[..., Api]) -> None:
    set_lease(api)
    moved = api_with(clock_offset_s=86_400)

    assert moved.get("/health").json["scheduler_running"] is True
    assert moved.get("/scheduler/status", as_="admin", token=tomorrows_token(api)).json["scheduler_running"] is True


def tomorrows_token(api: Api) -> str:
    return api.token("admin", exp=int((datetime.now(UTC) + timedelta(days=2)).timestamp()))


def test_a_database_without_a_lease_has_no_owner(api: Api) -> None:
    remove_lease(api)

    assert api.get("/health").json["scheduler_running"] is False
    status = api.get("/scheduler/status").json
    assert (status["scheduler_running"], status["desired_stack"], status["owner"]) == (False, "none", None)


def test_active_jobs_with_a_next_run_are_counted(api: Api) -> None:
    add_job(api, 1, schedule=soon())
    add_job(api, 2, schedule=soon(-1))
    add_job(api, 3, schedule=None)
    add_job(api, 4)
    add_job(api, 5, schedule=soon(), is_active=False)

    assert api.get("/health").json["scheduled_jobs_count"] == 2
    assert api.get("/scheduler/status").json["scheduled_jobs_count"] == 2


@pytest.mark.parametrize("who", [None, "viewer"])
def test_a_live_process_says_so(api: Api, who: str | None) -> None:
    answer = api.get("/health/live", as_=who)

    assert (answer.status, answer.body) == (200, b'{"status":"alive"}')


# Status


def test_status_without_an_owner(api: Api) -> None:
    answer = api.get("/scheduler/status")

    assert answer.status == 200
    assert list(answer.json.items()) == [
        ("scheduler_running", False),
        ("desired_stack", "legacy"),
        ("owner", None),
        ("scheduled_jobs_count", 0),
        ("next_due_at", None),
        ("last_handover", None),
    ]


def test_status_names_the_owner(api: Api) -> None:
    set_lease(api, owner_stack="modern", desired_stack="modern", beat_age_s=2)

    answer = api.get("/scheduler/status").json

    assert (answer["scheduler_running"], answer["desired_stack"]) == (True, "modern")
    age = answer["owner"].pop("heartbeat_age_seconds")
    assert list(answer["owner"].items()) == [
        ("stack", "modern"),
        ("process", PROCESS),
        ("epoch", 7),
        ("since", "2026-01-02T03:04:05.678Z"),
    ]
    assert isinstance(age, float)
    assert 2 <= age < 30


def test_status_still_names_an_owner_whose_beats_stopped(api: Api) -> None:
    set_lease(api, beat_age_s=3600)

    answer = api.get("/scheduler/status").json

    assert answer["scheduler_running"] is False
    assert 3600 <= answer["owner"]["heartbeat_age_seconds"] < 3700


@pytest.mark.parametrize(("beat_age_s", "shown"), [(None, None), (-60, 0.0)], ids=["no beat yet", "a clock ahead"])
def test_the_age_of_a_beat_is_never_negative(api: Api, beat_age_s: float | None, shown: float | None) -> None:
    set_lease(api, beat_age_s=beat_age_s)

    assert api.get("/scheduler/status").json["owner"]["heartbeat_age_seconds"] == shown


def test_next_due_is_the_earliest_next_run_in_the_scheduler_zone(api: Api) -> None:
    add_job(api, 1, schedule=datetime(2031, 1, 1, 17, 0, tzinfo=UTC))
    add_job(api, 2, schedule=datetime(2031, 1, 1, 16, 30, tzinfo=UTC))
    add_job(api, 3, schedule=datetime(2031, 1, 1, 1, 0, tzinfo=UTC), is_active=False)
    add_job(api, 4, schedule=None)

    assert api.get("/scheduler/status").json["next_due_at"] == "2031-01-02T01:30:00+09:00"


def test_the_newest_handover_is_shown(api: Api) -> None:
    for number, (requested, to) in enumerate([(3, "none"), (9, "modern"), (5, "legacy")]):
        api.add(
            SchedulerHandover,
            id=job_id(number),
            from_stack="legacy",
            to_stack=to,
            requested_at=world.CREATED.replace(day=requested),
            completed_at=world.CREATED.replace(day=requested, microsecond=900_000) if to == "modern" else None,
            gap_ms=48.5 if to == "modern" else None,
            caught_up=2,
            skipped=0,
        )

    assert list(api.get("/scheduler/status").json["last_handover"].items()) == [
        ("from", "legacy"),
        ("to", "modern"),
        ("requested_at", "2026-01-09T03:04:05.678Z"),
        ("completed_at", "2026-01-09T03:04:05.900Z"),
        ("gap_ms", 48.5),
        ("caught_up", 2),
        ("skipped", 0),
    ]


def test_a_handover_under_way_has_no_figures_yet(api: Api) -> None:
    api.add(
        SchedulerHandover, id=job_id(1), from_stack="none", to_stack="legacy", requested_at=world.CREATED, gap_ms=None
    )

    assert api.get("/scheduler/status").json["last_handover"] == {
        "from": "none",
        "to": "legacy",
        "requested_at": "2026-01-02T03:04:05.678Z",
        "completed_at": None,
        "gap_ms": None,
        "caught_up": None,
        "skipped": None,
    }


# Resync


def resynced(api: Api) -> tuple[int, int, int, int]:
    """Resync; return jobs_total, jobs_active, rescheduled and paused."""
    answer = api.post("/scheduler/resync")

    assert answer.status == 200
    assert list(answer.json) == ["message", "jobs_total", "jobs_active", "rescheduled", "paused"]
    message, *figures = answer.json.values()
    assert message == "Scheduler resync completed"
    total, active, rescheduled, paused = figures
    return total, active, rescheduled, paused


def test_a_resync_of_nothing(api: Api) -> None:
    before = api.everything()

    assert resynced(api) == (0, 0, 0, 0)
    assert api.everything() == before


@pytest.mark.parametrize(
    ("stored", "figures", "rev"),
    [
        pytest.param("none", (1, 1, 1, 0), 1, id="no schedule"),
        pytest.param(None, (1, 1, 1, 0), 5, id="a schedule without a next run"),
        pytest.param(datetime(2031, 5, 5, tzinfo=UTC), (1, 1, 1, 0), 5, id="another next run"),
        pytest.param(datetime(2026, 1, 1, 16, 59, tzinfo=UTC), (1, 1, 1, 0), 5, id="a past run that never was due"),
    ],
)
def test_a_resync_puts_the_next_run_right(
    api: Api, stored: datetime | str | None, figures: tuple[int, ...], rev: int
) -> None:
    add_job(api, 1, schedule=stored)
    jobs = api.rows(Job)

    assert resynced(api) == figures
    assert api.rows(JobSchedule) == [
        {"job_id": job_id(1), "next_run_at": next_two_o_clock(), "schedule_rev": rev, "every_s": None}
    ]
    assert api.rows(Job) == jobs
    assert resynced(api) == (1, 1, 0, 0)


def test_a_resync_leaves_what_is_right(api: Api) -> None:
    add_job(api, 1, schedule=next_two_o_clock())
    add_job(api, 2, schedule=None, is_active=False)
    add_job(api, 3, is_active=False)
    before = api.everything()

    assert resynced(api) == (3, 1, 0, 0)
    assert api.everything() == before


def test_a_resync_does_not_lose_a_run_that_is_due(api: Api) -> None:
    add_job(api, 1, schedule=next_two_o_clock() - timedelta(days=1))
    before = api.everything()

    assert resynced(api) == (1, 1, 0, 0)
    assert api.everything() == before


def test_an_inactive_job_has_no_next_run(api: Api) -> None:
    add_job(api, 1, schedule=soon(), is_active=False, end_date=date(2020, 1, 1))

    assert resynced(api) == (1, 0, 0, 0)
    assert api.row(JobSchedule) == {"job_id": job_id(1), "next_run_at": None, "schedule_rev": 5, "every_s": None}
    assert api.rows(Notification) == []


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"cron_expression": "0 0 1 1 *", "end_date": TODAY}, id="none up to its end"),
        pytest.param({"cron_expression": "61 * * * *"}, id="an expression of before the rules"),
        pytest.param({"cron_expression": "0 0 30 2 *"}, id="an expression that never fires"),
    ],
)
def test_an_active_job_without_any_next_run_stays_active(api: Api, columns: dict[str, Any]) -> None:
    if (TODAY.month, TODAY.day) == (12, 31):
        pytest.skip("Tonight at midnight is 1 January.")
    add_job(api, 1, schedule=soon(), **columns)
    add_job(api, 2, **columns)

    assert resynced(api) == (2, 2, 1, 0)
    assert [(row["next_run_at"], row["schedule_rev"]) for row in api.rows(JobSchedule)] == [(None, 5), (None, 1)]
    assert all(row["is_active"] for row in api.rows(Job))


def test_a_job_that_ends_today_is_not_over(api: Api) -> None:
    add_job(api, 1, end_date=TODAY, cron_expression="* * * * *")

    assert resynced(api)[:2] == (1, 1)


def test_a_job_past_its_end_is_paused_and_its_people_are_told(api: Api) -> None:
    ended = TODAY - timedelta(days=1)
    add_job(api, 1, schedule=soon(), end_date=ended, created_by=world.user_id("user"), pic_team="core")
    add_job(api, 2, schedule=next_two_o_clock())

    assert resynced(api) == (2, 1, 0, 1)
    job = api.row(Job, id=job_id(1))
    assert job["is_active"] is False
    assert job["updated_at"] > world.CREATED
    assert api.row(JobSchedule, job_id=job_id(1)) == {
        "job_id": job_id(1),
        "next_run_at": None,
        "schedule_rev": 5,
        "every_s": None,
    }
    told = api.rows(Notification)
    assert {row["user_id"] for row in told} == {world.user_id(name) for name in ("user", "admin", "admin2")}
    assert len(told) == 3
    for row in told:
        assert row | {"id": "", "user_id": ""} == {
            "id": "",
            "user_id": "",
            "title": "Job auto-paused (end date passed)",
            "message": f'Job "Job 1" passed its end_date ({ended} JST) and was auto-paused. PIC Team: core',
            "type": "warning",
            "related_job_id": job_id(1),
            "related_execution_id": None,
            "is_read": False,
            "read_at": None,
            "created_at": job["updated_at"],
        }


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        pytest.param({"created_by": world.user_id("admin")}, ["admin", "admin2"], id="an admin's job: once each"),
        pytest.param({"created_by": None}, ["admin", "admin2"], id="nobody's job"),
        pytest.param(
            {"created_by": world.user_id("inactive")}, ["inactive", "admin", "admin2"], id="a creator who left"
        ),
    ],
)
def test_everybody_is_told_once(api: Api, columns: dict[str, Any], told: list[str]) -> None:
    add_job(api, 1, end_date=date(2026, 1, 31), **columns)

    assert resynced(api) == (1, 0, 0, 1)
    rows = api.rows(Notification)
    assert sorted(row["user_id"] for row in rows) == sorted(world.user_id(name) for name in told)
    assert {row["message"].rpartition("auto-paused. ")[2] for row in rows} == {"PIC Team: -"}
    assert "(2026-01-31 JST)" in rows[0]["message"]


def test_a_second_resync_pauses_and_tells_nobody_again(api: Api) -> None:
    add_job(api, 1, end_date=date(2020, 1, 1), schedule=soon())
    resynced(api)
    before = api.everything()

    assert resynced(api) == (1, 0, 0, 0)
    assert api.everything() == before


def test_a_resync_of_many_jobs_counts_each_once(api: Api) -> None:
    for number in range(1, 41):
        columns: dict[str, Any] = {}
        if number % 4 == 0:
            columns = {"end_date": date(2020, 1, 1)}
        elif number % 4 == 1:
            columns = {"is_active": False}
        add_job(api, number, schedule="none" if number % 8 < 4 else next_two_o_clock(), **columns)

    assert resynced(api) == (40, 20, 10, 10)
    assert api.get("/health").json["scheduled_jobs_count"] == 20


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"content": b"{", "headers": {"Content-Type": "application/json"}}, id="half a body"),
        pytest.param({"content": b"x", "headers": {"Content-Type": "text/plain"}}, id="text"),
    ],
)
def test_a_resync_reads_no_body(api: Api, options: dict[str, Any]) -> None:
    assert api.post("/scheduler/resync", **options).status == 200


@pytest.mark.parametrize("who", ["user", "viewer"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/scheduler/status"), ("POST", "/scheduler/resync")])
def test_only_admins_see_and_move_the_scheduler(api: Api, method: str, path: str, who: str) -> None:
    add_job(api, 1, end_date=date(2020, 1, 1))
    before = api.everything()

    answer = api.request(method, path, as_=who)

    assert answer.status == 403
    assert answer.json["message"] == "This endpoint requires one of the following roles: admin"
    assert api.everything() == before
