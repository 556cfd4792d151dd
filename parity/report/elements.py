"""Which elements of lists stand next to each other when lists are shown side by side."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["Meet", "meet_by_position", "meet_equal"]

# Lists of all sides -> positions that belong together, None for a side that has none.
Meet = Callable[[Sequence[list[Any]]], Iterator[tuple[int | None, ...]]]
_LONGEST_LIST = 400


def meet_equal(lists: Sequence[list[Any]]) -> Iterator[tuple[int | None, ...]]:
    """Yield the positions of elements that belong together, None for a side that has none.

    Equal elements meet, and between them what has the same position.
    """
    left = lists[0]
    others = [_partners(left, other) for other in lists[1:]]
    for number in range(len(left) + 1):
        for side, (_, before) in enumerate(others):
            for extra in before.get(number, ()):
                yield (None, *[extra if side == s else None for s in range(len(others))])
        if number < len(left):
            yield (number, *[partner.get(number) for partner, _ in others])


def meet_by_position(lists: Sequence[list[Any]]) -> Iterator[tuple[int | None, ...]]:
    for number in range(max(len(side) for side in lists)):
        yield tuple(number if number < len(side) else None for side in lists)


def _partners(left: list[Any], right: list[Any]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Return right positions by left position, and the right positions without partner by the left one they precede."""
    blocks = [("replace", 0, len(left), 0, len(right))]
    if max(len(left), len(right)) <= _LONGEST_LIST:
        lefts, rights = ([repr(item) for item in side] for side in (left, right))
        blocks = list(difflib.SequenceMatcher(None, lefts, rights, autojunk=False).get_opcodes())
    partner: dict[int, int] = {}
    alone: dict[int, list[int]] = {}
    for _, start, end, other, other_end in blocks:
        both = min(end - start, other_end - other)
        partner.update({start + n: other + n for n in range(both)})
        if other + both < other_end:
            alone.setdefault(end, []).extend(range(other + both, other_end))
    return partner, alone
