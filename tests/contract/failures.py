"""Cases: what goes wrong on our side. A mistake is 500, a database that does not answer 503, and neither tells secrets."""

import io
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text

from scheduler.logs import configure_logging
from scheduler.services import VERSION
from shared_rules import taxonomy
from tests.contract import world
from tests.contract.api import Answer, Api
from tests.logs import kept_logging

ORIGIN = "http://localhost:5173"
CANARY = "canary-in-the-coal-mine"
UNAVAILABLE = {"error": "Service unavailable", "message": "The database is not answering. Try again."}
ApiWith = Callable[..., Api]


class Mistake(Exception):
    """A mistake of ours, as no library makes it."""


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configure logging as the servers do; yield a function that returns what was logged so far."""
    stream = io.StringIO()
    with kept_logging():
        configure_logging("DEBUG", stream=stream)
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


Logged = Callable[[], list[dict[str, Any]]]


def failing(_rows: Any) -> Any:
    raise Mistake(f"{CANARY} in the text of an exception")


def check_headers(api: Api, answer: Answer, request_id: str) -> None:
    assert answer.headers["x-request-id"] == request_id
    assert answer.headers["x-served-by"] == api.stack.name
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/json"


# A mistake of ours


def test_a_mistake_is_told_by_its_request_id_alone(api: Api, logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taxonomy, "in_name_order", failing)

    answer = api.get("/job-categories", headers={"Origin": ORIGIN, "X-Request-Id": "r-1"})

    assert answer.status == 500
    assert answer.json == {
        "error": "Internal server error",
        "message": "Something went wrong. Request id: r-1",
    }
    check_headers(api, answer, "r-1")
    (line,) = [line for line in logged()[-20:] if line["event"] == "request.failed"][-1:]
    assert (line["level"], line["request_id"], line["method"]) == ("error", "r-1", "GET")
    assert line["path"] == f"{api.stack.prefix}/job-categories"
    assert "Traceback" in line["exception"]
    assert "in_name_order" in line["exception"]
    assert "Mistake" in line["exception"]


def test_a_made_request_id_is_the_one_in_the_text(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taxonomy, "in_name_order", failing)

    answer = api.get("/job-categories", headers={"X-Request-Id": "not sane"})

    assert answer.json["message"] == f"Something went wrong. Request id: {answer.headers['x-request-id']}"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


def test_a_mistake_while_answering_head_has_no_body(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taxonomy, "in_name_order", failing)

    answer = api.request("HEAD", "/job-categories")

    assert (answer.status, answer.body) == (500, b"")


def test_a_mistake_within_a_write_keeps_nothing_and_holds_no_lock(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    before = api.everything()
    with monkeypatch.context() as broken:
        broken.setattr(taxonomy, "check_slug_free", lambda *_: failing(None))

        assert api.post("/job-categories", {"name": "Fresh"}).status == 500

    assert api.everything() == before
    assert api.post("/job-categories", {"name": "Fresh"}).status == 201


def test_a_mistake_after_a_write_was_decided_keeps_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/job-categories/{world.CATEGORY_IDS['refund']}"
    before = api.everything()
    with monkeypatch.context() as broken:
        broken.setattr("sqlalchemy.orm.Session.commit", lambda _session: failing(None))

        assert api.put(path, {"name": "Fresh"}).status == 500

    assert api.everything() == before
    assert api.put(path, {"name": "Fresh"}).status == 200


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT * FROM no_such_table", id="a missing table"),
        pytest.param("SELECT no_such_column FROM users", id="a missing column"),
        pytest.param("SELEC 1", id="wrong SQL"),
    ],
)
def test_wrong_sql_is_a_mistake_and_no_outage(api: Api, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    monkeypatch.setattr("shared_models.queries.scheduler.lease", lambda: text(statement))

    answer = api.get("/scheduler/status")

    assert (answer.status, answer.json["error"]) == (500, "Internal server error")
    assert b"no_such" not in answer.body
    assert api.get("/health").status == 500


def test_no_secret_of_a_request_reaches_the_log(api: Api, logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the token, not a password, not what a database was given: with every logger at its most talkative."""
    hook = f"https://hooks.slack.com/services/{CANARY}"
    token = api.token("admin", jti=CANARY)
    forged = api.token("admin", jti=CANARY)[:-4] + "AAAA"

    api.post("/auth/login", {"username": "admin", "password": CANARY}, as_=None)
    api.post("/auth/login", {"username": "admin", "password": [CANARY]}, as_=None)
    api.post("/auth/login", content=f'{{"password":"{CANARY}'.encode(), headers={"Content-Type": "application/json"})
    api.get("/job-categories", token=forged)
    api.get("/job-categories", headers={"Authorization": f"Basic {CANARY}"}, as_=None)
    api.get("/job-categories", headers={"Cookie": CANARY}, token=token)
    api.put("/settings/slack", {"webhook_url": hook, "is_enabled": True})
    with monkeypatch.context() as broken:
        broken.setattr("shared_rules.slack.slack_settings", lambda _row: 1 / 0)
        api.put("/settings/slack", {"webhook_url": f"{hook}2"}, token=token)
        broken.setattr("shared_rules.people.check_found", lambda _row: 1 / 0)
        api.put(f"/auth/users/{world.user_id('user')}", {"password": CANARY}, token=token)
        broken.setattr(taxonomy, "check_slug_free", lambda *_: None)
        api.post("/job-categories", {"name": CANARY, "slug": "general"}, token=token)

    assert [answer.status for _, _, answer in api.transcript[-3:]] == [500, 500, 500]
    text_of_log = json.dumps(logged())
    assert "IntegrityError" in text_of_log
    assert CANARY not in text_of_log
    assert token not in text_of_log
    assert token.rpartition(".")[2] not in text_of_log


# A database that does not answer


@pytest.fixture
def impatient(api: Api, api_with: ApiWith) -> Callable[[], Api]:
    """Return a function: the case's Api on a stack that waits a moment only."""
    return lambda: api_with(database_timeout_s=0.2)


@contextmanager
def locked(api: Api) -> Iterator[None]:
    """Let somebody else write, all the time."""
    with api.stack.engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/job-categories", {"name": "Fresh"}),
        ("DELETE", f"/pic-teams/{world.TEAM_ID}", ...),
        ("PUT", "/settings/slack", {"channel": "#x"}),
        ("GET", "/settings/slack", ...),
        ("GET", f"/auth/users/{world.user_id('user')}/preferences", ...),
        ("POST", "/scheduler/resync", ...),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_database_that_stays_locked_is_unavailable(
    impatient: Callable[[], Api], logged: Logged, method: str, path: str, body: Any
) -> None:
    api = impatient()
    before = api.everything()

    with locked(api):
        answer = api.request(method, path, json=body, headers={"Origin": ORIGIN, "X-Request-Id": "r-2"})

    assert (answer.status, answer.json) == (503, UNAVAILABLE)
    assert answer.headers["retry-after"] == "1"
    check_headers(api, answer, "r-2")
    assert api.everything() == before
    line = [line for line in logged() if line["event"] == "database.unavailable"][-1]
    assert (line["level"], line["request_id"], line["path"]) == ("warning", "r-2", api.stack.prefix + path)
    assert api.request(method, path, json=body).status in (200, 201)


def test_reading_goes_on_while_somebody_writes(impatient: Callable[[], Api]) -> None:
    api = impatient()

    with locked(api):
        assert api.get("/job-categories").status == 200
        assert api.get("/health").status == 200


@pytest.fixture
def unreachable(api: Api, api_with: ApiWith, tmp_path: Path) -> Callable[[], Any]:
    """Return a function: a block with the case's Api, whose database is gone within `with api_down():`."""

    @contextmanager
    def opened() -> Iterator[tuple[Api, Callable[[], Any]]]:
        url = api.stack.settings.database_url
        if url.startswith("sqlite"):
            folder = Path(tempfile.mkdtemp(dir=tmp_path)) / "database"
            folder.mkdir()
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                connection.execute(f"VACUUM INTO '{folder / 'copy.db'}'")
            yield (
                api_with(database_url=f"sqlite:///{folder / 'copy.db'}", database_timeout_s=0.2),
                lambda: moved(folder),
            )
            shutil.rmtree(folder)
        else:
            yield api_with(database_timeout_s=0.2), lambda: closed_to_everybody(url)

    return opened


@contextmanager
def moved(folder: Path) -> Iterator[None]:
    """Take a folder away; files that are open stay open."""
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(folder)


@contextmanager
def closed_to_everybody(url: str) -> Iterator[None]:
    """Let a PostgreSQL server throw everybody out of our database, and nobody in."""
    other = create_engine(url.replace("/postgres?", "/template1?"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.execute(text("ALTER DATABASE postgres WITH ALLOW_CONNECTIONS false"))
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'"))
    try:
        yield
    finally:
        with other.connect() as connection:
            connection.execute(text("ALTER DATABASE postgres WITH ALLOW_CONNECTIONS true"))


def test_a_database_that_is_gone_is_unavailable_until_it_is_back(
    unreachable: Callable[[], Any], logged: Logged
) -> None:
    with unreachable() as (api, database_gone):
        # Nobody can look at the rows meanwhile.
        api.alone = False
        with database_gone():
            for method, path, body in [
                ("GET", "/job-categories", ...),
                ("GET", "/scheduler/status", ...),
                ("POST", "/job-categories", {"name": "Fresh"}),
                ("PUT", "/settings/slack", {}),
                ("GET", f"/auth/users/{world.user_id('user')}/ui-preferences", ...),
            ]:
                answer = api.request(method, path, json=body, headers={"Origin": ORIGIN, "X-Request-Id": "r-3"})
                assert (answer.status, answer.json) == (503, UNAVAILABLE), path
                assert answer.headers["retry-after"] == "1"
                check_headers(api, answer, "r-3")
            assert api.get("/nope").status == 404
            assert api.delete("/health").status == 405
            assert api.get("/job-categories", as_=None).status == 401

        assert api.get("/job-categories").status == 200
        assert api.post("/job-categories", {"name": "Fresh"}).status == 201
    assert [line["request_id"] for line in logged() if line["event"] == "database.unavailable"][-5:] == ["r-3"] * 5


def test_health_says_so_when_the_database_is_gone(unreachable: Callable[[], Any]) -> None:
    with unreachable() as (api, database_gone):
        with database_gone():
            answer = api.get("/health", as_=None, headers={"Origin": ORIGIN, "X-Request-Id": "r-4"})
            live = api.get("/health/live", as_=None)

        assert answer.status == 503
        assert list(answer.json) == [
            "status",
            "service",
            "version",
            "scheduler_running",
            "scheduled_jobs_count",
            "timestamp",
        ]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.json["timestamp"])
        assert answer.json | {"timestamp": ""} == {
            "status": "unhealthy",
            "service": "cron-job-backend",
            "version": VERSION,
            "scheduler_running": None,
            "scheduled_jobs_count": None,
            "timestamp": "",
        }
        assert answer.headers["retry-after"] == "1"
        check_headers(api, answer, "r-4")
        assert (live.status, live.json) == (200, {"status": "alive"})
        assert api.get("/health").json["status"] == "healthy"
