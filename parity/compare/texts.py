"""Texts taken apart: each stack's own prefix and addresses blanked, then the ids, times and numbers that stand inside.

Says what stands where; whether two of them agree is decided in `leaves`.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from parity.compare.times import TIME_PATTERN
from parity.shapes import singular

__all__ = ["Own", "Token", "entity_before", "split"]

_TOKEN = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*"
    rf"|{TIME_PATTERN}"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|(?<![0-9A-Za-z])(?:(?![0-9a-fA-F]{8}-[0-9a-fA-F]{4}-)[0-9A-Za-z_-]){16,}"
    r"|(?<=--)={3,}\d+==|\d+(?:\.\d+)?"
)
_PATH_BEFORE = re.compile(r"([A-Za-z][\w-]*)/$")
_KEY_BEFORE = re.compile(r"([A-Za-z_]*(?:id|Id|ID))[\"']?\s*[=:]\s*[\"']?$")
_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z_]*)\s*[#:]?\s*[\"'(]?$")
_ID_ENDING = re.compile(r"_?(?:id|Id|ID)$")


class Token(NamedTuple):
    """Something inside a text that may differ by rule, and the text before it back to the last token."""

    before: str
    text: str


class Own(NamedTuple):
    """One stack's own prefix and addresses, and whether the other stack has a prefix too."""

    prefix: str
    addresses: tuple[str, ...]
    mark: str

    def blanked(self, text: str) -> str:
        """Return the text with the stack's own address and prefix put as marks that are the same for both stacks."""
        for number, address in enumerate(self.addresses):
            if bare := address.partition("://")[2] or address:
                text = text.replace(bare, f"\0a{number}\0")
        return _prefix(self.prefix).sub(self.mark, text) if self.prefix else text


def split(text: str) -> tuple[list[Token], str]:
    """Return the tokens of a text in order, and what stands after the last one."""
    tokens: list[Token] = []
    end = 0
    for match in _TOKEN.finditer(text):
        tokens.append(Token(text[end : match.start()], match[0]))
        end = match.end()
    return tokens, text[end:]


def entity_before(before: str) -> tuple[str, bool]:
    """Return which entity a number is of by the text before it, and whether that text is sure: `/jobs/`, `job_id=`.

    A mere word (`Job 5`) is not: it may confirm a pair that is known, not make one.
    """
    if match := _PATH_BEFORE.search(before):
        return singular(match[1]), True
    if match := _KEY_BEFORE.search(before):
        return singular(_ID_ENDING.sub("", match[1])), True
    if match := _WORD_BEFORE.search(before):
        return singular(match[1]), False
    return "", False


@lru_cache(16)
def _prefix(prefix: str) -> re.Pattern[str]:
    quoted = re.escape(prefix.replace("/", "%2F"))
    return re.compile(
        rf"(?<![\w./~-]){re.escape(prefix)}(?=[/?#\s\"'<>),;]|$)|(?<![\w/-])(?i:{quoted})(?=%2[fF]|[&\s]|$)",
    )
