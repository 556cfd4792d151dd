"""The house rules that a machine can check."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "shared_rules",
    "shared_models",
    "scheduler",
    "legacy_flask",
    "fastapi_app",
    "gateway",
    "parity",
    "changeover",
)
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts and path.stat().st_size
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked() -> list[Path]:
    """Return the project's files as git knows them, or all of them outside a checkout."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
    hidden = {".venv", "var", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".import_linter_cache"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.relative_to(ROOT).parts)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_lives_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_what_a_module_lists_as_public_is_there(path: Path) -> None:
    tree = ast.parse(path.read_text())
    listed = {
        element.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
        for element in ast.walk(node.value)
        if isinstance(element, ast.Constant)
    }
    bound = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        for alias in getattr(node, "names", [])
        if not isinstance(alias, str)
    }
    defined = {getattr(node, "name", None) for node in tree.body}
    assigned = {
        target.id for node in ast.walk(tree) for target in assignment_targets(node) if isinstance(target, ast.Name)
    }

    assert listed <= bound | defined | assigned
    assert not any(entry.startswith("_") for entry in listed)


def assignment_targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.AnnAssign):
        return [node.target]
    return node.targets if isinstance(node, ast.Assign) else []


@pytest.mark.parametrize("path", sorted(ROOT.glob("**/requirements*.lock")), ids=name)
def test_a_lock_names_no_host_and_every_hash(path: Path) -> None:
    text = path.read_text()

    assert "://" not in text
    assert "==" in text
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", text.strip()))


def test_no_file_names_a_place_outside_the_project() -> None:
    # Spelled apart, so that this file does not find itself.
    outside = re.compile("|".join(["\\.\\./" + "shared", "/work/" + "main", "/opt/" + "pypi"]))
    found = [
        name(path) for path in tracked() if path.suffix not in {".gz", ".png"} and outside.search(path.read_text())
    ]

    assert found == []


def test_no_test_sleeps_but_between_two_looks() -> None:
    """Or, as TICK_S, between two turns of a client that keeps a pace."""
    sleeping = re.compile(r"\b(?:time|asyncio|anyio)\.sleep\((?!0\.0[1-5]\)|TICK_S\))")
    found = [name(path) for path in ROOT.glob("tests*/**/*.py") if sleeping.search(path.read_text())]

    assert found == []
