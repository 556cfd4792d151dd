"""`changeover parity run` once one stack is gone, and against another release: what is compared, found, said and left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from changeover.parity_previous import last_release
from changeover.system import ROOT
from tests.ops.waiting import wait_for

PAIR = ROOT / "tests" / "parity" / "fastapi_pair"
ROUTES = """[[group]]
id = "loans"
title = "Loans"
match = ["GET,POST /loans", "GET /loans/{id}"]
"""
WORDS = ("At most 28 days", "At most 4 weeks")


@dataclass(frozen=True)
class Pair:
    """A project of one stack, or of two, in a repository of its own."""

    root: Path

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        command = ["git", *who, *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout

    def commit(self, tag: str = "") -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "a release")
        if tag:
            self.git("tag", tag)

    def change(self, file: str, *changes: tuple[str, str]) -> None:
        text = (self.root / file).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.root / file).write_text(text)

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "changeover", "parity", "run", "--shrink", "0", "--no-calibration"]

    @property
    def environ(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "VAR_DIR"} | {"PYTHONPATH": str(ROOT)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments], cwd=self.root, env=self.environ, capture_output=True, text=True, check=False
        )

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.root / "var/parity/report/report.json").read_text())

    @property
    def certificate(self) -> dict[str, Any]:
        return json.loads((self.root / "var/parity/certificates/loans.json").read_text())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return both stacks, alike, each in a folder of its own, with a place for approved answers."""
    root = tmp_path_factory.mktemp("both") / "pair"
    shutil.copytree(PAIR, root, ignore=shutil.ignore_patterns("var", "__pycache__"))
    for name in ("old", "new"):
        (root / name).mkdir()
        shutil.copy(root / "loans_old.py", root / name / "loans.py")
    (root / "routes.toml").write_text(ROUTES)
    (root / ".gitignore").write_text("var/\n__pycache__/\n")
    settings = (root / "dualstack.toml").read_text().replace('reach = "memory"\n', "").replace("{app}", "{app}:app")
    for name in ("old", "new"):
        settings = settings.replace(f'app = "loans_{name}:app"', f'app = "{name}.loans"\nfolder = "{name}"')
    own = '[parity]\ngolden = "golden"\nroutes = "routes.toml"\ncoverage = 0.0\n'
    (root / "dualstack.toml").write_text(settings.replace("[parity]\n", own))
    made = Pair(root)
    made.git("init", "-q")
    made.commit()
    return made


@pytest.fixture(scope="module")
def approved(both: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return the new stack alone, its answers approved."""
    made = Pair(shutil.copytree(both.root, tmp_path_factory.mktemp("approved") / "pair"))
    shutil.rmtree(made.root / "old")
    done = made.run("--approve")
    assert done.returncode == 0, done.stdout + done.stderr
    made.commit()
    return made


@pytest.fixture
def pair(both: Pair, tmp_path: Path) -> Pair:
    return Pair(shutil.copytree(both.root, tmp_path / "pair"))


@pytest.fixture
def alone(approved: Pair, tmp_path: Path) -> Pair:
    return Pair(shutil.copytree(approved.root, tmp_path / "pair", ignore=shutil.ignore_patterns("var")))


def test_a_stack_alone_is_held_against_the_approved_answers(alone: Pair) -> None:
    done = alone.run()

    assert (done.returncode, done.stderr) == (0, "")
    assert "new alone, against approved answers" in done.stdout
    assert "Golden answers: 12 answers compared, 12 equal" in done.stdout
    assert (alone.certificate["passed"], list(alone.certificate["code"])) == (True, ["new"])
    assert alone.certificate["exchanges"] == 12


def test_an_answer_that_is_not_the_approved_one_is_found_and_shown(alone: Pair) -> None:
    alone.change("new/loans.py", WORDS)
    done = alone.run()

    assert done.returncode == 1
    assert "1 answer is not the approved one; approve it after a review, or mend the stack." in done.stdout
    assert "  POST /loans  value $.detail  text -> text" in done.stdout
    assert (alone.certificate["passed"], alone.certificate["reasons"]) == (
        False,
        ["Answers are not the approved ones."],
    )


@pytest.mark.long
def test_without_an_approved_answer_nothing_was_compared(alone: Pair) -> None:
    (alone.root / "golden/requests.jsonl").unlink()
    done = alone.run()

    assert done.returncode == 1
    assert "No exchange was compared." in done.stdout
    assert "12 × without an approved answer" in done.stdout
    assert not alone.certificate["passed"]


def test_the_last_release_is_the_other_side_of_a_stack_that_is_alone(alone: Pair) -> None:
    alone.git("tag", "v1.0")
    alone.change("new/loans.py", WORDS)
    alone.run("--approve")
    alone.commit()
    done = alone.run()

    assert done.returncode == 1
    assert "comparing new with that of v1.0" in done.stdout
    assert "new (primary) against previous" in done.stdout
    assert "Golden answers: 12 answers compared, 12 equal" in done.stdout
    assert [(group["path"], group["route"]) for group in alone.report["groups"]] == [("$.detail", "/loans")]
    assert sorted(alone.certificate["code"]) == ["new", "previous"]
    assert len(set(alone.certificate["code"].values())) == 2


@pytest.mark.long
def test_rows_that_no_answer_shows_are_found_against_a_release_only(alone: Pair) -> None:
    alone.git("tag", "v1.0")
    # Its planted fault is a row that a refusal leaves behind.
    shutil.copy(PAIR / "loans_new.py", alone.root / "new/loans.py")
    done = alone.run()

    assert done.returncode == 1
    assert {group["where"] for group in alone.report["groups"]} == {"rows"}
    assert alone.report["golden"]["different"] == 0


@pytest.mark.long
def test_the_newer_of_two_stacks_is_compared_with_its_release_and_certifies_nothing(pair: Pair) -> None:
    pair.git("tag", "v1.0")
    pair.change("new/loans.py", WORDS)
    done = pair.run("--against", "v1.0")

    assert (done.returncode, done.stderr) == (1, "")
    assert [stack["name"] for stack in pair.report["stacks"]] == ["new", "previous"]
    assert not (pair.root / "var/parity/certificates").exists()


@pytest.mark.long
def test_nothing_is_left_of_a_release_in_folder_or_repository(alone: Pair) -> None:
    alone.git("tag", "v1.0")
    done = alone.run()

    assert (done.returncode, done.stderr) == (0, "")
    assert list((alone.root / "var/parity").glob("run-*")) == []
    assert alone.git("worktree", "list").count("\n") == 1
    assert alone.git("status", "--porcelain") == ""


@pytest.mark.long
def test_what_a_killed_run_left_of_a_release_goes_with_the_next_one(alone: Pair) -> None:
    alone.git("tag", "v1.0")
    left = alone.root / "var/parity"
    killed = subprocess.Popen(alone.command, cwd=alone.root, env=alone.environ, stdout=subprocess.DEVNULL)
    wait_for("the release is unpacked", lambda: list(left.glob("run-*/.previous/dualstack.toml")))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert list(left.glob("run-*/.previous"))

    assert alone.run().returncode == 0
    assert list(left.glob("run-*")) == []


@pytest.mark.long
def test_a_release_that_has_no_such_stack_is_said_and_golden_answers_stay(alone: Pair) -> None:
    alone.git("checkout", "-q", "--orphan", "before")
    alone.git("rm", "-qrf", "--cached", ".")
    alone.git("commit", "-q", "--allow-empty", "-m", "before the stack")
    alone.git("tag", "v0.1")
    done = alone.run()

    assert (done.returncode, done.stderr) == (0, "")
    assert "Approved answers alone are compared with. --against v0.1: " in done.stdout


UNUSABLE = {
    "no revision": (["--against", "nope"], '--against "nope": is no revision of the repository of '),
    "an option": (["--against", "--output=x"], '--against "--output=x": is no revision of the repository of '),
    "a revision without the project": (["--against", "HEAD~1"], "dualstack.toml: cannot be read"),
}


@pytest.mark.parametrize(("arguments", "said"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_release_that_cannot_be_compared_with_is_one_line_and_exit_2(
    pair: Pair, arguments: list[str], said: str
) -> None:
    pair.git("checkout", "-q", "--orphan", "later")
    pair.git("commit", "-q", "--allow-empty", "-m", "nothing", "--only")
    pair.commit()
    done = pair.run(*arguments)

    assert said in done.stderr
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert not list(pair.root.glob("var/parity/run-*"))


def test_the_last_release_is_the_nearest_tag_of_a_version(pair: Pair) -> None:
    assert last_release(pair.root) == ""
    pair.git("tag", "v1.0")
    pair.git("tag", "nightly")
    (pair.root / "more.txt").touch()
    pair.commit("later")

    assert last_release(pair.root) == "v1.0"
