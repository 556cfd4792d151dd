"""Which elements of lists stand next to each other when lists are shown side by side."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["Alone", "meet", "meet_by_position"]

# Positions that have no counterpart, in the first list and in another one.
Alone = tuple[set[int], set[int]]
_LONGEST_LIST = 400


def meet(lists: Sequence[list[Any]], alone: Sequence[Alone]) -> Iterator[tuple[int | None, ...]]:
    """Yield the positions of elements that belong together, None for a side that has none.

    `alone` says for each list after the first what the comparison found no counterpart for; the others follow each
    other. Where that cannot be, equal elements meet, and between them what has the same position.
    """
    first = lists[0]
    others = [_partners(first, other, found) for other, found in zip(lists[1:], alone, strict=True)]
    for number in range(len(first) + 1):
        for side, (_, before) in enumerate(others):
            for extra in before.get(number, ()):
                yield (None, *[extra if side == s else None for s in range(len(others))])
        if number < len(first):
            yield (number, *[partner.get(number) for partner, _ in others])


def meet_by_position(lists: Sequence[list[Any]]) -> Iterator[tuple[int | None, ...]]:
    for number in range(max(len(side) for side in lists)):
        yield tuple(number if number < len(side) else None for side in lists)


def _partners(left: list[Any], right: list[Any], alone: Alone) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Return right positions by left position, and the right positions without partner by the left one they precede."""
    lefts = [number for number in range(len(left)) if number not in alone[0]]
    rights = [number for number in range(len(right)) if number not in alone[1]]
    partner = dict(zip(lefts, rights, strict=True)) if len(lefts) == len(rights) else _equal_ones(left, right)
    before: dict[int, list[int]] = {}
    taken = {other: number for number, other in partner.items()}
    at = 0
    for number in range(len(right)):
        if number in taken:
            at = taken[number] + 1
        else:
            before.setdefault(at, []).append(number)
    return partner, before


def _equal_ones(left: list[Any], right: list[Any]) -> dict[int, int]:
    blocks = [("replace", 0, len(left), 0, len(right))]
    if max(len(left), len(right)) <= _LONGEST_LIST:
        lefts, rights = ([repr(item) for item in side] for side in (left, right))
        blocks = list(difflib.SequenceMatcher(None, lefts, rights, autojunk=False).get_opcodes())
    return {
        start + n: other + n for _, start, end, other, ends in blocks for n in range(min(end - start, ends - other))
    }
