"""The command `changeover` from outside: exit codes, one-line errors, what lands on which stream."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import jwt
import pytest

from changeover.system import ROOT
from shared_rules.tokens import new_claims
from tests.ops.ground import environment_of_a_copy

SECRET = "of-these-tests-only-0123456789abcdef"


def changeover(*arguments: str, environ: dict[str, str], given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "changeover", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environ, input=given, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return environment_of_a_copy(tmp_path / "var", JWT_SECRET_KEY=SECRET)


def assert_one_line_error(done: subprocess.CompletedProcess[str], exit_code: int = 2) -> None:
    assert done.returncode == exit_code
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "No such command 'fly'"),
        (["status", "--loud"], "No such option: --loud"),
        (["token", "inspect"], "Missing argument 'token'"),
        (["token"], "Missing command"),
        (["logs", "--lines", "many"], "Invalid value for '--lines'"),
        (["logs"], "has no logs yet; type `make up` first"),
        (["token", "inspect", "abc"], "is not a token"),
    ],
    ids=["command", "option", "argument", "subcommand", "number", "no logs", "no token"],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments: list[str], said: str, environ: dict[str, str]) -> None:
    done = changeover(*arguments, environ=environ)

    assert_one_line_error(done)
    assert said in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATEWAY_PORT", "eight"),
        ("LEGACY_PORT", "70000"),
        ("BIND_HOST", "nowhere"),
        ("FRONTEND_DIST", "no/such/folder"),
        ("DATABASE_URL", "mysql://db/x"),
        ("SCHEDULER_TIMEZONE", "Mars/Base"),
        ("ENVIRONMENT", "staging"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_on_one_line(variable: str, value: str, environ: dict[str, str]) -> None:
    done = changeover("up", environ=environ | {variable: value})

    assert_one_line_error(done)
    assert variable in done.stderr


@pytest.mark.parametrize("command", ["down", "status", "logs"])
def test_every_command_refuses_it(command: str, environ: dict[str, str]) -> None:
    assert_one_line_error(changeover(command, environ=environ | {"GATEWAY_PORT": "eight"}))


def test_one_port_for_two_uses_is_refused(environ: dict[str, str]) -> None:
    done = changeover("up", environ=environ | {"MODERN_PORT": environ["GATEWAY_PORT"]})

    assert_one_line_error(done)
    assert environ["GATEWAY_PORT"] in done.stderr


def test_the_help_lists_the_commands(environ: dict[str, str]) -> None:
    done = changeover(environ=environ)

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: changeover ")
    for command in ("up", "down", "status", "logs", "token"):
        assert f"\n  {command} " in done.stdout


def test_down_without_up_is_fine(environ: dict[str, str]) -> None:
    done = changeover("down", environ=environ)

    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing was running.\n", "")


def test_status_of_nothing_is_exit_1_and_plain_json(environ: dict[str, str]) -> None:
    done = changeover("status", "--json", environ=environ)
    found = json.loads(done.stdout)

    assert done.returncode == 1
    assert found["healthy"] is False
    assert {group["state"] for group in found["groups"]} == {"not running"}


def test_status_is_without_colour_codes_when_no_terminal_reads_it(environ: dict[str, str]) -> None:
    done = changeover("status", environ=environ)

    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "gateway" in done.stdout


def test_a_token_is_read_from_standard_input_with_its_scheme(environ: dict[str, str]) -> None:
    user = SimpleNamespace(id="u-1", email="a@b.example", role="user")
    token = jwt.encode(new_claims(user, "access", datetime.now(UTC), 3600), SECRET, algorithm="HS256")
    done = changeover("token", "inspect", "-", "--json", environ=environ, given=f"Bearer {token}\n")
    found = json.loads(done.stdout)

    assert done.returncode == 0
    assert found["accepted"] is True
    assert found["claims"]["sub"] == "u-1"
    assert token.rpartition(".")[2] not in done.stdout


def test_a_refused_token_is_exit_1(environ: dict[str, str]) -> None:
    token = jwt.encode({"sub": "u-1"}, "another" * 6, algorithm="HS256")
    done = changeover("token", "inspect", token, environ=environ)

    assert done.returncode == 1
    assert "refused: Invalid token" in done.stdout


def test_a_value_of_dotenv_counts_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from changeover.system import load_system;"
        "s = load_system(Path('.').absolute()); print(s.config.port, s.environ['GATEWAY_PORT'], s.environ['MODERN_PORT'])"
    )
    (tmp_path / "contract").mkdir()
    for name in ("dualstack.toml", "contract/routes.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "fastapi_app").mkdir()
    (tmp_path / ".env").write_text("GATEWAY_PORT=18000\nMODERN_PORT=18001\n")
    environ = environment_of_a_copy(tmp_path / "var", PYTHONPATH=str(ROOT))
    del environ["GATEWAY_PORT"]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["18000", "18000", environ["MODERN_PORT"]]
