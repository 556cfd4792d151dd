"""The start state of a replay: an empty database, and the commands of the project that fill it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from parity.config import Config
from parity.databases import Database, open_database
from parity.databases.addresses import kind_of, shown, sqlite_path
from parity.environment import with_own
from parity.placeholders import fill
from parity.values import ParityError

__all__ = ["prepare"]


def prepare(config: Config, folder: Path, url: str, environ: Mapping[str, str]) -> Database:
    """Return the database that the `prepare` commands made at `url`, where there was none.

    They run one after the other in the project's folder, with `environ` added to the environment; their words may hold
    `{database_url}` and `{folder}`. Raise ParityError if there is none of them, one fails, or no table comes of it.
    """
    if not config.parity.prepare:
        raise ParityError("parity.prepare is empty; give the commands that make the tables, or a snapshot to copy.")
    _make_empty(url)
    try:
        for command in config.parity.prepare:
            words = [fill(word, {"database_url": url, "folder": str(folder)}) for word in command]
            _run(words, config.root, environ)
        return _made(url)
    except ParityError:
        _drop(url)
        raise


def _make_empty(url: str) -> None:
    """Make the empty database that the commands expect: on PostgreSQL one of that name, on SQLite the file's folder."""
    if kind_of(url) == "sqlite":
        path = sqlite_path(url)
        if path.exists():
            raise ParityError(f"{path}: is already there; remove it, or prepare another path.")
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        from parity.databases.postgresql import create

        create(url)


def _run(words: list[str], root: Path, environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            words, cwd=root, env=with_own(environ), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise ParityError(
            f'"{words[0]}" of parity.prepare cannot be run ({error.strerror}); is it installed?'
        ) from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace").splitlines()
        said = lines[-1].strip() if lines else "it said nothing"
        raise ParityError(f'"{" ".join(words)}" of parity.prepare failed with {done.returncode}: {said}')


def _made(url: str) -> Database:
    if kind_of(url) == "postgresql" or sqlite_path(url).exists():
        database = open_database(url)
        if database.tables():
            return database
    raise ParityError(
        f"The commands of parity.prepare made no table in {shown(url)}; "
        "give the app {database_url} in the variable that it reads, under [parity.env]."
    )


def _drop(url: str) -> None:
    if kind_of(url) == "postgresql" or sqlite_path(url).is_file():
        open_database(url).drop()
