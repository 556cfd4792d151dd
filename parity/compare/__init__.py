"""What two stacks did with one request, compared: answer, rows, effects. The one door to everything that compares."""

from collections.abc import Callable

from parity.compare.answers import compare_answers
from parity.compare.effects import compare_effects
from parity.compare.identity import Identities
from parity.compare.leaves import Leaves
from parity.compare.places import Root
from parity.compare.rows import compare_rows
from parity.compare.terms import Terms
from parity.compare.times import read_time
from parity.compare.walk import Walk
from parity.values import Difference, Outcome, header

__all__ = ["Identities", "Terms", "compare"]


def compare(left: Outcome, right: Outcome, *, route: str, terms: Terms, identities: Identities) -> list[Difference]:
    """Return every difference that the terms do not allow: of the answer first, then rows, then effects.

    `route` is method and template, `GET /jobs/{id}`. Pairs of ids are learned into `identities` on the way; rows teach
    first, because a new row's key is the surest pair there is.
    """
    leaves = Leaves(terms, identities, route, _tolerance_s(left, right, terms), _now_s(left, terms))
    rows: list[Difference] = []
    if left.rows or right.rows:
        rows = _of_any_depth(Walk(leaves, "rows"), lambda walk: compare_rows(left.rows, right.rows, walk))
    answer = Walk(leaves, "answer")
    compare_answers(left.answer, right.answer, answer)
    effects: list[Difference] = []
    if left.effects or right.effects:
        effects = _of_any_depth(
            Walk(leaves, "effects"), lambda walk: compare_effects(left.effects, right.effects, walk)
        )
    return answer.differences + rows + effects


def _of_any_depth(walk: Walk, go: Callable[[Walk], None]) -> list[Difference]:
    """Return the differences found; what is nested too deep to be compared is one difference."""
    try:
        go(walk)
    except RecursionError:
        walk.add("value", (None, Root(walk.where, walk.where)), None, None, ("too deep", "too deep"))
    return walk.differences


def _tolerance_s(left: Outcome, right: Outcome, terms: Terms) -> float:
    return terms.time_tolerance_s + max(left.answer.elapsed_s, right.answer.elapsed_s)


def _now_s(left: Outcome, terms: Terms) -> float:
    if terms.now_s:
        return terms.now_s
    moment = read_time(header(left.answer.headers, "date") or "")
    return moment.at_s if moment else 0.0
