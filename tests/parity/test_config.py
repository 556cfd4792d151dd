"""The settings of a pair: what is understood, and what is refused in one line."""

from pathlib import Path

import pytest

from parity.config import Config, load_config
from parity.values import ParityError

STACKS = """
[stacks.old]
app = "old:app"
interface = "wsgi"
prefix = "/api"
port = 5001

[stacks.new]
app = "new:app"
interface = "asgi"
prefix = "/api/v2"
url = "http://new.example.com"
"""


def load(tmp_path: Path, text: str) -> Config:
    (tmp_path / "dualstack.toml").write_text(text)
    return load_config(tmp_path)


def test_two_stacks_are_enough(tmp_path: Path) -> None:
    config = load(tmp_path, STACKS)

    assert [stack.name for stack in config.pair] == ["old", "new"]
    assert [stack.address for stack in config.pair] == ["http://127.0.0.1:5001", "http://new.example.com"]
    assert (config.parity.reach, config.parity.coverage, config.parity.database) == ("process", 0.95, None)
    assert config.root == tmp_path


def test_the_primary_is_the_one_judged_against(tmp_path: Path) -> None:
    config = load(tmp_path, STACKS + '[parity]\nprimary = "new"\n')

    assert [stack.name for stack in config.pair] == ["new", "old"]


def test_a_stack_is_there_while_its_folder_is(tmp_path: Path) -> None:
    text = STACKS.replace('app = "old:app"', 'app = "old:app"\nfolder = "old"')

    assert [stack.name for stack in load(tmp_path, text).pair] == ["new", "new"]
    (tmp_path / "old").mkdir()
    assert [stack.name for stack in load(tmp_path, text).pair] == ["old", "new"]


def test_without_any_stack_there_is_no_pair(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"needs two stacks in dualstack\.toml; there: none"):
        _ = load(tmp_path, "").pair


def test_a_primary_whose_folder_is_gone_is_no_mistake(tmp_path: Path) -> None:
    text = STACKS.replace('app = "old:app"', 'app = "old:app"\nfolder = "old"') + '[parity]\nprimary = "old"\n'

    assert [stack.name for stack in load(tmp_path, text).stacks] == ["new"]


def test_a_stack_is_found_by_its_name(tmp_path: Path) -> None:
    config = load(tmp_path, STACKS)

    assert config.stack("new").prefix == "/api/v2"
    with pytest.raises(ParityError, match=r'There is no stack "blue"; dualstack\.toml has old, new'):
        config.stack("blue")


def test_tables_of_other_parts_are_left_alone(tmp_path: Path) -> None:
    config = load(tmp_path, STACKS + '[gateway]\nroutes = "routes.toml"\nanything = 1\n[limits]\nx = 2\n')

    assert config.routes == "routes.toml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[stacks", "is not TOML"),
        (STACKS + "[parity]\nprimery = 1\n", "primery: is not a known key"),
        (STACKS + '[parity.login]\nurl = "/login"\n', "login.url: is not a known key"),
        (STACKS + '[parity]\nprimary = "blue"\n', 'parity.primary: "blue" is no stack; use old or new'),
        (STACKS + '[parity]\nreach = "telnet"\n', 'reach: "telnet" cannot be used'),
        (STACKS + "[parity]\ncoverage = 95\n", 'coverage: "95" cannot be used'),
        (STACKS + "[parity]\nprepare = [[]]\n", 'prepare.0: "[]" cannot be used'),
        (STACKS + '[parity]\nprepare = ["make"]\n', 'prepare.0: "make" cannot be used'),
        (STACKS + "[parity.database]\n", "database.url"),
        (STACKS + "[[parity.accounts]]\nusername = 'ann'\n", "accounts.0.password_env"),
        (STACKS.replace('prefix = "/api"', 'prefix = "api/"'), 'prefix: "api/" cannot be used'),
        (STACKS.replace("port = 5001", "prot = 5001"), "prot: is not a known key"),
        (STACKS.replace('"wsgi"', '"cgi"'), 'interface: "cgi" cannot be used'),
        ("stacks = 3\n", "stacks"),
        ("[stacks]\nold = 3\n", "stacks.old"),
        ("parity = 3\n" + STACKS, "parity"),
        ("gateway = 3\n" + STACKS, "gateway"),
        (STACKS.replace('app = "old:app"', "folder = 3"), "folder"),
    ],
    ids=[
        "no TOML",
        "an unknown key",
        "an unknown key within",
        "an unknown primary",
        "an unknown reach",
        "a share in percent",
        "an empty command",
        "a command as text",
        "a database without its place",
        "an account without a password",
        "a prefix with a slash at its end",
        "an unknown key of a stack",
        "an unknown interface",
        "a number for the stacks",
        "a number for a stack",
        "a number for parity",
        "a number for the gateway",
        "a number for a folder",
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ParityError) as refused:
        load(tmp_path, text)

    assert said in str(refused.value)
    assert str(refused.value).startswith("dualstack.toml: ")
    assert "\n" not in str(refused.value)


def test_a_folder_without_settings_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"dualstack\.toml: cannot be read .*; start in the project's folder"):
        load_config(tmp_path)
