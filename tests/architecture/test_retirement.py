"""The legacy stack goes, by `make retire-legacy` or by `rm -r legacy_flask tests_flask`, and everything else passes without it."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from gateway.audit import Audit
from gateway.ownership import Ownership
from gateway.routes import load_routes
from tests.ops.ground import environment_of_a_copy, open_folder

ROOT = Path(__file__).resolve().parents[2]
LEGACY = ("legacy_flask", "tests_flask")
LEFT_BEHIND = (".git", ".venv", "var", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")
# The page, without the dry run and with what its reader did before.
PAGE = ROOT / "docs/howto/retire-legacy.md"
BEFORE = ["changeover backup --phase 8", "make down", "make retire-legacy"]
RETIRE = "make retire-legacy YES=1"
AFTER = ["make check", "make up", "make parity"]

pytestmark = [
    pytest.mark.skipif(not (ROOT / LEGACY[0]).exists(), reason="the legacy stack is already gone"),
    pytest.mark.timeout(400),
]


@dataclass(frozen=True)
class Project:
    """A copy of the project in a repository and with a virtual environment of its own."""

    root: Path
    environ: dict[str, str]

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False, timeout=1100
        )
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        return self.run("git", *who, *arguments)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "x")

    def plant(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text()
        assert text.count(old) == 1
        (self.root / file).write_text(text.replace(old, new))

    def is_without_flask(self) -> bool:
        packages = self.run(".venv/bin/pip", "freeze").lower()
        return not [name for name in ("flask", "gunicorn", "itsdangerous") if name in packages]


def laid_out(folder: Path) -> Project:
    root = folder / "project"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEFT_BEHIND), symlinks=True)
    copy_environment(ROOT / ".venv", root / ".venv")
    environ = environment_of_a_copy(root / "var", ADMIN_PASSWORD="a password of the tests")
    environ["PATH"] = f"{root / '.venv/bin'}:{environ['PATH']}"
    project = Project(root, environ)
    project.git("init", "-q")
    project.commit()
    (root / ".venv/.ready").write_text("requirements.lock legacy_flask/requirements.lock\n")
    return project


def copy_environment(source: Path, target: Path) -> None:
    """Copy a virtual environment by hard links, but for scripts, which name their folder."""
    shutil.copytree(source, target, copy_function=os.link, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (target / ".ready").unlink()
    for script in (target / "bin").iterdir():
        head = script.read_bytes()[:2] if not script.is_symlink() else b""
        if head == b"#!":
            text = script.read_text().replace(str(source), str(target))
            mode = script.stat().st_mode
            script.unlink()
            script.write_text(text)
            script.chmod(mode)


@pytest.fixture(scope="module")
def retired() -> Iterator[Project]:
    """Yield a copy in which everything was moved, and the page was followed up to the retirement."""
    with open_folder() as folder:
        project = laid_out(folder)
        project.run("changeover", "migrate")
        with closing(sqlite3.connect(project.root / "var/cron_jobs.db")) as database, database:
            database.execute("UPDATE scheduler_lease SET desired_stack = 'modern'")
        groups = load_routes(ROOT / "contract/routes.toml", "routes.toml").groups
        moved = Ownership({group.id: 100 for group in groups}).as_json()
        Audit(project.root / "var/flips/audit.jsonl").append("done", {**moved, "generation": ""})
        for command in (*BEFORE, RETIRE):
            project.run(*command.split())
        yield project


@pytest.fixture(scope="module")
def removed() -> Iterator[Project]:
    """Yield a copy from which the folders were removed by hand."""
    with open_folder() as folder:
        project = laid_out(folder)
        for name in LEGACY:
            shutil.rmtree(project.root / name)
        yield project


def test_the_page_says_what_these_tests_run() -> None:
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)

    assert "".join(blocks).splitlines() == [*BEFORE, RETIRE, *AFTER]


def test_only_what_was_meant_to_has_changed(retired: Project) -> None:
    changed = {line[3:] for line in retired.git("status", "--porcelain").splitlines()}
    others = {path for path in changed if not path.startswith(tuple(f"{name}/" for name in LEGACY))}

    assert others == {"dualstack.toml", "docker-compose.yml", "nginx.conf", "deploy/nginx.conf"}
    assert not [name for name in LEGACY if (retired.root / name).exists()]


PYTEST = [".venv/bin/python", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
TOUCHED_MOST = [
    *("tests/docs/test_docs.py", "tests/architecture/test_house.py", "tests/ops/test_containers.py"),
    *("tests/gateway/test_this_app.py", "tests/gateway/test_project_files.py", "tests_fastapi/test_pages.py"),
]


def said_by_pytest(project: Project, *arguments: str) -> str:
    """Run tests without the settings of the copy, as a developer does."""
    plain = Project(project.root, {name: value for name, value in os.environ.items() if name != "VAR_DIR"})
    return plain.run(*PYTEST, *arguments)


@pytest.mark.parametrize("how", ["retired", pytest.param("removed", marks=pytest.mark.long)])
def test_the_modern_stack_comes_up_alone_and_answers_the_old_prefix_too(
    how: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(how)
    project.run("make", "up")
    assert project.is_without_flask()
    try:
        for prefix in ("/api", "/api/v2"):
            answer = httpx2.get(f"http://127.0.0.1:{project.environ['GATEWAY_PORT']}{prefix}/health")
            assert (answer.status_code, answer.headers["X-Served-By"]) == (200, "modern")
    finally:
        project.run("make", "down")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_checks_and_every_test_pass(retired: Project) -> None:
    retired.run("make", "check")

    assert " passed" in said_by_pytest(retired, "-n2", "-m", "not long", "tests", "tests_fastapi")


@pytest.mark.long
def test_checks_and_tests_pass_where_the_folders_were_removed_by_hand(removed: Project) -> None:
    removed.run("make", "check")

    assert " passed" in said_by_pytest(removed, "-n0", "-k", "not postgresql", *TOUCHED_MOST)


# A word of an answer; and what only those see who are called, since no answer shows it.
ANSWER = ("fastapi_app/routers/auth.py", '"Logout successful"', '"Logged out"')
CALL = ("fastapi_app/routers/runs.py", "idempotency_key=run.id", 'idempotency_key="planted"')


@pytest.mark.long
@pytest.mark.parametrize("how", ["retired", "removed"])
def test_parity_goes_on_with_one_stack_and_finds_what_is_planted(how: str, request: pytest.FixtureRequest) -> None:
    project: Project = request.getfixturevalue(how)
    project.commit()
    assert "modern alone, against approved answers" in project.run("make", "parity")
    project.plant(*ANSWER)
    found = project.run("changeover", "parity", "run", code=1)
    assert re.search(r"answers? (is|are) not the approved ones?; approve", found)

    project.git("checkout", "-q", ".")
    project.git("tag", "v1.0")
    assert "modern (primary) against previous" in project.run("make", "parity")
    project.plant(*CALL)
    found = project.run("changeover", "parity", "run", "--shrink", "0", code=1)
    assert re.search(r"Golden answers: \d+ answers compared, \d+ equal, 0 different", found)
    assert re.search(r"unexplained  POST /jobs/\{id\}/execute  effects ", found)

    project.git("checkout", "-q", ".")
    project.git("tag", "-d", "v1.0")
