"""What kind of value a leaf is, and in which format it is written. Looks at one value at a time; compares nothing."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from string import ascii_letters, digits
from typing import Any

import orjson

from parity.compare.times import epoch_unit, read_time
from parity.shapes import PLACEHOLDER, is_id_key
from parity.values import Axis

__all__ = [
    "MISSING",
    "Constant",
    "Kind",
    "axis_between",
    "id_of",
    "ids_in",
    "jwt_parts",
    "kind_of",
    "random_alike",
    "value_class",
]

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-([0-9a-fA-F])[0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-7][0-9a-hjkmnp-tv-z]{25}")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_HASH = re.compile(
    r"\$?[A-Za-z][\w-]{1,30}(?:[:$][^$]*)?\$.*\$[^$]+|\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|[a-z]\w+:[\w:]+\$[^$]+\$[^$]+"
)
_DIGITS = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+\.\d+(?:[eE][+-]?\d+)?")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+")
_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")
_RANDOM = re.compile(r"[A-Za-z0-9_\-+/=.~]{16,8192}")
_RUNS = re.compile(r"[0-9A-Za-z_-]{16,}")
# For bytes: every byte that may stand in an id as 0, all others as a space; three times as fast as the pattern.
_RUN_BYTES = bytes(48 if chr(byte) in f"{ascii_letters}{digits}_-" else 32 for byte in range(256))
_RUN = b"0" * 16
_SEPARATORS = re.compile(r".*[-_.:/=~+$]")
# Families whose format a reader of the answer relies on; the others are free text.
_STRICT = frozenset({"uuid", "time", "date", "clock", "jwt", "hex", "ulid", "hash"})
_CLASSES = {"epoch": "int", "url": "text", "email": "text", "opaque": "opaque"}


@dataclass(frozen=True, slots=True)
class Kind:
    """`family(format)`: time(iso,ms,Z), uuid(4), hex(32), int."""

    family: str
    format: str = ""

    def __str__(self) -> str:
        return f"{self.family}({self.format})" if self.format else self.family


@dataclass(frozen=True, slots=True)
class Constant:
    """NaN, Infinity or -Infinity, which JSON does not have and some encoders write."""

    name: str


MISSING = Kind("missing")
_NULL, _BOOL, _INT, _FLOAT, _EMPTY, _TEXT = (Kind(name) for name in ("null", "bool", "int", "float", "empty", "text"))
_OBJECT, _ARRAY = Kind("object"), Kind("array")


def kind_of(value: Any, key: str = "", now_s: float = 0.0) -> Kind:
    """Return what a JSON value is. `key` is the one it stands under; with `now_s` (0: unknown) it tells epochs from counts."""
    if isinstance(value, str):
        return _kind_of_text(value, key)
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int | float):
        unit = epoch_unit(value, key, now_s)
        plain = _INT if isinstance(value, int) else _FLOAT
        return Kind("epoch", unit if plain is _INT else f"{unit},float") if unit else plain
    if isinstance(value, dict):
        return _OBJECT
    return Kind("constant", value.name) if isinstance(value, Constant) else _ARRAY


def _kind_of_text(text: str, key: str) -> Kind:
    size = len(text)
    if size < 12 and (text.isalpha() or not text):
        return _TEXT if text else _EMPTY
    if size == 36 and (match := _UUID.fullmatch(text)):
        return Kind("uuid", match[1] + ("" if text == text.lower() else ",upper" if text == text.upper() else ",mixed"))
    if time := read_time(text):
        return Kind(time.family, time.format)
    if text.startswith(("eyJ", "<jwt-")) and (_JWT.fullmatch(text) or PLACEHOLDER.fullmatch(text)):
        return Kind("jwt" if text[0] == "e" else "placeholder")
    if _DIGITS.fullmatch(text):
        return Kind("digits", "padded" if len(text.lstrip("-")) > 1 and text.lstrip("-")[0] == "0" else "")
    if size >= 16 and _HEX.fullmatch(text):
        return Kind("hex", f"{size}" + ("" if text == text.lower() else ",upper"))
    if size == 26 and _ULID.fullmatch(text):
        return Kind("ulid", "" if text == text.upper() else "lower")
    if "$" in text and size <= 512 and _HASH.fullmatch(text):
        return Kind("hash", _hash_format(text))
    if _DECIMAL.fullmatch(text):
        return Kind("decimal", str(len(text.partition(".")[2])))
    if "://" in text and _URL.fullmatch(text):
        return Kind("url")
    if "@" in text and _EMAIL.fullmatch(text):
        return Kind("email")
    return Kind("opaque", str(size)) if _looks_random(text, is_id_key(key)) else _TEXT


def axis_between(left: Kind, right: Kind) -> Axis:
    """Return the axis on which two texts of these kinds differ, given that they are not the same value."""
    if left.family == right.family and left.family not in {"decimal", "digits"}:
        return "value" if left.format == right.format else "format"
    if left.family == right.family == "digits" and left.format != right.format:
        return "format"
    return "format" if left.family in _STRICT or right.family in _STRICT else "value"


def value_class(left: Any, right: Any, key: str = "") -> str:
    """Return the class under which two values may be called noise: "time", "uuid", "int" ...; "" if they share none."""
    first, second = kind_of(left, key), kind_of(right, key)
    if axis_between(first, second) == "format" or type(left) is not type(right):
        return ""
    if isinstance(left, dict | list):
        return ""
    names = {_CLASSES.get(kind.family, kind.family) for kind in (first, second)}
    if isinstance(left, float):
        return "float"
    if isinstance(left, str) and len(names) > 1:
        return "empty" if "empty" in names else "text"
    return names.pop() if len(names) == 1 else ("int" if isinstance(left, int) else "")


@lru_cache(65_536)
def id_of(text: str) -> tuple[str, str] | None:
    """Return (bijection, canonical form) of a text that is an id by its looks: uuid, hex of 16 and more, ULID, random."""
    size = len(text)
    if size == 36 and _UUID.fullmatch(text):
        return "uuid", text.replace("-", "").lower()
    if size < 16 or text.isdigit():
        return None
    if _HEX.fullmatch(text):
        return ("uuid" if size == 32 else "hex"), text.lower()
    if size == 26 and _ULID.fullmatch(text):
        return "ulid", text.upper()
    return ("opaque", text) if _looks_random(text, False) else None


def ids_in(text: str | bytes) -> list[tuple[str, str]]:
    """Return every id that stands anywhere in a text, or in the text of a whole document, as `id_of` gives them."""
    runs = _RUNS.findall(text) if isinstance(text, str) else {run.decode() for run in _long_runs(text)}
    found: list[tuple[str, str]] = []
    for run in runs:
        if len(run) > 36 and (inside := _UUID.search(run)):
            found.append(("uuid", inside[0].replace("-", "").lower()))
        elif identity := id_of(run):
            found.append(identity)
    return found


def random_alike(left: str, right: str) -> bool:
    """Say whether two texts are random tokens of one making: same length and alphabet, next to nothing in common."""
    if len(left) != len(right) or not (_RANDOM.fullmatch(left) and _RANDOM.fullmatch(right)):
        return False
    same = 0
    while left[same] == right[same]:
        same += 1
    # `sk_live_` and the like stand before the random part.
    start = match.end() if (match := _SEPARATORS.match(left[:same])) else 0
    first, second = left[start:], right[start:]
    if (
        len(first) < 12
        or first[0] == "/"
        or sum(a == b for a, b in zip(first, second, strict=True)) > 0.35 * len(first)
    ):
        return False
    classes = {_class(c) for c in first + second} - {""}
    if len(classes) < 2 or ("d" not in classes and len(first) < 20):
        return False
    # Words in CamelCase change case too, though less often.
    least = 0.3 if len(classes) == 3 else 0.25 if "d" in classes else 0.38
    return _changes(first) + _changes(second) >= least * 2 * (len(first) - 1)


def jwt_parts(text: str) -> dict[str, Any] | None:
    """Return {"header", "claims"} of a JSON Web Token, its signature unread; None if it cannot be decoded."""
    if not _JWT.fullmatch(text):
        return None
    try:
        header, claims = (orjson.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split(".")[:2])
    except (ValueError, binascii.Error):
        return None
    return {"header": header, "claims": claims}


def _long_runs(data: bytes) -> Iterator[bytes]:
    mask = data.translate(_RUN_BYTES)
    start = mask.find(_RUN)
    while start >= 0:
        end = mask.find(b" ", start)
        end = len(data) if end < 0 else end
        yield data[start:end]
        start = mask.find(_RUN, end)


def _looks_random(text: str, named: bool) -> bool:
    """Tell random text from words with numbers, alone: many changes between letters, digits and cases in one run."""
    if len(text) < (12 if named else 16) or not _RANDOM.fullmatch(text.ljust(16, "0")) or "/" in text[:1]:
        return False
    piece = max(re.split(r"[-_./=~+]", text), key=len)
    if len(piece) < 12 or not any(c.isdigit() for c in piece) or not any(c.isalpha() for c in piece):
        return False
    return _changes(piece) >= 0.3 * (len(piece) - 1)


def _changes(text: str) -> int:
    kinds = [_class(c) for c in text]
    return sum(a != b for a, b in pairwise(kinds))


def _class(character: str) -> str:
    if character.isdigit():
        return "d"
    if character.isupper():
        return "u"
    return "l" if character.isalpha() else ""


def _hash_format(text: str) -> str:
    """Return scheme and parameters of a password hash as written, and the lengths of salt and digest."""
    if text.startswith("$2"):
        _, scheme, rounds, _ = text.split("$", 3)
        return f"{scheme},{rounds},53"
    *head, salt, digest = text.strip("$").split("$")
    if not head:
        return f"{salt},{len(digest)}"
    return ",".join([*head, str(len(salt)), str(len(digest))])
