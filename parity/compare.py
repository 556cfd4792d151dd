"""What two stacks did with one request, compared: answer, rows, effects. The one door to everything that compares."""

from collections.abc import Iterator
from contextlib import contextmanager

from parity.answers import compare_answers
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
    with _any_depth(rows, "rows"):
        compare_rows(left.rows, right.rows, rows)
    compare_answers(left.answer, right.answer, answer)
    with _any_depth(effects, "effects"):
        compare_effects(left.effects, right.effects, effects)
    return answer.differences + rows.differences + effects.differences


_PARTS: tuple[Where, ...] = ("rows", "answer", "effects")


@contextmanager
def _any_depth(walk: Walk, name: str) -> Iterator[None]:
    """Report what is nested too deep to be compared as one difference."""
    try:
        yield
    except RecursionError:
        walk.add("value", (None, Root(name, name)), None, None, ("too deep", "too deep"))


def _tolerance_s(left: Outcome, right: Outcome, terms: Terms) -> float:
    return terms.time_tolerance_s + max(left.answer.elapsed_s, right.answer.elapsed_s)


def _now_s(left: Outcome, terms: Terms) -> float:
    if terms.now_s:
        return terms.now_s
    moment = read_time(header(left.answer.headers, "date") or "")
    return moment.at_s if moment else 0.0
