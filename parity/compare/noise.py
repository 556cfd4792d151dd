"""What a difference would have to be called to be noise. Never a format, type or presence."""

from parity.compare.kinds import value_class
from parity.values import Difference

__all__ = ["noise_class"]


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
