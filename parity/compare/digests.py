"""What an element of a list is like, whatever its ids and times happen to be: keys and features by which lists are aligned.

Only guides who is compared with whom. What differs is decided by the walk, so a digest may be coarse, never needed exact.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from parity.compare.kinds import Constant, id_of, kind_of
from parity.compare.leaves import Leaves
from parity.compare.matching import Features
from parity.compare.places import Place, key_at
from parity.compare.texts import split
from parity.compare.times import read_time

__all__ = ["OWN_IDS", "Digests", "digests_of"]

# Keys under which an element has its own id.
OWN_IDS = ("id", "uuid", "_id", "pk")


# Texts without digits, slashes and long runs hold nothing that may differ by rule.
_NOTABLE = re.compile(r"[0-9/]|[\w+=.~-]{16}")


class Digests:
    """Digests of the elements of one list on one side. `shared` are the ids and times that stand on both sides."""

    def __init__(self, leaves: Leaves, left: bool, shared: frozenset[str]) -> None:
        self._leaves = leaves
        self._left = left
        self._shared = shared

    def of(self, value: Any, place: Place) -> int:
        """Return a number that is equal for two elements that differ in no more than new ids and times."""
        return hash(self._soft(value, place))

    def features(self, value: Any, place: Place) -> Features:
        """Return what can tell this element from others: its fields; its own id, if known, weighs as much as all the rest."""
        if not isinstance(value, dict):
            return {}
        found: dict[Hashable, int] = {}
        for key, field in value.items():
            soft = self._soft(field, (place, key))
            known = isinstance(soft, tuple) and soft[0] == "="
            found[key, hash(soft)] = max(1, len(value) - 1) if known and key in OWN_IDS else 1
        return found

    def _soft(self, value: Any, place: Place) -> Hashable:
        kind = type(value)
        if kind is str:
            return self._text(value, place)
        if kind is int or kind is float:
            return self._number(value, place)
        if value is None or kind is bool or kind is Constant:
            return value, kind
        if kind is dict:
            return hash(frozenset((key, hash(self._soft(inner, (place, key)))) for key, inner in value.items()))
        return hash(tuple([self._soft(inner, (place, 0)) for inner in value])), "list"

    def _number(self, value: float, place: Place) -> Hashable:
        if isinstance(value, int) and (kind := self._leaves.number_kind(value, place)):
            return self._identity(kind, str(value), str(value))
        if str(value) not in self._shared and kind_of(value, key_at(place), self._leaves.now_s).family == "epoch":
            return "?epoch"
        # As text, because -1 and -2 have one hash.
        return str(value), type(value)

    def _text(self, text: str, place: Place) -> Hashable:
        if not _NOTABLE.search(text):
            return text
        if len(text) < 5:
            kind = self._leaves.number_kind(text, place) if text.isdigit() else None
            return self._identity(kind, text, text) if kind else text
        if time := read_time(text):
            moves = time.family == "time" or (time.family == "date" and self._leaves.terms.clock_shift_s)
            return f"?{time.family}" if moves and text not in self._shared else text
        if ("$" in text or text[0] in "e<") and (kind_found := kind_of(text)).family in {"jwt", "hash", "placeholder"}:
            return "?jwt" if kind_found.family == "placeholder" else f"?{kind_found}"
        if identity := id_of(text):
            return self._identity(*identity, text)
        if kind := self._leaves.number_kind(text, place):
            return self._identity(kind, text, text)
        return self._mixed(text)

    def _mixed(self, text: str) -> Hashable:
        """Return a text with its ids and times taken for what they are."""
        tokens, tail = split(self._leaves.blanked(text, self._left))
        if not tokens:
            return tail
        parts: list[Hashable] = []
        for token in tokens:
            identity = id_of(token.text)
            known = self._identity(*identity, token.text) if identity else token.text
            time = read_time(token.text) if identity is None else None
            parts += [token.before, "?time" if time and time.family == "time" else known]
        return (*parts, tail)

    def _identity(self, kind: str, canonical: str, text: str) -> Hashable:
        identities = self._leaves.identities
        if self._left:
            right = identities.right_of(kind, canonical)
            if right is not None:
                return "=", kind, right
        elif identities.has_right(kind, canonical):
            return "=", kind, canonical
        return ("=", kind, canonical) if text in self._shared else ("?", kind)


def digests_of(leaves: Leaves, left: Sequence[Any], right: Sequence[Any]) -> tuple[Digests, Digests]:
    """Return the digests of both sides of a list; ids and times that stand on both are taken at their word."""
    shared = frozenset(_candidates(left) & _candidates(right))
    return Digests(leaves, True, shared), Digests(leaves, False, shared)


def _candidates(values: Iterable[Any]) -> set[str]:
    """Return every leaf that may be an id or a time, as text."""
    found: set[str] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is dict:
            waiting.extend(value.values())
        elif kind is list:
            waiting.extend(value)
        elif kind is str:
            found.add(value)
        elif kind is int:
            found.add(str(value))
    return found
