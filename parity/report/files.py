"""How reports come onto the disk: whole or not at all, for a browser or a CI server may be looking."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

__all__ = ["whole_or_not"]


def whole_or_not(path: Path, write: Callable[[TextIO], None]) -> Path:
    """Let `write` fill a draft beside the path, then put it in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="\n", errors="backslashreplace") as file:
            write(file)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
