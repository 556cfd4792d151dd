"""The parity runner over every pair in `pairs/`: it finds what was planted where it was planted, and nothing else.

Each pair is a folder with two services that share no code, the settings for the runner, a recording, and in
`expected.toml` the groups of differences that the runner has to report.
"""

import ast
import tomllib
from pathlib import Path

import pytest

PAIRS = sorted(path.parent for path in Path(__file__).parent.glob("pairs/*/dualstack.toml"))
CLEAN = {"keys_and_cookies", "own_sequences", "signed_webhooks"}
STACKS = ("flask", "fastapi")
Found = set[tuple[str, str, str, str]]

each_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda path: path.name)


def expected(pair: Path) -> Found:
    """Return (where, axis, path, route) of every group."""
    groups = tomllib.loads((pair / "expected.toml").read_text())["group"]
    return {(group["where"], group["axis"], group["path"], group["route"]) for group in groups}


def imported(path: Path) -> set[str]:
    """Return the top modules that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or ".").partition(".")[0])
    return names


@each_pair
def test_the_two_share_no_code(pair: Path) -> None:
    flask, fastapi = (imported(pair / f"{pair.name}_{stack}.py") for stack in STACKS)
    own = {path.stem for path in Path(__file__).parent.glob("pairs/*/*.py")}

    assert (flask | fastapi) & own == set()
    assert "flask" in flask - fastapi
    assert "fastapi" in fastapi - flask


def test_all_but_the_clean_pairs_expect_something() -> None:
    assert {pair.name for pair in PAIRS if not expected(pair)} == CLEAN
