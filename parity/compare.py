"""What two stacks did with one request, compared: answer, rows, effects. The one door to everything that compares."""

from parity.answers import compare_answers, compare_bytes
from parity.effects import compare_effects
from parity.identity import Identities
from parity.leaves import Leaves
from parity.noise import learn_noise
from parity.places import Root
from parity.rows import compare_rows
from parity.terms import Terms
from parity.times import read_time
from parity.values import Difference, Outcome, Where, header
from parity.walk import Walk

__all__ = ["Identities", "Terms", "compare", "learn_noise"]


def compare(left: Outcome, right: Outcome, *, route: str, terms: Terms, identities: Identities) -> list[Difference]:
    """Return every difference that the terms do not allow: of the answer first, then rows, then effects.

    `route` is method and template, `GET /jobs/{id}`. Pairs of ids are learned into `identities` on the way; rows teach
    first, because a new row's key is the surest pair there is.
    """
    leaves = Leaves(terms, identities, route, _tolerance_s(left, right, terms), _now_s(left, terms))
    rows, answer, effects = (Walk(leaves, where) for where in _PARTS)
    compare_rows(left.rows, right.rows, rows)
    try:
        compare_answers(left.answer, right.answer, answer)
    except RecursionError:
        answer.differences.clear()
        compare_bytes(left.answer.body, right.answer.body, answer, (None, Root("$", "$")))
    compare_effects(left.effects, right.effects, effects)
    return answer.differences + rows.differences + effects.differences


_PARTS: tuple[Where, ...] = ("rows", "answer", "effects")


def _tolerance_s(left: Outcome, right: Outcome, terms: Terms) -> float:
    return terms.time_tolerance_s + max(left.answer.elapsed_s, right.answer.elapsed_s)


def _now_s(left: Outcome, terms: Terms) -> float:
    if terms.now_s:
        return terms.now_s
    moment = read_time(header(left.answer.headers, "date") or "")
    return moment.at_s if moment else 0.0
