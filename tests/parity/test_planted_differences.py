"""Every planted fault is found, on its axis, and nothing else is reported; what is equal by rule is never reported."""

from collections import Counter

import pytest

from parity.compare import Identities, compare
from parity.values import Difference, Outcome
from tests.parity import planted
from tests.parity.planted import DOCUMENTS, ROUTE, TERMS, outcome
from tests.parity.planted_faults import every_fault

FAULTS = every_fault()
GROUPS = sorted({fault.name.split()[0] for fault in FAULTS})


def compared(left: Outcome, right: Outcome, identities: Identities) -> list[Difference]:
    return compare(left, right, route=ROUTE, terms=TERMS, identities=identities)


@pytest.fixture(scope="module")
def learned() -> dict[str, object]:
    """What the comparison knows after the two worlds were seen without a fault."""
    identities = planted.known()
    for make in DOCUMENTS.values():
        assert compared(outcome("left", make("left")), outcome("right", make("right")), identities) == []
    return identities.export()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_two_worlds_are_equal_by_rule(document: str) -> None:
    make = DOCUMENTS[document]

    assert compared(outcome("left", make("left")), outcome("right", make("right")), planted.known()) == []


def test_there_are_enough_faults_of_every_axis() -> None:
    counts = Counter(fault.axis for fault in FAULTS)

    assert len(FAULTS) >= 200
    assert {"transport", "status", "header", "media", "value", "format", "type", "presence", "order"} == set(counts)
    assert [name for name, count in Counter(fault.name for fault in FAULTS).items() if count > 1] == []


@pytest.mark.parametrize("group", GROUPS)
def test_every_planted_fault_is_found_once_and_on_its_axis(group: str, learned: dict[str, object]) -> None:
    wrong = []
    for fault in (fault for fault in FAULTS if fault.name.split()[0] == group):
        identities = Identities()
        identities.restore(learned)
        found = [(difference.axis, difference.path) for difference in compared(fault.left, fault.right, identities)]
        if found != [(fault.axis, fault.path)]:
            wrong.append(f"{fault.name}: expected {fault.axis} at {fault.path}, found {found}")

    assert wrong == [], f"{len(wrong)} of {len(FAULTS)}:\n" + "\n".join(wrong)
