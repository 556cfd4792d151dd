"""Searching a text for thousands of literals at once."""

import re
from collections.abc import Iterator

__all__ = ["Index"]


class Index:
    """Literals by pieces of them, so that a text is searched for all of them in one go, at the speed of `re`."""

    def __init__(self) -> None:
        self._short = _Pieces(length=5, stride=2)
        self._long = _Pieces(length=9, stride=4)

    def add(self, literal: str) -> None:
        """Take in a literal of six characters or more."""
        (self._long if len(literal) >= self._long.window else self._short).add(literal)

    def found(self, text: str) -> set[str]:
        """Return the literals that stand in the text."""
        return {literal for pieces in (self._short, self._long) for literal in pieces.found(text)}


class _Pieces:
    """Of each literal the last `window` characters, cut at each offset below `stride`; texts are read in such strides."""

    def __init__(self, length: int, stride: int) -> None:
        self.window = length + stride - 1
        self._length, self._stride = length, stride
        self._cut = re.compile(f"(?s)(?=(.{{{length}}})).{{{stride}}}")
        self._literals: dict[str, str | tuple[str, ...]] = {}

    def add(self, literal: str) -> None:
        tail = literal[-self.window :]
        for offset in range(self._stride):
            piece = tail[offset : offset + self._length]
            there = self._literals.get(piece)
            if there is None:
                self._literals[piece] = literal
            elif literal not in (listed := (there,) if isinstance(there, str) else there):
                self._literals[piece] = (*listed, literal)

    def found(self, text: str) -> Iterator[str]:
        if not self._literals or len(text) < self.window:
            return
        pieces = self._cut.findall(text)
        if self._literals.keys().isdisjoint(pieces):
            return
        for piece in set(pieces) & self._literals.keys():
            there = self._literals[piece]
            yield from (literal for literal in ((there,) if isinstance(there, str) else there) if literal in text)
