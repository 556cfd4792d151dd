"""A document that is equal on both sides, searched for the ids in it, at once or when the first pair is to be learned."""

import json
from collections.abc import Iterator
from typing import Any

import orjson

from parity.compare.kinds import ids_in
from parity.compare.leaves import Leaves
from parity.compare.places import Place, path_of, root_of

__all__ = ["Note"]


class Note:
    """An equal document as canonical bytes, and where it stands."""

    def __init__(self, leaves: Leaves, text: bytes, place: Place) -> None:
        self._leaves, self._text, self._place = leaves, text, place
        self.key = hash((text, path_of(place), root_of(place)))

    def texts(self) -> bool:
        """Take ids as themselves; False if one belongs to another."""
        return self._leaves.identities.same(ids_in(self._text))

    def numbers(self) -> bool:
        """Take the short numbers of entities as themselves; False if one belongs to another."""
        return self._leaves.identities.same(self._numbered())

    def value(self) -> Any:
        """Return the document, None if it is no JSON."""
        try:
            return orjson.loads(self._text)
        except orjson.JSONDecodeError:
            pass
        try:
            return json.loads(self._text)
        except (ValueError, RecursionError):
            return None

    def _numbered(self) -> Iterator[tuple[str, str]]:
        waiting: list[tuple[Any, Place]] = [(self.value(), self._place)]
        while waiting:
            value, place = waiting.pop()
            if isinstance(value, list):
                waiting.extend((inner, (place, 0)) for inner in value)
            elif isinstance(value, dict):
                for key, inner in value.items():
                    # Most leaves stand under keys that hold no ids; no place is made for them.
                    if isinstance(inner, dict | list) or (_is_number(inner) and self._leaves.may_hold_ids(key)):
                        waiting.append((inner, (place, key)))
            elif isinstance(value, int | str) and (kind := self._leaves.number_kind(value, place)):
                yield kind, str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.isdigit())
