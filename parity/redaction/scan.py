"""Looking for planted secrets in a finished recording: in its text, and in all that its text encodes.

Shares nothing with the redaction it judges: it unwraps every text again and again and looks with plain `in`.
"""

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote_to_bytes

__all__ = ["Found", "scan"]

_DEEPEST = 4
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{6,}")
_ESCAPED = re.compile(rb"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """A secret that stands in the file: on which line, and through which encodings it was read, outermost first."""

    secret: str
    line: int
    through: tuple[str, ...]


def scan(path: Path, secrets: Iterable[str]) -> list[Found]:
    """Return each secret found, at most once a line, in file order; plain or gzipped files of any kind are read."""
    wanted = {secret: secret.encode("utf-8", "surrogatepass") for secret in secrets if secret}
    least = min(map(len, wanted.values()), default=1)
    found = []
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            left = dict(wanted)
            for text, through in _views(line, (), least, set()):
                for secret in [secret for secret, octets in left.items() if octets in text]:
                    found.append(Found(secret, number, through))
                    del left[secret]
    return found


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if gzipped else path.open("rb")


def _views(
    text: bytes, through: tuple[str, ...], least: int, seen: set[bytes]
) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """Yield the text and all it encodes, each once, down to texts too short for the shortest secret."""
    if len(text) < least or text in seen:
        return
    seen.add(text)
    yield text, through
    if len(through) >= _DEEPEST:
        return
    for name, inner in _unwrapped(text, least):
        yield from _views(inner, (*through, name), least, seen)


def _unwrapped(text: bytes, least: int) -> Iterator[tuple[str, bytes]]:
    if b"\\" in text:
        yield "escapes", _ESCAPED.sub(_unescaped, text)
    if b"%" in text:
        yield "percent", unquote_to_bytes(text)
        if b"+" in text:
            yield "form", unquote_to_bytes(text.replace(b"+", b" "))
    for run in _BASE64.findall(text):
        if len(run) * 3 // 4 >= least:
            yield from (("base64", _decoded(run[skipped:])) for skipped in range(4))
    if text.startswith(b"\x1f\x8b"):
        yield "gzip", _inflated(text)


def _unescaped(match: re.Match[bytes]) -> bytes:
    try:
        return str(json.loads(b'"' + match[0] + b'"')).encode("utf-8", "surrogatepass")
    except ValueError:
        return match[0]


def _decoded(run: bytes) -> bytes:
    whole = run[: len(run) - (len(run) % 4 == 1)].translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(whole + b"=" * (-len(whole) % 4))
    except binascii.Error:
        return b""


def _inflated(text: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(text, 1 << 26)
    except zlib.error:
        return b""
