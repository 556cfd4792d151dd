"""The main path of `your-own-pair.md`, as strangers walk it: settings of their own, foreign files imported, one run."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from parity.har import to_har
from parity.recording import read

ROOT = Path(__file__).resolve().parents[2]
PAIR = ROOT / "tests" / "parity" / "fastapi_pair"
PAGE = (ROOT / "docs" / "howto" / "your-own-pair.md").read_text()
URL = "http://localhost:5000"


def commands(section: str) -> list[str]:
    """Return the commands of a section's code blocks."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def har() -> dict[str, Any]:
    """Return the pair's exchanges as a browser saves them, with nothing of ours in it."""
    header, entries = read(PAIR / "requests.jsonl")
    document = json.loads(json.dumps(to_har(header.to_json(), entries)).replace("http://recorded", URL))
    del document["log"]["_parity"]
    for entry in document["log"]["entries"]:
        del entry["_parity"]
    return document


COLLECTION = {
    "info": {"name": "shop", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
    "item": [{"name": "all", "request": {"method": "GET", "url": "{{base_url}}/loans"}}],
}
OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "loans", "version": "1"},
    "paths": {"/loans": {"get": {"responses": {"401": {"description": "A key is missing"}}}}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of somebody else's: two services, the files named on the page, and settings as it tells them."""
    pair = shutil.copytree(PAIR, tmp_path / "shop", ignore=shutil.ignore_patterns("requests.jsonl", "__pycache__"))
    settings = (pair / "dualstack.toml").read_text()
    patterns = 'recordings = ["var/recordings/*.jsonl*"]'
    assert patterns in PAGE
    settings = settings.replace('recordings = ["requests.jsonl"]', f'{patterns}\npublic = ["x-reader-key"]')
    (pair / "dualstack.toml").write_text(settings)
    for name, document in {
        "browser.har": har(),
        "shop.postman_collection.json": COLLECTION,
        "openapi.json": OPENAPI,
    }.items():
        (pair / name).write_text(json.dumps(document))
    return pair


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "VAR_DIR"}
    # The page's alias.
    path = os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ["PATH"]])
    return subprocess.run(
        command, shell=True, cwd=folder, env={**kept, "PATH": path}, capture_output=True, text=True, check=False
    )


def test_the_way_from_foreign_files_to_a_report_works_as_it_is_written(folder: Path) -> None:
    for command in commands("3. Get a recording"):
        done = run(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert len(list((folder / "var/recordings").glob("*.jsonl.gz"))) == 3
    assert (folder / "var/redaction.key").exists()

    [command] = commands("4. Run")
    done = run(command, folder)

    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((folder / "var/parity/report/report.json").read_text())
    facts = ("where", "axis", "path")
    expected = tomllib.loads((PAIR / "expected.toml").read_text())["group"]
    assert [{name: group[name] for name in facts} for group in report["groups"]] == [
        {name: group[name] for name in facts} for group in expected
    ]
    assert {path.name for path in (folder / "var/parity/report").iterdir()} == {
        "index.html",
        "report.json",
        "junit.xml",
        "summary.md",
    }


def test_a_setting_that_is_wrong_is_one_line_and_exit_code_two(folder: Path) -> None:
    with (folder / "dualstack.toml").open("a") as settings:
        settings.write("\n[[parity.sinks]]\nmatch = '*'\n")

    done = run("changeover parity run", folder)

    assert done.returncode == 2
    assert "sinks: is not a known key" in done.stderr
    assert len(done.stderr.splitlines()) == 1
