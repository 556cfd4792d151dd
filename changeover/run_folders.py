"""The folders that runs work in, below VAR_DIR/parity: one process a folder, and what a killed one left can be taken up again."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from changeover.problems import Problem
from parity.resume import RUN_FILE, has_progress
from parity.values import ParityError

__all__ = ["run_folder", "with_logs"]

_PREFIX = "run-"
_LOCK = "lock"
# There once a run has ended with a message: nobody needs to be reminded of it.
_TOLD = "told"
_KEPT_S = 24 * 3600


@contextmanager
def run_folder(runs: Path, *, resume: bool, say: Callable[[str], None]) -> Iterator[Path]:
    """Yield a folder for one run, locked by this process: a new one, or the newest that a run left before its end.

    What others left is removed when this run succeeds, or when it is a day old. Raise Problem where nothing can be resumed.
    """
    runs.mkdir(parents=True, exist_ok=True)
    folder, lock = _taken_up(runs) if resume else _new(runs, say)
    try:
        yield folder
    except (Problem, ParityError):
        _keep_what_is_of_use(folder)
        os.close(lock)
        raise
    except BaseException:
        # Whatever killed it, the folder stays: for its logs, and to be taken up.
        os.close(lock)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
    for path in _left(runs):
        _remove(path)


def with_logs(said: object, folder: Path) -> str:
    """Return what was said, with the place of the logs if there are any."""
    return f"{said} (Logs are in {folder}.)" if _has_logs(folder) else str(said)


def _has_logs(folder: Path) -> bool:
    return any(file.stat().st_size for file in folder.rglob("*.log"))


def _keep_what_is_of_use(folder: Path) -> None:
    """Leave of a run that ended with a message its logs, and what spares replaying its first part again."""
    if has_progress(folder):
        (folder / _TOLD).touch()
    elif _has_logs(folder):
        (folder / RUN_FILE).unlink(missing_ok=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _is_killed(folder: Path) -> bool:
    return (folder / RUN_FILE).exists() and not (folder / _TOLD).exists() and _is_free(folder)


def _new(runs: Path, say: Callable[[str], None]) -> tuple[Path, int]:
    for path in _left(runs):
        if time.time() - _last_used(path) > _KEPT_S:
            _remove(path)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=runs))
    lock = _locked(folder)
    if lock is None:
        raise Problem(f"{folder}: cannot be locked; use a VAR_DIR on a local disk.")
    unfinished = next((path for path in _left(runs) if _is_killed(path)), None)
    if unfinished:
        when = time.strftime("%H:%M", time.localtime(_last_used(unfinished)))
        say(f"A run did not get to its end at {when}; `changeover parity run --resume` goes on with it.")
    return folder, lock


def _taken_up(runs: Path) -> tuple[Path, int]:
    for path in _left(runs):
        lock = _locked(path) if (path / RUN_FILE).exists() else None
        if lock is not None:
            (path / _TOLD).unlink(missing_ok=True)
            return path, lock
    raise Problem(f"There is no unfinished run in {runs}; run without --resume.")


def _left(runs: Path) -> list[Path]:
    """Return the folders of all runs that are under way or were killed, the newest first."""
    return sorted(runs.glob(f"{_PREFIX}*"), key=_last_used, reverse=True)


def _last_used(folder: Path) -> float:
    files = [folder, folder / RUN_FILE, *folder.glob("*/journal.jsonl")]
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _locked(folder: Path) -> int | None:
    """Return the descriptor that holds the folder's lock, None while another process does."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_free(folder: Path) -> bool:
    lock = _locked(folder)
    if lock is not None:
        os.close(lock)
    return lock is not None


def _remove(folder: Path) -> None:
    """Remove what nobody works in."""
    lock = _locked(folder)
    if lock is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
