"""Certificates: their digest of the code changes with the code and with nothing else; the file is whole or not there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from parity.certificate import FORMAT, Certificate, code_digest, file_of, write_certificate


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "app/main.py": "print(1)\n",
        "app/models/user.py": "class User: ...\n",
        "app/templates/mail.html": "<p>Hello</p>",
        "other/main.py": "print(2)\n",
        "requirements.lock": "flask==3\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def write(name: str, text: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return change


def digest_of(root: Path) -> str:
    return code_digest(root, ["app", "requirements.lock"])


@pytest.mark.parametrize(
    "change",
    [
        write("app/main.py", "print(3)\n"),
        write("app/models/user.py", "class User: ... \n"),
        write("app/new.py", ""),
        write("app/templates/mail.html", "<p>Bye</p>"),
        write("requirements.lock", "flask==4\n"),
        lambda root: (root / "app/models/user.py").unlink(),
        lambda root: (root / "app/main.py").rename(root / "app/main2.py"),
    ],
    ids=[
        "a statement",
        "a space",
        "an empty module",
        "a template",
        "a locked version",
        "a module gone",
        "another name",
    ],
)
def test_the_digest_changes_with_the_code(change: Callable[[Path], object], root: Path) -> None:
    before = digest_of(root)
    change(root)

    assert digest_of(root) != before


@pytest.mark.parametrize(
    "change",
    [
        write("app/__pycache__/main.cpython-311.pyc", "x"),
        write("app/__pycache__/generated.py", "x"),
        write("app/notes.txt~", "x"),
        write("app/run.log", "x"),
        write("app/var/app.db", "x"),
        write("other/main.py", "print(4)\n"),
        lambda root: (root / "app/main.py").touch(),
        lambda root: (root / "app/main.py").chmod(0o600),
    ],
    ids=["bytecode", "a module among bytecode", "a draft", "a log", "a database", "other code", "its time", "its mode"],
)
def test_the_digest_does_not_change_with_caches_logs_and_other_code(
    change: Callable[[Path], object], root: Path
) -> None:
    before = digest_of(root)
    change(root)

    assert digest_of(root) == before


def test_the_digest_does_not_depend_on_where_the_project_lies_nor_on_the_order_of_folders(root: Path) -> None:
    elsewhere = root / "copy"
    for name in ("app/main.py", "app/models/user.py", "app/templates/mail.html", "requirements.lock"):
        write(name, (root / name).read_text())(elsewhere)

    assert code_digest(elsewhere, ["requirements.lock", "app", "app"]) == digest_of(root)


def certificate(group: str = "jobs/read", **changed: object) -> Certificate:
    facts: dict[str, object] = {
        "group": group,
        "passed": True,
        "reasons": (),
        "created": "2026-11-22T10:00:00Z",
        "recordings": {"walk.jsonl.gz": "ab" * 32},
        "ledger": "cd" * 32,
        "code": {"legacy": "ef" * 32, "modern": "01" * 32},
        "database": "sqlite",
        "exchanges": 12,
        "accepted": 0,
        "unexplained": 0,
        "wanted": 3,
        "seen": 3,
    }
    return Certificate(**{**facts, **changed})  # type: ignore[arg-type]


def test_a_certificate_is_one_file_a_group_and_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    write_certificate(folder, certificate(passed=False, reasons=("1 exchange differs.",)))
    path = write_certificate(folder, certificate())

    assert path == file_of(folder, "jobs/read") == folder / "jobs_read.json"
    assert [file.name for file in folder.iterdir()] == ["jobs_read.json"], "no draft is left"
    read = json.loads(path.read_text())
    assert (read["format"], read["passed"], read["reasons"]) == (FORMAT, True, [])
    assert read["recordings"] == {"walk.jsonl.gz": "ab" * 32}
