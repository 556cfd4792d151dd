"""Net changes, applied to the rows of before, give the rows of after: for any writes, with and without a key."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.databases.folding import entities, fold
from parity.values import RowChange

Row = dict[str, Any]
WRITES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), max_size=14)


def frozen(row: Any) -> tuple[Any, ...]:
    return tuple(sorted(row.items()))


@pytest.mark.parametrize("key", [("id",), ()], ids=["with a key", "without a key"])
@given(writes=WRITES)
@settings(max_examples=100, deadline=None)
def test_net_changes_lead_from_before_to_after(key: tuple[str, ...], writes: list[tuple[int, int, int]]) -> None:
    start: list[Row] = [{"id": 0, "v": 0}, {"id": 1, "v": 1}]
    rows, log = [dict(row) for row in start], list[RowChange]()
    for action, identity, value in writes:
        write(rows, log, bool(key), action, identity, value)
    net = fold(log, {"t": key})
    state = Counter(map(frozen, start))
    state.subtract(Counter(frozen(change.before) for change in net if change.before))
    state.update(Counter(frozen(change.after) for change in net if change.after))

    assert +state == Counter(map(frozen, rows))
    assert min(state.values(), default=0) >= 0
    assert all(change.before != change.after for change in net)
    assert len(net) <= len(log)
    if key:
        begun, ended = ([getattr(c, side)["id"] for c in net if getattr(c, side)] for side in ("before", "after"))
        alone = {c.before["id"] for c in net if c.before and not c.after} & {
            c.after["id"] for c in net if c.after and not c.before
        }
        assert (len(begun), len(ended), alone) == (len(set(begun)), len(set(ended)), set())


def write(rows: list[Row], log: list[RowChange], keyed: bool, action: int, identity: int, value: int) -> None:
    """Do one write that a database would let pass, and log it."""
    new = {"id": identity, "v": value}
    taken = keyed and any(row["id"] == identity for row in rows)
    if action < 2 and not taken:
        rows.append(new)
        log.append(RowChange("t", "insert", None, dict(new)))
    elif action in (2, 3) and rows:
        row = rows[value % len(rows)]
        if not taken or row["id"] == identity:
            log.append(RowChange("t", "update", dict(row), dict(new)))
            row.update(new)
    elif action > 3 and rows:
        log.append(RowChange("t", "delete", rows.pop(value % len(rows)), None))


def test_rows_of_different_tables_are_never_folded() -> None:
    writes = [RowChange("a", "insert", None, {"id": 1}), RowChange("b", "delete", {"id": 1}, None)]

    assert fold(writes, {"a": ("id",), "b": ("id",)}) == writes


def test_rows_whose_key_is_null_are_told_apart_by_all_columns() -> None:
    writes = [
        RowChange("t", "insert", None, {"id": None, "v": 1}),
        RowChange("t", "insert", None, {"id": None, "v": 2}),
        RowChange("t", "delete", {"id": None, "v": 1}, None),
    ]

    assert fold(writes, {"t": ("id",)}) == [writes[1]]


def test_references_in_a_circle_come_to_an_end() -> None:
    keys = {"a": ("id",), "b": ("id",)}

    assert entities(keys, {("a", "id"): ("b", "id"), ("b", "id"): ("a", "id")}).keys() == {("a", "id"), ("b", "id")}
