import asyncio
from pathlib import Path

import pytest

from parity.flight import together
from parity.routes import RouteBook
from parity.runner import Options, run
from parity.values import Answer, Entry, Request
from tests.parity.resumed_run import Dying, config, record


def entry(word: str) -> Entry:
    """Return `GET`, or `GET+cookie` for one whose recorded answer sets a cookie."""
    method, _, cookie = word.partition("+")
    return Entry("", 0, "", Request(method, "/"), Answer(200, (("set-cookie", "s=1"),) if cookie else ()))


@pytest.mark.parametrize(
    ("recorded", "most", "sizes"),
    [
        ("GET GET GET", 1, [1, 1, 1]),
        ("GET HEAD GET GET", 3, [3, 1]),
        ("GET GET POST GET", 8, [2, 1, 1]),
        ("POST POST DELETE", 8, [1, 1, 1]),
        ("GET OPTIONS GET", 8, [1, 1, 1]),
        ("GET GET+cookie GET", 8, [2, 1]),
        ("", 8, []),
    ],
    ids=["one at a time", "no more than allowed", "a write alone", "only writes", "not a read", "a cookie", "nothing"],
)
def test_reads_in_a_row_go_out_together(recorded: str, most: int, sizes: list[int]) -> None:
    groups = list(together(map(entry, recorded.split()), most))

    assert [len(group) for group in groups] == sizes
    assert [one.request.method for group in groups for one in group] == [
        word.partition("+")[0] for word in recorded.split()
    ]


def test_one_at_a_time_asks_for_the_next_only_when_it_is_its_turn() -> None:
    asked = iter([entry("GET"), entry("GET")])
    groups = together(asked, 1)
    next(groups)

    assert len(list(asked)) == 1


def test_a_replay_finds_the_same_however_many_reads_are_in_flight(tmp_path: Path) -> None:
    record(tmp_path / "notes.jsonl", 60, reads=6)
    found = []
    for in_flight in (1, 8):
        options = Options(tmp_path / f"run-{in_flight}", shrink=0, calibrate=False, in_flight=in_flight)
        done = asyncio.run(run(config(), [tmp_path / "notes.jsonl"], options, book=RouteBook(), progress=Dying(0)))
        found.append((done.report.counts, list(done.report.lines())))

    assert found[0] == found[1]
    assert found[0][0].different > 5
