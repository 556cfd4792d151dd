"""The documents say what is there: settings, commands, targets, operations, and links that lead somewhere."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from changeover.cli import app
from shared_rules.policy import OPERATIONS
from shared_rules.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def page(name: str) -> str:
    return (ROOT / name).read_text()


def commands() -> set[str]:
    """Return every command of the command line as people type it."""

    def walk(command: object, name: str) -> set[str]:
        inner = getattr(command, "commands", None)
        return (
            {name} if inner is None else {found for key, sub in inner.items() for found in walk(sub, f"{name} {key}")}
        )

    return walk(get_command(app), "changeover")


def spellings(command: str) -> list[set[str]]:
    """Return how each option of a command may be written."""
    found: Any = get_command(app)
    for word in command.split()[1:]:
        found = found.commands[word]
    options = [param for param in found.params if isinstance(param, typer.core.TyperOption)]
    return [{*option.opts, *option.secondary_opts} for option in options]


def test_every_setting_is_in_the_reference_and_no_other() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", page("docs/reference/configuration.md"), re.MULTILINE))

    assert documented == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_is_in_the_reference(command: str) -> None:
    assert f"`{command}" in page("docs/reference/commands.md")


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_flag_of_a_command_is_in_the_reference_and_no_other(command: str) -> None:
    rows = re.findall(rf"^\| (?:`[^|]*)?`{command}[` ].*", page("docs/reference/commands.md"), re.MULTILINE)
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rows[0]))

    assert documented <= {spelling for option in spellings(command) for spelling in option}
    assert [option for option in spellings(command) if not option & documented] == []


def test_every_make_target_is_in_the_reference_and_no_other() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):.*##", page("Makefile"), re.MULTILINE)) - {"help"}
    documented = set(re.findall(r"`make ([a-z-]+)`", page("docs/reference/commands.md")))

    assert documented == targets


def test_every_operation_is_in_the_reference_and_no_other() -> None:
    documented = re.findall(r"^\| `(\w+)` \| `([A-Z]+) (\S+)` \|$", page("docs/reference/contract.md"), re.MULTILINE)

    assert documented == [(name, operation.method, operation.path) for name, operation in OPERATIONS.items()]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_shown_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", page("Makefile"), re.MULTILINE))
    known = {command.split()[1] for command in commands()}
    for block in re.findall(r"^```\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
        assert set(re.findall(r"^(?:\w+=\S+ )*make ([a-z-]+)", block, re.MULTILINE)) <= targets
        assert set(re.findall(r"changeover ([a-z][a-z-]*)", block)) <= known


def test_the_readme_fits_one_screen_and_the_architecture_eighty_lines() -> None:
    assert len(page("README.md").splitlines()) <= 60
    assert len(page("ARCHITECTURE.md").splitlines()) < 80


def test_help_texts_are_sentences() -> None:
    root = get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    for name, command in root.commands.items():
        assert (command.help or "").rstrip().endswith("."), name
