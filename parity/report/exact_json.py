"""JSON read without loss: numbers as they were written, keys in their order, repeated ones too; and written so that it can be seen."""

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["Number", "Object", "json_text", "parse"]


class Number(str):
    """A number as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Object:
    """An object with its keys in order, repeated ones too."""

    pairs: tuple[tuple[str, Any], ...]


def parse(text: str) -> Any:
    """Return objects as Object, numbers as Number, all else as Python has it. Raise ValueError, RecursionError."""
    return json.loads(
        text,
        parse_int=Number,
        parse_float=Number,
        parse_constant=Number,
        object_pairs_hook=lambda pairs: Object(tuple(pairs)),
    )


def json_text(value: Any) -> str:
    """Return a scalar as JSON. What cannot be seen, or turns the direction of writing, is escaped."""
    if isinstance(value, Number):
        return str(value)
    if not isinstance(value, str):
        return json.dumps(value)
    quoted = json.dumps(value, ensure_ascii=False)
    if quoted.isprintable():
        return quoted
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in quoted)
