"""The nginx process: its files in VAR_DIR, its user, its command line. Nothing here stays running.

For a supervisor, one call does it all:

    config = gateway.config.load(project_folder, os.environ)      # ConfigError: one line for the user
    command = gateway.nginx.prepare(config, var_dir, os.environ)  # ConfigError or NginxError, the same
    # run `command` in the foreground; TERM stops it at once, QUIT lets requests finish

`prepare` writes everything below `<var_dir>/gateway` (nginx.conf, pages/, run/, log/), tests it with `nginx -t` and
returns the command. It may be called again at any time; a running nginx reads the new files at its next start or HUP.
The gateway is up when `http://<config.host>:<config.port>` + `gateway.render.HEALTH` answers 200.
"""

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gateway.config import Config, ConfigError
from gateway.render import CONF, files

__all__ = ["NginxError", "check", "command_line", "find_nginx", "prepare", "runtime_dir"]

# Where package managers put nginx when an ordinary user's PATH lacks it.
MORE_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
UNPRIVILEGED = ("www-data", "nginx", "http", "_www", "nobody")


class NginxError(Exception):
    """nginx is missing or refuses the configuration. One line."""


def find_nginx(environ: Mapping[str, str]) -> str:
    """Return nginx's path. Raise NginxError, with what to type, if there is none."""
    places = os.pathsep.join([environ.get("PATH", os.defpath), *MORE_PLACES])
    found = shutil.which("nginx", path=places)
    if found is None:
        raise NginxError(
            "nginx is not installed; type: apt-get install nginx-light (Debian, Ubuntu) or brew install nginx"
        )
    return found


def runtime_dir(var_dir: Path) -> Path:
    """Return the folder that holds all of the gateway's files."""
    return var_dir.absolute() / "gateway"


def prepare(config: Config, var_dir: Path, environ: Mapping[str, str]) -> list[str]:
    """Write the gateway's files, test them, and return the command that runs nginx in the foreground."""
    nginx = find_nginx(environ)
    folder = runtime_dir(var_dir)
    for place in (folder, folder / "run", folder / "log", folder / "pages"):
        make_folder(place)
    user = drop_to(config, folder) if os.geteuid() == 0 else ""
    for name, text in files(config, user).items():
        write(folder / name, text)
    for name in config.texts:
        if (config.root / name).is_file():
            write(folder / "pages" / name, (config.root / name).read_text(encoding="utf-8"))
    command = command_line(nginx, folder)
    check(command)
    return command


def command_line(nginx: str, folder: Path) -> list[str]:
    return [nginx, "-p", f"{folder}/", "-c", str(folder / CONF), "-e", str(folder / "log" / "error.log")]


def check(command: list[str]) -> None:
    """Run `nginx -t`. Raise NginxError with its first complaint."""
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = done.stderr.splitlines()
        complaint = next((line for line in said if "[emerg]" in line), said[-1] if said else "no reason given")
        raise NginxError(f"nginx refuses its configuration: {complaint}")


def make_folder(folder: Path) -> None:
    """Make the folder readable for the user nginx becomes, whatever the umask says; parents that were there stay as is."""
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def write(path: Path, text: str) -> None:
    """Replace the file in one step, so that a running nginx never reads half of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(path)


def drop_to(config: Config, folder: Path) -> str:
    """Return nginx's `user` value for a start as root: an unprivileged user that can read what the workers need.

    Folders and logs stay root's: the master opens the logs, and nginx itself gives its temporary folders to that user.
    A worker that is taken over can then not plant a link where root writes.
    """
    needed = [folder, *([config.frontend / "index.html"] if config.frontend else [])]
    tried = []
    for name in UNPRIVILEGED:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        blocked = [path for path in needed if not can(account, "-r", path)]
        if not blocked:
            return f"{name} {grp.getgrgid(account.pw_gid).gr_name}"
        tried.append((name, blocked[0]))
    if not tried:
        raise ConfigError("environment", "user", "root", f"needs one of the users {', '.join(UNPRIVILEGED)}; add one")
    name, path = tried[0]
    key = "VAR_DIR" if path == folder else "FRONTEND_DIST"
    closed = next((parent for parent in reversed(path.parents) if not can(pwd.getpwnam(name), "-x", parent)), path)
    remedy = (
        f"nginx, started by root, becomes {name}, who may not enter {closed}; choose another folder or open that one"
    )
    raise ConfigError("environment", key, str(path), remedy)


def can(account: pwd.struct_passwd, what: str, path: Path) -> bool:
    """Ask the system itself (`-r` read, `-x` enter): access lists and mounts count as well as modes."""
    test = ["/bin/sh", "-c", 'test "$1" "$2"', "sh", what, str(path)]
    done = subprocess.run(test, user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/", check=False)  # noqa: S603
    return done.returncode == 0
