"""`changeover restore`: what it refuses, what it keeps of the present database, and that it can be undone."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from changeover.place import Place
from changeover.system import ROOT
from tests.e2e.shell import commands_of
from tests.ops.backup_ground import Copy

ADD = (
    "INSERT INTO job_categories SELECT 'one-more', 'one-more', name, is_active, created_at, updated_at "
    "FROM job_categories LIMIT 1"
)


def refused(copy: Copy, *arguments: str) -> str:
    """Return the one line by which a restore is refused, after seeing that it changed nothing."""
    before = (copy.database.read_bytes(), sorted(copy.backups.glob("[!.]*")))
    said = copy.run("restore", *arguments)

    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert (copy.database.read_bytes(), sorted(copy.backups.glob("[!.]*"))) == before
    assert not list(copy.var_dir.glob(".*restoring"))
    return said.err


def reseal(file: Path, **facts: object) -> None:
    """Write other facts into a backup's sidecar, and the digest of its file as it is now."""
    sidecar = Path(f"{file}.json")
    known = json.loads(sidecar.read_text()) | {"sha256": sha256(file.read_bytes()).hexdigest()} | facts
    sidecar.write_text(json.dumps(known))


def test_a_database_that_has_changed_is_kept_unless_forced(copy: Copy) -> None:
    copy.backup()
    copy.write(ADD, "DELETE FROM users", "UPDATE scheduler_lease SET beat = beat + 1")
    told = refused(copy)

    assert told.startswith("The database has changed since this backup of ")
    assert "(job_categories: 1 rows would go, 0 come back; " in told
    assert "scheduler_lease: 1 rows would go, 1 come back; users: 0 rows would go, 1 come back)" in told
    assert told.endswith("add --force.\n")


def test_a_forced_restore_brings_back_the_rows_and_says_so(copy: Copy) -> None:
    earlier = copy.slugs()
    file = copy.backup("--phase", "5")
    copy.write(ADD, "DELETE FROM users")
    said = copy.run("restore", "phase-5", "--force")

    assert said.code == 0
    assert copy.slugs() == earlier
    assert said.out.startswith(f"Restored {file}, made 20")
    assert "phase 5 (Write operations: jobs):\n" in said.out
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line[:1].islower()}
    assert rows["job_categories"] == [str(len(earlier)), "1", "0"]
    assert rows["users"] == ["1", "0", "1"]


def test_a_restore_can_be_undone(copy: Copy) -> None:
    copy.backup()
    copy.write(ADD)
    later = copy.slugs()
    before = Path(copy.run("restore", "--force", "--json").json["before"])
    undone = copy.run("restore", before.stem, "--force")

    assert before.name.endswith("-before-restore.sqlite")
    assert undone.code == 0
    assert copy.slugs() == later


def test_the_latest_is_never_what_a_restore_kept_by_itself(copy: Copy) -> None:
    file = copy.backup()
    copy.write(ADD)
    copy.run("restore", "--force")
    again = copy.run("restore", "latest", "--json").json

    assert again["restored"] == str(file)
    assert again["changes"] == {}


def test_an_unchanged_database_needs_no_force(copy: Copy) -> None:
    copy.backup()

    assert copy.run("restore").code == 0


@pytest.mark.parametrize(
    "wanted",
    [
        str,
        lambda file: file.name,
        lambda file: file.stem,
        lambda file: os.path.relpath(file, file.parent.parent),
        lambda file: "phase-5",
    ],
    ids=["path", "file name", "name", "relative path", "phase"],
)
def test_a_backup_is_found_by(copy: Copy, wanted: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = copy.backup("--phase", "5")
    copy.backup()
    copy.backup("--phase", "3")
    monkeypatch.chdir(copy.var_dir)

    assert copy.run("restore", wanted(file), "--json").json["restored"] == str(file)


@pytest.mark.parametrize("wanted", ["latest", "phase-5", "nothing"])
def test_a_backup_that_is_not_there_is_exit_2_with_those_there_are(copy: Copy, wanted: str) -> None:
    there = copy.backup("--phase", "3") if wanted != "latest" else None
    said = copy.run("restore", wanted)

    assert said.code == 2
    assert said.err.startswith(f'There is no backup "{wanted}" in ')
    assert said.err.endswith(f"there are: {there.stem if there else 'none'}.\n")


def flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def rewrite(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM users")
    reseal(file)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (flip, "is not the file that its sidecar describes"),
        (rewrite, "does not hold what its sidecar says"),
        (
            lambda file: (file.write_bytes(b"no database at all, but long enough for a head" * 99), reseal(file)),
            "is damaged",
        ),
        (lambda file: reseal(file, format=2), "is not of format 1"),
        (lambda file: reseal(file, rows=[]), "is not what `changeover backup` writes"),
        (lambda file: Path(f"{file}.json").write_text("{"), "cannot be read"),
        (lambda file: Path(f"{file}.json").unlink(), "beside it"),
        (lambda file: reseal(file, kind="postgresql"), "the database is sqlite"),
    ],
    ids=["a byte", "rows", "no database", "format", "facts", "no JSON", "no sidecar", "other kind"],
)
def test_a_backup_that_is_not_what_was_made_is_refused_even_by_force(
    copy: Copy, harm: Callable[[Path], object], told: str
) -> None:
    file = copy.backup()
    harm(file)

    assert told in refused(copy, file.name, "--force")


def test_a_schema_that_this_release_does_not_know_is_refused_even_by_force(copy: Copy) -> None:
    known = copy.slugs()
    copy.write("UPDATE alembic_version SET version_num = 'f00d'")
    file = copy.backup()

    assert "has schema revision f00d, which this release does not know" in refused(copy, file.name, "--force")
    assert copy.slugs() == known


def test_a_backup_with_broken_foreign_keys_needs_force(copy: Copy) -> None:
    copy.orphan()
    copy.run("backup")

    assert "itself violates foreign keys in job_schedule" in refused(copy)
    assert copy.run("restore", "--force").code == 0


def test_broken_foreign_keys_of_the_present_database_go_with_a_restore(copy: Copy) -> None:
    copy.backup()
    copy.orphan()
    copy.run("restore", "--force")

    assert copy.run("backup").code == 0


def test_nothing_is_restored_while_stacks_of_this_copy_run(copy: Copy) -> None:
    copy.backup()
    place = Place(copy.var_dir)
    place.make_ready()
    holding = [sys.executable, "-c", "print(1, flush=True); input()"]
    with subprocess.Popen(
        holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as stack:
        assert stack.stdout is not None
        stack.stdout.readline()
        place.record("modern").write_text(f"{stack.pid} {stack.pid} 1\n")
        told = refused(copy, "--force")
        stack.communicate("\n")

    assert told.endswith("type `make down` first.\n")
    assert copy.run("restore").code == 0


def test_nothing_is_restored_while_another_program_has_the_file_open(copy: Copy) -> None:
    copy.backup()
    with closing(sqlite3.connect(copy.database)) as reader:
        assert reader.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        reader.execute("SELECT * FROM users").fetchall()
        said = copy.run("restore", "--force")

    assert said.code == 1
    assert said.err.endswith("is open in another program; stop that first.\n")


def test_while_it_is_restored_nobody_can_write(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.backup()
    tried = []
    really = os.link

    def link(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(copy.database, timeout=0)) as other, pytest.raises(sqlite3.OperationalError) as no:
            other.execute("DELETE FROM users")
        tried.append(str(no.value))
        really(source, target)

    with monkeypatch.context() as spying:
        spying.setattr("os.link", link)
        copy.run("restore")

    assert tried == ["database is locked"] * 2


def test_a_missing_database_is_no_obstacle(copy: Copy) -> None:
    earlier = copy.slugs()
    copy.backup()
    copy.database.unlink()
    done = copy.run("restore", "--json").json

    assert copy.slugs() == earlier
    assert done["before"] is None
    assert done["moved_aside"] == []


def test_the_log_of_a_missing_database_is_not_played_into_the_restored_one(copy: Copy, tmp_path: Path) -> None:
    earlier = copy.slugs()
    # Both begin with the same file, so that the log fits the backup page by page.
    copy.write("PRAGMA journal_mode = WAL")
    copy.backup()
    with closing(sqlite3.connect(copy.database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute(ADD)
        writer.commit()
        log = Path(f"{copy.database}-wal").read_bytes()
    copy.database.unlink()
    Path(f"{copy.database}-wal").write_bytes(log)
    done = copy.run("restore", "--json").json
    aside = [Path(path) for path in done["moved_aside"]]

    assert copy.slugs() == earlier
    assert [path.read_bytes() for path in aside] == [log]


@pytest.mark.parametrize("begin", [0, 5000], ids=["its head", "a page"])
def test_a_damaged_database_is_moved_aside_by_force_and_kept(copy: Copy, begin: int) -> None:
    earlier = copy.slugs()
    copy.backup()
    with copy.database.open("r+b") as file:
        file.seek(begin)
        file.write(b"\xff" * 9000)
    broken = copy.database.read_bytes()
    told = refused(copy)
    done = copy.run("restore", "--force", "--json").json
    *_, aside = done["moved_aside"]

    assert "The present database is damaged (" in told
    assert "--force" in told
    assert copy.slugs() == earlier
    assert Path(aside).read_bytes() == broken
    assert done["before"] is None


def test_two_damaged_databases_are_both_kept(copy: Copy) -> None:
    copy.backup()
    aside = []
    for text in (b"one" * 999, b"two" * 999):
        copy.database.write_bytes(text)
        aside += copy.run("restore", "--force", "--json").json["moved_aside"]

    assert [Path(path).read_bytes()[:3] for path in aside] == [b"one", b"two"]


def test_what_lies_in_the_log_of_the_present_database_is_kept_and_does_not_come_back(copy: Copy) -> None:
    earlier = copy.slugs()
    copy.backup()
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode = WAL');"
        "c.execute(sys.argv[2]); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(copy.database), ADD], check=True)
    log = Path(f"{copy.database}-wal")
    was_there = log.exists()
    before = copy.run("restore", "--force", "--json").json["before"]

    assert was_there
    assert not log.exists()
    assert copy.slugs() == earlier
    assert copy.slugs(Path(before)) == earlier | {"one-more"}


def test_a_linked_database_stays_a_link_and_its_file_keeps_its_mode(copy: Copy, tmp_path: Path) -> None:
    earlier = copy.slugs()
    real = copy.database.rename(tmp_path / "elsewhere.db")
    real.chmod(0o640)
    copy.database.symlink_to(real)
    copy.backup()
    copy.write(ADD)
    copy.run("restore", "--force")

    assert copy.database.is_symlink()
    assert copy.slugs(real) == earlier
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_relative_url_counts_from_the_projects_folder(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = copy.slugs()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{os.path.relpath(copy.database, ROOT)}")
    copy.backup()
    copy.write(ADD)
    copy.run("restore", "--force")

    assert copy.slugs() == earlier


def test_a_restore_that_cannot_write_leaves_the_database_as_it_was(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.backup()
    copy.write(ADD)
    later = copy.slugs()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as planted:
        planted.setattr("shutil.copyfile", full)
        said = copy.run("restore", "--force")

    assert said.code == 1
    assert "cannot be restored: [Errno 28] No space left on device" in said.err
    assert copy.slugs() == later
    assert not list(copy.var_dir.glob(".*restoring"))


def test_the_runbook_for_corruption_works_but_for_stopping_and_starting(copy: Copy) -> None:
    lines = [part for line in commands_of("docs/howto/roll-back-after-corruption.md") for part in line.split(" && ")]
    commands = [line.split()[1:] for line in lines if line.startswith("changeover ")]
    # Nothing is served here whose groups could be given back, and nobody runs who could run the scheduler.
    needs_stacks = ("rollback", "scheduler handover --to legacy")
    first, look, *rest = [command for command in commands if not " ".join(command).startswith(needs_stacks)]
    before = copy.run(*first)
    copy.orphan()
    looked = copy.run(*look)
    after = [copy.run(*command) for command in rest]

    assert (before.code, looked.code) == (0, 1)
    assert [command[0] for command in rest] == ["restore", "scheduler", "scheduler", "scheduler", "backup"]
    assert [said.code for said in after] == [0, 0, 0, 0, 0]
