"""Files that others recorded, of a comparable system: they are imported and replayed as they are, without a difference."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).parent / "foreign"


@dataclass(frozen=True)
class File:
    """A file, how many of its requests can be replayed, and how many recorded successes are none here, at most.

    The browser's file holds no body for two uploads, so the jobs these made, and what people did with them, are missing.
    """

    name: str
    exchanges: int
    lost: int


FILES = {
    "a browser's day": File("browser-session.har.gz", 542, 25),
    "a Postman collection": File("postman_collection.json", 61, 0),
}


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", FILES.values(), ids=FILES.keys())
def test_a_foreign_file_runs_on_both_stacks_without_a_difference(file: File, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "changeover",
        "parity",
        "run",
        str(FOLDER / file.name),
        "--json",
        "--coverage",
        "0",
    ]

    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "VAR_DIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr or done.stdout[:3000]
    report = json.loads(done.stdout)
    assert (report["counts"]["exchanges"], report["counts"]["equal"]) == (file.exchanges, file.exchanges)
    recorded = [line for line in report["exchanges"] if line["recorded"] and line["recorded"] < 300]
    assert sum(line["left"] >= 300 for line in recorded) <= file.lost
