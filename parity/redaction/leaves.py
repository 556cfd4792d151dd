"""Changing the leaves of a JSON text in place: spacing, order, duplicate keys and the spelling of all else stay."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson

__all__ = ["Change", "Kind", "edit_leaves"]

Kind = Literal["key", "string", "number"]
# Given the kind, the names of the keys from the outside in, and the value, returns the value that is to stand there.
# A list says nothing, so that its elements have the name of the list.
Change = Callable[[Kind, Sequence[str], str], str]

_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"|([{}\[\]:,])|([-+.\w]+)', re.DOTALL)
# In {"name": "api_key", "value": "..."} the value belongs to the name beside it.
_PAIR_NAMES = frozenset({"name", "key", "field", "variable", "header", "parameter"})
_PAIR_VALUES = frozenset({"value", "content"})


@dataclass(slots=True)
class _Frame:
    """An object or list that is open; `pair` is what stands beside a value: its name, and where the value lies."""

    is_object: bool
    key_next: bool
    pair_name: str = ""
    pair_value: tuple[int, str] | None = None
    pair_names: list[str] = field(default_factory=list)


def edit_leaves(text: str, change: Change) -> str | None:
    """Return the text with each key, string and number as `change` wants it; None for a text that is not JSON."""
    try:
        orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None
    pieces: list[str] = []
    frames: list[_Frame] = []
    names: list[str] = []
    at = 0
    for token in _TOKEN.finditer(text):
        raw, mark, word = token.groups()
        if mark is not None:
            _step(mark, frames, names, pieces, change)
            continue
        frame = frames[-1] if frames else None
        if raw is not None:
            value = json.loads(f'"{raw}"', strict=False) if "\\" in raw else raw
            if frame and frame.key_next:
                names[-1] = value
                new = change("key", names, value)
            else:
                new = change("string", names, value)
            written = token[0] if new == value else _quoted(new, raw)
        elif word[0] in "-0123456789":
            value, new = word, change("number", names, word)
            written = new
        else:
            continue
        pieces += [text[at : token.start()], written]
        at = token.end()
        if frame and frame.is_object and not frame.key_next:
            _note_pair(frame, names[-1], value, len(pieces) - 1, token[0])
    return "".join([*pieces, text[at:]])


def _step(mark: str, frames: list[_Frame], names: list[str], pieces: list[str], change: Change) -> None:
    if mark in "{[":
        frames.append(_Frame(mark == "{", mark == "{"))
        if mark == "{":
            names.append("")
    elif mark in "}]":
        frame = frames.pop()
        if frame.is_object:
            names.pop()
            _end_pair(frame, names, pieces, change)
    elif frames[-1].is_object:
        frames[-1].key_next = mark == ","


def _note_pair(frame: _Frame, name: str, value: str, place: int, written: str) -> None:
    lowered = name.lower()
    if lowered in _PAIR_NAMES:
        frame.pair_name = value
    elif lowered in _PAIR_VALUES and written[0] == '"':
        frame.pair_value = (place, value)


def _end_pair(frame: _Frame, names: list[str], pieces: list[str], change: Change) -> None:
    if not frame.pair_name or frame.pair_value is None:
        return
    place, value = frame.pair_value
    new = change("string", [*names, frame.pair_name], value)
    if new != value:
        pieces[place] = _quoted(new, value)


def _quoted(value: str, like: str) -> str:
    return json.dumps(value, ensure_ascii=like.isascii())
