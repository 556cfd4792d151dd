"""The gateway's log read by others: lines as values, the last hour from the end, and a file that grows and is rotated."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.access_log import ACCESS_LOG, Follower, lines_since, rotate
from gateway.traffic import Counts, Request, last_hour, parse
from tests.gateway.edge import Edge

FACTS: dict[str, Any] = {
    "t": 1000.5,
    "rid": "r1",
    "ip": "127.0.0.1",
    "m": "GET",
    "p": "/api/things",
    "q": "",
    "g": "things.read",
    "forced": "",
    "c": "c5",
    "o": "old",
    "by": "old",
    "fb": "",
    "gen": "g0007",
    "s": 200,
    "us": "200",
    "ua": "127.0.0.1:1",
    "rt": 0.02,
    "uct": "0.001",
    "uht": "0.019",
    "urt": "0.020",
    "bi": 100,
    "bo": 200,
    "done": "OK",
}


def line(**facts: object) -> bytes:
    return json.dumps(FACTS | facts, separators=(",", ":")).encode() + b"\n"


def read(**facts: object) -> Request:
    request = parse(line(**facts))
    assert request is not None
    return request


def write(log: Path, times: range | list[int], **facts: object) -> Path:
    log.write_bytes(b"".join(line(t=at, rid=f"r{at}", **facts) for at in times))
    return log


def rids(lines: list[bytes]) -> list[str]:
    return [request.rid for request in map(parse, lines) if request]


def test_a_line_becomes_a_value() -> None:
    assert read() == Request(
        at=1000.5,
        rid="r1",
        path="/api/things",
        group="things.read",
        cohort="c5",
        owner="old",
        served_by="old",
        fell_from="",
        forced="",
        generation="g0007",
        status=200,
        tried=True,
        waited_s=0.019,
    )


def test_a_line_of_the_real_gateway_can_be_read(edge: Edge) -> None:
    edge.ask("GET", "/api/things", [("X-Request-Id", "a-real-one")])
    edge.log_line("a-real-one")
    log = (edge.var_dir / "gateway/log" / ACCESS_LOG).read_bytes()
    request = next(request for request in map(parse, log.splitlines()) if request and request.rid == "a-real-one")

    assert (request.group, request.owner, request.served_by, request.generation) == (
        "things.read",
        "legacy",
        "legacy",
        "g0001",
    )
    assert request.waited_s is not None
    assert abs(request.at - time.time()) < 60
    assert request.counts


BROKEN = {
    "nothing": b"",
    "half of it": line()[:40],
    "a list": b"[]",
    "a text": b'"text"',
    "no text": b"\xff\xfe",
    "little of it": b'{"t":1}',
    "a status in words": line(s="?"),
    "no time": line(t=None),
    "a number for an id": line(rid=3),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_line_is_none(data: bytes) -> None:
    assert parse(data) is None


TIMES = {
    "one try": ("0.019", 0.019),
    "the second of two": ("-, 0.004", 0.004),
    "after the other group": ("0.001 : 0.007", 0.007),
    "none": ("-", None),
    "nobody asked": ("", None),
}


@pytest.mark.parametrize(("text", "waited_s"), TIMES.values(), ids=TIMES.keys())
def test_the_waiting_time_is_that_of_the_try_that_was_answered(text: str, waited_s: float | None) -> None:
    assert read(uht=text).waited_s == waited_s


def test_a_fallback_tells_nothing_of_its_owners_time() -> None:
    request = read(fb="old", by="new", uht="- : 0.003")

    assert (request.failed, request.waited_s) == (True, None)


UNCOUNTED = {
    "forced": {"forced": "new"},
    "a probe": {"rid": "probe-17"},
    "no stack asked": {"us": "-", "s": 413},
    "not ported yet": {"fb": "old", "by": "new", "us": "501 : 200"},
}


@pytest.mark.parametrize("facts", UNCOUNTED.values(), ids=UNCOUNTED.keys())
def test_this_tells_nothing_of_its_owner(facts: dict[str, object]) -> None:
    assert (read(**facts).counts, read().counts) == (False, True)


@pytest.mark.parametrize("since", [0, 1, 37, 499, 500, 998, 999, 1000, 5000])
def test_lines_are_found_by_their_time(tmp_path: Path, since: int) -> None:
    write(tmp_path / ACCESS_LOG, range(1000), q="x" * 50)
    found = [rid for lines, _ in lines_since(tmp_path, since, 2**30) for rid in rids(lines)]

    assert found == [f"r{at}" for at in range(since, 1000)]


def test_the_lines_of_rotated_files_come_first(tmp_path: Path) -> None:
    write(tmp_path / f"{ACCESS_LOG}.2", range(10))
    write(tmp_path / f"{ACCESS_LOG}.1", range(10, 20))
    write(tmp_path / ACCESS_LOG, range(20, 30))
    found = [rid for lines, _ in lines_since(tmp_path, 5, 2**30) for rid in rids(lines)]

    assert found == [f"r{at}" for at in range(5, 30)]


def test_no_more_than_the_limit_is_read_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path / ACCESS_LOG, range(1000))
    limit = 10 * len(line(t=999, rid="r999")) + 5
    (lines, cut), *_ = lines_since(tmp_path, 0, limit)

    assert rids(lines) == [f"r{at}" for at in range(990, 1000)]
    assert cut


def test_the_last_hour_is_counted_by_group_and_stack(tmp_path: Path) -> None:
    lines = [
        line(t=100),
        line(t=4000),
        line(t=4001, s=503),
        line(t=4002, o="new", fb="new"),
        line(t=4003, o="new", s=502, by="none"),
        line(t=4004, rid="probe-1"),
        line(t=4005, us="", s=400),
        line(t=4006, g="things.write"),
        b"broken\n",
    ]
    (tmp_path / ACCESS_LOG).write_bytes(b"".join(lines))
    counted = last_hour(tmp_path, 4100)

    assert dict(counted) == {
        ("things.read", "old"): Counts(2, 1, 0),
        ("things.read", "new"): Counts(2, 1, 1),
        ("things.write", "old"): Counts(1, 0, 0),
    }
    assert counted.since == 500


def test_the_last_hour_says_from_when_on_it_could_be_read(tmp_path: Path) -> None:
    write(tmp_path / ACCESS_LOG, range(4000, 5000))
    counted = last_hour(tmp_path, 5000, limit_bytes=10 * len(line(t=4000, rid="r4000")))

    assert (sum(each.requests for each in counted.values()), counted.since) == (10, 4990)


def test_no_log_is_no_traffic(tmp_path: Path) -> None:
    assert dict(last_hour(tmp_path / "absent", 5000)) == {}


def follower(folder: Path, since: float = 0) -> Follower:
    return Follower(folder / ACCESS_LOG, since, 2**30)


def polled(follower: Follower) -> list[str]:
    """Return what is read until nothing is left."""
    found: list[str] = []
    while lines := follower.poll():
        found += rids(lines)
    return found


def test_a_follower_reads_back_and_then_what_is_added(tmp_path: Path) -> None:
    log = write(tmp_path / ACCESS_LOG, range(10))
    following = follower(tmp_path, since=7)
    before = polled(following)
    with log.open("ab") as file:
        whole = line(rid="added")
        file.write(whole[:30])
        file.flush()
        half = polled(following)
        file.write(whole[30:])
    after = polled(following)
    following.close()

    assert (before, half, after) == (["r7", "r8", "r9"], [], ["added"])


def test_a_follower_waits_for_a_missing_log_and_sees_it_cut_short(tmp_path: Path) -> None:
    following = follower(tmp_path)
    missing = polled(following)
    log = write(tmp_path / ACCESS_LOG, range(10))
    there = polled(following)
    write(log, range(3), q="")
    cut = polled(following)
    following.close()

    assert (missing, len(there), cut) == ([], 10, ["r0", "r1", "r2"])


def test_a_follower_loses_nothing_of_a_rotation(tmp_path: Path) -> None:
    """nginx goes on writing to the old file until it is told to open the new one, and may be late with some lines."""
    log = write(tmp_path / ACCESS_LOG, range(3))
    following, told = follower(tmp_path), []
    with log.open("ab") as old:
        found = polled(following)
        assert rotate(log, lambda: told.append(True), limit_bytes=10)
        old.write(line(rid="late"))
        old.flush()
        found += polled(following)
        write(log, [7])
        found += polled(following)
        old.write(line(rid="later"))
        old.flush()
        found += polled(following)
    following.close()

    assert found == ["r0", "r1", "r2", "late", "r7", "later"]
    assert told == [True]


def test_a_rotated_file_is_let_go_in_the_end(tmp_path: Path) -> None:
    log = write(tmp_path / ACCESS_LOG, range(3))
    following = follower(tmp_path)
    polled(following)
    rotate(log, lambda: None, limit_bytes=10)
    write(log, [7])
    for _ in range(200):
        following.poll()
    open_files = len(following.files)
    following.close()

    assert open_files == 1


def test_five_old_logs_are_kept(tmp_path: Path) -> None:
    log = tmp_path / ACCESS_LOG
    for number in range(8):
        write(log, [number])
        rotate(log, lambda: None, limit_bytes=10)

    kept = {path.name: rids(path.read_bytes().splitlines()) for path in tmp_path.iterdir()}
    assert kept == {f"{ACCESS_LOG}.{number}": [f"r{8 - number}"] for number in range(1, 6)}


def test_a_small_log_is_not_put_aside(tmp_path: Path) -> None:
    log = write(tmp_path / ACCESS_LOG, range(3))

    assert not rotate(log, pytest.fail)
    assert log.exists()
