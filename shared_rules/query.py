"""Query strings: first value counts, empty ones do not; page numbers clamp instead of failing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from shared_rules.fields import Fields, is_true_word

__all__ = ["Page", "Query", "form_fields", "total_pages"]

_INTEGER = re.compile(r"([+-]?)([0-9]+)")
_HUGE = 10**18 - 1
_MAX_OFFSET = 2**62


@dataclass(frozen=True)
class Page:
    """A page that is counted from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows lie before it; bounded, since a database takes no integer over 64 bits."""
        return min((self.number - 1) * self.size, _MAX_OFFSET)


@dataclass(frozen=True)
class Query:
    """The parameters of a request, decoded."""

    values: Mapping[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> "Query":
        """Return the parameters of a raw query string; bytes that are not UTF-8 become U+FFFD."""
        values: dict[str, str] = {}
        for name, value in parse_qsl(raw.decode("latin-1"), encoding="utf-8", errors="replace"):
            values.setdefault(name, value)
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        return self.values.get(name)

    def trimmed(self, name: str) -> str | None:
        """Return the value without blanks around it; only blanks count as none."""
        return self.values.get(name, "").strip() or None

    def words(self, name: str) -> frozenset[str] | None:
        """Return the items of a comma list, blanks around them and empty ones dropped; none at all is None."""
        items = (item.strip() for item in self.values.get(name, "").split(","))
        return frozenset(item for item in items if item) or None

    def flag(self, name: str) -> bool:
        """Tell whether the parameter is one of 1, true, yes, y, on."""
        return is_true_word(self.values.get(name))

    def number(self, name: str, default: int, cap: int | None = None) -> int:
        """Return an integer from 1 to `cap`: not an integer is the default, below 1 is 1, over the cap is the cap."""
        integer = _INTEGER.fullmatch(self.values.get(name, "").strip())
        if integer is None:
            return default
        sign, digits = integer[1], integer[2].lstrip("0") or "0"
        value = -1 if sign == "-" else _HUGE if len(digits) > 18 else int(digits)
        return min(max(value, 1), _HUGE if cap is None else cap)

    def page(self, size_name: str, default_size: int, max_size: int) -> Page:
        """Return the page asked for by `page` and the parameter `size_name`."""
        return Page(self.number("page", 1), self.number(size_name, default_size, max_size))


def form_fields(content_type: str | None, raw: bytes) -> Fields:
    """Return the fields of an url-encoded form: first value counts, empty ones do not. Another content type has none."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return Fields(Query.parse(raw).values if media_type == "application/x-www-form-urlencoded" else {})


def total_pages(total: int, size: int) -> int:
    """Return how many pages `total` rows fill; none for no rows."""
    return -(-total // size)
