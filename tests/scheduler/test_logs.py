"""Logs are JSON lines, from every logger, and no secret reaches them."""

import io
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from scheduler.logs import REDACTED, Redaction, configure_logging
from shared_rules.settings import load_settings
from tests.logs import kept_logging

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configure logging; yield a function that returns what was logged so far."""
    stream = io.StringIO()
    with kept_logging():
        configure_logging("INFO", secrets=["s3cr3t-of-this-process"], stream=stream)
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


Lines = Callable[[], list[dict[str, Any]]]


def test_a_structlog_event_is_one_line_of_json(lines: Lines) -> None:
    structlog.get_logger("our.module").warning("thing.happened", count=3, who="Zoë")

    (line,) = lines()
    assert line | {"timestamp": ""} == {
        "event": "thing.happened",
        "count": 3,
        "who": "Zoë",
        "logger": "our.module",
        "level": "warning",
        "timestamp": "",
    }
    assert line["timestamp"].endswith("Z")


def test_a_library_record_is_one_line_of_json_with_its_extras(lines: Lines) -> None:
    logging.getLogger("library").error("could not %s %d times", "try", 3, extra={"request_id": "r-1"})

    (line,) = lines()
    assert (line["event"], line["logger"], line["level"]) == ("could not try 3 times", "library", "error")
    assert line["request_id"] == "r-1"


def test_line_breaks_do_not_make_lines(lines: Lines) -> None:
    structlog.get_logger("x").info("a\nb\r\n{}", path="/\u2028\x1b[31m")

    (line,) = lines()
    assert line["event"] == "a\nb\r\n{}"


@pytest.mark.parametrize("log", [structlog.get_logger("x"), logging.getLogger("x")], ids=["structlog", "logging"])
def test_a_traceback_is_text_in_its_line(lines: Lines, log: Any) -> None:
    try:
        raise LookupError("nothing there")
    except LookupError:
        log.exception("failed")

    (line,) = lines()
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("LookupError: nothing there")
    assert "exc_info" not in line


def test_locals_are_not_logged(lines: Lines) -> None:
    def fail(argument: str) -> None:
        raise ValueError(len(argument))

    try:
        fail("".join(["can", "ary"]))
    except ValueError:
        structlog.get_logger("x").exception("failed")

    assert "ValueError: 6" in lines()[0]["exception"]
    assert "canary" not in json.dumps(lines())


def test_warnings_are_logged(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(True)
        warnings.warn("old", UserWarning, stacklevel=1)

    assert "UserWarning: old" in lines()[0]["event"]


@pytest.mark.parametrize("name", ["ours", "uvicorn.error", "gunicorn.error", "gunicorn.access"])
def test_each_logger_writes_once_and_from_its_level_on(name: str) -> None:
    stream, own = io.StringIO(), io.StringIO()
    with kept_logging():
        server = logging.getLogger(name)
        server.addHandler(logging.StreamHandler(own))
        server.propagate = False
        server.setLevel(logging.NOTSET)
        configure_logging("DEBUG", stream=io.StringIO())
        configure_logging("WARNING", stream=stream)
        if name == "ours":
            server.propagate = True
        server.info("quiet")
        server.warning("loud")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]
    assert name == "ours" or not own.getvalue()


def test_an_access_log_that_is_switched_off_stays_off() -> None:
    with kept_logging():
        access = logging.getLogger("uvicorn.access")
        access.handlers, access.propagate = [], False
        configure_logging("INFO", stream=(stream := io.StringIO()))
        access.info("GET / 200")

    assert stream.getvalue() == ""


def test_uvicorns_colours_are_left_out(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").warning("Up on %s", "x", extra={"color_message": "Up on \x1b[1m%s"})

    assert "color_message" not in lines()[0]


def test_drivers_that_log_parameters_are_quiet_even_when_debugging() -> None:
    stream = io.StringIO()
    with kept_logging():
        configure_logging("DEBUG", stream=stream)
        for name in ("aiosqlite", "httpx2", "httpcore2"):
            logging.getLogger(name).info("parameters")
        logging.getLogger("ours").debug("seen")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["seen"]


# Secrets


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Authorization",
        "AUTHORIZATION",
        "token",
        "access_token",
        "refresh_token",
        "github_token",
        "jwt_secret_key",
        "client-secret",
        "mail_password",
        "cookie",
        "Set-Cookie",
        "webhook_url",
        "x-api_key",
        "password_hash",
    ],
)
@pytest.mark.parametrize("value", ["canary", ["canary"], {"a": "canary"}, b"canary"], ids=repr)
def test_what_is_named_like_a_secret_is_hidden(name: str, value: Any) -> None:
    logged = Redaction()(None, "info", {"event": "x", name: value, "deep": [{"in": {name: value}}]})

    assert logged == {"event": "x", name: REDACTED, "deep": [{"in": {name: REDACTED}}]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"sent {JWT} on", f"sent {REDACTED} on"),
        (f"'{JWT}'", f"'{REDACTED}'"),
        ("Authorization: Bearer abcdefgh", f"Authorization: {REDACTED} {REDACTED}"),
        ("header 'bearer abc.def-ghi' read", f"header 'bearer {REDACTED}' read"),
        ("Basic dXNlcjpwYXNz", f"Basic {REDACTED}"),
        ("postgresql://me:pa55@host/db failed", f"postgresql://{REDACTED}@host/db failed"),
        ("https://hooks.slack.com/services/T/B/x: 404", f"https://hooks.slack.com/{REDACTED} 404"),
        ("with ghp_abcdefghij0123456789", f"with {REDACTED}"),
        ("DETAIL:  Failing row contains (1, $pbkdf2-sha256$x).", f"DETAIL:  Failing row contains {REDACTED}"),
        ("github_pat_11AB_cd", REDACTED),
        ("password=hunter2&user=x", f"password={REDACTED}&user=x"),
        ("?access_token=abc#x", f"?access_token={REDACTED}"),
        ("{'password': 'correct horse', 'user': 'x'}", f"{{'password': {REDACTED}, 'user': 'x'}}"),
        ('{"refresh_token": "a b", "n": 1}', f'{{"refresh_token": {REDACTED}, "n": 1}}'),
        ('"{\\"password\\":\\"a\\"}"', f'"{{\\"password\\":\\{REDACTED}}}"'),
        ("JWT_SECRET_KEY = abc", f"JWT_SECRET_KEY = {REDACTED}"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert Redaction().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "The token is not valid.",
        "passwords are checked off the loop",
        "GET /api/auth/users failed",
        "basic checks",
        "https://example.com/a@b",
        "Job 7 ended: 200",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert Redaction().text(text) == text


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    hide = Redaction(["correct horse", "correct horse battery", "short"])

    assert hide.text("x correct horse battery y correct horse short") == f"x {REDACTED} y {REDACTED} short"


def test_objects_are_shown_by_their_text_without_secrets() -> None:
    logged = Redaction(["battery staple"])(
        None,
        "info",
        {
            "event": ValueError("battery staple"),
            "at": {
                1,
            },
            "no": None,
        },
    )

    assert logged == {"event": f"ValueError('{REDACTED}')", "at": [1], "no": None}


def test_an_empty_secret_may_be_seen_to_be_empty() -> None:
    assert Redaction()(None, "info", {"token": None, "password": ""}) == {"token": None, "password": ""}


@pytest.mark.parametrize(
    "text", ["eyJ" * 50_000, "token" * 50_000, "://" * 50_000, "password=" * 50_000, "eyJaaaaaa." * 9_999]
)
def test_hostile_text_is_cut_and_does_not_hold_up_the_process(text: str) -> None:
    started = time.perf_counter()

    shown = Redaction().text(text)

    assert time.perf_counter() - started < 5
    assert len(shown) < 35_000 * 3


@pytest.mark.parametrize(
    "log",
    [
        lambda secret: structlog.get_logger("x").error(f"message {secret}"),
        lambda secret: structlog.get_logger("x").error("x", deep={"list": [secret]}),
        lambda secret: logging.getLogger("x").error("argument %s", secret),
        lambda secret: logging.getLogger("x").error("x", extra={"thing": secret}),
        lambda secret: structlog.get_logger("x").error("x", exc_info=RuntimeError(secret)),
        lambda secret: logging.getLogger("x").error("x", exc_info=RuntimeError(secret)),
    ],
    ids=["message", "field", "argument", "extra", "exception", "exception of a library"],
)
def test_a_secret_of_this_process_reaches_no_line(lines: Lines, log: Callable[[str], None]) -> None:
    log("s3cr3t-of-this-process")

    assert "s3cr3t" not in json.dumps(lines())
    assert REDACTED in json.dumps(lines())


def test_the_settings_know_their_secrets(tmp_path: Any) -> None:
    settings = load_settings(
        var_dir=tmp_path,
        database_url="postgresql://me:pa%40ss55@host/db",
        jwt_secret_key="the key of the tokens",
        github_token="ghp_x1",
        mail_password="of the mail",
        admin_password="of the admin",
    )

    assert set(settings.secrets) == {
        "the key of the tokens",
        "ghp_x1",
        "of the mail",
        "of the admin",
        "pa%40ss55",
        "pa@ss55",
    }
