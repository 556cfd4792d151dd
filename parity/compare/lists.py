"""Two lists side by side: equal stretches passed over, the rest aligned, so that one insertion is one difference.

In which order: what stands in place and is strictly equal; what has the same own id in place; what `matching` finds by
digest and likeness. Pairs of ids are learned only where it is sure which element is which.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from parity.compare.digests import OWN_IDS, digests_of
from parity.compare.identity import number_kind
from parity.compare.json_text import canonical
from parity.compare.kinds import id_of
from parity.compare.leaves import Leaves
from parity.compare.matching import Matching, match
from parity.compare.places import Place, enclosing_entity

if TYPE_CHECKING:
    from parity.compare.walk import Walk

__all__ = ["align", "compare_lists"]

# Below this many elements it costs less to look at each than to look for equal stretches.
_FEW = 4


def compare_lists(walk: "Walk", left: list[Any], right: list[Any], place: Place) -> None:
    """Add the differences of two lists to the walk's: elements missing, one for the order, and those of paired elements."""
    if len(left) == len(right) <= _FEW and _alike_in_place(walk.leaves, left, right, place):
        _in_place(walk, left, right, range(len(left)), place)
        return
    lefts, rights = _without_equal(walk, left, right, place)
    if len(left) == len(right) and lefts == rights:
        settled = [at for at in lefts if _same_own_id(walk.leaves, left[at], right[at], place)]
        _in_place(walk, left, right, settled, place)
        gone = set(settled)
        lefts = rights = [at for at in lefts if at not in gone]
    if lefts and rights:
        _aligned(walk, (left, lefts), (right, rights), place)
    else:
        _missing(walk, (left, lefts), (right, rights), place)


def align(leaves: Leaves, left: Sequence[Any], right: Sequence[Any], place: Place) -> Matching:
    """Return which element is which. Strictly equal ones go by that, the others by what they are like."""
    written = [canonical(value) for value in left], [canonical(value) for value in right]
    counts = Counter(written[0]), Counter(written[1])
    exact = {text for text, count in counts[0].items() if counts[1].get(text) == count}
    first, second = digests_of(
        leaves,
        [value for value, text in zip(left, written[0], strict=True) if text not in exact],
        [value for value, text in zip(right, written[1], strict=True) if text not in exact],
    )
    here = (place, 0)
    keys: list[list[Hashable]] = [
        [text if text in exact else side.of(value, here) for value, text in zip(values, texts, strict=True)]
        for side, values, texts in ((first, left, written[0]), (second, right, written[1]))
    ]
    return match(
        keys[0], keys[1], lambda at: first.features(left[at], here), lambda at: second.features(right[at], here)
    )


def _aligned(walk: "Walk", left: tuple[list[Any], list[int]], right: tuple[list[Any], list[int]], place: Place) -> None:
    """Align the elements at the given positions of both lists and compare each with its counterpart."""
    (values, lefts), (others, rights) = left, right
    matching = align(walk.leaves, [values[at] for at in lefts], [others[at] for at in rights], place)
    pairs = [(lefts[pair.left], rights[pair.right], pair.sure) for pair in matching.pairs]
    if matching.reordered:
        moved = [(i, j) for i, j, _ in pairs if i != j][:5]
        shown = [values[i] for i, _ in moved], [others[j] for _, j in moved]
        walk.add("order", place, *shown, (f"array({len(values)})", f"array({len(others)})"))
    equal = []
    for i, j, sure in pairs:
        if values[i] == others[j] and (text := walk.canonical(values[i])) == walk.canonical(others[j]):
            equal.append(text)
            continue
        with walk.leaves.unsure(not sure):
            walk.value(values[i], others[j], (place, i))
    walk.same(b"[" + b",".join(equal) + b"]", place)
    lefts, rights = [lefts[at] for at in matching.only_left], [rights[at] for at in matching.only_right]
    _missing(walk, (values, lefts), (others, rights), place)


def _missing(walk: "Walk", left: tuple[list[Any], list[int]], right: tuple[list[Any], list[int]], place: Place) -> None:
    for at in left[1]:
        walk.missing((place, at), left[0][at], None, on_left=False)
    for at in right[1]:
        walk.missing((place, at), None, right[0][at], on_left=True)


def _in_place(walk: "Walk", left: list[Any], right: list[Any], positions: Sequence[int], place: Place) -> None:
    for at in positions:
        walk.value(left[at], right[at], (place, at))


def _alike_in_place(leaves: Leaves, left: list[Any], right: list[Any], place: Place) -> bool:
    """Say whether the elements of a short list are alike in place, so that it need not be aligned."""
    if len(left) < 2 or left == right:
        return True
    first, second = digests_of(leaves, left, right)
    here = (place, 0)
    return all(first.of(one, here) == second.of(other, here) for one, other in zip(left, right, strict=True))


def _same_own_id(leaves: Leaves, left: Any, right: Any, place: Place) -> bool:
    """Say whether two elements are the same thing by their own id, whatever else differs."""
    if not isinstance(left, dict) or not isinstance(right, dict):
        return False
    key = next((name for name in OWN_IDS if left.get(name) is not None), "")
    if not key or type(left[key]) is not type(right.get(key)):
        return False
    one, other = left[key], right[key]
    if one == other:
        return True
    identities = leaves.identities
    if isinstance(one, str) and (identity := id_of(one)) and (counterpart := id_of(other)):
        return identities.known(identity[0], identity[1], counterpart[1])
    return isinstance(one, int) and identities.known(number_kind(enclosing_entity((place, key))), str(one), str(other))


def _without_equal(walk: "Walk", left: list[Any], right: list[Any], place: Place) -> tuple[list[int], list[int]]:
    """Return the positions left over when strictly equal elements in place, or at both ends, are taken out."""
    if len(left) == len(right):
        holes = [at for at, (one, other) in enumerate(zip(left, right, strict=True)) if one != other]
        if 2 * len(holes) <= len(left):
            return _holes(walk, left, right, holes, place)
    start, end = _equal_ends(left, right)
    n, m = len(left), len(right)
    ends = [*left[:start], *left[n - end :]], [*right[:start], *right[m - end :]]
    if (written := walk.canonical(ends[0])) == walk.canonical(ends[1]):
        walk.same(written, place)
        return list(range(start, n - end)), list(range(start, m - end))
    return list(range(n)), list(range(m))


def _holes(
    walk: "Walk", left: list[Any], right: list[Any], holes: list[int], place: Place
) -> tuple[list[int], list[int]]:
    gone = set(holes)
    kept, others = ([value for at, value in enumerate(side) if at not in gone] for side in (left, right))
    if (written := walk.canonical(kept)) == walk.canonical(others):
        walk.same(written, place)
        return holes, holes
    # Python takes 1, 1.0 and true for equal; the elements that are not must be looked at.
    differ = [at for at in range(len(left)) if at in gone or walk.canonical(left[at]) != walk.canonical(right[at])]
    return differ, differ


def _equal_ends(left: list[Any], right: list[Any]) -> tuple[int, int]:
    """Return how many elements are equal, as Python sees it, at the start and at the end."""
    shorter = min(len(left), len(right))
    start = 0
    while start < shorter and left[start] == right[start]:
        start += 1
    end = 0
    while end < shorter - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return start, end
