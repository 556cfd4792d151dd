"""The folder of the gateway's files: below VAR_DIR, or a public one where a root nginx's workers cannot enter VAR_DIR.

A clone in root's home is such a case. Logs are found by `<var_dir>/gateway` either way.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from gateway.tables import ConfigError
from gateway.workers import may_enter

__all__ = ["make_folder", "settle"]

PREFIX = "changeover-"
# Where to look besides TMPDIR, which may be private as well.
MORE_PLACES = ("/tmp", "/var/tmp")  # noqa: S108 - what is made there is checked


def settle(var_dir: Path) -> Path:
    """Return the folder, made and open to the workers; where it is not `<var_dir>/gateway`, that is a link to it."""
    inside = var_dir.absolute() / "gateway"
    if not var_dir.exists():
        make_folder(var_dir.absolute())
    base = None if may_enter(var_dir.absolute()) else public_base()
    if base is None:
        if inside.is_symlink() and inside.readlink().name.startswith(PREFIX):
            inside.unlink()
        make_folder(inside)
        return inside
    place = base / f"{PREFIX}{hashlib.sha256(os.fsencode(var_dir.resolve())).hexdigest()[:12]}"
    claim(place, var_dir)
    record(inside, place)
    return place


def public_base() -> Path | None:
    """Return a temporary folder that workers may enter and in which nobody else can replace what is ours."""
    for name in (tempfile.gettempdir(), *MORE_PLACES):
        base = Path(name).resolve()
        if base.is_dir() and all(is_guarded(folder) for folder in (base, *base.parents)) and may_enter(base):
            return base
    return None


def is_guarded(folder: Path) -> bool:
    """Whether only root and we can rename what root or we have put there."""
    found = folder.stat()
    closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_mode & stat.S_ISVTX
    return bool(closed) and found.st_uid in {0, os.geteuid()}


def claim(place: Path, var_dir: Path) -> None:
    """Make the folder, or take over that of an earlier start. Raise ConfigError if somebody else may have made it."""
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o755)
    found = place.lstat()
    others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or others_write:
        remedy = f"nginx's workers may not enter it, and {place} for their files is not ours alone; remove {place}"
        raise ConfigError("environment", "VAR_DIR", str(var_dir), remedy)
    place.chmod(0o755)


def record(link: Path, place: Path) -> None:
    """Make `link` lead to the place. A folder that was there gives its logs to the place and goes."""
    if link.is_symlink():
        if link.readlink() == place:
            return
        link.unlink()
    elif link.is_dir():
        (place / "log").mkdir(mode=0o700, exist_ok=True)
        for log in (link / "log").glob("*"):
            with log.open("rb") as old, (place / "log" / log.name).open("ab") as kept:
                shutil.copyfileobj(old, kept)
        shutil.rmtree(link)
    link.symlink_to(place)


def make_folder(folder: Path) -> None:
    """Make the folder readable for the user nginx becomes, whatever the umask says; parents that were there stay as is."""
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
