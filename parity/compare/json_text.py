"""JSON read exactly: integers of any size, repeated keys, NaN, escapes of half characters. Fast where the text is plain.

orjson reads integers beyond 64 bits as floats and keeps the last of repeated keys without a word. Both show in the text:
a run of 19 digits, and more colons than the value has when it is written again. Such texts are read by the slower reader.
"""

import json
from typing import Any

import orjson

from parity.compare.kinds import Constant

__all__ = ["TOO_DEEP", "NotJson", "canonical", "plain", "read_json"]

_DIGITS_ONLY = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))
_LONG_NUMBER = b"0" * 19
# Deeper documents are compared as text.
TOO_DEEP = 200


class NotJson(ValueError):
    """The text is no JSON, or nested too deep to be walked through."""

    def __init__(self, text: str, *, too_deep: bool = False) -> None:
        super().__init__(text)
        self.too_deep = too_deep


def read_json(data: bytes) -> tuple[Any, bytes]:
    """Return the value and its canonical bytes. An earlier value under a repeated key stands under `key (repeated)`.

    NaN and the infinities are read as Constant. Raise NotJson.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _read_slowly(data)
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        return _read_slowly(data)
    if written.count(b":") != data.count(b":") or _LONG_NUMBER in data.translate(_DIGITS_ONLY):
        return _read_slowly(data)
    return value, written


def canonical(value: Any, *, ordered: bool = False) -> bytes:
    """Return bytes that are equal for two values that are strictly equal: 1, 1.0 and true differ.

    The order of keys counts only when `ordered`. Raise NotJson for a value nested too deep.
    """
    try:
        return orjson.dumps(value, option=0 if ordered else orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        pass
    try:
        return json.dumps(value, sort_keys=not ordered, default=repr, separators=(",", ":")).encode()
    except RecursionError:
        raise NotJson("nested too deep", too_deep=True) from None


def plain(value: Any) -> Any:
    """Return the value with NaN and the infinities as texts, so that it can be written as JSON."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.name if isinstance(value, Constant) else value


def _read_slowly(data: bytes) -> tuple[Any, bytes]:
    try:
        text = data.decode()
        value = json.loads(text, object_pairs_hook=_object, parse_constant=Constant)
    except RecursionError:
        raise NotJson("nested too deep", too_deep=True) from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    if data.count(b"[") + data.count(b"{") > TOO_DEEP and _depth(value) > TOO_DEEP:
        raise NotJson("nested too deep", too_deep=True)
    return value, canonical(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            mark = f"{key} (repeated)"
            while mark in found:
                mark += "+"
            found[mark] = found[key]
        found[key] = value
    return found


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        inner = [v for v in level if isinstance(v, dict | list)]
        level = [child for v in inner for child in (v.values() if isinstance(v, dict) else v)]
    return deepest
