import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parity.checkpoint import last_checkpoint
from parity.values import ParityError
from tests.parity.resumed_run import played, record

ROOT = Path(__file__).resolve().parents[2]
# Runs are killed and played anew, again and again.
pytestmark = pytest.mark.long


def kill(folder: Path, after: int, *words: str) -> None:
    """Let a process of its own play, which ends as nobody would have it end."""
    command = [sys.executable, "-m", "tests.parity.resumed_run", str(folder), str(after), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was killed in the second recording, after 230 of its 400 exchanges."""
    folder = tmp_path_factory.mktemp("recorded")
    record(folder / "first.jsonl", 60)
    record(folder / "second.jsonl", 200)
    kill(folder, 120 + 230)
    return folder


@pytest.fixture
def killed(dead: Path, tmp_path: Path) -> Path:
    shutil.copytree(dead, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def whole(dead: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a run that nobody killed reports."""
    folder = tmp_path_factory.mktemp("whole")
    for file in dead.glob("*.jsonl"):
        shutil.copy(file, folder)
    return played(folder)


def test_a_killed_run_goes_on_and_reports_what_a_whole_one_does(whole: dict[str, Any], killed: Path) -> None:
    with (killed / "run" / "second" / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"seq": 12')

    resumed = played(killed, resume=True)

    assert resumed.pop("said") == ["second.jsonl: going on after 200 exchanges"]
    assert resumed == {key: value for key, value in whole.items() if key != "said"}
    assert whole["counts"]["different"] > 20


def test_a_run_killed_twice_goes_on_from_where_it_got_the_second_time(whole: dict[str, Any], killed: Path) -> None:
    kill(killed, 130, "resume")

    resumed = played(killed, resume=True)

    # A slow machine checkpoints by the clock too.
    [said] = resumed.pop("said")
    assert int(re.fullmatch(r"second\.jsonl: going on after (\d+) exchanges", said)[1]) >= 300
    assert resumed == {key: value for key, value in whole.items() if key != "said"}


def test_a_recording_without_a_checkpoint_starts_over(whole: dict[str, Any], killed: Path) -> None:
    shutil.rmtree(killed / "run" / "second" / "checkpoint-200")

    resumed = played(killed, resume=True)

    assert resumed == whole


def test_a_recording_that_changed_is_not_gone_on_with(killed: Path) -> None:
    record(killed / "more.jsonl", 3)
    (killed / "more.jsonl").replace(killed / "second.jsonl")

    with pytest.raises(ParityError, match=r"second\.jsonl has changed; run without --resume\.$"):
        played(killed, resume=True)


def test_a_folder_without_a_run_is_not_gone_on_with(killed: Path) -> None:
    shutil.rmtree(killed / "run")

    with pytest.raises(ParityError, match=r"is no run that can be taken up again; run without --resume\.$"):
        played(killed, resume=True)


def test_what_is_secret_is_kept_for_the_owner_alone(killed: Path) -> None:
    checkpoint = last_checkpoint(killed / "run" / "second")

    assert checkpoint is not None
    private = [killed / "run" / "second" / "ground.json", checkpoint.folder / "state.json"]
    assert [oct(path.stat().st_mode & 0o777) for path in private] == ["0o600", "0o600"]
    assert oct(checkpoint.folder.stat().st_mode & 0o777) == "0o700"
