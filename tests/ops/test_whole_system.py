"""The whole system as a user starts it: real stacks, real gateway, several copies beside each other, killed and stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from changeover import launch
from changeover.place import Place
from changeover.system import ROOT
from tests.ops.ground import environment_of_a_copy, open_folder
from tests.ops.waiting import wait_for

PASSWORD = "only-of-this-test"


@dataclass(frozen=True)
class Copy:
    """One copy of the system, driven by the command line."""

    environ: dict[str, str]

    def changeover(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "changeover", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=150, check=False
        )

    def up(self) -> str:
        done = self.changeover("up")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        return json.loads(self.changeover("status", "--json").stdout)

    def pids(self) -> dict[str, int]:
        return {group["name"]: group["pid"] for group in self.status()["groups"]}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.environ['GATEWAY_PORT']}{path}"

    def log_in(self) -> str:
        """Return an access token of the first admin."""
        body = {"username": "admin", "password": PASSWORD}
        answer = httpx2.post(self.url("/api/auth/login"), json=body, timeout=10, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def processes(self) -> list[int]:
        """Every living process of the copy: supervisord and all groups."""
        place = Place(Path(self.environ["VAR_DIR"]))
        records = filter(None, map(launch.read_incarnation, place.records()))
        supervisord = int((place.var_dir / "run" / "supervisord.pid").read_text())
        return [supervisord, *(pid for record in records for pid in launch.members(record))]


@pytest.fixture
def copies() -> Iterator[tuple[Copy, Copy]]:
    with open_folder() as folder:
        made = [Copy(environment_of_a_copy(folder / name, ADMIN_PASSWORD=PASSWORD)) for name in ("one", "two")]
        try:
            yield made[0], made[1]
        finally:
            for copy in made:
                copy.changeover("down")


# What each step promises is tested apart, with stand-ins for the stacks, in test_up.py and test_supervision.py.
@pytest.mark.long
@pytest.mark.timeout(400)
def test_two_copies_live_through_kills_and_end_without_a_trace(copies: tuple[Copy, Copy]) -> None:
    one, two = copies
    first = one.up()
    two.up()
    assert one.status()["healthy"]
    assert two.status()["healthy"]

    before = one.pids()
    addresses = [line for line in first.splitlines() if "http://" in line]
    assert one.up().splitlines() == ["Everything is running already.", *addresses]
    assert one.pids() == before

    for name, pid in before.items():
        os.kill(pid, signal.SIGKILL)

        def is_back(name: str = name, pid: int = pid) -> bool:
            found = one.status()
            return found["healthy"] and {g["name"]: g["pid"] for g in found["groups"]}[name] != pid

        wait_for(f"{name} comes back", is_back, timeout_s=60)
    assert [group["restarts"] for group in one.status()["groups"]] == [1] * len(before)
    assert one.log_in()

    processes, others = one.processes(), two.pids()
    done = one.changeover("down")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Stopped.\n", "")
    assert [pid for pid in processes if launch.is_alive(pid)] == []
    assert two.pids() == others
    assert two.status()["healthy"]


@pytest.mark.timeout(200)
def test_a_token_is_judged_by_the_running_stacks(copies: tuple[Copy, Copy]) -> None:
    copy, _ = copies
    copy.up()
    token = copy.log_in()
    good = copy.changeover("token", "inspect", token, "--json")
    headers = {"Authorization": f"Bearer {token}"}
    httpx2.post(copy.url("/api/auth/logout"), headers=headers, timeout=10, trust_env=False).raise_for_status()
    revoked = json.loads(copy.changeover("token", "inspect", token, "--json").stdout)

    assert good.returncode == 0, good.stdout
    assert revoked["rules"]["accepted"], "the token itself is still in order"
    assert {verdict["reason"] for verdict in revoked["stacks"].values()} == {"Token revoked"}
    assert not revoked["accepted"]
