"""Which later differences follow from an earlier write that went apart: they show a row that differs since."""

import re
from collections.abc import Iterable, Mapping, Sequence

from parity.values import Answer, Difference, Outcome, RowChange

__all__ = ["Divergences"]

# An id long enough not to stand in a text by chance.
_ID = re.compile(rb"[0-9a-zA-Z][\w-]{15,63}")


class Divergences:
    """Remembers the ids in rows that two stacks wrote differently, and finds them in later requests and answers."""

    def __init__(self) -> None:
        self._ids: dict[bytes, str] = {}

    def export(self) -> dict[str, str]:
        """Return what is remembered as JSON values."""
        return {found.decode(): exchange for found, exchange in self._ids.items()}

    def restore(self, state: Mapping[str, str]) -> None:
        """Take over what `export` returned."""
        self._ids = {found.encode(): exchange for found, exchange in state.items()}

    def note(self, exchange: str, differences: Sequence[Difference], left: Outcome, right: Outcome) -> None:
        """Remember the rows of an exchange whose rows differ. The first exchange that wrote a row apart is its cause."""
        if not any(difference.where == "rows" for difference in differences):
            return
        tables = {_table(difference.path) for difference in differences if difference.where == "rows"}
        for found in _ids(row for row in [*left.rows, *right.rows] if row.table in tables):
            self._ids.setdefault(found, exchange)

    def cause_of(self, target: str, left: Answer, right: Answer) -> str:
        """Return the exchange that wrote apart what this one shows or names, "" if there is none."""
        if not self._ids:
            return ""
        for text in (target.encode(), left.body, right.body):
            for found in _ID.findall(text):
                if found in self._ids:
                    return self._ids[found]
        return ""


def _table(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _ids(rows: Iterable[RowChange]) -> Iterable[bytes]:
    """Yield the values of `id` columns of the rows themselves; what they point to did not go apart."""
    for row in rows:
        value = (row.after or row.before or {}).get("id")
        if isinstance(value, str) and _ID.fullmatch(value.encode()):
            yield value.encode()
