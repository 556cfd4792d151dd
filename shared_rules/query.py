"""Query strings: first value counts, empty ones do not; page numbers clamp instead of failing."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from shared_rules.fields import is_true_word

__all__ = ["Page", "Query", "total_pages"]

_MAX_DIGITS = 18
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

    def flag(self, name: str) -> bool:
        """Tell whether the parameter is one of 1, true, yes, y, on."""
        return is_true_word(self.values.get(name))

    def number(self, name: str, default: int, cap: int | None = None) -> int:
        """Return an integer from 1 to `cap`: not an integer is the default, below 1 is 1, over the cap is the cap."""
        text = self.values.get(name, "").strip()
        digits = text.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdecimal()):
            return default
        value = max(1, int(text)) if len(digits) <= _MAX_DIGITS else _beyond(text)
        return value if cap is None else min(value, cap)

    def page(self, size_name: str, default_size: int, max_size: int) -> Page:
        """Return the page asked for by `page` and the parameter `size_name`."""
        return Page(self.number("page", 1), self.number(size_name, default_size, max_size))


def total_pages(total: int, size: int) -> int:
    """Return how many pages `total` rows fill; none for no rows."""
    return -(-total // size)


def _beyond(text: str) -> int:
    return 1 if text.startswith("-") else int("9" * _MAX_DIGITS)
