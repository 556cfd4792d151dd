"""Whom a root nginx becomes: it is asked what that user may read, and a refusal says which chmod would do."""

import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, load
from gateway.workers import can, drop_to, may_enter
from tests.gateway.edge import make_project

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to change to")


@pytest.fixture
def folder(open_folder: Callable[[str], Path]) -> Path:
    return open_folder("workers")


def with_frontend(folder: Path, dist: Path) -> Config:
    return load(make_project(folder / "project"), {"FRONTEND_DIST": str(dist)})


def make_dist(dist: Path) -> Path:
    dist.mkdir(parents=True)
    (dist / "index.html").write_text("app")
    return dist


def test_reading_is_asked_of_the_system(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    secret = folder / "secret"
    secret.write_text("x")
    secret.chmod(0o600)

    assert (can(nobody, "-x", folder), can(nobody, "-r", secret)) == (True, False)


def test_a_private_folder_is_closed_to_workers_but_not_to_an_nginx_of_its_owner(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.chmod(0o700)
    as_root = may_enter(folder)
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert (as_root, may_enter(folder)) == (False, True)


def test_a_machine_without_any_of_the_users_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.workers.UNPRIVILEGED", ("no-such-user", "nor-this"))

    with pytest.raises(
        ConfigError, match=r"^environment: user = 'root': needs one of the users no-such-user, nor-this"
    ):
        may_enter(folder)


def test_a_frontend_that_the_workers_cannot_read_is_said(folder: Path) -> None:
    dist = make_dist(folder / "dist")
    dist.chmod(0o700)

    with pytest.raises(ConfigError) as caught:
        drop_to(with_frontend(folder, dist), folder)

    assert str(caught.value) == (
        f"environment: FRONTEND_DIST = '{dist}/index.html': nginx, started by root, becomes www-data, "
        f"who may not enter {dist}; choose another folder or let everybody in: chmod o+x {dist}"
    )


def close(path: Path) -> Path:
    if not path.exists():
        path.mkdir()
    path.chmod(0o600 if path.is_file() else 0o700)
    return path


def link(path: Path, to: Path) -> Path:
    path.symlink_to(to)
    return path


CLOSED: dict[str, Callable[[Path], Path]] = {
    "a parent": lambda folder: make_dist(close(folder / "home") / "app/dist"),
    "a parent with a blank in its name": lambda folder: make_dist(close(folder / "my home") / "dist"),
    "two parents": lambda folder: make_dist(close(close(folder / "home") / "app") / "dist"),
    "the folder": lambda folder: close(make_dist(folder / "dist")),
    "the file": lambda folder: close(make_dist(folder / "dist") / "index.html").parent,
    "a file with a blank in its path": lambda folder: close(make_dist(folder / "my dist") / "index.html").parent,
    "where a link leads": lambda folder: link(folder / "dist", make_dist(close(folder / "home") / "dist")),
    "where a link of a parent leads": lambda folder: (
        link(folder / "app", make_dist(close(folder / "home") / "app/dist").parent) / "dist"
    ),
    "a link that is in a closed folder": lambda folder: link(
        link(folder / "app", close(close(folder / "home") / "app")) / "dist", make_dist(folder / "public")
    ),
}


@pytest.mark.parametrize("make", CLOSED.values(), ids=CLOSED.keys())
def test_the_chmod_that_a_refusal_shows_is_enough(folder: Path, make: Callable[[Path], Path]) -> None:
    config = with_frontend(folder, make(folder))
    with pytest.raises(ConfigError) as caught:
        drop_to(config, folder)

    _, _, commands = str(caught.value).partition("; choose another folder or let everybody in: ")
    subprocess.run(["/bin/sh", "-ec", commands], check=True)

    assert commands.startswith("chmod o+")
    assert drop_to(config, folder) == "www-data www-data"
