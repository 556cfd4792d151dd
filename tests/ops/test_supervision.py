"""supervisord as this project drives it: real processes, but a stand-in for the servers."""

import configparser
import os
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from changeover import launch
from changeover.place import Place
from changeover.problems import Problem
from changeover.supervision import Group, Supervisor, render
from tests.ops.waiting import wait_for

SERVER = Path(__file__).with_name("forking_server.py")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def server_group(port: int, name: str = "web") -> Group:
    return Group(name, (sys.executable, str(SERVER), str(port)), Path.cwd(), order=1)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "var")
    place.make_ready()
    yield place
    Supervisor(place).stop()


def started(place: Place, *groups: Group) -> Supervisor:
    supervisor = Supervisor(place)
    supervisor.start(render(groups, place, Path.cwd()), os.environ)
    return supervisor


def members(place: Place, name: str) -> list[int]:
    last = launch.read_incarnation(place.record(name))
    return launch.members(last) if last else []


def test_a_killed_master_comes_back_although_its_worker_kept_the_port(place: Place) -> None:
    port = free_port()
    supervisor = started(place, server_group(port))
    wait_for("the server answers", lambda: answers(port))
    (first,) = supervisor.states()

    assert first.pid is not None
    orphans = [pid for pid in members(place, "web") if pid != first.pid]
    os.kill(first.pid, signal.SIGKILL)

    def back() -> bool:
        (state,) = supervisor.states()
        return state.pid not in (None, first.pid) and state.restarts == 1 and len(members(place, "web")) == 2

    wait_for("the group is back with a new master", back)
    assert len(orphans) == 1
    assert not launch.is_alive(orphans[0])
    wait_for("the server answers again", lambda: answers(port))


def test_stop_leaves_no_process(place: Place) -> None:
    port = free_port()
    supervisor = started(place, server_group(port))
    wait_for("the server answers", lambda: answers(port))
    processes = members(place, "web")

    assert supervisor.stop()

    assert len(processes) == 2
    assert [pid for pid in processes if launch.is_alive(pid)] == []
    assert not supervisor.stop(), "a second stop finds nothing"


def test_stop_ends_groups_that_outlived_a_killed_supervisord(place: Place) -> None:
    port = free_port()
    supervisor = started(place, server_group(port))
    wait_for("the server answers", lambda: answers(port))
    processes = members(place, "web")
    os.kill(int((place.var_dir / "run" / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_for("supervisord is gone", lambda: not supervisor.is_running())

    assert answers(port), "the group itself lives on"
    assert supervisor.stop()
    assert [pid for pid in processes if launch.is_alive(pid)] == []


def test_a_socket_path_too_long_for_the_kernel_gets_a_short_one(tmp_path: Path) -> None:
    place = Place(tmp_path / ("deep" * 30) / "var")
    place.make_ready()
    port = free_port()
    supervisor = started(place, server_group(port))
    try:
        wait_for("the server answers", lambda: answers(port))
        folder = place.socket.parent

        assert len(str(place.socket)) < 60
        assert folder.stat().st_mode & 0o777 == 0o700
        assert [state.name for state in Supervisor(place).states()] == ["web"]
    finally:
        supervisor.stop()
    assert not folder.exists()


def test_a_group_that_cannot_start_is_reported_and_its_log_says_why(place: Place) -> None:
    supervisor = started(place, Group("web", ("no-such-program",), Path.cwd(), order=1))

    wait_for("supervisord backs off", lambda: supervisor.states()[0].state == "BACKOFF")

    assert place.log("web").read_text().splitlines()[0] == "no-such-program: No such file or directory"


def test_two_copies_do_not_know_each_other(tmp_path: Path) -> None:
    places = [Place(tmp_path / name) for name in ("one", "two")]
    ports = [free_port(), free_port()]
    for place in places:
        place.make_ready()
    try:
        one, two = (started(place, server_group(port)) for place, port in zip(places, ports, strict=True))
        for port in ports:
            wait_for("the server answers", lambda port=port: answers(port))
        one.stop()

        assert not answers(ports[0])
        assert answers(ports[1])
        assert two.is_running()
    finally:
        for place in places:
            Supervisor(place).stop()


def test_an_absent_supervisord_has_no_groups(tmp_path: Path) -> None:
    supervisor = Supervisor(Place(tmp_path))

    assert not supervisor.is_running()
    assert supervisor.states() == []
    assert not supervisor.stop()


def test_a_configuration_supervisord_cannot_use_is_one_line(place: Place) -> None:
    with pytest.raises(Problem, match=r"^supervisord did not start: .*WAVE") as caught:
        started(place, Group("web", ("true",), Path.cwd(), order=1, stop_signal="WAVE"))

    assert "\n" not in str(caught.value)


class TestRenderedConfiguration:
    """What the file says, read back as supervisord reads it."""

    GROUPS = (
        Group("legacy", ("serve", "--format", "%(h)s", "a b"), Path("/srv/100% app"), order=10),
        Group("gateway", ("proxy",), Path("/srv"), order=20, stop_signal="QUIT"),
    )

    @pytest.fixture
    def config(self, tmp_path: Path) -> configparser.ConfigParser:
        parser = configparser.ConfigParser()
        parser.read_string(render(self.GROUPS, Place(tmp_path), Path("/srv")))
        return parser

    def test_each_group_is_one_program(self, config: configparser.ConfigParser) -> None:
        assert [name for name in config if name.startswith("program:")] == ["program:legacy", "program:gateway"]

    def test_percent_signs_and_spaces_survive(self, config: configparser.ConfigParser) -> None:
        assert shlex.split(config["program:legacy"]["command"])[-4:] == ["serve", "--format", "%(h)s", "a b"]
        assert config["program:legacy"]["directory"] == "/srv/100% app"

    @pytest.mark.parametrize("name", ["legacy", "gateway"])
    def test_a_killed_group_comes_back_and_a_stopped_one_goes_whole(
        self, config: configparser.ConfigParser, name: str
    ) -> None:
        program = config[f"program:{name}"]
        assert [program[key] for key in ("autorestart", "stopasgroup", "killasgroup")] == ["true"] * 3

    def test_logs_rotate_in_var_dir(self, config: configparser.ConfigParser, tmp_path: Path) -> None:
        program = config["program:gateway"]

        assert program["stdout_logfile"] == str(tmp_path / "log" / "gateway.log")
        assert program["stdout_logfile_maxbytes"] == "10MB"
        assert int(program["stdout_logfile_backups"]) > 0

    def test_the_gateway_stops_first_and_by_its_own_signal(self, config: configparser.ConfigParser) -> None:
        legacy, gateway = config["program:legacy"], config["program:gateway"]

        assert int(gateway["priority"]) > int(legacy["priority"])
        assert (legacy["stopsignal"], gateway["stopsignal"]) == ("TERM", "QUIT")

    def test_only_the_owner_reaches_the_control_socket(self, config: configparser.ConfigParser) -> None:
        assert config["unix_http_server"]["chmod"] == "0700"
