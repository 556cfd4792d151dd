"""The same system as containers: stacks are reached by their service names, and each listens on every address."""

from dataclasses import replace
from pathlib import Path

from changeover.problems import FAILED, Problem
from gateway.config import Config, ConfigError, Stack, load
from gateway.ownership import Ownership, seats
from gateway.render import CONF, files, nginx_conf
from gateway.table import Table

__all__ = ["EVERYWHERE", "as_services", "by_name", "check_committed", "listening_on", "write_committed", "write_folder"]

EVERYWHERE = "0.0.0.0"
COMMITTED = Path("deploy") / CONF


def as_services(root: Path, *, complete: bool = False) -> Config:
    """Return the configuration in which every stack's host is its name, as docker-compose.yml calls its services."""
    try:
        config = load(root, {}, complete=complete)
    except ConfigError as error:
        raise Problem(str(error)) from None
    return by_name(replace(config, host=EVERYWHERE))


def by_name(config: Config) -> Config:
    """Return the configuration with the stacks at the hosts that are called as they are."""
    return replace(config, stacks=tuple(replace(stack, host=stack.name) for stack in config.stacks))


def listening_on(stack: Stack, host: str) -> list[str]:
    """Return the stack's start command with another address to listen on."""
    return replace(stack, host=host).command


def write_folder(root: Path, folder: Path) -> None:
    """Write all that nginx needs below `nginx -p folder`, for the stacks that are there; its errors go to a stream.

    The first ownership table is in it, and becomes the first content of the volume that is mounted there.
    """
    config = as_services(root)
    for name in ("run", "log", "pages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in files(config).items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in config.texts:
        if (root / name).is_file():
            (folder / "pages" / name).write_text((root / name).read_text(encoding="utf-8"), encoding="utf-8")
    log = folder / "log" / "error.log"
    log.unlink(missing_ok=True)
    log.symlink_to("/dev/stderr")
    table = Table(folder / "state")
    table.swap(table.write(1, seats(config, Ownership())))


def write_committed(root: Path) -> None:
    """Write deploy/nginx.conf: every stack, so that it stays the same when a folder goes."""
    (root / COMMITTED).write_text(nginx_conf(as_services(root, complete=True)), encoding="utf-8")


def check_committed(root: Path) -> None:
    """Raise Problem unless deploy/nginx.conf is what would be written now."""
    committed = root / COMMITTED
    wanted = nginx_conf(as_services(root, complete=True))
    if not committed.is_file() or committed.read_text(encoding="utf-8") != wanted:
        raise Problem(f"{COMMITTED} is not current; type: changeover containers", FAILED)
