"""JSON read without loss: numbers as they were written, keys in their order, repeated ones too; and written so that it can be seen."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

__all__ = ["Number", "Object", "json_text", "parse", "visible"]


class Number(str):
    """A number as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Object:
    """An object with its keys in order, repeated ones too."""

    pairs: tuple[tuple[str, Any], ...]

    def members(self) -> dict[str, tuple[str, Any]]:
        """Return name and value by the name in the comparison: of a repeated key the last one has the plain name."""
        left = Counter(name for name, _ in self.pairs)
        found: dict[str, tuple[str, Any]] = {}
        for name, value in self.pairs:
            left[name] -= 1
            key = f"{name} (repeated)" if left[name] else name
            while key in found:
                key += "+"
            found[key] = (name, value)
        return found


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
    return visible(json.dumps(value, ensure_ascii=False))


def visible(text: str) -> str:
    """Return the text with everything but letters, signs and tabs as in JSON's escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else json.dumps(c)[1:-1] for c in text)
