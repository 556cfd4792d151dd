"""The nginx process: what is prepared for it, as whom it runs, and how it leaves."""

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import load
from gateway.nginx import NginxError, check, find_nginx, prepare
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, make_project, wait_for

AS_ROOT = os.geteuid() == 0
ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture
def folder(open_folder: Callable[[str], Path]) -> Path:
    return open_folder("nginx")


def test_nginx_is_found_where_ordinary_users_do_not_look() -> None:
    assert find_nginx({"PATH": "/nonexistent"}).endswith("/nginx")


def test_a_missing_nginx_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.nginx.MORE_PLACES", ())

    with pytest.raises(NginxError, match=r"^nginx is not installed; type: apt-get install"):
        find_nginx({"PATH": "/nonexistent"})


def test_everything_is_below_the_runtime_folder(folder: Path) -> None:
    project = make_project(folder / "project")

    command = prepare(load(project, {}), folder / "var", ENVIRON)

    gateway = folder / "var/gateway"
    assert command[3] == str(gateway)
    assert command[5:] == ["-p", "./", "-c", "nginx.conf", "-e", "log/error.log"]
    assert {path.name for path in gateway.iterdir()} == {"nginx.conf", "pages", "run", "log", "state"}
    assert {path.name for path in (gateway / "pages").iterdir()} == {"index.html", "README.md"}


def test_preparing_again_brings_new_settings(folder: Path) -> None:
    project = make_project(folder / "project")
    prepare(load(project, {}), folder / "var", ENVIRON)

    prepare(load(project, {"LEGACY_PORT": "6001"}), folder / "var", ENVIRON)

    assert "server 127.0.0.1:6001;" in (folder / "var/gateway/nginx.conf").read_text()


def test_a_narrow_umask_does_not_lock_nginx_out(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        prepare(load(make_project(folder / "project"), {}), folder / "var", ENVIRON)
    finally:
        os.umask(before)

    modes = [
        stat.S_IMODE((folder / "var/gateway" / name).stat().st_mode) for name in ("", "log", "pages", "nginx.conf")
    ]
    assert modes == [0o755, 0o755, 0o755, 0o644]


def test_a_configuration_that_nginx_refuses_is_one_line(folder: Path) -> None:
    command = prepare(load(make_project(folder / "project"), {}), folder / "var", ENVIRON)
    conf = folder / "var/gateway/nginx.conf"
    conf.write_text(conf.read_text().replace("server_tokens off;", "server_tokens perhaps;"))

    with pytest.raises(NginxError, match=r'^nginx refuses its configuration: .*"perhaps"[^\n]*$'):
        check(command)


def workers(edge: Edge) -> list[int]:
    children = Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()] if children.exists() else []


@pytest.mark.skipif(not AS_ROOT, reason="only root has a user to change to")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_a_gateway_started_by_root_works_as_somebody_else(edge: Edge) -> None:
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in workers(edge)}

    assert len(workers(edge)) == 2
    assert 0 not in owners


@pytest.mark.skipif(not AS_ROOT, reason="only root has a user to change to")
def test_where_root_writes_nobody_else_may(edge: Edge) -> None:
    gateway = edge.var_dir / "gateway"
    for place in (gateway, gateway / "log", gateway / "run", gateway / "pages"):
        assert (place.stat().st_uid, place.stat().st_mode & 0o022) == (0, 0)


def test_quit_lets_a_request_finish(folder: Path) -> None:
    with EchoStack("legacy") as legacy:
        edge = Edge(make_project(folder / "project"), folder / "var", [legacy.port, legacy.port + 1])
        with edge, edge.connect() as connection:
            connection.sendall(b"GET /api/things/slow HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(lambda: legacy.requests("slow"), "the request is with the stack")
            edge.process.send_signal(signal.SIGQUIT)
            wait_for(lambda: not edge.is_up(), "no new connections")
            legacy.released.set()

            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
            assert edge.process.wait(10) == 0
