"""`changeover record` as it is typed: what it refuses, what it says, and one recording of the whole system."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from changeover import launch
from changeover.cli import app
from changeover.place import Place
from changeover.problems import Problem
from changeover.record import Status
from changeover.system import ROOT
from gateway.config import load
from parity.databases import open_database
from parity.recording import read
from parity.redaction import scan
from tests.ops.ground import environment_of_a_copy, open_folder
from tests.ops.waiting import wait_for

PASSWORD = "only-of-this-recording"
SOME = {"name": "n", "what": "all traffic", "since": "then", "file": "f", "on_path": True}
KILLED = "It was killed while it recorded: a secret that was sent before it was known as one may stand in the file."
TEXTS: dict[str, tuple[Status, list[str]]] = {
    "nothing": (Status("none"), ["Nothing is being recorded."]),
    "running": (Status("running", **SOME, entries=1), ["Recording all traffic as n since then: 1 exchange in f"]),
    "not sent to": (
        Status("running", **SOME | {"on_path": False}),
        ["Recording all traffic as n since then: 0 exchanges in f", "The gateway does not send to it."],
    ),
    "stopped": (Status("stopped", **SOME, finished=True, entries=2), ["Recorded 2 exchanges of all traffic in f"]),
    "something missing": (
        Status("stopped", **SOME, finished=True, entries=2, dropped=3, failed=1, reason="the queue was full"),
        [
            "Recorded 2 exchanges of all traffic in f",
            "Missing: 3 dropped, 1 not written; the last: the queue was full",
        ],
    ),
    "started again": (
        Status("stopped", **SOME, finished=True, starts=2),
        [
            "Recorded 0 exchanges of all traffic in f",
            KILLED,
            "The recorder was started 2 times; what passed in between is not recorded.",
        ],
    ),
    "never finished": (Status("stopped", **SOME), ["Recorded 0 exchanges of all traffic in f", KILLED]),
    "dead": (
        Status("dead", **SOME),
        [
            "The recorder of n is gone, after 0 exchanges in f; traffic goes straight to the stacks. "
            "Type `changeover record stop` to end it."
        ],
    ),
}


@pytest.mark.parametrize("case", TEXTS.values(), ids=TEXTS.keys())
def test_a_status_says_what_to_know(case: tuple[Status, list[str]]) -> None:
    status, lines = case

    assert status.text().splitlines() == lines


@pytest.mark.parametrize("arguments", [[], ["--all", "--user", "admin"], ["n", "--all", "--group", "jobs.read"]])
def test_what_to_record_has_to_be_said(arguments: list[str]) -> None:
    with pytest.raises(Problem, match=r"^Say what to record: --all, or --group and --user, one of them or both\.$"):
        app(["record", "start", *arguments], standalone_mode=False)


class Copy:
    """One copy of the system, driven by the command line."""

    def __init__(self, folder: Path) -> None:
        self.var_dir = folder / "var"
        self.environ = environment_of_a_copy(self.var_dir, ADMIN_PASSWORD=PASSWORD)

    def changeover(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code and what was said; an error is one line."""
        command = [sys.executable, "-m", "changeover", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.stderr.count("\n") <= 1, done.stderr
        return done.returncode, (done.stdout + done.stderr).strip()

    def status(self) -> dict[str, Any]:
        return json.loads(self.changeover("record", "status", "--json")[1])

    def told(self, name: str) -> Any:
        """Return what the recorder says of itself; quicker than a command."""
        path = self.var_dir / "run" / "recorder-status.json"
        return json.loads(path.read_text()).get(name) if path.exists() else None

    def ask(self, method: str, path: str, token: str = "", **more: Any) -> httpx2.Response:
        url = f"http://127.0.0.1:{self.environ['GATEWAY_PORT']}{path}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx2.request(method, url, headers=headers, timeout=20, trust_env=False, **more)

    def log_in(self) -> str:
        answer = self.ask("POST", "/api/auth/login", json={"username": "admin", "password": PASSWORD})
        return answer.json()["access_token"]

    def recorder(self) -> list[int]:
        """The recorder's living processes, itself first."""
        last = launch.read_incarnation(Place(self.var_dir).record("recorder"))
        return sorted(launch.members(last)) if last else []


@pytest.fixture
def copy() -> Iterator[Copy]:
    with open_folder() as folder:
        made = Copy(folder)
        try:
            yield made
        finally:
            made.changeover("down")


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_recording_of_the_whole_system(copy: Copy) -> None:
    assert copy.changeover("record", "status") == (0, "Nothing is being recorded.")
    assert copy.changeover("record", "stop")[0] == 1
    assert copy.changeover("record", "start", "--all") == (
        1,
        "Nothing runs that could be recorded; type `make up` first.",
    )
    assert copy.changeover("up")[0] == 0
    for arguments, said in REFUSED:
        assert copy.changeover("record", "start", *arguments) == (2, said)

    record_everything(copy)
    record_one_user_through_a_crash(copy)
    end_with_the_system(copy)


REFUSED = [
    (["--user", "nobody"], 'There is no user "nobody"; give an id, a username or an e-mail address.'),
    (["a/b", "--all"], '"a/b" is no name of a recording; use letters, digits and . _ -'),
]


def record_everything(copy: Copy) -> None:
    code, said = copy.changeover("record", "start", "x", "--group", "nope")
    assert (code, said.partition(";")[0]) == (2, 'There is no route group "nope"')
    assert copy.changeover("record", "start", "first", "--all")[0] == 0
    code, said = copy.changeover("record", "start", "second", "--all")
    assert (code, said.partition(" (")[0]) == (1, 'The recording "first"')

    token = copy.log_in()
    body = {"name": "a", "cron_expression": "0 0 * * *", "target_url": "https://example.com"}
    made = [copy.ask("POST", f"{prefix}/jobs", token, json=body).status_code for prefix in ("/api", "/api/v2")]
    wait_for("three exchanges", lambda: copy.told("entries") == 3)
    found = copy.status()
    assert (found["running"], found["on_path"], found["dropped"], found["failed"]) == (True, True, 0, 0)
    code, said = copy.changeover("record", "stop")
    file = copy.var_dir / "recordings" / "first.jsonl.gz"
    assert (code, said) == (0, f"Recorded 3 exchanges of all traffic in {file}")
    assert copy.recorder() == []

    header, entries = read(file)
    recorded = list(entries)
    assert [(entry.request.method, entry.request.target) for entry in recorded] == [
        ("POST", "/auth/login"),
        ("POST", "/jobs"),
        ("POST", "/jobs"),
    ]
    assert [entry.answer and entry.answer.status for entry in recorded] == [200, *made]
    # Without the legacy stack its prefix is served by the other one.
    serves = load(ROOT, {}).serves
    assert [entry.meta["stack"] for entry in recorded] == [serves["/api"], serves["/api"], serves["/api/v2"]]
    assert recorded[1].session == recorded[2].session
    assert scan(file, [PASSWORD, token]) == []
    assert json.loads(recorded[0].request.body)["password"] == header.secrets["ADMIN_PASSWORD"]
    snapshot = open_database(f"sqlite:///{file.parent / header.database['snapshot']}")
    assert (snapshot.digest(), list(snapshot.rows("jobs"))) == (header.database["digest"], [])


def record_one_user_through_a_crash(copy: Copy) -> None:
    token = copy.log_in()
    assert copy.changeover("record", "start", "mine", "--user", "admin", "--no-snapshot")[0] == 0
    copy.ask("GET", "/api/jobs")
    assert copy.ask("GET", "/api/jobs?n=1", token).status_code == 200
    wait_for("it is recorded", lambda: copy.told("entries") == 1)

    first = copy.recorder()
    os.kill(first[0], signal.SIGKILL)
    assert copy.ask("GET", "/api/v2/jobs?n=2", token).status_code == 200
    wait_for("the recorder is back", lambda: copy.told("starts") == 2)
    assert copy.ask("GET", "/api/jobs?n=3", token).status_code == 200

    code, said = copy.changeover("record", "stop")
    assert (code, said.splitlines()[-1]) == (
        0,
        "The recorder was started 2 times; what passed in between is not recorded.",
    )
    header, entries = read(copy.var_dir / "recordings" / "mine.jsonl.gz")
    targets = [entry.request.target for entry in entries]
    assert (targets[0], targets[-1], header.database["kind"]) == ("/jobs?n=1", "/jobs?n=3", "prepared")


def end_with_the_system(copy: Copy) -> None:
    assert copy.changeover("record", "start", "last", "--group", "jobs.read", "--no-snapshot")[0] == 0
    copy.ask("GET", "/api/jobs")
    processes = copy.recorder()
    assert len(processes) == 2

    assert copy.changeover("down") == (0, "Stopped.")
    assert [pid for pid in processes if launch.is_alive(pid)] == []
    code, said = copy.changeover("record", "status")
    assert (code, said.partition(",")[0]) == (1, "The recorder of last is gone")
    assert copy.changeover("record", "stop")[0] == 0
    text = gzip.decompress((copy.var_dir / "recordings" / "last.jsonl.gz").read_bytes())
    assert text.count(b"\n") == 2
    assert {path.suffix for path in (copy.var_dir / "run").iterdir()} & {".json", ".sock"} == set()
