"""What may differ in value between two stacks, by declaration. Presence, type and format never may."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one comparison.

    `headers` are compared besides content-type, by lower-case name. Times may lie `time_tolerance_s` plus the elapsed time
    of the exchange apart. `clock_shift_s` is right clock minus left clock; unless it is 0, times are compared by format
    only. `prefixes` and `addresses` are each stack's own: where both name theirs they
    count as equal, and addresses (any text that is a stack's own: `http://127.0.0.1:5001`) meet by position.
    `references` is (table, column) -> the table whose ids the column holds. `key_order` makes the order of an object's keys
    count. `now_s` (0: the answer's Date header) tells epoch numbers from counts.
    """

    headers: tuple[str, ...] = ("allow", "cache-control", "location", "retry-after", "www-authenticate")
    time_tolerance_s: float = 2.0
    clock_shift_s: float = 0.0
    prefixes: tuple[str, str] = ("", "")
    addresses: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    references: Mapping[tuple[str, str], str] = field(default_factory=dict)
    key_order: bool = False
    now_s: float = 0.0
    # Column -> the table that it points to in whichever table it stands, where all agree on it.
    columns: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        targets: dict[str, set[str]] = {}
        for (_, column), target in self.references.items():
            targets.setdefault(column, set()).add(target)
        clear = {column: next(iter(tables)) for column, tables in targets.items() if len(tables) == 1}
        clear.pop("id", None)
        object.__setattr__(self, "columns", clear)
