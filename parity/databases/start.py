"""The start state: an empty database, and the commands of the app that fill it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from parity.config import Config
from parity.databases import Database, open_database
from parity.placeholders import fill
from parity.values import ParityError

__all__ = ["prepare"]

_LONGEST_S = 300


def prepare(config: Config, folder: Path, url: str, env: Mapping[str, str]) -> Database:
    """Return the database at `url` after the `prepare` commands ran in the project's folder. Raise ParityError if one fails.

    `env` is added to the runner's environment; programs of this Python come first on PATH. Output goes to prepare.log.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    whole = {**os.environ, "PATH": path, **env}
    facts = {"database_url": url, "folder": str(folder), "python": sys.executable}
    with (folder / "prepare.log").open("ab+") as log:
        for command in config.parity.prepare:
            words = [fill(word, facts) for word in command]
            try:
                code = subprocess.run(  # noqa: S603 - the project's own command
                    words, cwd=config.root, env=whole, stdout=log, stderr=log, timeout=_LONGEST_S, check=False
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                raise ParityError(f'parity.prepare: "{" ".join(words)}" cannot be run: {error}.') from None
            if code:
                log.seek(0)
                said = log.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
                raise ParityError(f'parity.prepare: "{" ".join(words)}" ended with {code}: {said[-1]}')
    return open_database(url)
