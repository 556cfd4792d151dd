"""The parity runner over every pair in `pairs/`: it finds what was planted where it was planted, and nothing else.

Each pair is a folder with two services that share no code, the settings for the runner, a recording (or a HAR, Postman
or OpenAPI file), and in `expected.toml` the groups of differences that the runner has to report.
"""

import ast
import asyncio
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from parity.config import Config, load_config
from parity.har import to_har
from parity.journal import Played
from parity.recording import Writer, read
from parity.redaction.redactor import Redactor
from parity.report.value import Report
from parity.routes import RouteBook
from parity.runner import Options, run
from parity.sources import Options as ImportOptions
from parity.sources import import_file

ROOT = Path(__file__).resolve().parents[1]
PAIRS = sorted(path.parent for path in Path(__file__).parent.glob("pairs/*/dualstack.toml"))
CLEAN = ["keys_and_cookies", "own_sequences", "signed_webhooks"]
Found = set[tuple[str, str, str, str]]

each_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda path: path.name)


class Silence:
    def begin(self, name: str, total: int) -> None:
        pass

    def advance(self, played: Played) -> None:
        pass

    def say(self, text: str) -> None:
        pass


def expected(pair: Path) -> Found:
    """Return (where, axis, path, route) of every group."""
    groups = tomllib.loads((pair / "expected.toml").read_text())["group"]
    return {(group["where"], group["axis"], group["path"], group["route"]) for group in groups}


def found(report: Report) -> Found:
    return {(group.where, group.axis, group.path, f"{group.method} {group.route}") for group in report.groups}


def replayed(config: Config, recording: Path, folder: Path) -> Report:
    """Return the report of one run; a foreign file is imported first."""
    if recording.suffix != ".jsonl":
        recording = imported(config, recording, folder)
    running = run(config, [recording], Options(folder / "run", shrink=0), book=RouteBook(), progress=Silence())
    return asyncio.run(running).report


def imported(config: Config, foreign: Path, folder: Path) -> Path:
    """Return a HAR, Postman or OpenAPI file as a redacted recording, made as strangers make theirs."""
    options = ImportOptions(
        Redactor(b"a key of the tests, 32 bytes long", config.parity.secrets),
        prefixes=[stack.prefix for stack in config.stacks],
        accounts=config.parity.accounts,
        login=config.parity.login,
    )
    gathered = import_file(foreign, options)
    with Writer(folder / "imported.jsonl", gathered.header) as writer:
        for entry in gathered.entries:
            writer.write(entry)
    return writer.path


@each_pair
def test_the_runner_finds_what_was_planted_and_nothing_else(pair: Path, tmp_path: Path) -> None:
    config = load_config(pair)

    report = replayed(config, pair / config.parity.recordings[0], tmp_path)

    assert found(report) == expected(pair)
    assert report.verdict == ("failed" if expected(pair) else "passed")
    assert not report.counts.not_carried
    assert not report.counts.skipped


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_pair_stays_clean_when_its_recording_is_somebody_elses_har(name: str, tmp_path: Path) -> None:
    """Nothing of ours is left in it, and its passwords, keys and cookies are masked on the way in."""
    config = load_config(Path(__file__).parent / "pairs" / name)
    header, entries = read(config.root / "requests.jsonl")
    document = to_har(header.to_json(), entries)
    del document["log"]["_parity"]
    for entry in document["log"]["entries"]:
        del entry["_parity"]
    foreign = tmp_path / "browser.har"
    foreign.write_text(json.dumps(document))

    report = replayed(config, foreign, tmp_path)

    assert found(report) == set()
    assert not report.witness.groups
    assert report.verdict == "passed"


@pytest.mark.parametrize(("name", "code"), [("late_refusal", 1), ("own_sequences", 0)])
def test_the_command_says_it_by_its_exit_code(name: str, code: int, tmp_path: Path) -> None:
    pair = shutil.copytree(Path(__file__).parent / "pairs" / name, tmp_path / name)
    command = [sys.executable, "-m", "changeover", "parity", "run", "--project", str(pair)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == code, done.stdout + done.stderr
    report = json.loads((pair / "var/parity/report/report.json").read_text())
    assert len(report["groups"]) == len(expected(pair))


def imports(path: Path) -> set[str]:
    """Return the top modules that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or ".").partition(".")[0])
    return names


@each_pair
def test_the_two_share_no_code(pair: Path) -> None:
    flask, fastapi = (imports(pair / f"{pair.name}_{stack}.py") for stack in ("flask", "fastapi"))
    own = {path.stem for path in Path(__file__).parent.glob("pairs/*/*.py")}

    assert (flask | fastapi) & own == set()
    assert "flask" in flask - fastapi
    assert "fastapi" in fastapi - flask


def test_all_but_the_clean_pairs_expect_something() -> None:
    assert [pair.name for pair in PAIRS if not expected(pair)] == CLEAN
