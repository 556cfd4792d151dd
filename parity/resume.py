"""What a run keeps in its folder besides its journals, so that it can be taken up again after a kill.

run.json                    what was replayed, by digests
<recording>/ground.json     secret, clock and start state of one recording (mode 600)
<recording>/done.json       that it was replayed to its end
<recording>/checkpoint-N    how far it is (parity.checkpoint)
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from parity.certify import code_of
from parity.config import Config, Stack
from parity.databases import open_database
from parity.ground import Ground
from parity.recording import digest
from parity.values import ParityError

__all__ = [
    "RUN_FILE",
    "claim",
    "fingerprint",
    "finished",
    "has_progress",
    "keep_ground",
    "kept_ground",
    "mark_finished",
]

RUN_FILE = "run.json"
_GROUND, _DONE = "ground.json", "done.json"


def fingerprint(config: Config, stacks: Sequence[Stack], recordings: Sequence[Path], shift_s: float) -> dict[str, str]:
    """Return by name what a run is made of; where any of it changed, the first part of a run does not fit the second."""
    return {
        **{path.name: digest(path) for path in recordings},
        "the configuration": sha256(config.model_dump_json().encode()).hexdigest(),
        **{f"the code of {stack.name}": code_of(config, stack) for stack in stacks},
        "the shift of the clock": f"{shift_s:g}",
    }


def claim(folder: Path, made_of: Mapping[str, str], *, resume: bool) -> None:
    """Write down what the run in this folder is made of. Raise ParityError if it is to be taken up and was made of else."""
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        _write(folder / RUN_FILE, made_of)
        return
    before = _read(folder / RUN_FILE)
    if before is None:
        raise ParityError(f"{folder}: is no run that can be taken up again; run without --resume.")
    for name in [*made_of, *before]:
        if made_of.get(name) != before.get(name):
            raise ParityError(
                f"The run in {folder} cannot be taken up again: {name} has changed; run without --resume."
            )


def has_progress(folder: Path) -> bool:
    """Say whether the run in this folder got so far that taking it up again spares anything."""
    return any(next(folder.glob(f"*/{kept}"), None) for kept in (_DONE, "checkpoint-*"))


def keep_ground(ground: Ground) -> None:
    """Write down where the start state lies, and the secret and the clock that both stacks were given."""
    database = ground.database.url if ground.database else ""
    _write(ground.folder / _GROUND, {"secret": ground.secret, "offset_s": ground.offset_s, "database": database})


def kept_ground(ground: Ground) -> Ground | None:
    """Return a bare ground as the one that was kept in its folder; None where nothing is left of that."""
    data = _read(ground.folder / _GROUND)
    if data is None:
        return None
    try:
        database = open_database(data["database"]) if data["database"] else None
    except ParityError:
        return None
    return replace(ground, secret=data["secret"], offset_s=data["offset_s"], database=database)


def mark_finished(folder: Path, entries: int) -> None:
    """Note that all entries of the recording are in its journal."""
    _write(folder / _DONE, {"entries": entries})


def finished(folder: Path) -> int | None:
    """Return how many entries the recording had, None if it was not replayed to its end."""
    data = _read(folder / _DONE)
    return None if data is None else int(data["entries"])


def _write(path: Path, data: Mapping[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
