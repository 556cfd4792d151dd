"""What calibration learns: leaves that differ in value when one stack answers twice. Never a format, type or presence."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from parity.compare.kinds import value_class
from parity.values import Difference

__all__ = ["learn_noise", "noise_class"]


def learn_noise(differences: Iterable[tuple[str, Difference]]) -> Mapping[tuple[str, str], frozenset[str]]:
    """Return {(route, path): classes} from differences, each with its route, of the same stack against itself.

    A difference in order becomes the class "order"; what differs on any other axis than value stays a difference.
    """
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for route, difference in differences:
        if name := noise_class(difference):
            found[route, difference.path].add(name)
    return {place: frozenset(classes) for place, classes in found.items()}


def noise_class(difference: Difference) -> str:
    """Return the class of values that differ, "order" for a list in another order, "" for what can be no noise."""
    if difference.axis == "order":
        return "order"
    key = difference.path.replace("[*]", "").rpartition(".")[2]
    if difference.axis == "header" and "missing" in {difference.left_kind, difference.right_kind}:
        return ""
    if difference.axis not in {"value", "header"}:
        return ""
    return value_class(difference.left, difference.right, key)
