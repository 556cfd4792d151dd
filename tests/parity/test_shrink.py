"""Shrinking: the fewest requests, and leaves, with which a difference still shows, within a number of tries."""

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest

from parity.grouping import group_id, group_key
from parity.journal import Played
from parity.routes import Route
from parity.shrink import Shrinker, Shrunken, leaves
from parity.values import Entry
from tests.parity.exchanges import different, entry, played

ROUTE = Route("POST", "/orders", "orders")
FOUND = different("$.total")
GROUP = group_id(group_key("POST", "/orders", FOUND))
LATE = different("lines.count", where="rows")
JOB = "6d1540f8-031b-411d-b8e6-89255b0c93db"
Shows = Callable[[list[Entry]], bool]


class World:
    """Plays entries on stacks of which the last answer differs when `shows` says so."""

    def __init__(self, shows: Shows) -> None:
        self.shows = shows
        self.tries: list[list[int]] = []

    async def play(self, entries: Sequence[Entry]) -> list[Played]:
        self.tries.append([one.seq for one in entries])
        done = [played(one.seq, route=ROUTE) for one in entries]
        if self.shows(list(entries)):
            done[-1] = played(entries[-1].seq, FOUND, route=ROUTE)
        return done

    def shrink(self, entries: list[Entry], *, tries: int = 100, seconds: float = 60) -> Shrunken:
        shrinker = Shrinker(self.play, tries=tries, seconds=seconds)
        return asyncio.run(shrinker.shrink(entries, len(entries) - 1, GROUP))


def seqs(shrunken: Shrunken) -> list[int]:
    return [one.seq for one in shrunken.entries]


def orders(count: int, body: bytes = b"") -> list[Entry]:
    return [entry(number, "POST", "/orders", body) for number in range(1, count + 1)]


def has(*wanted: int) -> Shows:
    return lambda entries: set(wanted) <= {one.seq for one in entries}


def test_a_difference_that_shows_alone_needs_nothing_else() -> None:
    shrunken = World(lambda _: True).shrink(orders(40))

    assert seqs(shrunken) == [40]
    assert (shrunken.again, shrunken.order_dependent, shrunken.differs) == (True, False, ())


@pytest.mark.parametrize(
    "needed", [(1,), (39,), (17,), (3, 4), (1, 39), (8, 21)], ids=lambda numbers: f"after {numbers}"
)
def test_of_forty_requests_those_are_left_that_it_needs(needed: tuple[int, ...]) -> None:
    shrunken = World(has(*needed)).shrink(orders(40))

    assert seqs(shrunken) == [*needed, 40]
    assert shrunken.again
    assert shrunken.order_dependent, "nothing in the last request names the earlier ones"


def test_what_a_request_builds_on_is_no_dependence_on_the_order() -> None:
    made = entry(1, "POST", "/orders", b"{}", f'{{"id":"{JOB}"}}'.encode())
    others = [entry(number, "GET", "/orders") for number in range(2, 30)]
    last = entry(30, "POST", f"/orders?of={JOB}")
    world = World(has(1))

    shrunken = world.shrink([made, *others, last])

    assert seqs(shrunken) == [1, 30]
    assert (shrunken.again, shrunken.order_dependent) == (True, False)
    assert world.tries[0] == [1, 30], "what it builds on is tried first"


def test_what_never_shows_again_is_said() -> None:
    world = World(lambda _: False)
    shrunken = world.shrink(orders(40))

    assert not shrunken.again
    assert seqs(shrunken) == [40]
    assert len(world.tries) == 2


def test_what_shows_once_is_taken_for_chance() -> None:
    shown: list[int] = []

    def shows(entries: list[Entry]) -> bool:
        shown.append(len(entries))
        return len(shown) == 2

    assert not World(shows).shrink(orders(40)).again


def test_another_difference_is_not_taken_for_this_one() -> None:
    async def play(entries: Sequence[Entry]) -> list[Played]:
        return [played(one.seq, different("$.other"), route=ROUTE) for one in entries]

    shrunken = asyncio.run(Shrinker(play, tries=100, seconds=60).shrink(orders(5), 4, GROUP))

    assert not shrunken.again


def test_groups_that_the_earlier_requests_show_themselves_are_named() -> None:
    async def play(entries: Sequence[Entry]) -> list[Played]:
        done = [played(one.seq, *([LATE] if one.seq == 2 else []), route=ROUTE) for one in entries]
        if {1, 2} <= {one.seq for one in entries}:
            done[-1] = played(entries[-1].seq, FOUND, route=ROUTE)
        return done

    shrunken = asyncio.run(Shrinker(play, tries=100, seconds=60).shrink(orders(20), 19, GROUP))

    assert seqs(shrunken) == [1, 2, 20]
    assert shrunken.differs == (group_id(group_key("POST", "/orders", LATE)),)


BODY = {"name": "a", "lines": [1, 2], "address": {"street": "b", "town": {"zip": 1, "name": "c"}}, "note": None}


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (("name",), {"name": "a", "address": {"town": {}}}),
        (("lines",), {"lines": [1, 2], "address": {"town": {}}}),
        (("address", "town", "zip"), {"address": {"town": {"zip": 1}}}),
        (("note",), {"address": {"town": {}}, "note": None}),
    ],
    ids=["a leaf", "a list is one leaf", "a deep leaf", "a null"],
)
def test_leaves_of_the_body_that_do_not_matter_are_left_out(path: tuple[str, ...], left: object) -> None:
    def shows(entries: list[Entry]) -> bool:
        value = json.loads(entries[-1].request.body)
        for key in path:
            if key not in value:
                return False
            value = value[key]
        return True

    shrunken = World(shows).shrink([entry(1, "POST", "/orders", json.dumps(BODY).encode())])

    assert json.loads(shrunken.entries[-1].request.body) == left
    assert shrunken.again


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"", 0),
        (b"a=1&b=2", 1),
        (b"{}", 0),
        (b"[1,2,3]", 0),
        (json.dumps(BODY).encode(), 6),
        (b'{"a": {}, "b": {"c": {}}}', 2),
    ],
    ids=["none", "a form", "an empty object", "a list alone", "an object", "empty objects count as leaves"],
)
def test_leaves_are_counted(body: bytes, count: int) -> None:
    assert leaves(entry(1, "POST", "/orders", body)) == count


@pytest.mark.parametrize("tries", [1, 2, 3, 10], ids=lambda count: f"{count} tries")
def test_when_the_tries_are_used_up_what_is_left_still_shows_it(tries: int) -> None:
    world = World(has(8, 21))
    shrunken = world.shrink(orders(40), tries=tries)

    assert {8, 21, 40} <= set(seqs(shrunken))
    # The three that tell alone from whole and chance, and the last that tells what the others show, are never spared.
    assert len(world.tries) <= max(tries, 3) + 1


def test_when_the_time_is_used_up_nothing_more_is_tried() -> None:
    world = World(has(8))
    shrunken = world.shrink(orders(40), seconds=0)

    assert seqs(shrunken) == list(range(1, 41))
    assert len(world.tries) == 4


def test_forty_requests_take_few_tries() -> None:
    world = World(has(8, 21))
    world.shrink(orders(40))

    assert len(world.tries) < 40


def test_what_was_done_to_the_same_thing_is_tried_before_all() -> None:
    job = "11111111-1111-4111-8111-111111111111"
    first, second = (entry(n, "DELETE", f"/orders/{job}") for n in (20, 40))
    world = World(lambda entries: first in entries and second in entries)
    shrunken = world.shrink([*orders(19), first, *orders(39)[20:], second])

    assert seqs(shrunken) == [20, 40]
    assert shrunken.order_dependent
    assert max(len(one) for one in world.tries) == 2
