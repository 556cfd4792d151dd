"""Who is in which cohort: the same by nginx and by us, in the promised shares, and never moved back or by a new token."""

import itertools
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cohorts import COHORTS, SHARES, cohort_of, key_in, murmur2
from gateway.config import load
from gateway.flips import Flips, Order
from gateway.ownership import Ownership, seat, seats
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, make_project, request_bytes, wait_for

# MurmurHash2 of 32 bits with seed 0, as ClickHouse publishes it in the reference of its own test of `murmurHash2_32`.
PUBLISHED = {
    "the number 123456": (struct.pack("<I", 123456), 623211862),
    "one byte": (b"\x03", 3533626746),
    "a float": (struct.pack("<f", 1.2684), 2388617433),
    "eight bytes": (struct.pack("<q", -154477), 2708309598),
    "three letters": (b"foo", 2414502773),
    "three other letters": (b"bar", 670491991),
    "nothing": (b"", 0),
}


@pytest.mark.parametrize(("data", "value"), PUBLISHED.values(), ids=PUBLISHED.keys())
def test_the_hash_is_the_published_one(data: bytes, value: int) -> None:
    assert murmur2(data) == value


def visitors(count: int, seed: int) -> list[str]:
    dice = random.Random(seed)
    return [f"{dice.getrandbits(128):032x}" for _ in range(count)]


@pytest.fixture(scope="module")
def shared(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("cohorts")
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as edge:
        yield edge


def test_nginx_and_we_agree_on_1200_visitors(shared: Edge) -> None:
    keys = {f"cohort-{number}": key for number, key in enumerate(visitors(1200, seed=1))}
    with shared.connect() as connection:
        for rid, key in keys.items():
            shared.ask("GET", "/nowhere", [("X-Request-Id", rid), ("Cookie", f"gwb={key}")], on=connection)

    def noted() -> dict[str, str]:
        found = {line["rid"]: line["c"] for line in shared.log_lines() if line["rid"] in keys}
        return found if len(found) == len(keys) else {}

    by_nginx = wait_for(noted, "a log line of each visitor")
    assert by_nginx == {rid: cohort_of(key, shared.config.sticky.salt) for rid, key in keys.items()}
    assert set(by_nginx.values()) == set(COHORTS)


@pytest.mark.parametrize("salt", ["1", "2", "spring-2027"])
def test_of_10000_visitors_the_promised_share_moves(salt: str) -> None:
    counted = Counter(cohort_of(key, salt) for key in visitors(10_000, seed=2))

    moved = itertools.accumulate(counted[cohort] / 100 for cohort in COHORTS)
    assert list(moved) == pytest.approx(list(COHORTS.values()), abs=1.5)


def test_another_salt_chooses_other_visitors() -> None:
    keys = visitors(10_000, seed=3)
    early, other = ({key for key in keys if COHORTS[cohort_of(key, salt)] <= 5} for salt in ("1", "2"))

    assert len(early & other) / len(early) < 0.15


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> dict[int, frozenset[str]]:
    """Return, for each share, which of 10,000 visitors the table gives to the candidate."""
    config = load(make_project(tmp_path_factory.mktemp("pair") / "project"), {})
    cohorts = {key: cohort_of(key, config.sticky.salt) for key in visitors(10_000, seed=4)}
    face = next(face.number for face in config.faces if not face.pinned)
    found = {}
    for share in SHARES:
        files = frozenset(seats(config, Ownership({"things.read": share})))
        served = {key for key, cohort in cohorts.items() if seat(face, "things.read", cohort, "modern") in files}
        found[share] = frozenset(served)
    return found


WAYS = [steps for count in range(2, len(SHARES) + 1) for steps in itertools.combinations(SHARES, count)]


@pytest.mark.parametrize("steps", WAYS, ids=lambda steps: "-".join(map(str, steps)))
def test_no_step_forward_moves_anybody_back(moved: dict[int, frozenset[str]], steps: tuple[int, ...]) -> None:
    for before, after in itertools.pairwise(steps):
        assert moved[before] < moved[after]
    for before, after in itertools.pairwise(reversed(steps)):
        assert moved[after] < moved[before]

    assert len(moved[steps[-1]]) == pytest.approx(100 * steps[-1], abs=150)


def test_a_new_token_moves_nobody(shared: Edge) -> None:
    half = Order("flip", Ownership({"things.read": 50}))
    assert Flips.of(shared.config, shared.var_dir).carry_out(half).word in {"done", "nothing"}
    served = {}
    with shared.connect() as connection:
        for key in visitors(40, seed=5):
            cookie = ("Cookie", f"theme=dark; gwb={key}")
            tokens = [("Authorization", f"Bearer token-{number}") for number in range(5)]
            requests = [request_bytes("GET", "/api/things", [cookie, token]) for token in tokens]
            served[key] = {shared.raw(data, on=connection).header("X-Served-By") for data in requests}

    by_share = {key: {"modern" if COHORTS[cohort_of(key, "1")] <= 50 else "legacy"} for key in served}
    assert served == by_share


def test_who_keeps_the_cookie_stays(shared: Edge) -> None:
    half = Order("flip", Ownership({"things.read": 50}))
    assert Flips.of(shared.config, shared.var_dir).carry_out(half).word in {"done", "nothing"}
    for _ in range(20):
        cookie = (shared.get("/api/things").header("Set-Cookie") or "").partition(";")[0]
        served = {shared.get("/api/things", ("Cookie", cookie)).header("X-Served-By") for _ in range(3)}

        share = COHORTS[cohort_of(cookie.removeprefix("gwb="), "1")]
        assert served == {"modern" if share <= 50 else "legacy"}


@pytest.mark.parametrize("cookie", ["", "gwb=", "gwb=short", "gwb=" + "G" * 32, "gwb=" + "a" * 33])
def test_who_has_no_cookie_of_ours_is_known_by_the_address(shared: Edge, cookie: str) -> None:
    answer = shared.ask("GET", "/nowhere", [("X-Request-Id", f"stranger-{len(cookie)}"), ("Cookie", cookie)])

    assert answer.status == 404
    assert shared.log_line(f"stranger-{len(cookie)}")["c"] == cohort_of("127.0.0.1", shared.config.sticky.salt)


@pytest.mark.parametrize("cohort", COHORTS)
def test_a_key_can_be_made_for_each_cohort(cohort: str) -> None:
    assert cohort_of(key_in(cohort, "any salt"), "any salt") == cohort
