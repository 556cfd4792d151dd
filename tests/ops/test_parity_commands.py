"""`changeover parity run` and `changeover import` from outside: exit codes, streams, files, one-line errors."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from changeover.cli import main
from changeover.system import ROOT
from parity.recording import Header, Writer, digest

PAIR = ROOT / "tests" / "parity" / "fastapi_pair"
REPORTS = {"index.html", "report.json", "junit.xml", "summary.md"}
RULE = """[[accept]]
route = "POST /loans"
where = "rows"
axis = "presence"
path = "loans"
reason = "as agreed"
owner = "ada"
expires = 2999-01-01
"""
Change = Callable[[Path], object]


class Said:
    def __init__(self, exit_code: int, out: str, err: str) -> None:
        self.exit_code, self.out, self.err = exit_code, out, err


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of two stacks, from which commands are called."""
    root = shutil.copytree(PAIR, tmp_path / "pair", ignore=shutil.ignore_patterns("var", "__pycache__"))
    monkeypatch.delenv("VAR_DIR", raising=False)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def changeover(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Return the command, run in this process."""

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["changeover", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


def setting(old: str, new: str) -> Change:
    def change(root: Path) -> None:
        file = root / "dualstack.toml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return change


def ledger(text: str) -> Change:
    def change(root: Path) -> None:
        (root / "ledger.toml").write_text(text)
        setting("[parity]\n", '[parity]\nledger = "ledger.toml"\n')(root)

    return change


def without_the_old_stack(root: Path) -> None:
    setting("[stacks.old]\n", '[stacks.old]\nfolder = "gone"\n')(root)


def nothing(_root: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (nothing, ["none"], 'There is no recording "none"'),
        (nothing, ["--group", "jobs"], "names no route groups; leave out --group and --phase"),
        (nothing, ["--phase", "1"], "names no route groups; leave out --group and --phase"),
        (nothing, ["--project", str(ROOT), "--group", "nope"], 'There is no route group "nope"; there are '),
        (nothing, ["--project", str(ROOT), "--phase", "99"], "There is no phase 99; there are "),
        (nothing, ["--project", "tests"], "Invalid value for '--project'"),
        (nothing, ["--project", "/"], "/dualstack.toml: cannot be read"),
        (nothing, ["--coverage", "95"], "Invalid value for '--coverage'"),
        (nothing, ["--shrink", "few"], "Invalid value for '--shrink'"),
        (nothing, ["--quick"], "No such option: --quick"),
        (nothing, ["prepare.py"], "prepare.py"),
        (lambda root: (root / "requests.jsonl").unlink(), [], "parity.recordings (requests.jsonl) finds no file"),
        (setting('recordings = ["requests.jsonl"]\n', ""), [], "parity.recordings is empty"),
        (
            without_the_old_stack,
            [],
            "There is nothing to hold new against, the only stack in dualstack.toml; set parity.golden",
        ),
        (setting("[parity]\n", "[parity]\nledgr = 1\n"), [], "ledgr: is not a known key"),
        (setting("[stacks.old]\n", "[stacks.old\n"), [], "dualstack.toml: is not TOML"),
        (ledger("[[accept]\n"), [], "ledger.toml: is not TOML"),
        (ledger(RULE.replace("ada", "")), [], 'ledger.toml: rule 1: owner: "" cannot be used'),
        (setting("prepare.py", "perpare.py"), [], "perpare.py"),
        (setting("loans_new:app", "loans_now:app"), [], "loans_now"),
        (lambda root: (root / "requests.jsonl").write_text("{}\n"), [], "requests.jsonl"),
        (
            setting("[parity.database]\n", '[parity.database]\nignore_tables = ["loa*", "sesions"]\n'),
            [],
            'ignore_tables: "sesions" matches no table; correct it or take it out. There are: ',
        ),
    ],
    ids=[
        "an unknown recording",
        "a group without route groups",
        "a phase without route groups",
        "an unknown group",
        "an unknown phase",
        "no folder",
        "a folder without settings",
        "a share in percent",
        "a word for a number",
        "an unknown option",
        "a file that is none of the known kinds",
        "a recording that is gone",
        "no recordings configured",
        "one stack only",
        "an unknown setting",
        "broken settings",
        "a broken ledger",
        "a rule without an owner",
        "no database can be made",
        "a stack that cannot be started",
        "a recording without a header",
        "a table that nobody has",
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    change: Change, arguments: list[str], said: str, pair: Path, changeover: Callable[..., Said]
) -> None:
    change(pair)

    done = changeover("parity", "run", *arguments, "--json")

    assert said in done.err
    assert (done.exit_code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "Traceback" not in done.err
    assert "Logs are in" not in done.err
    assert not list(pair.glob("var/parity/run-*"))


def test_a_difference_is_exit_1_and_the_reports_lie_where_they_were_asked_for(
    pair: Path, changeover: Callable[..., Said]
) -> None:
    done = changeover("parity", "run", "--coverage", "0", "--report", "out/report", "--shrink", "0")

    assert done.exit_code == 1
    assert "Parity failed: 1 unexplained group, 1 cause." in done.out
    assert "replaying requests.jsonl, 12 exchanges" in done.out
    assert {file.name for file in (pair / "out/report").iterdir()} == REPORTS
    assert str(pair / "out/report") in done.out.replace("\n", "")
    assert not (pair / "var/parity/report").exists()
    assert [path.name for path in (pair / "var/parity").iterdir() if path.name.startswith("run-")] == []


def test_json_is_one_object_on_stdout_and_nothing_else(pair: Path, changeover: Callable[..., Said]) -> None:
    done = changeover("parity", "run", "--json", "--coverage", "0", "--shrink", "0")
    report = json.loads(done.out)

    assert (done.exit_code, done.err) == (1, "")
    assert (report["verdict"], report["counts"]["exchanges"], len(report["exchanges"])) == ("failed", 12, 12)
    written = json.loads((pair / "var/parity/report/report.json").read_text())
    assert written == report


def test_what_the_ledger_accepts_is_exit_0(pair: Path, changeover: Callable[..., Said]) -> None:
    ledger(RULE)(pair)

    done = changeover("parity", "run", "--coverage", "0")

    assert (done.exit_code, done.err) == (0, "")
    assert "Parity passed: 12 exchanges, no unexplained difference." in done.out
    certificates = {file.stem: json.loads(file.read_text()) for file in (pair / "var/parity/certificates").iterdir()}
    assert {name: one["passed"] for name, one in certificates.items()} == {"loans": True}
    assert certificates["loans"]["recordings"] == {"requests.jsonl": digest(pair / "requests.jsonl")}


def test_an_empty_recording_proves_nothing(pair: Path, changeover: Callable[..., Said]) -> None:
    with Writer(pair / "requests.jsonl.new", Header()) as writer:
        pass
    writer.path.replace(pair / "requests.jsonl")

    done = changeover("parity", "run", "--coverage", "0")

    assert done.exit_code == 1
    assert "No exchange was compared." in done.out


def test_another_project_is_named_by_its_folder_from_anywhere(pair: Path, tmp_path: Path) -> None:
    """A process of its own: what its recordings and commands are named by is relative to the project, not to the caller."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "changeover", "parity", "run", "--project", str(pair), "--json", "--shrink", "0"]
    environ = {name: value for name, value in os.environ.items() if name != "VAR_DIR"} | {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(command, cwd=elsewhere, env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["recordings"][0]["name"] == "requests.jsonl"
    assert {file.name for file in (pair / "var/parity/report").iterdir()} == REPORTS
    assert list(elsewhere.iterdir()) == []


HAR = {
    "log": {
        "version": "1.2",
        "entries": [
            {
                "startedDateTime": f"2026-11-22T10:00:0{number}.000Z",
                "time": 1,
                "request": {"method": "GET", "url": f"http://127.0.0.1:1{path}", "headers": []},
                "response": {
                    "status": status,
                    "headers": [{"name": "Content-Type", "value": "application/json"}],
                    "content": {"mimeType": "application/json", "text": '{"detail":"A reader\'s key is needed"}'},
                },
            }
            for number, (path, status) in enumerate([("/loans", 401), ("/loans/7", -1)])
        ],
    }
}


def test_an_imported_file_says_what_was_left_out_and_can_be_replayed(
    pair: Path, changeover: Callable[..., Said]
) -> None:
    (pair / "browser.har").write_text(json.dumps(HAR))

    done = changeover("import", "browser.har", "--name", "mine", "--json")

    told = json.loads(done.out)
    assert (done.exit_code, done.err) == (0, "")
    assert Path(told["recording"]) == pair / "var/recordings/mine.jsonl.gz"
    assert (told["entries"], [left["count"] for left in told["left_out"]]) == (1, [1])
    again = changeover("parity", "run", "mine", "--coverage", "0")
    assert (again.exit_code, again.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.har"], "none.har"),
        (["prepare.py"], "prepare.py"),
        (["requests.jsonl"], "is a recording already"),
        (["browser.har", "--variable", "host"], '--variable "host" is not NAME=VALUE'),
        ([], "Missing argument"),
    ],
    ids=["no file", "another kind of file", "a recording", "half a variable", "nothing"],
)
def test_what_cannot_be_imported_is_one_line_and_exit_2(
    arguments: list[str], said: str, pair: Path, changeover: Callable[..., Said]
) -> None:
    (pair / "browser.har").write_text(json.dumps(HAR))

    done = changeover("import", *arguments)

    assert said in done.err
    assert (done.exit_code, done.out, done.err.count("\n")) == (2, "", 1)
    assert not (pair / "var/recordings/prepare.jsonl.gz").exists()
