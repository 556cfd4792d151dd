"""How far a replay is, kept now and then: copies of both clones and of the stacks' files, what was learnt, the journal's length.

Only SQLite clones can be copied while a stack runs on them; a replay on anything else starts over after a kill.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from parity.databases import Database, open_database
from parity.databases.addresses import kind_of, sqlite_path
from parity.journal import Journal
from parity.lane import Lane
from parity.replay import Replay
from parity.values import ParityError

__all__ = ["Checkpoint", "Checkpoints", "last_checkpoint", "put_back"]

_EVERY = 1_000
_EVERY_S = 30.0
# At most this part of a replay's time goes into keeping it.
_SHARE = 0.05
_SIDES = ("left", "right")
_STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """`count` exchanges were done; `databases` are the clones as they were then, `state` what was learnt."""

    folder: Path
    count: int
    journal_bytes: int
    kept: Sequence[Sequence[Any]]
    state: Mapping[str, Any]

    @property
    def databases(self) -> tuple[Database, Database]:
        left, right = (open_database(f"sqlite:///{self.folder / side}.db") for side in _SIDES)
        return left, right


class Checkpoints:
    """Makes a checkpoint every 1,000 exchanges or half a minute, less often where that takes long.

    `before` exchanges were done when the replay was taken up.
    """

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        lanes: tuple[Lane, Lane],
        *,
        before: int = 0,
        every: int = _EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._journal, self._lanes = folder, journal, lanes
        self._before, self._every, self._clock = before, every, clock
        self._last, self._at, self._took_s = 0, clock(), 0.0
        self._possible = all(lane.database and kind_of(lane.database.url) == "sqlite" for lane in lanes)

    def is_due(self, count: int) -> bool:
        """Return whether it is time to."""
        if not self._possible:
            return False
        since_s = self._clock() - self._at
        due = count - self._last >= self._every or since_s >= _EVERY_S
        return due and since_s * _SHARE >= self._took_s

    def keep(self, count: int, replay: Replay) -> None:
        """Keep everything in a new folder, which then takes the place of the one before. Raise ParityError."""
        began = self._clock()
        done = self._before + count
        draft = self._folder / f".checkpoint-{done}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        for side, lane in zip(_SIDES, self._lanes, strict=True):
            if lane.database:
                lane.database.clone(f"sqlite:///{draft / side}.db", live=True)
                _copy_files(lane.folder, draft / side, sqlite_path(lane.database.url))
        facts = {"count": done, "journal_bytes": self._journal.length(), "kept": self._journal.export()}
        _write_private(draft / _STATE, {**facts, "state": replay.export()})
        for file in draft.glob("*.db"):
            _sync(file)
        draft.rename(self._folder / f"checkpoint-{done}")
        _sync(self._folder)
        for older in _checkpoints(self._folder)[:-1]:
            shutil.rmtree(older, ignore_errors=True)
        self._last, self._at = count, self._clock()
        self._took_s = self._at - began


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint of a replay, None if there is none that can be read."""
    for found in reversed(_checkpoints(folder)):
        try:
            data = json.loads((found / _STATE).read_bytes())
            return Checkpoint(found, data["count"], data["journal_bytes"], data["kept"], data["state"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def put_back(checkpoint: Checkpoint, folder: Path) -> None:
    """Put the files that the stacks had then into `folder`, in place of those that lie there."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        for side in _SIDES:
            shutil.copytree(checkpoint.folder / side, folder / side)
    except (OSError, shutil.Error) as error:
        raise ParityError(f"{checkpoint.folder}: cannot be put back ({error}); run without --resume.") from None


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))


def _copy_files(source: Path, target: Path, database: Path) -> None:
    """Copy a stack's own files; its database is copied in another way, and sockets are nothing to keep."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        paths = [Path(folder, name) for name in names]
        return {
            path.name
            for path in paths
            if str(path).startswith(str(database)) or not (path.is_file() or path.is_dir()) or path.is_symlink()
        }

    shutil.copytree(source, target, ignore=left_out)


def _write_private(path: Path, data: Mapping[str, Any]) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS))
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
