"""The pairs found so far: recorded id or token -> this stack's. Each side belongs to one pair only.

Remembers and answers; how pairs are found and where they are put is not decided here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from parity.shapes import UUID

__all__ = ["Pairing", "Scalar"]

Scalar = str | int
_Own = TypeVar("_Own", bound=Scalar)


class _Table(Generic[_Own]):
    """A one-to-one table. A provisional pair (taken by position alone) gives way to a certain one, a retired one to any.

    `mirror` makes of a recorded key and an own value the text under which the own value is unique.
    """

    def __init__(self, mirror: Callable[[str, _Own], str]) -> None:
        self._mirror = mirror
        self.own: dict[str, _Own] = {}
        self.recorded: dict[str, str] = {}
        self.provisional: set[str] = set()
        self.retired: set[str] = set()
        self.conflicts = 0

    def take(self, recorded: str, own: _Own, certain: bool) -> bool:
        """Take a pair; return whether it is new."""
        known = self.own.get(recorded)
        if known == own:
            if certain:
                self.provisional.discard(recorded)
            return False
        mirror = self._mirror(recorded, own)
        rivals = {recorded} if known is not None else set()
        if mirror in self.recorded:
            rivals.add(self.recorded[mirror])
        if not all(rival in self.retired or (certain and rival in self.provisional) for rival in rivals):
            self.conflicts += 1
            return False
        for rival in rivals:
            self._release(rival)
        self.own[recorded] = own
        self.recorded[mirror] = recorded
        if not certain:
            self.provisional.add(recorded)
        return True

    def is_provisional(self, recorded: str) -> bool:
        return bool(self.provisional) and recorded in self.provisional

    def _release(self, recorded: str) -> None:
        del self.recorded[self._mirror(recorded, self.own.pop(recorded))]
        self.provisional.discard(recorded)
        self.retired.discard(recorded)

    def export(self) -> dict[str, Any]:
        return {
            "own": dict(self.own),
            "provisional": sorted(self.provisional),
            "retired": sorted(self.retired),
            "conflicts": self.conflicts,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.own = dict(state["own"])
        self.recorded = {self._mirror(recorded, own): recorded for recorded, own in self.own.items()}
        self.provisional = set(state["provisional"])
        self.retired = set(state["retired"])
        self.conflicts = state["conflicts"]


class Pairing:
    """Ids and tokens of one stack by their recorded form. Texts are unique by themselves, numbers within their entity.

    The first pair wins; a later one that contradicts it is counted in `conflicts` and not taken.
    """

    def __init__(self) -> None:
        self._texts: _Table[str] = _Table(lambda _, own: own)
        self._numbers: _Table[Scalar] = _Table(lambda key, own: f"{key.partition(':')[0]}:{own}")
        self.tokens: dict[str, str] = {}
        # Uuids recorded in capitals; all others are kept in small letters.
        self._capitals: set[str] = set()
        # The length of the shortest text known, so that shorter words need no look.
        self.shortest = 16
        # Whether any known text holds characters that end a word: `+ / = . ~ :`.
        self.has_marks = False

    def __len__(self) -> int:
        return len(self._texts.own) + len(self._numbers.own) + len(self.tokens)

    @property
    def conflicts(self) -> int:
        return self._texts.conflicts + self._numbers.conflicts

    @property
    def has_numbers(self) -> bool:
        return bool(self._numbers.own)

    def own_text(self, recorded: str) -> str | None:
        """Return this stack's text for a recorded one; a uuid is found in either case and answered in the case asked for."""
        own = self._texts.own.get(recorded)
        if len(recorded) != 36:
            return own
        if own is not None:
            return own.lower() if self._capitals and recorded in self._capitals else own
        key = recorded.lower()
        own = self._texts.own.get(key)
        return own if own is None or key in self._capitals else own.upper()

    def own_number(self, entity: str, recorded: Scalar) -> Scalar | None:
        """Return this stack's number (or text) for the number of an entity."""
        return self._numbers.own.get(f"{entity}:{recorded}")

    def certain_text(self, recorded: str) -> str | None:
        """Return this stack's text if more than position speaks for the pair."""
        own = self.own_text(recorded)
        return None if own is None or self._texts.is_provisional(_text_key(recorded)) else own

    def certain_number(self, entity: str, recorded: Scalar) -> Scalar | None:
        """Return this stack's number if more than position speaks for the pair."""
        own = self.own_number(entity, recorded)
        return None if own is None or self._numbers.is_provisional(f"{entity}:{recorded}") else own

    def is_certain_own_text(self, own: str) -> bool:
        """Say whether this stack's text stands for a recorded one, and not by position alone."""
        recorded = self._texts.recorded.get(own)
        return recorded is not None and not self._texts.is_provisional(recorded)

    def is_certain_own_number(self, entity: str, own: Scalar) -> bool:
        """Say whether this stack's number stands for a recorded one of the entity, and not by position alone."""
        recorded = self._numbers.recorded.get(f"{entity}:{own}")
        return recorded is not None and not self._numbers.is_provisional(recorded)

    def pair_texts(self, recorded: str, own: str, *, certain: bool = True) -> bool:
        """Take a pair of texts; return whether it is new."""
        key = _text_key(recorded)
        if not self._texts.take(key, own, certain):
            return False
        if key != recorded:
            self._capitals.add(key)
        self.shortest = min(self.shortest, len(recorded))
        self.has_marks = self.has_marks or any(mark in recorded for mark in "+/=.~:")
        return True

    def pair_numbers(self, entity: str, recorded: Scalar, own: Scalar, *, certain: bool = True) -> bool:
        """Take a pair of numbers of an entity; return whether it is new."""
        return self._numbers.take(f"{entity}:{recorded}", own, certain)

    def pair_tokens(self, recorded: str, own: str) -> bool:
        """Take a pair of tokens. Two recorded ones may share one of ours: minted in one second, they can be equal."""
        if recorded in self.tokens:
            return False
        self.tokens[recorded] = own
        return True

    def retire(self, entity: str, recorded: Scalar) -> None:
        """Note that a row was deleted on both systems, so that its number may come back for another row."""
        if self.own_number(entity, recorded) is not None:
            self._numbers.retired.add(f"{entity}:{recorded}")

    def export(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "texts": self._texts.export(),
            "numbers": self._numbers.export(),
            "tokens": dict(self.tokens),
            "capitals": sorted(self._capitals),
            "shortest": self.shortest,
            "has_marks": self.has_marks,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `export` returned."""
        self._texts.restore(state["texts"])
        self._numbers.restore(state["numbers"])
        self.tokens = dict(state["tokens"])
        self._capitals = set(state["capitals"])
        self.shortest = state["shortest"]
        self.has_marks = state["has_marks"]


def _text_key(recorded: str) -> str:
    return recorded.lower() if len(recorded) == 36 and UUID.fullmatch(recorded) else recorded
