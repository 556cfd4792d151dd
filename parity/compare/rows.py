"""The rows that two stacks wrote with one request: matched by table, operation and ids, in whatever order they came."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from parity.compare.identity import number_kind
from parity.compare.lists import align
from parity.compare.matching import Matching
from parity.compare.places import Place, Root
from parity.compare.times import read_time
from parity.compare.walk import Walk
from parity.values import RowChange

__all__ = ["compare_rows"]


def compare_rows(left: Sequence[RowChange], right: Sequence[RowChange], walk: Walk) -> None:
    """Add the differences of two sets of net changes to the walk's."""
    lefts, rights = _by_table(left), _by_table(right)
    # Inserts first: the keys of new rows are what others refer to.
    for table, operation in sorted({*lefts, *rights}, key=lambda at: (at[1] != "insert", at)):
        _Group(table, operation, walk).compare(lefts[table, operation], rights[table, operation])


class _Group:
    """The changes of one operation on one table."""

    def __init__(self, table: str, operation: str, walk: Walk) -> None:
        self._table, self._operation, self._walk = table, operation, walk

    def compare(self, left: list[RowChange], right: list[RowChange]) -> None:
        matching = self._match([_row(change) for change in left], [_row(change) for change in right])
        for pair in matching.pairs:
            with self._walk.leaves.unsure(not pair.sure):
                self._pair(left[pair.left], right[pair.right], self._place(pair.left))
        for at in matching.only_left:
            self._walk.missing(self._place(at), dict(_row(left[at])), None, on_left=False, kind=self._operation)
        for at in matching.only_right:
            self._walk.missing(self._place(at), None, dict(_row(right[at])), on_left=True, kind=self._operation)

    def _match(self, left: list[Mapping[str, Any]], right: list[Mapping[str, Any]]) -> Matching:
        return align(self._walk.leaves, [dict(row) for row in left], [dict(row) for row in right], self._place(0))

    def _pair(self, left: RowChange, right: RowChange, place: Place) -> None:
        before = len(self._walk.differences)
        self._walk.value(dict(_row(left)), dict(_row(right)), place)
        if self._operation == "update":
            told = {difference.spot for difference in self._walk.differences[before:]}
            self._stale(left, right, place, told)
        if self._operation == "delete" and len(self._walk.differences) == before:
            self._forget(left, right)

    def _stale(self, left: RowChange, right: RowChange, place: Place, told: set[str]) -> None:
        """Report times that one stack set anew and the other left as they were, though near enough to pass for equal."""
        for column in _row(left):
            first, second = _change(left, column), _change(right, column)
            if first is None or second is None or (first[0] == first[1]) == (second[0] == second[1]):
                continue
            kept = first[0] if first[0] == first[1] else second[0]
            time = read_time(kept) if isinstance(kept, str) else None
            if time and time.precise and f"{place_spot(place)}.{column}" not in told:
                kinds = ["unchanged" if old == new else "set anew" for old, new in (first, second)]
                self._walk.add("value", (place, column), first[1], second[1], (kinds[0], kinds[1]))

    def _forget(self, left: RowChange, right: RowChange) -> None:
        """A number of a deleted row may come back as another row's."""
        for (table, column), target in self._walk.leaves.terms.references.items():
            if table == target == self._table:
                one, other = _row(left).get(column), _row(right).get(column)
                if isinstance(one, int) and isinstance(other, int):
                    self._walk.leaves.identities.forget(number_kind(table), str(one), str(other))

    def _place(self, at: int) -> Place:
        spot = f"{self._table}[{self._operation} #{at + 1}]"
        return None, Root(self._table, spot, self._table, self._table)


def place_spot(place: Place) -> str:
    """Return the spot of a row."""
    root = place[1]
    return root.spot if isinstance(root, Root) else ""


def _by_table(changes: Sequence[RowChange]) -> defaultdict[tuple[str, str], list[RowChange]]:
    found: defaultdict[tuple[str, str], list[RowChange]] = defaultdict(list)
    for change in changes:
        found[change.table, change.operation].append(change)
    return found


def _row(change: RowChange) -> Mapping[str, Any]:
    return change.after if change.after is not None else change.before or {}


def _change(change: RowChange, column: str) -> tuple[Any, Any] | None:
    if change.before is None or change.after is None or column not in change.before or column not in change.after:
        return None
    return change.before[column], change.after[column]
