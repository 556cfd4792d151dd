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


_Nets = dict[tuple[str, str], list[_Net]]


def fold(writes: Iterable[RowChange], keys: Mapping[str, Sequence[str]]) -> list[RowChange]:
    """Return one change per row, in the order of first touch; rows that end as they began are left out.

    `keys` holds the primary key columns of each table. Rows of a table without one are told apart by all of their
    columns, which suffices: two rows alike in everything can stand for each other. Delete and insert under one key
    are an update.
    """
    nets: list[_Net] = []
    live: _Nets = defaultdict(list)
    for write in writes:
        key = keys.get(write.table, ())
        pending = live[write.table, _identity(write.before, key)] if write.before else []
        if pending:
            net = pending.pop()
            net.after = write.after
        else:
            net = _Net(write.table, write.before, write.after)
            nets.append(net)
        if write.after:
            live[write.table, _identity(write.after, key)].append(net)
    _join(nets, keys)
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


def _join(nets: list[_Net], keys: Mapping[str, Sequence[str]]) -> None:
    """Let each insert under the key of a deleted row be what became of that row."""
    deleted: _Nets = defaultdict(list)
    for net in nets:
        if net.before and not net.after:
            deleted[net.table, _identity(net.before, keys.get(net.table, ()))].append(net)
    for net in nets if deleted else ():
        if net.after and not net.before:
            place = net.table, _identity(net.after, keys.get(net.table, ()))
            if deleted.get(place):
                deleted[place].pop(0).after = net.after
                net.after = None


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
