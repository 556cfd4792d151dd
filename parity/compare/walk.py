"""Two JSON values side by side, from the root to the leaves: what is missing, of another type, out of order, different.

Equal parts are passed over at the speed of bytes; leaves are judged by `leaves`, lists aligned by `lists`.
"""

from typing import Any

from parity.compare.json_text import canonical, plain
from parity.compare.kinds import MISSING, kind_of
from parity.compare.leaves import Leaves, Nested
from parity.compare.lists import align, compare_lists
from parity.compare.notes import Note
from parity.compare.places import Inside, Place, key_at, path_of, spot_of
from parity.values import Axis, Difference, Where

__all__ = ["Walk"]

_SHORTEST_ID = 16


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
            self.add("value", place, left, right, (str(kind_of(left)), f"{kind_of(right).family}(other)"))

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

    def canonical(self, value: Any) -> bytes:
        """Return bytes that are equal for strictly equal values under the terms."""
        return canonical(value, ordered=self.leaves.terms.key_order)

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
                if len(key) >= _SHORTEST_ID and not self.leaves.equal_key(key):
                    self.add("value", (place, key), key, key, ("key", "key(other)"))
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
        pairs = [{"id": key, "value": left[key]} for key in lefts], [{"id": key, "value": right[key]} for key in rights]
        matching = align(self.leaves, *pairs, place)
        taken = set()
        for pair in matching.pairs:
            first, second = lefts[pair.left], rights[pair.right]
            with self.leaves.unsure(not pair.sure):
                fits = self.leaves.unequal(first, second, (place, "id")) is None
                if fits and kind_of(first).family not in {"digits", "decimal"}:
                    taken.update({(0, first), (1, second)})
                    self.value(left[first], right[second], (place, first))
        return [k for k in lefts if (0, k) not in taken], [k for k in rights if (1, k) not in taken]

    def _list(self, left: list[Any], right: list[Any], place: Place) -> None:
        if self._shortcuts:
            compare_lists(self, left, right, place)
            return
        for at, (one, other) in enumerate(zip(left, right, strict=True)):
            self.value(one, other, (place, at))
