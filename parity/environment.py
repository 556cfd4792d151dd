"""The environment of what the runner starts: stacks and the commands that prepare a database."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["with_own"]


def with_own(env: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `env` over it; programs of this Python come first on PATH."""
    merged = {**os.environ, **env}
    return {**merged, "PATH": os.pathsep.join([str(Path(sys.prefix, "bin")), merged.get("PATH", os.defpath)])}
