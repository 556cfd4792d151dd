"""Two JSON values side by side, from the root to the leaves: what is missing, of another type, out of order, different.

Equal parts are passed over at the speed of bytes; leaves are judged by `leaves`, lists aligned by `matching`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from parity.digests import digests_of
from parity.json_text import canonical, plain
from parity.kinds import MISSING, kind_of
from parity.leaves import Leaves, Nested
from parity.matching import Matching, match
from parity.notes import Note
from parity.places import Inside, Place, key_at, path_of, spot_of
from parity.values import Axis, Difference, Where

__all__ = ["Walk"]

_SHORTEST_ID = 16
# Below this many elements it costs less to look at each than to look for equal stretches.
_FEW = 4


class Walk:
    """Walks through pairs of values of one exchange and gathers their differences."""

    def __init__(self, leaves: Leaves, where: Where) -> None:
        self.leaves = leaves
        self.where = where
        self.differences: list[Difference] = []
        # Off while a document that is equal is searched for the ids that must not be.
        self._shortcuts = True

    def add(self, axis: Axis, place: Place, left: Any, right: Any, kinds: tuple[str, str] | None = None) -> None:
        """Report a difference; kinds are those of the values unless given."""
        key, now_s = key_at(place), self.leaves.now_s
        first, second = kinds or (str(kind_of(left, key, now_s)), str(kind_of(right, key, now_s)))
        self.differences.append(
            Difference(self.where, axis, path_of(place), spot_of(place), plain(left), plain(right), first, second)
        )

    def missing(self, place: Place, left: Any, right: Any, on_left: bool, kind: str = "") -> None:
        """Report a value that only one side has."""
        there = kind or str(kind_of(right if on_left else left, key_at(place), self.leaves.now_s))
        kinds = (str(MISSING), there) if on_left else (there, str(MISSING))
        self.add("presence", place, None if on_left else left, right if on_left else None, kinds)

    def value(self, left: Any, right: Any, place: Place) -> None:
        """Compare two values; what they differ in is in `differences` afterwards."""
        kind = type(left)
        if kind is not type(right):
            self.add("type", place, left, right)
        elif kind is dict:
            self._object(left, right, place)
        elif kind is list:
            self._list(left, right, place)
        elif left != right or (left == 0.0 and kind is float and str(left) != str(right)):
            self._leaf(left, right, place)
        elif (kind is str or kind is int) and not self.leaves.equal(left, place):
            self.add("value", place, left, right, (f"{kind_of(left)}", f"{kind_of(right)}(other)"))

    def same(self, text: bytes, place: Place) -> None:
        """Take note of a document that is equal on both sides: its ids are themselves, unless paired with others."""
        identities = self.leaves.identities
        if len(text) < _SHORTEST_ID and not identities.numbers_moved:
            return
        note = Note(self.leaves, text, place)
        if (identities.texts_moved and not note.texts()) or (identities.numbers_moved and not note.numbers()):
            self._search(note.value(), place)
            return
        if not identities.texts_moved:
            identities.later(False, note.key, len(text), note.texts)
        if not identities.numbers_moved:
            identities.later(True, note.key, len(text), note.numbers)

    def _canonical(self, value: Any) -> bytes:
        return canonical(value, ordered=self.leaves.terms.key_order)

    @contextmanager
    def unsure(self, doubtful: bool = True) -> Iterator[None]:
        """Learn no pairs of ids meanwhile, if it is doubtful that the two belong together."""
        before = self.leaves.learning
        self.leaves.learning = before and not doubtful
        try:
            yield
        finally:
            self.leaves.learning = before

    def _search(self, value: Any, place: Place) -> None:
        self._shortcuts = False
        try:
            self.value(value, value, place)
        finally:
            self._shortcuts = True

    def _leaf(self, left: Any, right: Any, place: Place) -> None:
        found = self.leaves.unequal(left, right, place)
        if isinstance(found, Nested):
            self.value(found.left, found.right, (place, Inside(found.mark)))
        elif found is not None:
            self.add(found.axis, place, left, right, (found.left_kind, found.right_kind))

    def _object(self, left: dict[str, Any], right: dict[str, Any], place: Place) -> None:
        only_left = []
        for key, value in left.items():
            if key in right:
                self.value(value, right[key], (place, key))
            else:
                only_left.append(key)
        only_right = [key for key in right if key not in left] if only_left or len(left) != len(right) else []
        if only_left and only_right:
            only_left, only_right = self._keys(left, right, only_left, only_right, place)
        for key in only_left:
            self.missing((place, key), left[key], None, on_left=False)
        for key in only_right:
            self.missing((place, key), None, right[key], on_left=True)
        if self.leaves.terms.key_order and not (only_left or only_right) and list(left) != list(right):
            self.add("order", place, list(left), list(right), ("keys", "keys"))

    def _keys(
        self, left: dict[str, Any], right: dict[str, Any], lefts: list[str], rights: list[str], place: Place
    ) -> tuple[list[str], list[str]]:
        """Pair keys that are ids or times themselves, known ones first, then by what they hold; return the others."""
        matching = self._match(
            [{"id": key, "value": left[key]} for key in lefts],
            [{"id": key, "value": right[key]} for key in rights],
            place,
        )
        taken = set()
        for pair in matching.pairs:
            first, second = lefts[pair.left], rights[pair.right]
            with self.unsure(not pair.sure):
                fits = self.leaves.unequal(first, second, (place, "id")) is None
                if fits and kind_of(first).family not in {"digits", "decimal"}:
                    taken.update({(0, first), (1, second)})
                    self.value(left[first], right[second], (place, first))
        return [k for k in lefts if (0, k) not in taken], [k for k in rights if (1, k) not in taken]

    def _list(self, left: list[Any], right: list[Any], place: Place) -> None:
        if not self._shortcuts or (len(left) == len(right) <= _FEW and self._in_place(left, right, place)):
            for at, (one, other) in enumerate(zip(left, right, strict=True)):
                self.value(one, other, (place, at))
            return
        lefts, rights = self._strip(left, right, place)
        if not rights or not lefts:
            for at in lefts:
                self.missing((place, at), left[at], None, on_left=False)
            for at in rights:
                self.missing((place, at), None, right[at], on_left=True)
            return
        matching = self._match([left[at] for at in lefts], [right[at] for at in rights], place)
        self._matched(matching, (left, lefts), (right, rights), place)

    def _matched(
        self, matching: Matching, left: tuple[list[Any], list[int]], right: tuple[list[Any], list[int]], place: Place
    ) -> None:
        (values, lefts), (others, rights) = left, right
        if matching.reordered and not self.leaves.relaxes_order(place):
            moved = [pair for pair in matching.pairs if lefts[pair.left] != rights[pair.right]][:5]
            shown = [values[lefts[pair.left]] for pair in moved], [others[rights[pair.right]] for pair in moved]
            self.add("order", place, *shown, (f"array({len(values)})", f"array({len(others)})"))
        for pair in matching.pairs:
            with self.unsure(not pair.sure):
                self.value(values[lefts[pair.left]], others[rights[pair.right]], (place, lefts[pair.left]))
        for at in matching.only_left:
            self.missing((place, lefts[at]), values[lefts[at]], None, on_left=False)
        for at in matching.only_right:
            self.missing((place, rights[at]), None, others[rights[at]], on_left=True)

    def _in_place(self, left: list[Any], right: list[Any], place: Place) -> bool:
        """Say whether the elements of a short list are alike in place, so that it need not be aligned."""
        if len(left) < 2:
            return True
        first, second = digests_of(self.leaves, left, right)
        here = (place, 0)
        return all(first.of(one, here) == second.of(other, here) for one, other in zip(left, right, strict=True))

    def _match(self, left: Sequence[Any], right: Sequence[Any], place: Place) -> Matching:
        first, second = digests_of(self.leaves, left, right)
        return match(
            [first.of(value, (place, 0)) for value in left],
            [second.of(value, (place, 0)) for value in right],
            lambda at: first.features(left[at], (place, 0)),
            lambda at: second.features(right[at], (place, 0)),
        )

    def _strip(self, left: list[Any], right: list[Any], place: Place) -> tuple[list[int], list[int]]:
        """Return the positions left over when strictly equal elements in place, or at both ends, are taken out."""
        if len(left) == len(right):
            holes = [at for at, (one, other) in enumerate(zip(left, right, strict=True)) if one != other]
            if 2 * len(holes) <= len(left):
                return self._positions_without(left, right, holes, place)
        start, end = _equal_ends(left, right)
        n, m = len(left), len(right)
        ends = [*left[:start], *left[n - end :]], [*right[:start], *right[m - end :]]
        if (written := self._canonical(ends[0])) == self._canonical(ends[1]):
            self.same(written, place)
            return list(range(start, n - end)), list(range(start, m - end))
        return list(range(n)), list(range(m))

    def _positions_without(
        self, left: list[Any], right: list[Any], holes: list[int], place: Place
    ) -> tuple[list[int], list[int]]:
        gone = set(holes)
        kept, others = ([v for at, v in enumerate(side) if at not in gone] for side in (left, right))
        if (written := self._canonical(kept)) == self._canonical(others):
            self.same(written, place)
            return holes, holes
        # Python takes 1, 1.0 and true for equal; the elements that are not must be looked at.
        differ = [
            at for at in range(len(left)) if at in gone or self._canonical(left[at]) != self._canonical(right[at])
        ]
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
