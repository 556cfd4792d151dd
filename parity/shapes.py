"""What an id, a token and a moment look like in text, and which entity a key or a path segment names.

Pure text rules; nothing here remembers anything or knows which values belong together.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

__all__ = [
    "EMBEDDED",
    "JWT",
    "PLACEHOLDER",
    "UUID",
    "entity_of_key",
    "entity_of_path",
    "has_more_ids",
    "ids_in",
    "is_id_key",
    "moment",
    "shape",
    "singular",
]

_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_JWT = r"eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*"
UUID = re.compile(_UUID)
JWT = re.compile(_JWT)
# How a recording writes a JSON Web Token.
PLACEHOLDER = re.compile(r"<jwt-\d+>")
# Ids standing inside a longer text.
EMBEDDED = re.compile(rf"{_UUID}|<jwt-\d+>|{_JWT}|(?<![0-9A-Za-z])[0-9a-f]{{24,}}(?![0-9A-Za-z])")
# What may be an id in a JSON text: after a quote or a slash. Patterns that begin with a plain letter are found much
# faster than one that begins with a choice.
_AFTER_QUOTE = re.compile(rb'"(<jwt-\d+>|[0-9A-Za-z_-]{16,})')
_AFTER_SLASH = re.compile(rb"/(<jwt-\d+>|[0-9A-Za-z_-]{16,})")
_UUID_TAIL = re.compile(rb"-([0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})")
_NUMBERED = (
    re.compile(rb'd"\s*:\s*"?\d+"?\s*[,}]'),
    re.compile(rb'ds"\s*:\s*\[\s*"?\d+"?\s*[,\]]'),
    re.compile(rb'pk"\s*:\s*"?\d+"?\s*[,}]'),
    re.compile(rb'/\d+["/?#]'),
)

_WORD = re.compile(r"[A-Za-z0-9_\-+/=.~:]+")
_DIGIT = re.compile(r"[0-9]")
_HEX = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_SECRET_KEY = re.compile(r"token|key|secret|nonce|cursor|session|csrf|xsrf|signature|code$|state$", re.IGNORECASE)
_ID_KEY = re.compile(r"(?:id|_id|ids|uid|uuid|guid|pk)|.*[_-](?:id|ids|uuid|guid|pk)|.*[a-z0-9](?:Id|Ids|ID|IDs|Uuid)")
_ID_ENDING = re.compile(r"[_-]?(?:ids?|uid|uuid|guid|pk)$", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_TIME_KEY = re.compile(r"(?:_at|_on|_time|At|On|Time)$|^(?:time|timestamp|date|iat|exp|nbf)$|timestamp|expires")
_PARAMETER = re.compile(r"\{[^{}]*\}")
# Envelopes that say nothing about what they hold.
_ENVELOPES = frozenset(
    ["data", "items", "results", "result", "content", "rows", "list", "records", "entries", "payload"]
)


def shape(text: str, key: str = "") -> str:
    """Return what kind of identity a text is: "uuid", "placeholder", "jwt", "hex", "ulid", "opaque", or "" for none.

    A short text counts only under a key that names an id or a secret; words, slugs, dates and addresses never do.
    """
    size = len(text)
    if size < 7 or size > 8192:
        return ""
    if size == 36 and UUID.fullmatch(text):
        return "uuid"
    if text[0] == "<":
        return "placeholder" if PLACEHOLDER.fullmatch(text) else ""
    # The most frequent of what is none: sentences and times.
    if size < 8 or " " in text or (text[4] == "-" and text[:4].isdigit()) or not _WORD.fullmatch(text):
        return ""
    if text.startswith("eyJ") and JWT.fullmatch(text):
        return "jwt"
    if size >= 16 and not text.isdigit() and _HEX.fullmatch(text):
        return "hex"
    if size == 26 and _ULID.fullmatch(text) and not text.isalpha():
        return "ulid"
    return "opaque" if _is_opaque(text, key) else ""


def _is_opaque(text: str, key: str) -> bool:
    """Tell random text from words with numbers: a long run in which letters and digits or cases alternate."""
    if "://" in text or text[0] == "/" or not _DIGIT.search(text):
        return False
    named = is_id_key(key) or _SECRET_KEY.search(key) is not None
    if len(text) < 16 and not named:
        return False
    longest = max(re.split(r"[-_.:/=~+]", text), key=len)
    kinds = [("d" if c.isdigit() else "u" if c.isupper() else "l") for c in longest]
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes >= (3 if named else 5) and len(longest) >= (6 if named else 12)


# Both stacks are told of each recorded answer, one right after the other.
@lru_cache(4)
def ids_in(body: bytes) -> frozenset[bytes]:
    """Return what may be an id of its own in a JSON text, sentences left out; some are words."""
    return frozenset(_AFTER_QUOTE.findall(body)).union(_AFTER_SLASH.findall(body))


@lru_cache(4)
def has_more_ids(body: bytes) -> bool:
    """Say whether a text may hold more ids than `ids_in` finds: numbers under keys for ids, uuids in sentences."""
    if any(pattern.search(body) for pattern in _NUMBERED):
        return True
    tails = set(_UUID_TAIL.findall(body))
    return bool(tails) and not tails <= {text[9:] for text in ids_in(body)}


@lru_cache(4096)
def is_id_key(key: str) -> bool:
    """Say whether a key holds an id: `id`, `job_id`, `jobId`, `job_ids`; `paid` and `valid` do not."""
    return _ID_KEY.fullmatch(key) is not None


@lru_cache(4096)
def singular(word: str) -> str:
    """Return a plural noun in the singular, in lower case with underscores: `job-categories` -> `job_category`."""
    word = _CAMEL.sub("_", word).replace("-", "_").lower()
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


@lru_cache(4096)
def entity_of_key(key: str, parent: str) -> str:
    """Return which entity's id a key holds: `job_id` -> `job`; a bare `id`, or an envelope such as `data`, the parent's."""
    stem = _ID_ENDING.sub("", key) if is_id_key(key) else key
    return parent if not stem or stem in _ENVELOPES or stem.startswith("_") else singular(stem)


@lru_cache(4096)
def entity_of_path(template: str) -> str:
    """Return what a path is about: its last segment that is no parameter, in the singular; "" if there is none."""
    parts = [part for part in template.partition("?")[0].split("/") if part and not part.isdigit()]
    named = [part for part in parts if not _PARAMETER.fullmatch(part) and not UUID.fullmatch(part)]
    return singular(named[-1]) if named else ""


def moment(value: object, key: str = "") -> float | None:
    """Return a point in time as epoch seconds (text without a zone counts as UTC); None for anything else.

    Numbers count only under a key that names a time.
    """
    if isinstance(value, str):
        if len(value) < 10 or not _DATE.fullmatch(value):
            return None
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            return None
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 1e8 and _TIME_KEY.search(key):
        return float(value)
    return None
