"""The commands of the tutorial, run as they stand there, on a copy of the system."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ops.ground import environment_of_a_copy, open_folder

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-hour.md"


@dataclass
class Shell:
    """Runs lines of the tutorial; what stands in angle brackets there, and the port, is put in first."""

    environ: dict[str, str]
    words: dict[str, str]

    def run(self, command: str) -> str:
        for word, value in self.words.items():
            command = command.replace(word, value)
        done = subprocess.run(
            command, shell=True, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def shell() -> Iterator[Shell]:
    with open_folder() as var_dir:
        environ = environment_of_a_copy(var_dir)
        shell = Shell(environ, {"127.0.0.1:8000": f"127.0.0.1:{environ['GATEWAY_PORT']}"})
        try:
            yield shell
        finally:
            shell.run("make down")


def commands() -> list[str]:
    """Return the commands of the code blocks; a line that ends in a backslash goes on."""
    blocks = re.findall(r"^```\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", "").splitlines() if line.strip()]


def test_the_tutorial_works_as_it_is_written(shell: Shell) -> None:
    said = []
    for command in commands():
        said.append(shell.run(command))
        if command == "make demo":
            shell.words["<password>"] = said[-1].rsplit(" ", 1)[-1].strip()
        if "/auth/login" in command:
            shell.words["<token>"] = json.loads(said[-1])["access_token"]

    answers = [answer for answer in said if answer.startswith("HTTP/1.1")]
    bodies = {answer.partition("\n\n")[2] for answer in (text.replace("\r\n", "\n") for text in answers)}
    assert len(answers) == 3
    assert all(answer.startswith("HTTP/1.1 200") for answer in answers)
    assert len(bodies) == 1
    assert '"count":25' in bodies.pop()
    assert "accepted" in said[-1]
