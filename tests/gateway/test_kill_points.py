"""Both stacks are killed again and again while clients write: nothing is carried out twice, and no read fails."""

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from gateway.cohorts import key_in
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.edge import Edge, free_port, make_project, wait_for

SERVER = Path(__file__).with_name("tally_server.py")
HALF = Ownership({"things.read": 50, "things.write": 50})
CLIENTS = 6
WRITES_PERCENT = 30


class Killable:
    """A stack on one port: killed, it has a successor at once. `holder` says what clients meet meanwhile."""

    def __init__(self, tally: Path, holder: str) -> None:
        self.tally = tally
        self.holder = holder
        self.port = free_port()

    def __enter__(self) -> Self:
        command = [sys.executable, "-I", "-S", str(SERVER), str(self.tally), str(self.port), self.holder]
        self.keeper = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.wait_for_server()
        return self

    def __exit__(self, *_: object) -> None:
        self.keeper.kill()
        os.kill(self.server, signal.SIGKILL)
        self.keeper.communicate()

    def wait_for_server(self) -> None:
        assert self.keeper.stdout is not None
        self.server = int(self.keeper.stdout.readline())

    def kill(self) -> None:
        os.kill(self.server, signal.SIGKILL)
        self.wait_for_server()

    def carried_out(self) -> list[str]:
        return self.tally.read_text().split()


@dataclass
class Client:
    """One visitor on one connection, who asks without a pause. What is not answered at all is in `failures`."""

    number: int
    port: int
    cookie: str
    ended: threading.Event
    asked: int = 0
    answers: dict[str, tuple[str, int, str | None]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def work(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        dice = random.Random(self.number)
        while not self.ended.is_set():
            rid = f"kill-{self.number}-{self.asked}"
            method = "POST" if dice.randrange(100) < WRITES_PERCENT else "GET"
            try:
                self.ask(connection, method, rid)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{method} {rid}: {error!r}")
                connection.close()
            self.asked += 1
        connection.close()

    def ask(self, connection: http.client.HTTPConnection, method: str, rid: str) -> None:
        body = b"{}" if method == "POST" else None
        connection.request(method, "/api/things", body, {"X-Request-Id": rid, "Cookie": self.cookie})
        answer = connection.getresponse()
        answer.read()
        self.answers[rid] = (method, answer.status, answer.headers["X-Fallback-From"])


@dataclass(frozen=True)
class Ground:
    edge: Edge
    stacks: tuple[Killable, Killable]

    def clients(self, ended: threading.Event) -> list[Client]:
        """Return visitors of both halves."""
        salt = self.edge.config.sticky.salt
        cohorts = ["c1", "c100"] * (CLIENTS // 2)
        keys = [f"{self.edge.config.sticky.cookie}={key_in(cohort, salt)}" for cohort in cohorts]
        return [Client(number, self.edge.port, key, ended) for number, key in enumerate(keys)]


@pytest.fixture
def ground(open_folder: Callable[[str], Path], tmp_path: Path) -> Iterator[Ground]:
    folder = open_folder("kills")
    with ExitStack() as running:
        # One dies with its port, the other as a worker does whose master keeps the port.
        one = running.enter_context(Killable(tmp_path / "primary", "parent"))
        two = running.enter_context(Killable(tmp_path / "candidate", "child"))
        edge = running.enter_context(Edge(make_project(folder / "project"), folder / "var", [one.port, two.port]))
        assert Flips.of(edge.config, edge.var_dir).carry_out(Order("flip", HALF)).word == "done"
        yield Ground(edge, (one, two))


def kill_under_load(ground: Ground, kills: int) -> list[Client]:
    """Return the clients after so many kills, each at a random moment.

    Before the next kill everything the last one may have hit is answered: a read that both stacks died on has nobody left.
    """
    dice, ended = random.Random(), threading.Event()
    clients = ground.clients(ended)
    threads = [threading.Thread(target=client.work) for client in clients]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            asked = [client.asked for client in clients]
            wait_for(lambda asked=asked: all(c.asked > then for c, then in zip(clients, asked, strict=True)), "answers")
            enough = sum(client.asked for client in clients) + dice.randrange(40)
            wait_for(lambda enough=enough: sum(client.asked for client in clients) >= enough, "more answers")
            dice.choice(ground.stacks).kill()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    return clients


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [60, pytest.param(400, marks=pytest.mark.long)])
def test_nothing_is_done_twice_and_no_read_fails(ground: Ground, kills: int) -> None:
    clients = kill_under_load(ground, kills)

    answers = {rid: answer for client in clients for rid, answer in client.answers.items()}
    reads = Counter(status for method, status, _ in answers.values() if method == "GET")
    writes = {rid: status for rid, (method, status, _) in answers.items() if method == "POST"}
    times = Counter(rid for stack in ground.stacks for rid in stack.carried_out())
    assert [failure for client in clients for failure in client.failures] == []
    assert [rid for rid, count in times.items() if count > 1] == []
    assert set(reads) == {200}
    assert set(writes.values()) <= {200, 502, 504}
    assert [rid for rid, status in writes.items() if status == 200 and not times[rid]] == []
    # The kills did hit something: reads were taken over, and writes died with their stack.
    assert [rid for rid, (_, _, fell_from) in answers.items() if fell_from]
    assert 502 in writes.values()
