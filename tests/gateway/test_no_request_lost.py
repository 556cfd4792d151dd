"""Flips under load lose nothing; the same clients do notice what a reload of nginx loses."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cohorts import COHORTS
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.edge import Edge, make_project, wait_for
from tests.gateway.fast_stacks import FastStacks
from tests.gateway.naive_clients import Ask, Crowd, asks_of

FLIPS = 15
SHARES = (100, 5, 0, 50, 25, 1)
BETWEEN = 200


@dataclass(frozen=True)
class Place:
    edge: Edge
    stacks: FastStacks
    asks: Sequence[Ask]


@pytest.fixture
def place(open_folder: Callable[[str], Path]) -> Iterator[Place]:
    folder = open_folder("no-request-lost")
    with (
        FastStacks(folder / "stacks") as stacks,
        Edge(make_project(folder / "project"), folder / "var", stacks.ports) as edge,
    ):
        yield Place(edge, stacks, asks_of(edge.config, "/api"))


def let_pass(crowd: Crowd, requests: int) -> None:
    goal = crowd.answered + requests
    wait_for(lambda: crowd.answered >= goal, f"{requests} more answers")


def owner(share: int, ask: Ask) -> bytes:
    return b"modern" if COHORTS[ask.cohort] <= share else b"legacy"


def test_no_request_is_lost_or_misled_while_shares_change(place: Place) -> None:
    flips = Flips.of(place.edge.config, place.edge.var_dir)
    shares = {flips.standing().generation.encode(): 0}
    with Crowd(place.edge.port, place.asks) as crowd:
        let_pass(crowd, BETWEEN)
        for number in range(FLIPS):
            share = SHARES[number % len(SHARES)]
            outcome = flips.carry_out(Order("flip", Ownership({"things.read": share, "things.write": share})))
            shares[outcome.generation.encode()] = share
            let_pass(crowd, BETWEEN)
    place.stacks.stop()

    arrived = place.stacks.writes()
    assert crowd.lost == {}
    assert crowd.answered == crowd.sent > FLIPS * BETWEEN
    assert {generation for generation, _, _ in crowd.first} == set(shares)
    assert [(g, n, by) for g, n, by in crowd.first if by != owner(shares[g], place.asks[n])] == []
    assert set(arrived) == crowd.written
    assert set(arrived.values()) == {1}


def test_the_same_clients_lose_requests_to_a_reload(place: Place) -> None:
    """nginx closes idle connections when it is told to reload; a request may be on its way on them."""
    with Crowd(place.edge.port, place.asks) as crowd:
        for _ in range(50):
            let_pass(crowd, BETWEEN)
            place.edge.process.send_signal(signal.SIGHUP)
            if crowd.lost:
                break

    assert crowd.lost
