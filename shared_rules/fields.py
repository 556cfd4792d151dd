"""Request bodies: bytes to a JSON object, and the object's fields read one by one, so that the first refusal is the contract's first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared_rules.errors import BadRequest, InvalidPayload, wrong_type

__all__ = ["Fields", "check_no_control_characters", "check_text_length", "is_true_word", "json_object"]

_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_JSON_TYPE = re.compile(r"application/(?:json|[^\s;/]+\+json)\s*(?:;.*)?", re.IGNORECASE)
_TRUE_WORDS = frozenset({"1", "true", "yes", "y", "on"})


def json_object(content_type: str | None, raw: bytes, *, optional: bool = False) -> "Fields":
    """Return the fields of a JSON object body.

    Where the body is `optional`, nothing or `null` counts as `{}`. Raise 400 on another content type, on what is not
    JSON in UTF-8, and on JSON that is not an object.
    """
    if optional and not raw:
        return Fields({})
    if not _JSON_TYPE.fullmatch((content_type or "").strip()):
        raise BadRequest("Content-Type must be application/json")
    try:
        value = orjson.loads(raw.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        raise BadRequest("Invalid JSON", "Request body is not valid JSON.") from None
    if optional and value is None:
        return Fields({})
    if not isinstance(value, dict):
        raise InvalidPayload("JSON body must be an object.")
    return Fields(value)


def check_no_control_characters(field: str, value: str) -> None:
    """Raise Invalid payload when a single-line string holds a control character or a line separator."""
    if _CONTROL.search(value):
        raise InvalidPayload(f'"{field}" must not contain control characters.', field=field)


def check_text_length(field: str, value: str, max_chars: int) -> None:
    if len(value) > max_chars:
        raise InvalidPayload(f'"{field}" must be at most {max_chars} characters.', field=field)


def is_true_word(value: str | None) -> bool:
    """Tell whether a query or form value means true: 1, true, yes, y, on, in any case."""
    return value is not None and value.strip().lower() in _TRUE_WORDS


@dataclass(frozen=True)
class Fields:
    """The fields of one JSON object. Each reader returns a checked value, or None for absent and null, or raises Invalid payload."""

    values: Mapping[str, Any]

    def __contains__(self, field: str) -> bool:
        """Tell whether the key was sent, with whatever value."""
        return field in self.values

    def missing(self, *fields: str) -> list[str]:
        """Return those of `fields` whose key was not sent, in that order."""
        return [field for field in fields if field not in self.values]

    def raw(self, field: str) -> Any:
        return self.values.get(field)

    def text(self, field: str, max_chars: int) -> str | None:
        """Return the trimmed single-line string; blank counts as none."""
        value = self._string(field)
        if value is None:
            return None
        value = value.strip()
        check_text_length(field, value, max_chars)
        check_no_control_characters(field, value)
        return value or None

    def verbatim(self, field: str, max_chars: int) -> str | None:
        """Return the string as sent, control characters and blanks included: for passwords."""
        value = self._string(field)
        if value is not None:
            check_text_length(field, value, max_chars)
        return value

    def flag(self, field: str) -> bool | None:
        value = self.values.get(field)
        if value is not None and not isinstance(value, bool):
            raise wrong_type(field, "true or false")
        return value

    def integer(self, field: str) -> int | None:
        value = self.values.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise wrong_type(field, "an integer")
        return value

    def number(self, field: str) -> float | None:
        value = self.values.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise wrong_type(field, "a number")
        return value

    def object(self, field: str) -> dict[str, Any] | None:
        value = self.values.get(field)
        if value is not None and not isinstance(value, dict):
            raise wrong_type(field, "an object")
        return value

    def _string(self, field: str) -> str | None:
        value = self.values.get(field)
        if value is not None and not isinstance(value, str):
            raise wrong_type(field, "a string")
        return value
