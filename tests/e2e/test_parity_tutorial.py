"""The tutorial of the first parity diff: its fault can be made, and is found where the tutorial says."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.ground import environment_of_a_copy, open_folder

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial" / "first-parity-diff.md").read_text()
LEFT_BEHIND = (".git", ".venv", "var", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")

pytestmark = pytest.mark.skipif(not (ROOT / "legacy_flask").exists(), reason="parity needs both stacks")


def fault() -> tuple[Path, str, str]:
    """Return the file, its text, and its text with the line taken out that the tutorial names."""
    [lines] = re.findall(r"^```python\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
    [name] = re.findall(r"^Open `(fastapi_app/\S+)`", TUTORIAL, re.MULTILINE)
    text = (ROOT / name).read_text()
    assert text.count(lines) == 1
    return Path(name), text, text.replace(lines, lines.partition("\n")[2])


@pytest.fixture
def copy() -> Iterator[Path]:
    """Yield a copy of the project that shares the virtual environment."""
    with open_folder() as folder:
        project = folder / "project"
        shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*LEFT_BEHIND), symlinks=True)
        (project / ".venv").symlink_to(ROOT / ".venv")
        yield project


def test_the_line_to_take_out_is_there() -> None:
    _, text, broken = fault()

    assert len(text.splitlines()) - len(broken.splitlines()) == 1
    assert f"git checkout {fault()[0]}" in TUTORIAL


@pytest.mark.long
@pytest.mark.timeout(900)
def test_parity_finds_the_fault_of_the_tutorial(copy: Path) -> None:
    name, _, broken = fault()
    (copy / name).write_text(broken)
    env = environment_of_a_copy(copy / "var")

    # The environment is the project's own, not to be made anew.
    done = subprocess.run(
        ["make", "-o", ".venv/.ready", "parity"], cwd=copy, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2, done.stdout + done.stderr
    assert "Parity failed" in done.stdout
    assert "rows: user_ui_preferences: update -> missing in PUT /auth/users/{id}/ui-preferences" in " ".join(
        done.stdout.split()
    )
    report = json.loads((copy / "var/parity/report/report.json").read_text())
    told = {(group["method"], group["route"], group["where"]) for group in report["groups"]}
    assert ("PUT", "/auth/users/{id}/ui-preferences", "rows") in told
    assert ("PUT", "/auth/users/{id}/ui-preferences", "answer") not in told
    assert report["golden"]["different"] == 0
