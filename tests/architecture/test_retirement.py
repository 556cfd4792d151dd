"""The legacy stack goes with `rm -r legacy_flask tests_flask`: everything else passes, with no other file touched."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.ops.ground import environment_of_a_copy, open_folder

ROOT = Path(__file__).resolve().parents[2]
LEGACY = ("legacy_flask", "tests_flask")
PACKAGES = ("flask", "flask_sqlalchemy", "flask_jwt_extended", "gunicorn")
LEFT_BEHIND = (".git", ".venv", "var", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")

pytestmark = [
    pytest.mark.skipif(not (ROOT / LEGACY[0]).exists(), reason="the legacy stack is already gone"),
    pytest.mark.timeout(400),
]


@pytest.fixture(scope="module")
def retired() -> Iterator[Path]:
    """Yield a copy of the project without the legacy stack, and with a virtual environment without its packages."""
    with open_folder() as folder:
        copy = folder / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND, *LEGACY), symlinks=True)
        copy_environment(ROOT / ".venv", copy / ".venv")
        yield copy


def copy_environment(source: Path, target: Path) -> None:
    """Copy a virtual environment by hard links, but for Flask's packages and for scripts, which name their folder."""
    shutil.copytree(source, target, copy_function=os.link, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for packages in target.glob("lib/python*/site-packages"):
        for name in PACKAGES:
            shutil.rmtree(packages / name)
    for script in (target / "bin").iterdir():
        head = script.read_bytes()[:2] if not script.is_symlink() else b""
        if head == b"#!":
            text = script.read_text().replace(str(source), str(target))
            mode = script.stat().st_mode
            script.unlink()
            script.write_text(text)
            script.chmod(mode)


def run(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=1100)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_flask_is_gone(retired: Path) -> None:
    command = [str(retired / ".venv/bin/python"), "-c", "import flask"]

    assert subprocess.run(command, cwd=retired, capture_output=True, check=False).returncode != 0


def test_the_checks_pass(retired: Path) -> None:
    run(["make", "check"], retired, dict(os.environ))


PYTEST = [".venv/bin/python", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
TOUCHED_MOST = [
    *("tests/architecture", "tests/docs", "tests/models", "tests/gateway/test_this_app.py"),
    *(f"tests_fastapi/test_{name}.py" for name in ("pages", "contract_users", "contract_runs", "contract_system")),
]


def test_the_tests_that_could_know_the_legacy_stack_pass(retired: Path) -> None:
    """The rest, and PostgreSQL, in `make test-long`."""
    said = run([*PYTEST, "-n0", "-k", "not postgresql", *TOUCHED_MOST], retired, dict(os.environ))

    assert " passed" in said


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_test_passes(retired: Path) -> None:
    said = run([*PYTEST, "-n2", "tests", "tests_fastapi"], retired, dict(os.environ))

    assert " passed" in said


def test_the_modern_stack_comes_up_alone_and_answers_the_old_prefix_too(retired: Path) -> None:
    with open_folder() as var_dir:
        environ = environment_of_a_copy(var_dir, ADMIN_PASSWORD="a password of the tests")
        run(["make", "up"], retired, environ)
        try:
            for prefix in ("/api", "/api/v2"):
                answer = httpx2.get(f"http://127.0.0.1:{environ['GATEWAY_PORT']}{prefix}/health")
                assert (answer.status_code, answer.headers["X-Served-By"]) == (200, "modern")
        finally:
            run(["make", "down"], retired, environ)
