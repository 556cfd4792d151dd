"""The nginx process: its files in VAR_DIR, its user, its command line. Nothing here stays running.

For a supervisor, one call does it all:

    config = gateway.config.load(project_folder, os.environ)      # ConfigError: one line for the user
    command = gateway.nginx.prepare(config, var_dir, os.environ)  # ConfigError or NginxError, the same
    # run `command` in the foreground; TERM stops it at once, QUIT lets requests finish

`prepare` writes everything below `<var_dir>/gateway` (nginx.conf, pages/, run/, log/), tests it with `nginx -t` and
returns the command. That folder is a link where a root nginx's workers cannot enter VAR_DIR, see `gateway.folder`.
It may be called again at any time; a running nginx reads the new files at its next start or HUP.
The gateway is up when `http://<config.host>:<config.port>` + `gateway.render.HEALTH` answers 200.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.config import Config
from gateway.flips import Flips
from gateway.folder import make_folder, settle
from gateway.render import CONF, files
from gateway.workers import drop_to, make_private_folder

__all__ = ["NginxError", "check", "command_line", "find_nginx", "prepare"]

# Where package managers put nginx when an ordinary user's PATH lacks it.
MORE_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
# Each request follows the link to the ownership table, and the kernel is asked about every folder on the way to it.
# Seen from the gateway's folder that way is short. The shell leaves its place, and its process id, to nginx.
IN_ITS_FOLDER = 'cd "$0" && exec "$@"'


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


def prepare(config: Config, var_dir: Path, environ: Mapping[str, str]) -> list[str]:
    """Write the gateway's files, test them, and return the command that runs nginx in the foreground.

    The ownership table is made where it is missing. Groups that are wholly the candidate's now stay so in the structure:
    should the table ever be lost, they do not fall back silently.
    """
    nginx = find_nginx(environ)
    folder = settle(var_dir)
    flips = Flips.of(config, var_dir)
    flips.ensure_table()
    shares = flips.standing().ownership.shares
    config = replace(config, settled=frozenset(group for group, share in shares.items() if share == 100))
    user = drop_to(config, folder) if os.geteuid() == 0 else ""
    make_folder(folder / "run")
    make_folder(folder / "pages")
    if folder.is_relative_to(var_dir.absolute()):
        make_folder(folder / "log")
    else:
        make_private_folder(folder / "log", user)
    for name, text in files(config, user).items():
        write(folder / name, text)
    for name in config.texts:
        if (config.root / name).is_file():
            write(folder / "pages" / name, (config.root / name).read_text(encoding="utf-8"))
    command = command_line(nginx, folder)
    check(command)
    return command


def command_line(nginx: str, folder: Path) -> list[str]:
    return ["/bin/sh", "-c", IN_ITS_FOLDER, str(folder), nginx, "-p", "./", "-c", CONF, "-e", "log/error.log"]


def check(command: list[str]) -> None:
    """Run `nginx -t`. Raise NginxError with its first complaint."""
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = done.stderr.splitlines()
        complaint = next((line for line in said if "[emerg]" in line), said[-1] if said else "no reason given")
        raise NginxError(f"nginx refuses its configuration: {complaint}")


def write(path: Path, text: str) -> None:
    """Replace the file in one step, so that a running nginx never reads half of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(path)
