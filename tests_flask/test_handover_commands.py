"""The pages about handing the scheduler over, a dead owner and a blocked database, followed on both stacks as they run."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.shell import Shell, commands_of, open_shell
from tests.ops.waiting import wait_for

HANDOVER = "docs/howto/hand-over-the-scheduler.md"
DEAD = "docs/howto/scheduler-owner-is-dead.md"
BLOCKED = "docs/howto/database-is-blocked.md"
HOLDS = """
import signal, sys
from scheduler.lease import transaction
from shared_models.engine import sync_engine
with transaction(sync_engine(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    with open_shell() as shell:
        shell.environ["ADMIN_PASSWORD"] = "a password of the handovers"
        shell.run("make up")
        yield shell


@pytest.fixture(autouse=True)
def owned(shell: Shell) -> None:
    shell.run("changeover scheduler handover --to legacy")
    wait_for("legacy owns", lambda: status(shell)["owner"])


def status(shell: Shell) -> Any:
    """Return the state, whether it is well or not."""
    command = [sys.executable, "-m", "changeover", "scheduler", "status", "--json"]
    return json.loads(subprocess.run(command, env=shell.environ, capture_output=True, text=True, check=False).stdout)


def test_it_is_handed_over_to_and_fro_and_to_nobody(shell: Shell) -> None:
    said = [shell.run(command) for command in commands_of(HANDOVER)]
    gaps_ms = [float(gap) for gap in re.findall(r"Without an owner for ([\d.]+) ms", "".join(said))]

    assert [re.search(r"owner +(legacy|modern), ", text)[1] for text in (said[0], said[2])] == ["legacy", "modern"]
    assert "legacy -> modern: run by modern:" in said[1]
    assert "modern -> legacy: run by legacy:" in said[4]
    assert "Nobody runs the scheduler now; before it was legacy." in said[5]
    assert max(gaps_ms[:2]) < 1000
    assert status(shell)["owner"]["stack"] == "legacy"


def test_a_process_is_killed_and_another_takes_over_and_the_page_says_so(shell: Shell) -> None:
    before = status(shell)["owner"]
    os.kill(int(before["process"].split(":")[2]), signal.SIGKILL)
    wait_for("another owns", lambda: (status(shell)["owner"] or before)["epoch"] > before["epoch"])
    look, _system, up, again, handover, missed = commands_of(DEAD)
    said = [shell.run(command) for command in (look, up, again, handover, missed)]

    assert re.search(r"owner +legacy, ", said[0])
    assert "legacy -> modern: run by modern:" in said[3]
    assert said[4].startswith("Every tick")


def test_who_blocks_the_database_is_found_and_ended(shell: Shell) -> None:
    look, end, well, missed = commands_of(BLOCKED)
    url = f"sqlite:///{shell.var_dir}/cron_jobs.db"
    with subprocess.Popen([sys.executable, "-c", HOLDS, url], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        found = status(shell)
        shell.run(look, exit_code=1)
        shell.run(end.replace("PID", str(found["blocked_by"]["pid"])))
    wait_for("the owner writes again", lambda: status(shell)["healthy"])

    assert (found["db_write_blocked"], found["blocked_by"]["pid"]) == (True, holder.pid)
    assert f"kill -9 {holder.pid}" in found["blocked_by"]["remedy"]
    assert "database    can be written" in shell.run(well)
    shell.run(missed)
