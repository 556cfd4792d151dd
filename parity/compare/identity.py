"""Which id of the left stack is which id of the right one: a bijection per kind, learned as the stacks answer.

A pair once learned holds for good. What an id looks like, and where ids stand, is decided elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from parity.compare.kinds import id_of
from parity.shapes import singular
from parity.values import ParityError

__all__ = ["Identities", "number_kind"]

# Equal documents are looked through for ids only when a pair is to be learned, or when so much has gathered.
_PENDING_BYTES = 4_000_000
# Documents remembered as looked through already; more than that and they are looked through once more.
_REMEMBERED = 20_000


def number_kind(entity: str) -> str:
    """Return the bijection of an entity's short numbers; table names and keys meet in the singular."""
    return f"int:{singular(entity)}"


class Identities:
    """Ids that are the same on both sides (`same`), and those that were paired with another one."""

    def __init__(self) -> None:
        self._same: dict[str, set[str]] = {}
        self._right_of: dict[str, dict[str, str]] = {}
        self._left_of: dict[str, dict[str, str]] = {}
        self._pending: dict[bool, dict[int, Callable[[], object]]] = {True: {}, False: {}}
        self._pending_bytes = {True: 0, False: 0}
        self._seen: dict[bool, set[int]] = {True: set(), False: set()}
        self.texts_moved = False
        self.numbers_moved = False

    def seed(self, values: Iterable[Any]) -> None:
        """Take ids of the common start state as themselves; values that are no ids by their looks are passed over."""
        for value in values:
            if isinstance(value, str) and (identity := id_of(value)):
                self._same.setdefault(identity[0], set()).add(identity[1])

    def seed_rows(
        self, table: str, rows: Iterable[Mapping[str, Any]], references: Mapping[tuple[str, str], str]
    ) -> None:
        """Take the ids in rows of the common start state as themselves; `references` is (table, column) -> table."""
        columns = {column: number_kind(target) for (owner, column), target in references.items() if owner == table}
        for row in rows:
            self.seed(row.values())
            for column, kind in columns.items():
                value = row.get(column)
                if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
                    self._same.setdefault(kind, set()).add(str(value))

    def fits(self, kind: str, left: str, right: str) -> bool:
        """Say whether the two may be one: paired already, or neither is known. Learns nothing."""
        if left == right:
            return left not in self._right_of.get(kind, ()) and left not in self._left_of.get(kind, ())
        self._settle(kind)
        forward, backward = self._right_of.get(kind, {}), self._left_of.get(kind, {})
        if left in forward or right in backward:
            return forward.get(left) == right
        same = self._same.get(kind, ())
        return left not in same and right not in same

    def pair(self, kind: str, left: str, right: str) -> bool:
        """Return True for the same pair again or one newly learned, False if one side belongs to another."""
        if not self.fits(kind, left, right):
            return False
        if left == right:
            self._same.setdefault(kind, set()).add(left)
        else:
            self._right_of.setdefault(kind, {})[left] = right
            self._left_of.setdefault(kind, {})[right] = left
            self._mark_moved(kind)
        return True

    def same(self, ids: Iterable[tuple[str, str]]) -> bool:
        """Take many ids, each with its kind, as themselves. False if one of them belongs to another; then none is taken."""
        by_kind: dict[str, set[str]] = {}
        for kind, value in ids:
            by_kind.setdefault(kind, set()).add(value)
        for kind, values in by_kind.items():
            if not (values.isdisjoint(self._right_of.get(kind, ())) and values.isdisjoint(self._left_of.get(kind, ()))):
                return False
        for kind, values in by_kind.items():
            self._same.setdefault(kind, set()).update(values)
        return True

    def known(self, kind: str, left: str, right: str) -> bool:
        """Say whether exactly this pair was learned before."""
        if left == right:
            return left in self._same.get(kind, ())
        return self._right_of.get(kind, {}).get(left) == right

    def right_of(self, kind: str, left: str) -> str | None:
        """Return what a left id is on the right, None if that is not known."""
        found = self._right_of.get(kind, {}).get(left)
        return left if found is None and left in self._same.get(kind, ()) else found

    def has_right(self, kind: str, right: str) -> bool:
        """Say whether a right id has its left one."""
        return right in self._left_of.get(kind, ()) or right in self._same.get(kind, ())

    def forget(self, kind: str, left: str, right: str) -> None:
        """Let go of a pair whose row was deleted: databases may give the number out again."""
        if self.known(kind, left, right):
            self._same.get(kind, set()).discard(left)
            self._right_of.get(kind, {}).pop(left, None)
            self._left_of.get(kind, {}).pop(right, None)

    def later(self, numbers: bool, key: int, size_bytes: int, note: Callable[[], object]) -> None:
        """Keep an equal document, known by `key`, to be looked through by `note` before the next pair is learned."""
        pending = self._pending[numbers]
        if key not in pending and key not in self._seen[numbers]:
            pending[key] = note
            self._pending_bytes[numbers] += size_bytes
            if self._pending_bytes[numbers] > _PENDING_BYTES:
                self._run(numbers)

    def export(self) -> dict[str, Any]:
        """Return everything learned as a JSON value."""
        self._run(True)
        self._run(False)
        kinds = sorted({*self._same, *self._right_of})
        return {
            kind: {"same": sorted(self._same.get(kind, ())), "moved": dict(self._right_of.get(kind, {}))}
            for kind in kinds
        }

    def restore(self, exported: Mapping[str, Any]) -> None:
        """Take what `export` gave in place of what is known. Raise ParityError if it is none of its."""
        try:
            same = {kind: set(map(str, part["same"])) for kind, part in exported.items()}
            forward = {kind: {str(k): str(v) for k, v in part["moved"].items()} for kind, part in exported.items()}
        except (AttributeError, KeyError, TypeError):
            raise ParityError("The journal's pairs of ids cannot be read; run again from the start.") from None
        self._same, self._right_of = same, forward
        self._left_of = {kind: {right: left for left, right in pairs.items()} for kind, pairs in forward.items()}
        self._pending = {True: {}, False: {}}
        for kind in (kind for kind, pairs in forward.items() if pairs):
            self._mark_moved(kind)

    def _mark_moved(self, kind: str) -> None:
        if kind.startswith("int:"):
            self.numbers_moved = True
        else:
            self.texts_moved = True

    def _settle(self, kind: str) -> None:
        self._run(kind.startswith("int:"))

    def _run(self, numbers: bool) -> None:
        if self._pending[numbers]:
            notes, self._pending[numbers], self._pending_bytes[numbers] = self._pending[numbers], {}, 0
            if len(self._seen[numbers]) > _REMEMBERED:
                self._seen[numbers].clear()
            self._seen[numbers].update(notes)
            for note in notes.values():
                note()
