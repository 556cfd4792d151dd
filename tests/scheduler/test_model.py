"""Every state that lease and claims can reach, whatever is stopped, killed, evicted too early or flipped: no promise breaks.

And each rule of the protocol is there for something: without it a promise breaks, by the steps that a failure prints.
"""

import gc
import re
from collections.abc import Iterator
from pkgutil import resolve_name

import pytest

from tests.scheduler.model import protocol
from tests.scheduler.model.promises import LIVENESS, OF_STATES, OF_STEPS
from tests.scheduler.model.protocol import PULL, RULES
from tests.scheduler.model.search import explore

ONE_ROW = "a tick has one row at most"
ONE_EFFECT = "a tick has one effect at most"
NONE_PASSED_OVER = "no tick is passed over without a row"
RUNNER = "a tick without effect waits, or its runner died or is about to have it"
RECORDED = "what was done is recorded as done"
RISES = "epochs only rise"
WANTED = "who acquires, claims or starts is of the wanted stack"
OWNS = "who claims or starts is the owner"
NOT_PUT_OUT = "an owner that gave a sign of life is not put out"
OWN_RELEASE = "nobody but its owner gives the lease up"

VARIANTS = [
    ({"acquire compares epoch and beat"}, NOT_PUT_OUT),
    ({"acquire is for the wanted stack"}, WANTED),
    ({"acquire raises the epoch"}, RISES),
    ({"acquire reclaims what nobody started"}, LIVENESS),
    ({"acquire leaves running rows alone"}, ONE_EFFECT),
    ({"acquire keeps the watermark"}, NONE_PASSED_OVER),
    ({"the fence compares owner and epoch"}, OWNS),
    ({"the fence compares the wanted stack"}, WANTED),
    ({"claim and advance are one transaction"}, NONE_PASSED_OVER),
    ({"claim and advance are one transaction", "a tick is unique"}, ONE_ROW),
    ({"start picks and compares in one statement"}, ONE_EFFECT),
    ({"start is written before the effect"}, ONE_EFFECT),
    ({"the end is written after the effect"}, RUNNER),
    ({"a late result wins"}, RECORDED),
    ({"release compares owner and epoch"}, OWN_RELEASE),
]


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    """Hundreds of thousands of tuples live to the end: walking them again and again finds nothing to free."""
    gc.disable()
    yield
    gc.enable()


def breach_in(rules: frozenset[str], living: int = 3) -> str:
    """Return how a promise breaks under these rules, with names that stay; nothing if none does."""
    if explore(rules, living=living)[1] is None:
        return ""
    return str(explore(rules, living=living, twins=False)[1])


def test_what_each_step_stands_for_is_there() -> None:
    named = re.findall(r"`([\w.]+)`", protocol.__doc__)

    assert len(named) > 10
    for name in named:
        assert callable(resolve_name(name)), name


def test_no_promise_breaks_with_two_owners_and_a_standby() -> None:
    assert breach_in(RULES) == ""


def test_no_promise_breaks_when_every_worker_of_the_stack_starts_runs() -> None:
    assert breach_in(RULES | {PULL}, living=2) == ""


@pytest.mark.long
def test_no_promise_breaks_when_every_worker_of_the_stack_starts_runs_beside_a_standby() -> None:
    assert breach_in(RULES | {PULL}) == ""


@pytest.mark.parametrize(("without", "promise"), VARIANTS, ids=[" and ".join(sorted(names)) for names, _ in VARIANTS])
def test_each_rule_keeps_a_promise(without: set[str], promise: str) -> None:
    assert without <= RULES

    _, breach = explore(RULES - without, only=promise, living=2 if promise == LIVENESS else 3, twins=False)

    assert breach is not None
    assert breach.promise == promise
    assert 0 < len(breach.trace) < 15, breach


def test_every_rule_has_its_variant() -> None:
    assert set().union(*(without for without, _ in VARIANTS)) == RULES


def test_every_promise_is_seen_broken() -> None:
    promises = {*OF_STATES, *(name for promises in OF_STEPS.values() for name in promises), LIVENESS}

    assert {promise for _, promise in VARIANTS} == promises


@pytest.mark.long
def test_uniqueness_is_held_twice() -> None:
    """Claim and advance are one transaction, so the key is not what keeps this apart: it is there for edits of a schedule."""
    assert breach_in(RULES - {"a tick is unique"}) == ""
