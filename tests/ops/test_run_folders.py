import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from changeover.problems import Problem
from changeover.run_folders import run_folder, with_logs
from parity.resume import RUN_FILE


def silent(text: str) -> None:
    raise AssertionError(text)


def leave(runs: Path, name: str, hours_ago: float = 1) -> Path:
    """Make the folder of a run that was killed so long ago."""
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / RUN_FILE).write_text("{}")
    for path in (folder / RUN_FILE, folder):
        os.utime(path, (time.time() - hours_ago * 3600,) * 2)
    return folder


def test_a_run_that_succeeds_leaves_nothing(tmp_path: Path) -> None:
    killed = leave(tmp_path, "run-killed")
    with run_folder(tmp_path, resume=False, say=lambda text: None) as folder:
        assert folder.is_dir()

    assert not folder.exists()
    assert not killed.exists()


def test_a_run_that_fails_leaves_its_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), run_folder(tmp_path, resume=False, say=silent) as folder:
        raise KeyboardInterrupt

    assert folder.is_dir()


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({}, set()),
        ({"right/new.log": ""}, set()),
        ({"right/new.log": "no colour"}, {"lock", "right"}),
        ({"mine/checkpoint-7/x": ""}, {"lock", "mine", RUN_FILE, "told"}),
        ({"mine/done.json": '{"entries": 1}'}, {"lock", "mine", RUN_FILE, "told"}),
    ],
    ids=["nothing", "an empty log", "a log", "a checkpoint", "a recording that was done"],
)
def test_of_a_run_that_ended_with_a_message_stays_what_is_of_use(
    tmp_path: Path, files: dict[str, str], left: set[str]
) -> None:
    with pytest.raises(Problem), run_folder(tmp_path, resume=False, say=silent) as folder:
        (folder / RUN_FILE).write_text("{}")
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(text)
        raise Problem("The stack did not start.")

    assert {path.name for path in folder.iterdir()} == left if left else not folder.exists()
    with pytest.raises(KeyboardInterrupt), run_folder(tmp_path, resume=False, say=silent):
        # No word of the run above.
        raise KeyboardInterrupt


def test_a_run_that_ended_with_a_message_is_taken_up_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(Problem), run_folder(tmp_path, resume=False, say=silent) as folder:
        (folder / RUN_FILE).write_text("{}")
        (folder / "mine/checkpoint-7").mkdir(parents=True)
        raise Problem("The database is gone.")

    with pytest.raises(KeyboardInterrupt), run_folder(tmp_path, resume=True, say=silent) as again:
        assert again == folder
        raise KeyboardInterrupt
    said: list[str] = []
    with run_folder(tmp_path, resume=False, say=said.append):
        assert len(said) == 1


def test_logs_are_named_where_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "new.log").touch()
    assert with_logs("No.", tmp_path) == "No."

    (tmp_path / "new.log").write_text("why")
    assert with_logs("No.", tmp_path) == f"No. (Logs are in {tmp_path}.)"


def test_a_new_run_says_that_an_unfinished_one_can_go_on(tmp_path: Path) -> None:
    leave(tmp_path, "run-killed")
    said: list[str] = []
    with run_folder(tmp_path, resume=False, say=said.append):
        assert [line.partition("; ")[2] for line in said] == ["`changeover parity run --resume` goes on with it."]


def test_what_was_left_a_day_ago_is_removed(tmp_path: Path) -> None:
    killed = leave(tmp_path, "run-killed", hours_ago=25)
    with run_folder(tmp_path, resume=False, say=silent):
        assert not killed.exists()


def test_the_newest_unfinished_run_is_taken_up(tmp_path: Path) -> None:
    leave(tmp_path, "run-older", hours_ago=3)
    newest = leave(tmp_path, "run-newest", hours_ago=2)
    with run_folder(tmp_path, resume=True, say=silent) as folder:
        assert folder == newest


def test_nothing_to_go_on_with_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="There is no unfinished run"), run_folder(tmp_path, resume=True, say=silent):
        pass


def test_a_run_under_way_is_neither_taken_up_nor_removed(tmp_path: Path) -> None:
    busy = leave(tmp_path, "run-busy", hours_ago=30)
    hold = (
        f"import fcntl, sys; file = open({str(busy / 'lock')!r}, 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    try:
        with pytest.raises(Problem, match="There is no unfinished run"), run_folder(tmp_path, resume=True, say=silent):
            pass
        with run_folder(tmp_path, resume=False, say=silent):
            pass

        assert busy.is_dir()
    finally:
        other.communicate()
