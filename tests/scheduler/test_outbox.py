"""Messages that wait in the database: sent once, by whoever takes them, tried again only where nothing was accepted."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from socket import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import OperationalError

from scheduler.lease import transaction
from scheduler.mail import Mailer
from scheduler.messages import (
    PauseReaders,
    Readers,
    SlackChannel,
    messages_after_pause,
    messages_after_run,
    readers_of_runs,
)
from scheduler.outbox import Outbox, queue
from scheduler.services import Services, build_services
from shared_models import (
    Job,
    OutboxMessage,
    SchedulerNode,
    SlackSettings,
    UserNotificationPreferences,
)
from shared_models.engine import sync_engine
from shared_models.queries import outbox as queries
from shared_rules.execution import Outcome
from shared_rules.mails import Message
from tests.contract import stacks, world
from tests.scheduler.test_duties import job_row
from tests.sinks import Reply, SmtpSink

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
AT_ONCE = (0.0,) * 5
FAILURE = Outcome("failed", 500, "Webhook returned status 500")
SUCCESS = Outcome("success", 200)


@pytest.fixture(scope="module", params=stacks.DATABASES)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with stacks.database_url(request.param) as url:
        yield url


@contextmanager
def closing_engine(url: str, **options: Any) -> Iterator[Engine]:
    engine = sync_engine(url, **options)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with closing_engine(url) as engine:
        world.reset(engine)
        yield engine


@pytest.fixture(scope="module")
def all_sinks() -> Iterator[stacks.Sinks]:
    with stacks.open_sinks() as sinks:
        yield sinks


@pytest.fixture
def sinks(all_sinks: stacks.Sinks) -> stacks.Sinks:
    all_sinks.clear()
    return all_sinks


@pytest.fixture
def services(url: str, sinks: stacks.Sinks) -> Services:
    return build_services(stacks.settings_for(url, sinks))


def outbox(services: Services, engine: Engine, process: str = "me", **options: Any) -> Outbox:
    return Outbox(services, engine, process, **({"delays_s": AT_ONCE} | options))


def mailing_by(services: Services, send: Callable[..., None]) -> Services:
    return replace(services, mailer=cast(Mailer, SimpleNamespace(send=send)))


def mail(key: str, to: str = "ops@example.com") -> Message:
    return Message(key, "mail", "Body\n", to, f"Subject {key}")


def line(key: str) -> Message:
    return Message(key, "slack", f"Line {key}")


def put(engine: Engine, *messages: Message) -> int:
    with transaction(engine) as connection:
        return queue(connection, messages, NOW)


def enable_slack(engine: Engine, url: str, channel: str | None = None) -> None:
    with transaction(engine) as connection:
        connection.execute(delete(SlackSettings))
        connection.execute(
            insert(SlackSettings).values(
                is_enabled=True, webhook_url=url, channel=channel, created_at=NOW, updated_at=NOW
            )
        )


def set_row(engine: Engine, key: str, **columns: Any) -> None:
    with transaction(engine) as connection:
        connection.execute(update(OutboxMessage).where(OutboxMessage.key == key).values(**columns))


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(OutboxMessage).order_by(OutboxMessage.key)))


def phases(engine: Engine) -> dict[str, tuple[str, str | None]]:
    return {row.key: (row.phase, row.error) for row in rows(engine)}


def wait_until(true: Callable[[], bool], timeout_s: float = 20) -> None:
    ends = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Queueing


def test_of_one_key_only_the_first_message_is_kept(engine: Engine) -> None:
    put(engine, mail("a"), mail("b"))
    put(engine, mail("a", "somebody@example.com"), line("c"))

    assert [(row.key, row.kind, row.recipient, row.phase, row.created_at) for row in rows(engine)] == [
        ("a", "mail", "ops@example.com", "queued", NOW),
        ("b", "mail", "ops@example.com", "queued", NOW),
        ("c", "slack", None, "queued", NOW),
    ]


def test_what_is_rolled_back_is_not_queued(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"), transaction(engine) as connection:
        queue(connection, [mail("a")], NOW)
        raise RuntimeError("changed my mind")

    assert rows(engine) == []


# Sending


def test_a_queued_mail_is_delivered_once(engine: Engine, services: Services, sinks: stacks.Sinks) -> None:
    put(engine, mail("a"))
    mine = outbox(services, engine)

    assert (mine.deliver(), mine.deliver()) == (1, 0)
    [delivered] = sinks.mail.delivered
    assert (delivered.to, delivered.subject, delivered.body) == ("ops@example.com", "Subject a", "Body\n")
    [row] = rows(engine)
    assert (row.phase, row.process, row.error) == ("sent", "me", None)
    assert abs(row.sent_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_where_a_line_goes_is_looked_up_when_it_is_sent(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    enable_slack(engine, sinks.http.url + "/old")
    put(engine, line("a"))
    enable_slack(engine, sinks.http.url + "/new", "#ops")

    assert outbox(services, engine).deliver() == 1
    [posted] = sinks.http.received
    assert (posted.path, posted.json) == ("/new", {"text": "Line a", "link_names": True, "channel": "#ops"})
    assert phases(engine) == {"a": ("sent", None)}


def test_a_line_for_slack_that_is_switched_off_meanwhile_has_failed(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    put(engine, line("a"))

    outbox(services, engine).deliver()

    assert phases(engine) == {"a": ("failed", "Slack is switched off.")}
    assert sinks.http.received == []


def test_a_mail_has_failed_where_mail_is_switched_off(engine: Engine, url: str, sinks: stacks.Sinks) -> None:
    put(engine, mail("a"))

    outbox(build_services(stacks.settings_for(url, sinks, mail_enabled=False)), engine).deliver()

    assert phases(engine) == {"a": ("failed", "E-mail is switched off.")}


def test_no_more_than_the_limit_is_sent_the_oldest_first(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    for number in (2, 0, 1):
        put(engine, mail(f"{number}"))
        set_row(engine, f"{number}", created_at=NOW + timedelta(seconds=number))

    assert outbox(services, engine).deliver(limit=2) == 2
    assert [delivered.subject for delivered in sinks.mail.delivered] == ["Subject 0", "Subject 1"]
    assert phases(engine)["2"] == ("queued", None)


def test_a_mail_the_server_refuses_has_failed_at_once(engine: Engine, url: str, sinks: stacks.Sinks) -> None:
    with SmtpSink(refuses=True) as refusing:
        put(engine, mail("a"))
        tried = outbox(build_services(stacks.settings_for(url, sinks, mail_port=refusing.port)), engine).deliver()

    assert tried == 1
    [(phase, error)] = phases(engine).values()
    assert (phase, error) == ("failed", "SMTPDataError: (554, b'5.7.1 No mail today')")


def test_a_mail_to_an_impossible_address_has_failed_and_stops_nobody(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    put(engine, mail("a", "nobody"), mail("b"))

    assert outbox(services, engine).deliver() == 2
    assert {key: phase for key, (phase, _) in phases(engine).items()} == {"a": "failed", "b": "sent"}


@pytest.mark.parametrize("status", [400, 500])
def test_a_line_that_slack_refuses_has_failed_at_once(
    engine: Engine, services: Services, sinks: stacks.Sinks, status: int
) -> None:
    enable_slack(engine, sinks.http.at("/hook", Reply(status)))
    put(engine, line("a"))

    outbox(services, engine).deliver()

    assert phases(engine) == {"a": ("failed", f"Slack answered with status {status}.")}
    assert len(sinks.http.received) == 1


# Trying again


def test_a_mail_waits_for_a_server_that_is_down(engine: Engine, url: str, sinks: stacks.Sinks) -> None:
    down = build_services(stacks.settings_for(url, sinks, mail_port=free_port()))
    put(engine, mail("a"))
    mine = outbox(down, engine, delays_s=(0.0, 60.0))

    assert mine.deliver() == 2
    [(phase, error)] = phases(engine).values()
    assert phase == "queued"
    assert error is not None
    assert error.startswith("ConnectionRefusedError")
    assert mine.deliver() == 0


def test_a_mail_has_failed_after_five_more_tries(engine: Engine, url: str, sinks: stacks.Sinks) -> None:
    down = build_services(stacks.settings_for(url, sinks, mail_port=free_port()))
    put(engine, mail("a"))

    assert outbox(down, engine).deliver() == 6
    assert phases(engine)["a"][0] == "failed"


def test_a_line_waits_for_a_slack_that_is_down_or_busy(engine: Engine, services: Services, sinks: stacks.Sinks) -> None:
    put(engine, line("a"))
    mine = outbox(services, engine, delays_s=(0.0, 0.0))
    enable_slack(engine, f"http://127.0.0.1:{free_port()}/hook")
    assert mine.deliver(limit=1) == 1
    assert phases(engine) == {"a": ("queued", "Connection refused.")}

    enable_slack(engine, sinks.http.at("/busy", Reply(429)))
    assert mine.deliver(limit=1) == 1
    assert phases(engine) == {"a": ("queued", "Slack answered with status 429.")}

    enable_slack(engine, sinks.http.url)
    assert mine.deliver() == 1
    assert phases(engine) == {"a": ("sent", None)}


def test_what_may_have_arrived_is_not_sent_again(engine: Engine, services: Services, sinks: stacks.Sinks) -> None:
    enable_slack(engine, sinks.http.at("/hook", Reply(raw=b"")))
    put(engine, line("a"))

    outbox(services, engine).deliver()

    assert phases(engine) == {"a": ("failed", "The connection was closed without an answer.")}
    assert len(sinks.http.received) == 1


def test_a_mail_server_that_is_down_does_not_hold_up_slack(engine: Engine, url: str, sinks: stacks.Sinks) -> None:
    down = build_services(stacks.settings_for(url, sinks, mail_port=free_port()))
    enable_slack(engine, sinks.http.url)
    put(engine, mail("a"), mail("b"), line("c"))

    assert outbox(down, engine, delays_s=(60.0,)).deliver() == 2
    assert {key: phase for key, (phase, _) in phases(engine).items()} == {"a": "queued", "b": "queued", "c": "sent"}


# Several processes


def test_two_processes_at_once_send_nothing_twice(
    engine: Engine, url: str, services: Services, sinks: stacks.Sinks
) -> None:
    enable_slack(engine, sinks.http.url)
    keys = [f"{number:02}" for number in range(30)]
    with closing_engine(url) as other_engine:
        both = [outbox(services, engine, "one"), outbox(services, other_engine, "two")]
        for each in both:
            each.start()
        for key in keys:
            put(engine, mail(f"mail {key}"), line(f"line {key}"))
            for each in both:
                each.deliver_soon()
        wait_until(lambda: all(row.phase == "sent" for row in rows(engine)))
        closed = [each.close() for each in both]

    assert closed == [True, True]
    mails = Counter(delivered.subject for delivered in sinks.mail.delivered)
    lines = Counter(posted.json["text"] for posted in sinks.http.received)
    assert mails == Counter(f"Subject mail {key}" for key in keys)
    assert lines == Counter(f"Line line {key}" for key in keys)
    assert {row.process for row in rows(engine)} == {"one", "two"}


def test_what_a_dead_process_was_sending_is_given_up_and_not_sent_again(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    with transaction(engine) as connection:
        for process in ("dead", "living"):
            connection.execute(insert(SchedulerNode).values(process=process, stack="x", started_at=NOW, beat_at=NOW))
    for process in ("dead", "living", "gone", "me"):
        put(engine, mail(process))
        set_row(engine, process, phase="sending", process=process)
    put(engine, mail("queued"))
    mine = outbox(services, engine)

    mine.take_over(["dead"])
    mine.deliver()

    lost = ("unknown", "Its process ended while sending it.")
    assert phases(engine) == {
        "dead": lost,
        "gone": lost,
        "living": ("sending", None),
        "me": ("sending", None),
        "queued": ("sent", None),
    }
    assert [delivered.subject for delivered in sinks.mail.delivered] == ["Subject queued"]


def test_a_process_that_was_only_asleep_still_says_what_it_did(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    put(engine, mail("a"))
    other = outbox(services, engine, "other")

    def send_after_a_long_sleep(*message: str) -> None:
        other.take_over([])
        assert phases(engine)["a"][0] == "unknown"
        assert other.deliver() == 0
        services.mailer.send(*message)

    outbox(mailing_by(services, send_after_a_long_sleep), engine, "sleeper").deliver()

    assert phases(engine) == {"a": ("sent", None)}
    assert len(sinks.mail.delivered) == 1


# The threads


def test_a_started_outbox_delivers_what_waits_and_what_comes(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    put(engine, mail("a"))
    mine = outbox(services, engine)
    mine.start()
    mine.start()
    sinks.mail.wait_for(1)
    put(engine, mail("b"))
    mine.deliver_soon()
    sinks.mail.wait_for(2)

    assert mine.close()
    assert {phase for phase, _ in phases(engine).values()} == {"sent"}


def test_a_paused_outbox_begins_nothing_and_goes_on_when_it_is_started_again(
    engine: Engine, services: Services, sinks: stacks.Sinks
) -> None:
    mine = outbox(services, engine)
    mine.start()
    assert mine.close()
    put(engine, mail("a"))
    mine.deliver_soon()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("outbox")] == []
    assert phases(engine) == {"a": ("queued", None)}

    mine.start()
    sinks.mail.wait_for(1)

    assert mine.close()
    assert phases(engine) == {"a": ("sent", None)}


def test_what_is_being_sent_when_it_closes_is_recorded_and_the_rest_waits(engine: Engine, services: Services) -> None:
    put(engine, mail("a"), mail("b"))
    set_row(engine, "b", created_at=NOW + timedelta(seconds=1))
    sending, go_on = threading.Event(), threading.Event()

    def send(*_message: str) -> None:
        sending.set()
        go_on.wait(20)

    mine = outbox(mailing_by(services, send), engine)
    mine.start()
    assert sending.wait(20)
    assert mine.close(0.05) is False
    go_on.set()

    assert mine.close() is True
    assert phases(engine) == {"a": ("sent", None), "b": ("queued", None)}


def test_what_the_database_could_not_be_told_is_told_later(engine: Engine, url: str, services: Services) -> None:
    put(engine, mail("a"), mail("b"))
    sent = []
    with closing_engine(url, timeout_s=0.05) as impatient, engine.connect() as blocker:

        def send(_to: str, subject: str, _body: str) -> None:
            sent.append(subject)
            if len(sent) == 1:
                blocker.execution_options(writes=True).begin()

        mine = outbox(mailing_by(services, send), impatient)
        with pytest.raises(OperationalError):
            mine.deliver()
        blocker.rollback()
        assert {phase for phase, _ in phases(engine).values()} == {"sending", "queued"}

        assert mine.deliver() == 1
    assert {phase for phase, _ in phases(engine).values()} == {"sent"}
    assert len(set(sent)) == len(sent) == 2


def test_looking_for_messages_stays_within_the_index_of_open_ones() -> None:
    with stacks.database_url("sqlite") as url, closing_engine(url) as engine, engine.connect() as connection:
        statement = queries.waiting("mail").compile(engine, compile_kwargs={"literal_binds": True})
        steps = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]

    assert steps == ["SEARCH outbox_messages USING INDEX ix_outbox_messages_open (phase=?)"]


# What a run and a pause send


class Wishes:
    email_on_job_success = True
    email_on_job_failure = False


def job(**columns: Any) -> Any:
    fields = {
        "id": "j",
        "name": "Nightly",
        "enable_email_notifications": True,
        "notification_emails": ["Ops@example.com", "user@example.com"],
        "notify_on_success": True,
        "pic_team": "core",
        "created_by": "u",
        "end_date": NOW.date(),
        "is_active": False,
    }
    return type("JobOfTest", (), fields | columns)()


SLACK = SlackChannel("http://slack.test", None)


@pytest.mark.parametrize(
    ("columns", "outcome", "slack", "keys"),
    [
        pytest.param({}, FAILURE, SLACK, ["e:ops@example.com", "e:slack"], id="failure"),
        pytest.param({}, FAILURE, None, ["e:ops@example.com"], id="failure without Slack"),
        pytest.param({}, SUCCESS, SLACK, ["e:ops@example.com", "e:user@example.com"], id="success"),
        pytest.param({"notify_on_success": False}, SUCCESS, SLACK, [], id="success nobody wants to hear of"),
        pytest.param({"enable_email_notifications": False}, FAILURE, SLACK, ["e:slack"], id="mails off"),
        pytest.param({"notification_emails": ["a" * 250 + "@b.co"]}, FAILURE, None, [], id="no address at all"),
    ],
)
def test_what_is_queued_after_a_run(
    columns: dict[str, Any], outcome: Outcome, slack: SlackChannel | None, keys: list[str]
) -> None:
    readers = Readers({"user@example.com": Wishes()}, slack, "@core")

    messages = messages_after_run(job(**columns), outcome, readers, "e")

    assert [message.key for message in messages] == keys
    assert [message.body for message in messages if message.kind == "slack"] == (
        ["@core Job failed: Nightly: Webhook returned status 500"] if "e:slack" in keys else []
    )
    assert {message.recipient for message in messages if message.kind == "mail"} <= {
        "Ops@example.com",
        "user@example.com",
    }


@pytest.mark.parametrize(
    ("address", "slack", "kinds"),
    [
        ("u@example.com", SLACK, ["mail", "slack"]),
        ("u@example.com", None, ["mail"]),
        (None, SLACK, ["slack"]),
        (None, None, []),
    ],
    ids=["both", "mail", "slack", "none"],
)
def test_what_is_queued_after_a_pause(address: str | None, slack: SlackChannel | None, kinds: list[str]) -> None:
    messages = messages_after_pause(job(), PauseReaders(address, slack, "@core"), "http://front", "k")

    assert [message.kind for message in messages] == kinds
    assert {message.key for message in messages} <= {"k:owner", "k:slack"}


def test_the_readers_of_many_runs_are_read_at_once(engine: Engine) -> None:
    wishes = {"user_id": world.user_id("user"), "email_on_job_failure": False, "created_at": NOW, "updated_at": NOW}
    with transaction(engine) as connection:
        connection.execute(insert(UserNotificationPreferences).values(**wishes))
        connection.execute(
            insert(Job),
            [
                job_row("one", notification_emails=["USER@example.com", "x@example.com"]),
                job_row("two", notification_emails=[], pic_team=None),
            ],
        )
    enable_slack(engine, "http://slack.test", "#ops")
    with engine.connect() as connection:
        jobs = {row.name: row for row in connection.execute(select(Job))}
        readers = readers_of_runs(connection, list(jobs.values()))

    one, two = readers[jobs["one"].id], readers[jobs["two"].id]
    assert (one.slack, one.team_handle, two.team_handle) == (SlackChannel("http://slack.test", "#ops"), "@core", None)
    assert {email: wish.email_on_job_failure for email, wish in one.wishes.items()} == {"user@example.com": False}
    assert (one.wishes["user@example.com"].email_on_job_success, "x@example.com" in one.wishes) == (True, False)
