"""From single writes to net changes, and from foreign keys to the tables whose ids they hold. Values only, no database."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity.values import RowChange

__all__ = ["entities", "fold"]

_Row = Mapping[str, Any] | None


@dataclass(slots=True)
class _Net:
    table: str
    before: _Row
    after: _Row


def fold(writes: Iterable[RowChange], keys: Mapping[str, Sequence[str]]) -> list[RowChange]:
    """Return one change per row, in the order of first touch; rows that end as they began are left out.

    `keys` holds the primary key columns of each table. Rows of a table without one are told apart by all of their
    columns, which suffices: two rows alike in everything can stand for each other. Delete and insert under one key
    are an update.
    """
    nets: list[_Net] = []
    at: dict[tuple[str, str], list[_Net]] = defaultdict(list)
    for write in writes:
        key = keys.get(write.table, ())
        net = _touched(at, write, key)
        if net is None:
            net = _Net(write.table, write.before, None)
            nets.append(net)
        net.after = write.after
        stands_for = net.before if net.after is None else net.after
        if stands_for is not None:
            at[write.table, _identity(stands_for, key)].append(net)
    return [change for net in nets if (change := _change(net)) is not None]


def entities(
    keys: Mapping[str, Sequence[str]], foreign: Mapping[tuple[str, str], tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return (table, column) -> table whose ids it holds, from primary keys and foreign keys (column -> column)."""
    found = {(table, column): table for table, key in keys.items() for column in key}
    for start in foreign:
        end, seen = start, set[tuple[str, str]]()
        while end in foreign and end not in seen:
            seen.add(end)
            end = foreign[end]
        # A reference to something else than a primary key, such as a name, holds no ids.
        if end[1] in keys.get(end[0], ()):
            found[start] = end[0]
    return found


def _touched(at: dict[tuple[str, str], list[_Net]], write: RowChange, key: Sequence[str]) -> _Net | None:
    """Take out and return the net change that this write goes on with, if there is one."""
    row = write.after if write.before is None else write.before
    if row is None:
        return None
    pending = at[write.table, _identity(row, key)]
    for place in range(len(pending) - 1, -1, -1):
        # An insert takes the place of a deleted row; all else happens to a row that is there.
        if (pending[place].after is None) == (write.before is None):
            return pending.pop(place)
    return None


def _identity(row: Mapping[str, Any], key: Sequence[str]) -> str:
    values = [row.get(column) for column in key]
    return _canonical(dict(row) if not values or None in values else values)


def _change(net: _Net) -> RowChange | None:
    if net.before is None:
        return None if net.after is None else RowChange(net.table, "insert", None, net.after)
    if net.after is None:
        return RowChange(net.table, "delete", net.before, None)
    # As text, because 1, 1.0 and True are equal in Python and not in a database.
    if net.before == net.after and _canonical(dict(net.before)) == _canonical(dict(net.after)):
        return None
    return RowChange(net.table, "update", net.before, net.after)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
