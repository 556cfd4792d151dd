"""A key and what it makes of a value: a pseudonym of the same shape. No judgement here about what is secret."""

import hashlib
import hmac
import os
import re
import secrets
import string
from collections.abc import Iterator
from pathlib import Path

from parity.values import ParityError

__all__ = ["KEY_FILE", "Pseudonyms", "key_id", "load_key"]

KEY_FILE = "redaction.key"
_CLASSES = {
    character: letters
    for letters in (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    for character in letters
}
_MARKS = "!*-._~"
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def load_key(folder: Path) -> bytes:
    """Return the project's key; make it (mode 600) where there is none. Raise ParityError for a file that is no key."""
    path = folder / KEY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(made, "w") as file:
                file.write(secrets.token_hex(32) + "\n")
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise ParityError(f"{path}: cannot be used ({error.strerror}); make its folder writable.") from None
    except ValueError:
        key = b""
    if len(key) < 32:
        raise ParityError(f"{path}: holds no key of 64 hex digits; remove it and a new one is made.")
    return key


def key_id(key: bytes) -> str:
    """Return a name for the key that says nothing about it."""
    return hashlib.sha256(b"parity redaction key\0" + key).hexdigest()[:12]


class Pseudonyms:
    """Maps a value to one of the same length and shape, the same each time, one-way without the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, value: str) -> str:
        """Return the pseudonym: each ASCII letter and digit replaced within its class, all else as it was.

        A number stays a number without leading zeros. Letters of other scripts are replaced by neighbours; a value
        that has neither letters nor digits has its marks replaced.
        """
        for attempt in range(8):
            pseudonym = self._attempt(value, attempt)
            if pseudonym != value:
                return pseudonym
        return value

    def _attempt(self, value: str, attempt: int) -> str:
        draws = self._draws(value, attempt)
        changed = "".join(_neighbour(character, draw) for character, draw in zip(value, draws, strict=False))
        if not any(character.isalnum() for character in value):
            marks = self._draws(value, attempt)
            return "".join(_MARKS[next(marks) % len(_MARKS)] if c in string.punctuation else c for c in value)
        first = re.search(r"[1-9]", value)
        if _NUMBER.fullmatch(value) and first and changed[first.start()] == "0":
            return changed[: first.start()] + str(1 + next(draws) % 9) + changed[first.start() + 1 :]
        return changed

    def _draws(self, value: str, attempt: int) -> Iterator[int]:
        block = 0
        while True:
            told = b"%d %d " % (attempt, block) + value.encode("utf-8", "surrogatepass")
            stream = hmac.digest(self._key, told, "sha256")
            yield from (stream[at] << 8 | stream[at + 1] for at in range(0, len(stream), 2))
            block += 1


def _neighbour(character: str, draw: int) -> str:
    if letters := _CLASSES.get(character):
        return letters[draw % len(letters)]
    if character.isascii() or not character.isalpha():
        return character
    # Within 32 code points the UTF-8 form keeps its length, and most neighbours are letters of the same script.
    start = ord(character) & ~31
    for step in range(32):
        other = chr(start + (draw + step) % 32)
        if other.isalpha() and other != character:
            return other
    return character
