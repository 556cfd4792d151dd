"""The commands of a page of the documents, run as they stand there, on a copy of the system."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ops.ground import environment_of_a_copy, open_folder

__all__ = ["ROOT", "Shell", "commands_of", "open_shell"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Shell:
    """Runs lines of a page; `words` of it, such as what stands in angle brackets, are replaced first."""

    environ: dict[str, str]
    words: dict[str, str]

    @property
    def var_dir(self) -> Path:
        return Path(self.environ["VAR_DIR"])

    def run(self, command: str, exit_code: int = 0) -> str:
        """Return what the command printed, after seeing that it ended with this code."""
        for word, value in self.words.items():
            command = command.replace(word, value)
        done = subprocess.run(
            command, shell=True, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == exit_code, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout if exit_code == 0 else done.stderr


@contextmanager
def open_shell() -> Iterator[Shell]:
    """Yield a shell in which `make` and `changeover` work on a copy of the system, stopped afterwards."""
    with open_folder() as var_dir:
        environ = environment_of_a_copy(var_dir)
        environ["PATH"] = os.pathsep.join([str(ROOT / ".venv" / "bin"), environ["PATH"]])
        shell = Shell(environ, {"127.0.0.1:8000": f"127.0.0.1:{environ['GATEWAY_PORT']}"})
        try:
            yield shell
        finally:
            shell.run("make down")


def commands_of(page: str) -> list[str]:
    """Return the commands of the code blocks; a line that ends in a backslash goes on."""
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", "").splitlines() if line.strip()]
