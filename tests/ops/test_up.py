"""`up` and `down` with stand-ins for the stacks, but the real supervisord, nginx and database."""

import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from changeover import launch, up
from changeover.problems import FAILED, UNUSABLE, Problem
from changeover.status import report
from changeover.supervision import GroupState, Supervisor
from changeover.system import System, load_system
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from shared_models.engine import sync_engine
from shared_models.migrate import expected_revision, revision_of
from tests.ops.ground import environment_of_a_copy, open_folder
from tests.ops.waiting import wait_for

STUB = Path(__file__).with_name("stub_stack.py")
STACK = """
[stacks.{name}]
folder = "{name}_folder"
host = "127.0.0.1"
port = 1
port_env = "{variable}"
prefix = "{prefix}"
interface = "wsgi"
app = "{mood}"
keep_alive_s = 5
start = ["{python}", "{stub}", "{{port}}", "{prefix}", "{{app}}"]
health = "/health"
live = "/health/live"
"""
GATEWAY = """
[gateway]
host = "127.0.0.1"
host_env = "BIND_HOST"
port = 8000
port_env = "GATEWAY_PORT"
routes = "routes.toml"

[limits]
body_bytes = 1000
"""
ROUTES = '[[group]]\nid = "health"\ntitle = "Health"\nmatch = ["GET /health", "GET /health/live"]\n'
Project = Callable[..., System]


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Make a project with one stub per mood given, and return it as loaded; whatever runs in it ends with the test."""
    made: list[System] = []

    def make(legacy: str | None = "good", modern: str = "good", **environ: str) -> System:
        moods = {"legacy": ("LEGACY_PORT", "/api", legacy), "modern": ("MODERN_PORT", "/api/v2", modern)}
        stacks = [
            STACK.format(name=name, variable=variable, prefix=prefix, mood=mood, python=sys.executable, stub=STUB)
            for name, (variable, prefix, mood) in moods.items()
        ]
        (folder / "dualstack.toml").write_text("".join([GATEWAY, *stacks]))
        (folder / "routes.toml").write_text(ROUTES)
        for name, (_, _, mood) in moods.items():
            if mood is not None:
                (folder / f"{name}_folder").mkdir(exist_ok=True)
        for name, value in (environment | environ).items():
            monkeypatch.setenv(name, value)
        made.append(load_system(folder))
        return made[-1]

    with open_folder() as folder:
        environment = environment_of_a_copy(folder / "var")
        monkeypatch.chdir(folder)
        yield make
        for system in made:
            Supervisor(system.place).stop()


def processes(system: System) -> list[int]:
    records = filter(None, map(launch.read_incarnation, system.place.records()))
    return [pid for record in records for pid in launch.members(record)]


def started(system: System) -> list[str]:
    said: list[str] = []
    up.bring_up(system, said.append)
    return said


def test_up_starts_everything_and_says_where_it_is(project: Project) -> None:
    system = project()
    said = started(system)

    assert said[-3:] == [
        f"  gateway  http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        f"  legacy   http://127.0.0.1:{os.environ['LEGACY_PORT']}/api",
        f"  modern   http://127.0.0.1:{os.environ['MODERN_PORT']}/api/v2",
    ]
    assert report(system).healthy


def test_up_brings_the_database_to_this_release_and_shows_the_first_password_once(project: Project) -> None:
    system = project()
    shown = [line for line in started(system) if "password" in line]
    up.bring_down(system, lambda _: None)
    shown_later = [line for line in started(system) if "password" in line]
    engine = sync_engine(system.settings.database_url)

    assert revision_of(engine) == expected_revision()
    assert [bool(re.fullmatch(r"First admin: admin, password \S{16} .*", line)) for line in shown] == [True]
    assert shown_later == []
    engine.dispose()


def test_a_second_up_changes_nothing(project: Project) -> None:
    system = project()
    first = started(system)
    before = processes(system)
    second = started(system)

    assert processes(system) == before
    assert second == ["Everything is running already.", *first[-3:]]


def test_a_second_up_starts_a_group_that_gave_up(project: Project) -> None:
    system = project()
    started(system)
    Supervisor(system.place).call("stopProcess", "modern")

    assert started(system)[:2] == ["Started modern again.", "Everything is running already."]
    assert report(system).healthy


def test_up_with_other_settings_refuses_instead_of_pretending(project: Project) -> None:
    started(project())

    with pytest.raises(
        Problem, match=r"^VAR_DIR=.*: the copy there runs with other settings; type `make down`"
    ) as caught:
        started(project(SCHEDULER_TIMEZONE="Europe/London"))

    assert caught.value.exit_code == UNUSABLE
    assert report(project(SCHEDULER_TIMEZONE="Europe/London")).remark.endswith(
        "with other settings than the present ones."
    )
    assert report(project(SCHEDULER_TIMEZONE="Asia/Tokyo")).remark == ""


def test_down_leaves_no_process(project: Project) -> None:
    system = project()
    started(system)
    running = processes(system)
    said: list[str] = []
    up.bring_down(system, said.append)
    up.bring_down(system, said.append)

    assert len(running) >= 6, "two stacks, nginx and its two workers, the watch"
    assert [pid for pid in running if launch.is_alive(pid)] == []
    assert said == ["Stopped.", "Nothing was running."]


def test_up_takes_over_from_a_killed_supervisord(project: Project) -> None:
    system = project()
    started(system)
    left = processes(system)
    supervisord = int((system.place.var_dir / "run" / "supervisord.pid").read_text())
    os.kill(supervisord, signal.SIGKILL)
    wait_for("supervisord is gone", lambda: not launch.is_alive(supervisord))
    said = started(system)

    assert said[0] == "Ended processes that an earlier run left behind."
    assert [pid for pid in left if launch.is_alive(pid)] == []
    assert report(system).healthy


def test_without_the_legacy_folder_modern_and_gateway_run_alone(project: Project) -> None:
    system = project(legacy=None)
    said = started(system)

    assert [group.name for group in report(system).groups] == ["modern", "gateway"]
    assert not any("legacy" in line for line in said)
    assert report(system).healthy


@pytest.mark.parametrize("variable", ["GATEWAY_PORT", "LEGACY_PORT", "MODERN_PORT"])
def test_a_taken_port_is_named_with_its_variable(project: Project, variable: str) -> None:
    system = project()
    port = int(os.environ[variable])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(Problem) as caught:
        started(system)

    assert str(caught.value) == (
        f"{variable}={port}: port {port} is taken by another program; stop it, or set {variable} to a free port."
    )
    assert caught.value.exit_code == UNUSABLE
    assert not (system.place.var_dir / "cron_jobs.db").exists(), "nothing was begun"


def test_a_stack_that_dies_is_named_with_its_last_words_and_nothing_stays(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    system = project(modern="dying")
    with pytest.raises(
        Problem, match=r"^modern does not become healthy: it ends as often as it is started; see .*modern\.log$"
    ) as caught:
        started(system)

    assert caught.value.exit_code == FAILED
    assert "BadSetting: this stack cannot start" in capsys.readouterr().err
    assert not Supervisor(system.place).is_running()
    assert processes(system) == []


def test_a_stack_that_never_gets_healthy_is_given_up_in_the_end(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "_HEALTHY_WITHIN_S", 0.5)
    system = project(legacy="sick")

    # On a busy machine the time may be over before the stack says anything at all.
    trouble = r"^legacy does not become healthy: http://.*/api/health/live (?:answers 503|does not answer); see "
    with pytest.raises(Problem, match=trouble):
        started(system)

    assert processes(system) == []


def test_a_database_that_does_not_answer_is_one_line_without_its_password(project: Project) -> None:
    system = project(DATABASE_URL="postgresql://someone:hush@127.0.0.1:1/none")
    with pytest.raises(Problem, match=r"^DATABASE_URL=postgresql\+psycopg://someone:\*\*\*@127.0.0.1:1/none") as caught:
        started(system)

    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_status_tells_a_silent_stack_from_a_gateway_that_does_not_reach_it(project: Project) -> None:
    system = project()
    started(system)
    Supervisor(system.place).call("stopProcess", "modern")
    found = report(system)

    health = {group.name: group.health for group in found.groups}
    assert health == {
        "legacy": "healthy",
        "modern": "no answer",
        "gateway": "does not reach modern",
        "watch": "healthy",
    }
    assert [group.name for group in found.groups if group.state == "STOPPED"] == ["modern"]
    assert not found.healthy


def test_the_watch_takes_back_what_a_dead_stack_had_also_after_it_was_killed(project: Project) -> None:
    system = project()
    started(system)
    flips = Flips.of(system.config, system.place.var_dir)
    assert flips.carry_out(Order("flip", Ownership({"health": 100}))).word == "done"
    supervisor = Supervisor(system.place)

    def watch() -> GroupState:
        return next(state for state in supervisor.states() if state.name == "watch")

    log = system.place.log("watch")
    wait_for("its first look", lambda: log.read_text().count('"answers"') == 1)
    killed = watch().pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    wait_for("another watch", lambda: watch().state == "RUNNING" and watch().pid != killed)
    wait_for("the first look of the other", lambda: log.read_text().count('"answers"') == 2)
    supervisor.call("stopProcess", "modern")
    wait_for("a rollback", lambda: '"event": "rolled back"' in log.read_text())

    assert flips.standing().ownership.shares == {}
    assert flips.audit.records()[-1]["reason"].startswith("modern does not answer at 127.0.0.1:")


def test_logs_show_what_each_group_wrote(project: Project) -> None:
    system = project()
    started(system)
    logs = system.place.logs()

    assert list(logs) == ["gateway", "legacy", "modern", "supervisord", "watch"]
    assert [log.name for log in logs["gateway"]] == ["gateway.log", "error.log"]


def test_status_of_a_copy_that_never_ran_makes_no_database(project: Project) -> None:
    system = project()
    found = report(system)

    assert not found.healthy
    assert found.database.problem == "there is no such file"
    assert {group.state for group in found.groups} == {"not running"}
    assert not (system.place.var_dir / "cron_jobs.db").exists()
