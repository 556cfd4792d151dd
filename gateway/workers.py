"""Whom a root nginx becomes, and what that user may enter and read. The system itself is asked."""

import contextlib
import grp
import os
import pwd
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

from gateway.config import Config, ConfigError

__all__ = ["can", "drop_to", "make_private_folder", "may_enter"]

UNPRIVILEGED = ("www-data", "nginx", "http", "_www", "nobody")


def may_enter(folder: Path) -> bool:
    """Whether one of the users nginx could become may enter the folder; without root nginx stays who it is."""
    return os.geteuid() != 0 or any(can(account, "-x", folder) for account in accounts())


def drop_to(config: Config, folder: Path) -> str:
    """Return nginx's `user` value for a start as root: an unprivileged user that can read what the workers need.

    Folders and logs stay root's: the master opens the logs, and nginx itself gives its temporary folders to that user.
    A worker that is taken over can then not plant a link where root writes.
    """
    needed = [folder, *([config.frontend / "index.html"] if config.frontend else [])]
    tried = []
    for account in accounts():
        blocked = [path for path in needed if not can(account, "-r", path)]
        if not blocked:
            return f"{account.pw_name} {grp.getgrgid(account.pw_gid).gr_name}"
        tried.append((account, blocked[0]))
    account, path = tried[0]
    raise ConfigError("environment", "VAR_DIR" if path == folder else "FRONTEND_DIST", str(path), remedy(account, path))


def make_private_folder(folder: Path, user: str) -> None:
    """Make a folder that only its owner and the group in nginx's `user` value may enter; the group may not write."""
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(folder, group=user.split()[1])
    folder.chmod(0o750)


def accounts() -> list[pwd.struct_passwd]:
    """Return those of the usual users that this machine has. Raise ConfigError if it has none."""
    found = []
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            found.append(pwd.getpwnam(name))
    if not found:
        raise ConfigError("environment", "user", "root", f"needs one of the users {', '.join(UNPRIVILEGED)}; add one")
    return found


def can(account: pwd.struct_passwd, what: str, path: Path) -> bool:
    """Ask the system itself (`-r` read, `-x` enter): access lists and mounts count as well as modes."""
    test = ["/bin/sh", "-c", 'test "$1" "$2"', "sh", what, str(path)]
    done = subprocess.run(test, user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/", check=False)  # noqa: S603
    return done.returncode == 0


def remedy(account: pwd.struct_passwd, path: Path) -> str:
    """Return what is closed to the user, and what to do about it."""
    closed = next((parent for parent in reversed(path.parents) if not can(account, "-x", parent)), None)
    said = (
        f"nginx, started by root, becomes {account.pw_name}, who may not {f'enter {closed}' if closed else 'read it'}"
    )
    commands = opening_commands(path)
    return f"{said}; choose another folder{f' or let everybody in: {commands}' if commands else ''}"


def opening_commands(path: Path) -> str:
    """Return the chmod that lets every user read the file and nothing else; "" where modes are not the reason."""
    steps = [path, *path.parents]
    folders = {folder for step in steps for folder in step.resolve().parents}
    folders |= {step.resolve() for step in steps[1:]}
    closed = sorted(str(folder) for folder in folders if not folder.stat().st_mode & stat.S_IXOTH)
    commands = [shlex.join(["chmod", "o+x", *closed])] if closed else []
    if not path.stat().st_mode & stat.S_IROTH:
        commands.append(shlex.join(["chmod", "o+r", str(path)]))
    return " && ".join(commands)
