"""How this package opens SQLite files and which JSON values it gives for what they hold."""

import base64
import math
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["BrokenText", "connect", "json_row", "json_value"]

_TIMEOUT_S = 10.0


class BrokenText(bytes):
    """Text that is not UTF-8. SQLite keeps whatever it was given."""


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection in autocommit, usable from any thread, which gives text that is not UTF-8 as BrokenText."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_TIMEOUT_S, check_same_thread=False
    )
    connection.text_factory = _text
    return connection


def json_row(columns: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Return the row as JSON values; there may be more values than columns."""
    return {column: json_value(value) for column, value in zip(columns, values, strict=False)}


def json_value(value: Any) -> Any:
    """Return a number, text or None as it is, bytes as {"base64": text}, and an infinite number by its name."""
    if isinstance(value, bytes):
        encoded = {"base64": base64.b64encode(value).decode("ascii")}
        return encoded | {"of": "text"} if isinstance(value, BrokenText) else encoded
    if isinstance(value, float) and not math.isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _text(raw: bytes) -> str | BrokenText:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return BrokenText(raw)
