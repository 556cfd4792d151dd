"""How this package connects to PostgreSQL and which JSON values it gives for what rows hold."""

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import psycopg

from parity.databases.addresses import Server
from parity.values import ParityError

__all__ = ["SETTINGS", "connect", "json_row", "one_line"]

_OLDEST = 130000
SETTINGS: Mapping[str, str] = {
    "search_path": "",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
"""Under which rows become text, so that they read alike whatever the app has set for its sessions."""
_TIME = re.compile(r"(T\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?")
_SET = "SELECT " + ", ".join("set_config(%s, %s, false)" for _ in SETTINGS)


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def connect(server: Server, *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection under SETTINGS. Raise ParityError if the server cannot be reached or is too old."""
    parameters: dict[str, Any] = {"connect_timeout": "10", **dict(server.parameters), "application_name": "parity"}
    try:
        connection = psycopg.connect(autocommit=True, **parameters)
    except psycopg.Error as error:
        raise ParityError(f"{server} cannot be reached ({one_line(error)}); is it running and the URL right?") from None
    if connection.info.server_version < _OLDEST:
        connection.close()
        raise ParityError(f"{server} is of a version that is too old; use PostgreSQL 13 or later.")
    connection.execute(_SET, [part for setting in SETTINGS.items() for part in setting])
    connection.autocommit = autocommit
    return connection


def one_line(error: psycopg.Error) -> str:
    lines = str(error.diag.message_primary or error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def json_row(text: str, types: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON values of a row that `row_to_json` wrote under SETTINGS.

    Numeric columns are text, so that 1.10 stays 1.10; bytea is {"base64": text}; times with a zone are ISO in UTC.
    """
    row: dict[str, Any] = json.loads(text, parse_float=_Number, parse_int=_Number)
    return {column: _value(value, types.get(column, "")) for column, value in row.items()}


def _value(value: Any, kind: str) -> Any:
    if kind == "bytea" and isinstance(value, str):
        return {"base64": base64.b64encode(bytes.fromhex(value.removeprefix("\\x"))).decode("ascii")}
    if kind == "numeric" and value is not None:
        return str(value)
    if kind in ("timestamp", "timestamptz") and isinstance(value, str):
        return _TIME.sub(_six_digits, value)
    # Written without a point when there is nothing behind it.
    if kind in ("float4", "float8") and isinstance(value, _Number):
        return float(value)
    return _plain(value)


def _six_digits(found: re.Match[str]) -> str:
    """Return a time with all digits of its microseconds: the server leaves out zeros at the end, which are no format."""
    return f"{found[1]}.{(found[2] or ''):0<6}"


def _plain(value: Any) -> Any:
    """Return the value with its numbers as numbers, but for those that JSON readers cannot hold."""
    if isinstance(value, _Number):
        return _number(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _number(text: str) -> int | float | str:
    if text.lstrip("-").isdigit():
        # More digits than 64 bits can have, or than Python likes to read.
        number = int(text) if len(text) <= 20 else 2**64
        return number if -(2**63) <= number < 2**64 else str(text)
    return float(text) if math.isfinite(float(text)) else str(text)
