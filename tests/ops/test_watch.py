"""`changeover watch` and `changeover drift` as people type them, on a copy whose log is written by the test."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from changeover.system import ROOT
from gateway.config import Config, load
from gateway.flips import Flips
from gateway.ownership import Ownership
from tests.ops.ground import environment_of_a_copy, open_folder
from tests.ops.waiting import wait_for

GROUP, PATH = "jobs.read", "/api/jobs"


@dataclass
class Copy:
    """A copy that does not run: it has an ownership table and a log of what would have been served."""

    environ: dict[str, str]
    config: Config

    @property
    def var_dir(self) -> Path:
        return Path(self.environ["VAR_DIR"])

    @property
    def flips(self) -> Flips:
        return Flips.of(self.config, self.var_dir)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "changeover", *arguments]

    def changeover(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def serve(self, count: int, **facts: object) -> None:
        """Write lines of requests that were answered just now."""
        primary = self.config.primary.name
        line: dict[str, Any] = {"t": time.time(), "rid": "r", "p": PATH, "g": GROUP, "c": "c100", "o": primary}
        line |= {"by": primary, "fb": "", "forced": "", "gen": "g0002", "s": 200, "us": "200", "uht": "0.01"}
        with (self.var_dir / "gateway/log/access.jsonl").open("a") as log:
            log.write((json.dumps(line | facts, separators=(",", ":")) + "\n") * count)


@pytest.fixture
def copy() -> Iterator[Copy]:
    """A copy with all of one group moved."""
    with open_folder() as folder:
        environ = environment_of_a_copy(folder / "var")
        made = Copy(environ, load(ROOT, environ, complete=True))
        if made.config.candidate is None or not all((ROOT / name).is_dir() for name in ("legacy_flask", "fastapi_app")):
            pytest.skip("nothing moves where only one stack is left")
        (made.var_dir / "gateway/log").mkdir(parents=True)
        made.flips.audit.append("done", {**Ownership({GROUP: 100}).as_json(), "generation": "g0001"})
        made.flips.ensure_table()
        yield made


def test_watch_tells_each_event_as_json_until_it_is_interrupted(copy: Copy) -> None:
    assert copy.config.candidate is not None
    modern = copy.config.candidate.name
    command = copy.command("watch", "--observe", "--json")
    with subprocess.Popen(command, cwd=ROOT, env=copy.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        first = json.loads(watch.stdout.readline())
        copy.serve(10, o=modern, by=modern, s=500)
        second = json.loads(watch.stdout.readline())
        watch.send_signal(signal.SIGINT)
        said = watch.stderr.read()

    assert (first["event"], first["shares"]) == ("watching", {GROUP: 100})
    assert (second["event"], second["verdict"]["groups"]) == ("would roll back", [GROUP])
    assert (watch.returncode, said) == (0, b"")
    assert copy.flips.standing().ownership.shares == {GROUP: 100}


def test_watch_shows_the_moved_groups_on_a_terminal(copy: Copy) -> None:
    ours, theirs = pty.openpty()
    environ = copy.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = copy.command("watch", "--observe")
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=theirs, stderr=theirs) as watch:
        os.close(theirs)
        shown = b""

        def picture() -> bool:
            nonlocal shown
            shown += os.read(ours, 4096)
            return GROUP.encode() in shown and b"100 %" in shown

        wait_for("a picture", picture)
        watch.send_signal(signal.SIGINT)
        try:
            while os.read(ours, 4096):
                pass
        except OSError:
            """The other side is closed."""
    os.close(ours)

    assert watch.returncode == 0


def test_no_drift_is_said_with_how_much_was_looked_at(copy: Copy) -> None:
    assert copy.config.candidate is not None
    copy.serve(7, o=copy.config.candidate.name)
    done = copy.changeover("drift")

    assert (done.returncode, done.stdout) == (0, "No drift in 7 requests of g0002.\n")


def test_drift_names_the_requests_and_exits_with_1(copy: Copy) -> None:
    copy.serve(1, rid="long-ago", t=time.time() - 3600)
    copy.serve(1, rid="strange")
    copy.serve(1, rid="blind", gen="")
    done = copy.changeover("drift", "--minutes", "10")
    as_json = json.loads(copy.changeover("drift", "--json").stdout)

    assert done.returncode == 1
    assert "request strange: /api/jobs (jobs.read, c100) was legacy's, by the table it is modern's" in done.stdout
    assert "1 request was decided without the table: blind" in done.stdout
    assert "long-ago" not in done.stdout
    assert (as_json["drift"], as_json["stray_count"], as_json["blind"]) == (True, 1, ["blind"])


@pytest.mark.parametrize("command", ["watch", "drift"] if load(ROOT, {}).candidate else ["drift"])
def test_a_copy_without_a_table_is_one_line(command: str) -> None:
    with open_folder() as folder:
        environ = environment_of_a_copy(folder / "var")
        done = Copy(environ, load(ROOT, environ, complete=True)).changeover(command)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
