"""Where the differences of one exchange stand: which place of a body is marked, and which list elements have no counterpart."""

import re
from collections.abc import Sequence
from typing import Literal

from parity.report.value import Spot
from parity.values import Axis

__all__ = ["Mark", "Marks"]

Mark = Axis | Literal[""]
# What is inside of a text: claims of a token, JSON in a string.
_INSIDE = re.compile(r"\((?:jwt|json)\)")
_ELEMENT = re.compile(r"(.*)\[(\d+)\]", re.DOTALL)


class Marks:
    """Spots by place: of what only one side has by the place on that side, of what both have by the left one's."""

    def __init__(self, spots: Sequence[Spot]) -> None:
        self._sides: tuple[dict[str, Axis], dict[str, Axis]] = ({}, {})
        self._both: dict[str, Axis] = {}
        self._alone: tuple[dict[str, set[int]], dict[str, set[int]]] = ({}, {})
        for spot in spots:
            around = _INSIDE.split(spot.spot)[0]
            if around != spot.spot:
                self._both.setdefault(around, spot.axis)
            elif spot.axis == "presence" and "missing" in {spot.left_kind, spot.right_kind}:
                self._one_sided(spot, 1 if spot.left_kind == "missing" else 0)
            else:
                self._both.setdefault(spot.spot, spot.axis)

    def _one_sided(self, spot: Spot, side: int) -> None:
        self._sides[side].setdefault(spot.spot, spot.axis)
        element = _ELEMENT.fullmatch(spot.spot)
        if element:
            self._alone[side].setdefault(element[1], set()).add(int(element[2]))

    def at(self, left: str | None, right: str | None) -> Mark:
        """Return the axis in which the sides differ at a place, "" for none; None for a side that has nothing there."""
        if left is None:
            return "" if right is None else self._sides[1].get(right, "")
        return self._sides[0].get(left, "") if right is None else self._both.get(left, "")

    def alone(self, left: str, right: str) -> tuple[set[int], set[int]]:
        """Return the positions in a list that have no counterpart on the other side, left and right."""
        return self._alone[0].get(left, set()), self._alone[1].get(right, set())
