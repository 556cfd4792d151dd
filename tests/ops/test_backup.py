"""`changeover backup`: one moment of a database in use, checked and private, and nothing that only looks like it."""

import fcntl
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from changeover.database import without_password
from changeover.system import ROOT
from shared_models.migrate import expected_revision
from tests.ops.backup_ground import Copy
from tests.ops.waiting import wait_for

LOCKS = Path("/proc/locks")
URLS = pytest.mark.parametrize(
    "url",
    ["postgresql://someone:hush@127.0.0.1:1/none", "postgresql://someone@127.0.0.1:1/none?password=hush"],
    ids=["before the host", "as a parameter"],
)
# Writes the same number into two tables in one transaction, for ever, and says how far it is.
WRITER = """
import sqlite3, sys
from itertools import count
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("PRAGMA journal_mode = WAL")
for number in count(1):
    connection.execute("BEGIN IMMEDIATE")
    for table in ("left_side", "right_side"):
        connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (number, "x" * 2000))
    connection.execute("COMMIT")
    if number % 50 == 0:
        print(number, flush=True)
"""
# Ends itself, as kill -9 does, when the backup calls a function for the nth time.
KILLED = """
import os, signal, sys
module, name, fatal = sys.argv[1], sys.argv[2], int(sys.argv[3])
owner = __import__(module)
called, real = 0, getattr(owner, name)
def counted(*arguments, **named):
    global called
    called += 1
    if called == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)
setattr(owner, name, counted)
sys.argv = ["changeover", "backup"]
from changeover.cli import main
main()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_backup_is_the_database_with_a_sidecar_that_says_what_it_is(copy: Copy) -> None:
    file = copy.backup("--phase", "5", "--name", "early")
    known = json.loads(Path(f"{file}.json").read_text())

    assert names(copy.backups) == [file.name, f"{file.name}.json"]
    assert file.name.endswith("Z-phase-5-early.sqlite")
    assert copy.slugs(file) == copy.slugs()
    assert known["format"] == 1
    assert known["phase"] == {"number": 5, "title": "Write operations: jobs"}
    assert known["revision"] == expected_revision()
    assert known["rows"]["users"] == 1
    assert known["rows"]["job_categories"] == len(copy.slugs())
    assert known["sha256"] == sha256(file.read_bytes()).hexdigest()
    assert known["foreign_keys_violated"] == {}


def test_nobody_else_may_read_a_backup(copy: Copy) -> None:
    file = copy.backup()

    assert mode(copy.backups) == 0o700
    assert {mode(path) for path in copy.backups.iterdir()} == {0o600}
    assert file.parent == copy.backups


def test_the_digest_follows_what_the_database_holds_and_nothing_else(copy: Copy) -> None:
    def content() -> str:
        return str(copy.run("backup", "--json").json["content"])

    first = content()
    copy.write("UPDATE users SET username = 'other'")
    changed = content()
    copy.write("UPDATE users SET username = 'admin'")
    with closing(sqlite3.connect(copy.database)) as connection:
        connection.execute("VACUUM")

    assert first != changed
    assert content() == first


def test_text_and_bytes_that_read_alike_are_told_apart(copy: Copy) -> None:
    copy.write("CREATE TABLE odd (value)", "INSERT INTO odd VALUES ('1')")
    told = [copy.run("backup", "--json").json["content"]]
    for value in ("1", "x'31'", "1.0", "NULL", "CAST(x'ff' AS TEXT)", "CAST(x'fe' AS TEXT)"):
        copy.write(f"UPDATE odd SET value = {value}")
        told.append(copy.run("backup", "--json").json["content"])

    assert len(set(told)) == len(told)


def test_backups_of_one_second_do_not_take_each_others_place(copy: Copy) -> None:
    files = [copy.backup("--name", "same") for _ in range(4)]

    assert len(set(files)) == 4
    assert all(file.is_file() for file in files)


def test_a_backup_under_a_writer_is_one_moment_of_it(copy: Copy) -> None:
    copy.write("CREATE TABLE left_side (n, text)", "CREATE TABLE right_side (n, text)")
    command = [sys.executable, "-c", WRITER, str(copy.database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            seen = []
            for _ in range(5):
                writer.stdout.readline()
                with closing(sqlite3.connect(copy.backup())) as connection:
                    seen.append(
                        [
                            connection.execute(f"SELECT count(*), max(n) FROM {side}").fetchone()
                            for side in ("left_side", "right_side")
                        ]
                    )
        finally:
            writer.kill()

    assert all(left == right for left, right in seen)
    assert len({left for left, _ in seen}) > 1, "the writer wrote meanwhile"
    assert all(count == last for (count, last), _ in seen)


@pytest.mark.parametrize(
    ("function", "call"),
    [("sqlite3.connect", 2), ("hashlib.sha256", 3), ("os.fsync", 1), ("os.fsync", 2), ("os.link", 1), ("os.link", 2)],
    ids=["copying", "reading", "before it is on disk", "before the sidecar is", "before a name", "with half a name"],
)
def test_a_killed_backup_leaves_nothing_that_passes_for_one(copy: Copy, function: str, call: int) -> None:
    command = [sys.executable, "-c", KILLED, *function.split("."), str(call)]
    killed = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, check=False)
    listed = copy.run("backup", "--list", "--json").json
    chosen = copy.run("restore", "latest")
    left = names(copy.backups)

    assert killed.returncode == -signal.SIGKILL
    assert listed["backups"] == []
    assert chosen.code == 2
    assert [name for name in left if not name.startswith(".")] in ([], [n for n in left if n.endswith(".sqlite.json")])

    copy.backup()

    assert not any(name.startswith(".draft") for name in names(copy.backups))


def test_broken_foreign_keys_are_kept_and_told(copy: Copy) -> None:
    copy.orphan()
    said = copy.run("backup")
    listed = copy.run("backup", "--list").out

    assert said.code == 1
    assert said.err == "The database violates foreign keys, and so does this backup: job_schedule (1 rows).\n"
    assert len(names(copy.backups)) == 2
    assert "violates foreign keys in job_schedule" in listed


def test_json_tells_broken_foreign_keys_too(copy: Copy) -> None:
    copy.orphan()
    said = copy.run("backup", "--json")

    assert (said.code, said.err) == (1, "")
    assert said.json["foreign_keys_violated"] == {"job_schedule": 1}


@pytest.mark.parametrize("begin", [0, 5000], ids=["its head", "a page"])
def test_a_damaged_database_gives_no_backup(copy: Copy, begin: int) -> None:
    with copy.database.open("r+b") as file:
        file.seek(begin)
        file.write(os.urandom(9000))
    said = copy.run("backup")

    assert (said.code, said.out) == (1, "")
    assert "is damaged (" in said.err
    assert said.err.count("\n") == 1
    assert names(copy.backups) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--phase", "9"], "There is no phase 9; there are: 1 (Project setup"),
        (["--name", "a/b"], 'A backup cannot be called "a/b"'),
        (["--name", "before-restore"], "use another name"),
        (["--list", "--phase", "1"], "leave out --phase and --name"),
    ],
    ids=["phase", "path", "reserved", "list of a phase"],
)
def test_what_cannot_be_asked_is_exit_2_and_one_line(copy: Copy, arguments: list[str], told: str) -> None:
    said = copy.run("backup", *arguments)

    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not copy.backups.exists()


def test_a_fault_that_no_row_shows_gives_no_backup(copy: Copy) -> None:
    copy.write(
        "PRAGMA writable_schema = ON", "DELETE FROM sqlite_schema WHERE name = 'ix_job_schedule_next_run_at_job_id'"
    )
    said = copy.run("backup")

    assert said.code == 1
    assert "never used" in said.err
    assert names(copy.backups) == []


def test_without_a_database_nothing_is_made(copy: Copy) -> None:
    copy.database.unlink()
    said = copy.run("backup")

    assert said.code == 1
    assert "There is no database at" in said.err
    assert not copy.database.exists()


def test_backups_are_listed_newest_first_with_what_they_are_for(copy: Copy) -> None:
    empty = copy.run("backup", "--list")
    first, second = copy.backup("--phase", "3"), copy.backup("--name", "later")
    shown = copy.run("backup", "--list").out.splitlines()[1:]
    listed = copy.run("backup", "--list", "--json").json

    assert empty.out.startswith("There are no backups yet")
    assert [line.split()[0] for line in shown] == [second.stem, first.stem]
    assert "phase 3 (Authentication system)" in shown[1]
    assert [Path(each["file"]) for each in listed["backups"]] == [second, first]


def test_a_relative_url_counts_from_the_projects_folder(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = os.path.relpath(copy.database, ROOT)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{elsewhere}")
    monkeypatch.chdir(copy.var_dir)
    file = copy.backup()

    assert copy.slugs(file) == copy.slugs()
    assert file.parent == copy.backups


@URLS
def test_no_url_is_shown_with_its_password(url: str) -> None:
    assert "hush" not in without_password(url)


@URLS
def test_a_database_out_of_reach_is_one_line_without_its_password(
    copy: Copy, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    said = copy.run("backup")

    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "hush" not in said.err + said.out


@pytest.mark.skipif(not LOCKS.exists(), reason="who waits for a lock is seen on Linux only")
def test_a_second_backup_waits_for_the_first(copy: Copy) -> None:
    copy.backup()
    draft = copy.backups / ".draft-1.sqlite"
    with (copy.backups / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        draft.touch()
        command = [sys.executable, "-m", "changeover", "backup"]
        second = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        waiting = re.compile(rf"-> FLOCK .* {second.pid} ")
        wait_for("the second waits", lambda: second.poll() is not None or waiting.search(LOCKS.read_text()))
        untouched = draft.exists()

    assert untouched
    assert second.wait() == 0
    assert not draft.exists()
