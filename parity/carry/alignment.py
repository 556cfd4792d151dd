"""Walking a recorded document beside this stack's, and pairing the leaves that are one thing under two names.

In objects by the same path, in lists element by element (`elements`). Rather no pair than a wrong one. Nothing here
replaces anything or knows what a request is.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from parity.carry.elements import match_lists
from parity.carry.pairing import Pairing
from parity.shapes import EMBEDDED, entity_of_key, is_id_key, shape, singular

__all__ = ["Aligner"]

_MISSING = object()
_ROW_KEY = "id"


class Aligner:
    """Pairs recorded documents with this stack's into a `Pairing`. `token(recorded, own, path)` is told of tokens."""

    def __init__(self, pairing: Pairing, token: Callable[[str, str, str], None]) -> None:
        self._pairing = pairing
        self._token = token
        self._new = 0
        self._left_over = 0
        self._in_order = False
        self._certain = True

    def documents(self, recorded: Any, own: Any, entity: str, *, in_order: bool) -> None:
        """Pair two JSON documents. `entity` is what a bare `id` at the top belongs to.

        `in_order` says that lists keep the order of the request (the answer to a write), so that position may decide
        between elements that look alike.
        """
        self._in_order, self._certain = in_order, True
        self._new = self._left_over = 1
        # What was learnt further down may tell elements apart that were left before.
        while self._new and self._left_over:
            self._new = self._left_over = 0
            self._walk(recorded, own, "", entity, "$")

    def texts(self, recorded: str, own: str) -> None:
        """Pair the ids inside two texts that are alike but for them."""
        theirs, ours = EMBEDDED.findall(recorded), EMBEDDED.findall(own)
        if theirs and len(theirs) == len(ours) and EMBEDDED.sub("\0", recorded) == EMBEDDED.sub("\0", own):
            for left, right in zip(theirs, ours, strict=True):
                self._pair(left, right, "", "", "")

    def addresses(self, recorded: str, own: str) -> None:
        """Pair the ids in two addresses: `/jobs/17?run=<uuid>` with `/jobs/203?run=<uuid>`; hosts do not matter."""
        theirs, ours = _segments(recorded), _segments(own)
        if len(theirs) != len(ours):
            return
        differing = [i for i, pair in enumerate(zip(theirs, ours, strict=True)) if pair[0] != pair[1]]
        if all(_is_id(theirs[i]) and _is_id(ours[i]) for i in differing):
            for i, (left, right) in enumerate(zip(theirs, ours, strict=True)):
                if _is_id(left) and i:
                    self._pair(left, right, "id", singular(theirs[i - 1]), "")

    def _walk(self, recorded: Any, own: Any, key: str, entity: str, path: str) -> None:
        kind = type(recorded)
        if kind is dict:
            if type(own) is dict:
                self._walk_object(recorded, own, entity, path)
        elif kind is list:
            if type(own) is list and recorded and own:
                self._walk_list(recorded, own, key, entity, path)
        elif recorded == own and not is_id_key(key):
            # The same on both sides: of use only to know that it is carried.
            if kind is str and len(recorded) == 36:
                self._pair(recorded, own, key, entity, path)
        elif (kind is str and len(recorded) >= 7) or is_id_key(key):
            self._pair(recorded, own, key, entity, path)

    def _walk_object(self, recorded: dict[str, Any], own: dict[str, Any], entity: str, path: str) -> None:
        if recorded and own and all(map(shape, recorded)) and all(map(shape, own)):
            self._walk_list(_rows(recorded), _rows(own), "", entity, path)
            return
        for key, value in recorded.items():
            other = own.get(key, _MISSING)
            if other is not _MISSING and value is not None and other is not None:
                self._walk(value, other, key, entity_of_key(key, entity), f"{path}.{key}")

    def _walk_list(self, recorded: list[Any], own: list[Any], key: str, entity: str, path: str) -> None:
        if not isinstance(recorded[0], dict | list):
            # A bare id is an element that says nothing of itself but its id.
            if is_id_key(key) or (isinstance(recorded[0], str) and shape(recorded[0])):
                recorded, own = [{_ROW_KEY: value} for value in recorded], [{_ROW_KEY: value} for value in own]
            else:
                return
        matches = match_lists(recorded, own, entity, self._pairing, in_order=self._in_order)
        self._left_over += len(recorded) - len(matches)
        certain = self._certain
        for match in matches:
            self._certain = certain and match.certain
            self._walk(recorded[match.recorded], own[match.own], "", entity, f"{path}[{match.recorded}]")
        self._certain = certain

    def _pair(self, recorded: Any, own: Any, key: str, entity: str, path: str) -> None:
        """Pair two leaves if both look like ids of the same sort; under a key for ids, of any sort."""
        if isinstance(recorded, str) and isinstance(own, str) and not (recorded.isdigit() and own.isdigit()):
            self._pair_texts(recorded, own, key, path)
        elif _is_number(recorded) and _is_id(own) and entity and is_id_key(key):
            self._new += self._pairing.pair_numbers(entity, recorded, own, certain=self._certain)

    def _pair_texts(self, recorded: str, own: str, key: str, path: str) -> None:
        sort = shape(recorded, key)
        if not sort:
            if recorded != own and (recorded[:1] == "/" or "://" in recorded):
                self.addresses(recorded, own)
            elif len(recorded) > 24:
                self.texts(recorded, own)
            return
        other = shape(own, key)
        if sort == "placeholder":
            if other and other != "placeholder":
                self._token(recorded, own, path)
        elif other == sort or (other and is_id_key(key)):
            self._new += self._pairing.pair_texts(recorded, own, certain=self._certain)


def _rows(value: dict[str, Any]) -> list[Any]:
    """Return an object whose keys are ids as a list of elements that hold their id."""
    return [
        {**row, _ROW_KEY: key} if isinstance(row, dict) else {_ROW_KEY: key, "value": row} for key, row in value.items()
    ]


def _segments(address: str) -> list[str]:
    """Return path segments and query values of an address, without scheme and host."""
    rest = address.partition("://")[2].partition("/")[2] if "://" in address else address
    path, _, query = rest.lstrip("/").partition("?")
    fields = [part for field in query.split("&") for part in field.split("=", 1)] if query else []
    return [unquote(part) for part in [*path.split("/"), *fields]]


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdigit())


def _is_id(value: Any) -> bool:
    return _is_number(value) or (isinstance(value, str) and bool(shape(value, "id")))
