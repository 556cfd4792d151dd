"""What the comparison reports and what the page marks are the same: each planted fault has its line, and nothing else has."""

import json

import pytest

from parity.compare import Identities, compare
from parity.report.detail import Seen, detail_of
from parity.report.value import Detail
from parity.values import Request
from tests.parity import planted
from tests.parity.planted import DOCUMENTS, ROUTE, TERMS, outcome
from tests.parity.planted_faults import every_fault
from tests.parity.report_sample import STACKS

# Rows stand in a table of their own.
FAULTS = [fault for fault in every_fault() if not fault.name.startswith("rows")]
GROUPS = sorted({fault.name.split()[0] for fault in FAULTS})
REQUEST = Request("POST", "/orders")


@pytest.fixture(scope="module")
def learned() -> dict[str, object]:
    identities = planted.known()
    for make in DOCUMENTS.values():
        compare(
            outcome("left", make("left")),
            outcome("right", make("right")),
            route=ROUTE,
            terms=TERMS,
            identities=identities,
        )
    return identities.export()


def wrong_with(detail: Detail) -> str:
    """Return in one word what the page would get wrong, "" for nothing."""
    bodies = {spot.spot for spot in detail.spots if spot.where == "answer" and spot.spot.startswith("$")}
    effects = {spot.spot for spot in detail.spots if spot.where == "effects"}
    begun = sum(line.begins for line in detail.lines)
    called = sum(line.begins for lines in detail.effects.values() for line in lines)
    if (begun, called) != (len(bodies), len(effects)):
        return f"{begun} and {called} places marked for {sorted(bodies)} and {sorted(effects)}"
    loose = [line for line in detail.lines if line.mark and not bodies]
    return f"marked without reason: {loose[:3]}" if loose else ""


@pytest.mark.parametrize("group", GROUPS)
def test_every_planted_fault_has_its_line_and_no_other_line_is_marked(group: str, learned: dict[str, object]) -> None:
    wrong = []
    for fault in (fault for fault in FAULTS if fault.name.split()[0] == group):
        identities = Identities()
        identities.restore(learned)
        found = compare(fault.left, fault.right, route=ROUTE, terms=TERMS, identities=identities)
        seen = Seen("e1", REQUEST, (REQUEST, REQUEST), (fault.left, fault.right), differences=found)
        said = wrong_with(detail_of(seen, STACKS, str))
        if said:
            wrong.append(f"{fault.name}: {said}")

    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_ids_and_times_of_each_stack_are_shown_and_not_marked(document: str, learned: dict[str, object]) -> None:
    left, right = (outcome(side, DOCUMENTS[document](side)) for side in ("left", "right"))
    detail = detail_of(Seen("e1", REQUEST, (REQUEST, REQUEST), (left, right)), STACKS, str)

    assert all(not line.mark for line in detail.lines)
    assert any(line.left != line.right for line in detail.lines)
    for side, raw in (("left", left.answer.body), ("right", right.answer.body)):
        assert json.loads("".join(getattr(line, side) or "" for line in detail.lines)) == json.loads(raw)
