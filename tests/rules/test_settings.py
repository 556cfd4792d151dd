"""Settings refuse what cannot be used, in one line that names the variable."""

import stat
from pathlib import Path
from typing import Any

import pytest

from shared_rules.settings import BadSetting, Settings, load_settings

LONG_SECRET = "x7" * 20
PRODUCTION = {"ENVIRONMENT": "production", "JWT_SECRET_KEY": LONG_SECRET}


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder without `.env` and an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        pytest.param({"LEGACY_PORT": "abc"}, 'LEGACY_PORT: "abc"', id="port in letters"),
        pytest.param({"GATEWAY_PORT": "70000"}, 'GATEWAY_PORT: "70000"', id="port too high"),
        pytest.param({"SCHEDULER_TIMEZONE": "Mars/Base"}, 'SCHEDULER_TIMEZONE: "Mars/Base"', id="unknown zone"),
        pytest.param({"SCHEDULER_TIMEZONE": "../../etc/passwd"}, "SCHEDULER_TIMEZONE", id="zone that is a path"),
        pytest.param({"SCHEDULER_CATCH_UP": "some"}, 'SCHEDULER_CATCH_UP: "some"', id="unknown policy"),
        pytest.param({"ENVIRONMENT": "prod"}, 'ENVIRONMENT: "prod"', id="unknown environment"),
        pytest.param({"DATABASE_URL": "mysql://x/y"}, 'DATABASE_URL: scheme "mysql"', id="another database"),
        pytest.param({"MODERN_DATABASE_URL": "sqlite://"}, "DATABASE_URL", id="database without a file"),
        pytest.param({"GITHUB_API_URL": "nowhere"}, 'GITHUB_API_URL: "nowhere"', id="no URL"),
        pytest.param({"TARGET_ALLOWLIST": "10.0.0.0/99"}, "TARGET_ALLOWLIST", id="no network"),
        pytest.param({"LOGIN_LIMITS": "perhaps"}, 'LOGIN_LIMITS: "perhaps"', id="neither on nor off"),
        pytest.param({"ENVIRONMENT": "production"}, "JWT_SECRET_KEY", id="production without a secret"),
        pytest.param({**PRODUCTION, "JWT_SECRET_KEY": "short"}, "JWT_SECRET_KEY", id="production, short secret"),
        pytest.param(
            {**PRODUCTION, "JWT_SECRET_KEY": "change-me-" + LONG_SECRET},
            "JWT_SECRET_KEY",
            id="production, default secret",
        ),
        pytest.param(
            {**PRODUCTION, "CORS_ORIGINS": "https://a.example,*"}, "CORS_ORIGINS", id="production, any origin"
        ),
        pytest.param({**PRODUCTION, "CLOCK_OFFSET_S": "60"}, "CLOCK_OFFSET_S", id="production, moved clock"),
        pytest.param({"OUTGOING_SINK": "127.0.0.1"}, 'OUTGOING_SINK: "127.0.0.1"', id="sink without a port"),
        pytest.param({"OUTGOING_SINK": "http://sink:9000"}, 'OUTGOING_SINK: "http://', id="sink that is a URL"),
        pytest.param({"OUTGOING_SINK": "sink:70000"}, 'OUTGOING_SINK: "sink:70000"', id="sink's port too high"),
        pytest.param(
            {**PRODUCTION, "OUTGOING_SINK": "sink:9000"}, "OUTGOING_SINK: sink:9000", id="production, outgoing sink"
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named_on_one_line(
    environment: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting) as refused:
        load_settings()

    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_secret_is_never_part_of_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("JWT_SECRET_KEY", "hunter2")

    with pytest.raises(BadSetting) as refused:
        load_settings()

    assert "hunter2" not in str(refused.value)


def test_the_environment_wins_over_the_file(empty_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_place / ".env").write_text("LEGACY_PORT=6001\nMODERN_PORT=9001\n")
    monkeypatch.setenv("LEGACY_PORT", "7001")

    settings = load_settings()

    assert (settings.legacy_port, settings.modern_port) == (7001, 9001)


@pytest.mark.parametrize(
    ("given", "address"),
    [("127.0.0.1:9000", ("127.0.0.1", 9000)), ("[::1]:80", ("::1", 80)), ("sink-1.test:65535", ("sink-1.test", 65535))],
)
def test_the_sink_of_outgoing_calls_is_a_host_and_a_port(
    given: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTGOING_SINK", given)

    assert load_settings().outgoing_sink == address


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_PORT", "")

    assert load_settings().legacy_port == 5001


def test_a_development_secret_is_made_once_beside_the_database(empty_place: Path) -> None:
    first, second = load_settings().jwt_secret_key, load_settings().jwt_secret_key

    (kept,) = (empty_place / "var").glob("*secret*")
    assert first == second == kept.read_text()
    assert len(first) >= 32
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u@h/n", "postgresql+psycopg://u@h/n"),
        ("postgresql://u@h/n", "postgresql+psycopg://u@h/n"),
        ("postgresql+psycopg://u@h/n", "postgresql+psycopg://u@h/n"),
    ],
)
def test_one_driver_serves_every_postgresql_url(given: str, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", given)

    settings = load_settings()

    assert settings.database_url == used
    assert settings.modern_database_url == used


def test_without_a_url_the_database_lies_in_var_dir(empty_place: Path) -> None:
    assert load_settings().database_url == f"sqlite:///{empty_place}/var/cron_jobs.db"


@pytest.mark.parametrize("field", ["jwt_secret_key", "github_token", "mail_password", "admin_password"])
def test_the_settings_do_not_print_secrets(field: str) -> None:
    overrides: dict[str, Any] = {field: "hunter2-hunter2-hunter2-hunter2-hunter2"}

    assert "hunter2" not in repr(load_settings(**overrides))
