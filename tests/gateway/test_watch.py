"""The watch over a living gateway: bad answers come, and the table goes back without anybody's doing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway import access_log, watch
from gateway.access_log import rotate
from gateway.cohorts import key_in
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from gateway.watch import Event, Watch
from tests.gateway.echo_stack import EchoStack, reserved_port
from tests.gateway.edge import Edge, make_project, request_bytes, wait_for

GOOD, BAD = "/api/things/1", "/api/things/1?like=/status/500"


@dataclass
class Scene:
    """A gateway, its two stacks, and what watchers told."""

    edge: Edge
    events: list[Event] = field(default_factory=list)

    @property
    def flips(self) -> Flips:
        return Flips.of(self.edge.config, self.edge.var_dir)

    @property
    def shares(self) -> dict[str, int]:
        return dict(self.flips.standing().ownership.shares)

    def flip(self, **shares: int) -> None:
        wanted = Ownership({group.replace("_", "."): share for group, share in shares.items()})
        assert self.flips.carry_out(Order("flip", wanted)).word == "done"

    def watch(self, **options: bool) -> Watch:
        candidate = self.edge.config.candidate
        assert candidate is not None
        return Watch(self.flips, candidate, self.events.append, **options)

    @contextmanager
    def watched(self, **options: bool) -> Iterator[Watch]:
        running, stop = self.watch(**options), threading.Event()
        thread = threading.Thread(target=running.run, args=(stop,))
        thread.start()
        try:
            yield running
        finally:
            stop.set()
            thread.join()

    def told(self, what: str) -> list[str]:
        return [event.words for event in self.events if event.what == what]

    def ask(self, cohort: str, target: str, count: int = 1) -> None:
        """Send requests of one visitor over one connection."""
        cookie = [("Cookie", f"gwb={key_in(cohort, self.edge.config.sticky.salt)}")]
        with closing(self.edge.connect()) as connection:
            for _ in range(count):
                self.edge.raw(request_bytes("GET", target, cookie), on=connection)


@pytest.fixture
def scene(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Scene]:
    folder = open_folder("watch")
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as running:
        yield Scene(running)


def test_a_canary_that_fails_goes_back_after_a_few_answers(scene: Scene) -> None:
    scene.flip(things_read=1, things_write=5)
    with scene.watched():
        scene.ask("c100", GOOD, 300)
        wait_for(lambda: len(scene.edge.log_lines()) >= 300, "the baseline is in the log")

        def fails_until_rolled_back() -> bool:
            scene.ask("c1", BAD)
            return bool(scene.told("rolled back"))

        wait_for(fails_until_rolled_back, "a rollback")

    last = scene.flips.audit.records()[-1]
    assert scene.shares == {"things.write": 5}
    assert (last["what"], last["event"], last["proof"]["seen"]) == ("rollback by watch", "done", True)
    assert "requests failed on modern, 0 of 300 on legacy meanwhile" in last["reason"]
    assert last["verdict"]["counts"]["bad"] <= 5
    scene.ask("c1", BAD, 20)
    assert len(scene.told("rolled back")) == 1


def test_a_candidate_turned_off_gives_everything_back(
    open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.pulse.EVERY_S", 0.02)
    folder = open_folder("down")
    with EchoStack("modern") as modern, ExitStack() as later:
        ports = [stacks[0].port, modern.port]
        scene = Scene(later.enter_context(Edge(make_project(folder / "project"), folder / "var", ports)))
        scene.flip(things_read=100, things_write=1)
        with scene.watched() as running:
            wait_for(lambda: running.pulse.was_up, "a first beat")
            modern.server.shutdown()
            modern.server.server_close()
            wait_for(lambda: scene.told("rolled back"), "a rollback")

            assert scene.shares == {}
            assert scene.told("rolled back")[0].startswith(
                f"modern does not answer at 127.0.0.1:{modern.port} (refused)"
            )
            assert scene.edge.get(GOOD).header("X-Served-By") == "legacy"


def test_with_both_stacks_down_nothing_is_moved(
    open_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.pulse.EVERY_S", 0.02)
    monkeypatch.setattr("gateway.pulse.PATIENCE_BEATS", 1)
    folder = open_folder("both-down")
    with closing(reserved_port()) as one, closing(reserved_port()) as other:
        ports = [one.getsockname()[1], other.getsockname()[1]]
        with Edge(make_project(folder / "project"), folder / "var", ports) as edge:
            scene = Scene(edge)
            scene.flips.carry_out(Order("flip", Ownership({"things.read": 50}), must_stay=True))
            with scene.watched():
                wait_for(lambda: scene.told("kept"), "word of both")

            assert scene.told("kept") == ["modern does not answer; nor does legacy: moving makes nothing better"]
            assert scene.shares == {"things.read": 50}


def test_one_that_observes_only_says_what_it_would_do(scene: Scene) -> None:
    scene.flip(things_read=100)
    before = scene.flips.audit.path.read_bytes()
    with scene.watched(observe=True):
        scene.ask("c100", BAD, 10)
        wait_for(lambda: scene.told("would roll back"), "a verdict")
        scene.ask("c100", BAD, 10)
        wait_for(lambda: len(scene.edge.log_lines()) >= 20, "the log")

    assert scene.flips.audit.path.read_bytes() == before
    assert len(scene.told("would roll back")) == 1


def test_two_watchers_roll_back_once(scene: Scene) -> None:
    scene.flip(things_read=100)
    with scene.watched(), scene.watched():
        scene.ask("c1", BAD, 10)
        wait_for(lambda: scene.told("rolled back"), "a rollback")
        scene.ask("c1", BAD, 10)
        wait_for(lambda: len(scene.edge.log_lines()) >= 20, "the log")

    assert [record["what"] for record in scene.flips.audit.records()].count("rollback by watch") == 2, (
        "wanted, and done"
    )


def test_a_group_flipped_again_is_judged_anew(scene: Scene) -> None:
    scene.flip(things_read=100)
    with scene.watched():
        scene.ask("c1", BAD, 10)
        wait_for(lambda: len(scene.told("rolled back")) == 1, "a rollback")
        scene.flip(things_read=100)
        scene.ask("c1", BAD, 10)
        wait_for(lambda: len(scene.told("rolled back")) == 2, "another rollback")


def test_what_was_served_before_its_start_is_a_baseline_and_no_reason(scene: Scene) -> None:
    scene.ask("c1", GOOD, 100)
    scene.flip(things_read=100)
    scene.ask("c1", BAD, 10)
    wait_for(lambda: len(scene.edge.log_lines()) >= 110, "the log")
    with scene.watched() as running:
        row = wait_for(lambda: running.rows, "a picture")[0]

    assert (row.known, row.counts.bad, scene.shares) == ((0, 100), 10, {"things.read": 100})


def test_a_lost_table_is_an_alarm_and_no_rollback(scene: Scene) -> None:
    scene.flip(things_read=100)
    with scene.watched():
        (scene.edge.var_dir / "gateway/state/current").unlink()
        scene.ask("c1", GOOD, 3)
        wait_for(lambda: scene.told("alarm"), "an alarm")

    assert len(scene.told("alarm")) == 1
    assert "was decided without the table" in scene.told("alarm")[0]
    assert scene.shares == {"things.read": 100}


def test_it_follows_the_log_through_rotation_and_broken_lines(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ROTATE_EVERY_S", 0.1)
    log = scene.edge.var_dir / "gateway/log" / access_log.ACCESS_LOG
    reopened = []

    def reopen() -> None:
        scene.edge.process.send_signal(signal.SIGUSR1)
        reopened.append(True)

    def small(path: Path, reopen: Callable[[], None]) -> bool:
        return rotate(path, reopen, limit_bytes=0 if not reopened else 2**30)

    monkeypatch.setattr(watch, "rotate", small)
    scene.flip(things_read=100)
    scene.ask("c1", GOOD)
    with log.open("ab") as file:
        file.write(b'{"t":1, broken\n\xff\xfe\n[]\n')
    with scene.watched() as running:
        running.reopen = reopen
        wait_for(lambda: scene.told("rotated"), "a rotation")
        wait_for(log.exists, "a new log")
        scene.ask("c1", BAD, 10)
        wait_for(lambda: scene.told("rolled back"), "a rollback")

    assert log.with_name("access.jsonl.1").exists()
    assert scene.told("failed") == []


def test_an_error_does_not_end_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.flip(things_read=100)
    with scene.watched() as running:
        good = running.follower
        monkeypatch.setattr(running, "follower", None)
        wait_for(lambda: scene.told("failed"), "word of the error")
        monkeypatch.setattr(running, "follower", good)
        scene.ask("c1", BAD, 10)
        wait_for(lambda: scene.told("rolled back"), "a rollback")
