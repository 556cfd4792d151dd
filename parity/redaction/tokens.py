"""JSON Web Tokens: recognised wherever they stand, numbered, and blanked as `<jwt-N>`. Their claims are kept once."""

import base64
import binascii
import hashlib
import re
from typing import Any

import orjson

from parity.redaction.known import Edit

__all__ = ["INSIDE_BASE64", "Tokens"]

_TOKEN = re.compile(r"ey[A-Za-z0-9_-]{6,}\.e[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_BLANKED = re.compile(r"<jwt-(\d+)>")
# What base64 shows of a JSON text's start, and of a token's start by alignment; base64 without these holds neither.
INSIDE_BASE64 = re.compile("ey[A-L]|ew[o0]|W3s|WyI|ZXl|V5S|leU")


class Tokens:
    """The tokens of one recording. The same token has the same number; numbers go up from 1."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._last = 0
        self._fresh: dict[str, dict[str, Any]] = {}

    def reserve(self, text: str) -> None:
        """Give no number again that stands in the text already."""
        self._last = max([self._last, *(int(number) for number in _BLANKED.findall(text))])

    def edits(self, text: str) -> list[Edit]:
        """Return edits that blank each token of the text."""
        if ".e" not in text:
            return []
        found = []
        for match in _TOKEN.finditer(text):
            head, claims, _ = match[0].split(".")
            if "alg" in _object(head):
                found.append(Edit(match.start(), match.end(), self._blank(match[0], _object(claims))))
        return found

    def take_fresh(self) -> dict[str, dict[str, Any]]:
        """Return the claims of tokens that were not seen before the last call, by their blanked form."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def _blank(self, token: str, claims: dict[str, Any]) -> str:
        mark = hashlib.blake2b(token.encode("ascii"), digest_size=16).digest()
        number = self._numbers.get(mark)
        if number is None:
            self._last = number = self._last + 1
            self._numbers[mark] = number
            self._fresh[f"<jwt-{number}>"] = claims
        return f"<jwt-{number}>"


def _object(segment: str) -> dict[str, Any]:
    try:
        value = orjson.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
