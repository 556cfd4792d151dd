"""The places of an exchange where secrets stand: targets, headers, and bodies of each media type. Values are in `texts`."""

import re
import zlib
from urllib.parse import unquote_plus

from parity.redaction.known import Edit, apply, through_percent
from parity.redaction.texts import Texts
from parity.values import Headers, header

__all__ = ["Exchange", "decoded_body"]

# Larger bodies are not unpacked, so that a small one cannot fill the memory.
_MOST_BYTES = 64 << 20
_SIGNATURES = re.compile(r"(?:^|[-_])(?:sig|signature)(?:[-_]|$)", re.IGNORECASE)
_DISPOSITION = re.compile(rb"content-disposition:[^\r\n]*?\bname=(?:\"([^\"]*)\"|([^;\r\n\s]+))", re.IGNORECASE)
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]+)\"|([^;\s]+))", re.IGNORECASE)
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


class Exchange:
    """Redacts the parts of requests and answers."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def target(self, target: str) -> str:
        """Return the raw target with secrets of its query and path replaced; everything else is left as it was sent."""
        path, question, query = target.partition("?")
        return self._texts.text(path) + question + (self.pairs(query) if question else "")

    def pairs(self, text: str, *, error: bool = False) -> str:
        """Return `a=1&b=2` with the values of secret names replaced, in the percent-encoding they had."""
        parts = []
        for part in re.split("([&;])", text):
            name, equals, value = part.partition("=")
            parts.append(name + equals + self._value(unquote_plus(name), value, error=error) if equals else part)
        return "".join(parts)

    def headers(self, headers: Headers) -> Headers:
        """Return the headers with secrets replaced."""
        return tuple((name, self._header(name.lower(), value)) for name, value in headers)

    def body(self, headers: Headers, body: bytes, *, error: bool = False) -> bytes:
        """Return a body without content coding redacted by its media type; `error` says that it answers a refusal."""
        media = (header(headers, "content-type") or "").lower()
        if not body:
            return body
        if media.startswith("multipart/") and (boundary := _BOUNDARY.search(header(headers, "content-type") or "")):
            return self._multipart((boundary[1] or boundary[2]).encode("latin-1"), body)
        text, charset = read_text(body, media)
        if "x-www-form-urlencoded" in media:
            return self.pairs(text, error=error).encode(charset)
        return self._text(text, error=error).encode(charset)

    def _text(self, text: str, *, error: bool) -> str:
        changed = self._texts.json(text, error=error)
        if changed is None and text.lstrip()[:1] in ("{", "["):
            # One JSON text a line, or JSON cut short: what is whole is read as such.
            lines = [self._texts.json(line, error=error) or self._texts.text(line) for line in text.split("\n")]
            changed = "\n".join(lines)
        return self._texts.text(text) if changed is None else changed

    def _value(self, name: str, value: str, *, error: bool = False) -> str:
        def found(decoded: str) -> list[Edit]:
            signs = _SIGNATURES.search(name)
            new = self._texts.secret(decoded) if signs and decoded else self._texts.named(name, decoded, error=error)
            return [Edit(0, len(decoded), new)] if new != decoded else []

        return apply(value, through_percent(value, found, plus=True))

    def _header(self, name: str, value: str) -> str:
        if name in ("authorization", "proxy-authorization"):
            return self._texts.authorization(value)
        if name == "set-cookie":
            first, semicolon, attributes = value.partition(";")
            return self._texts.cookie(first) + semicolon + attributes
        if _SIGNATURES.search(name) and value:
            return self._texts.secret(value)
        return self._texts.named(name, value)

    def _multipart(self, boundary: bytes, body: bytes) -> bytes:
        parts = body.split(b"--" + boundary)
        return (b"--" + boundary).join([parts[0], *(self._part(part) for part in parts[1:])])

    def _part(self, part: bytes) -> bytes:
        head, gap, content = part.partition(b"\r\n\r\n")
        disposition = _DISPOSITION.search(head)
        if not gap or not disposition:
            return part
        content, end = (content[:-2], b"\r\n") if content.endswith(b"\r\n") else (content, b"")
        name = (disposition[1] or disposition[2]).decode("utf-8", "replace")
        text, charset = read_text(content, head.decode("latin-1").lower())
        new = self._texts.named(name, text) if self._texts.names.secrecy(name) else self._text(text, error=False)
        return head + gap + new.encode(charset) + end


def read_text(body: bytes, media: str) -> tuple[str, str]:
    """Return a body as text and the charset that brings the same bytes back; bytes that are no text come as latin-1."""
    said = _CHARSET.search(media)
    for charset in (*([said[1]] if said else []), "utf-8"):
        try:
            text = body.decode(charset)
            if text.encode(charset) == body:
                return text, charset
        except (UnicodeError, LookupError):
            continue
    return body.decode("latin-1"), "latin-1"


def decoded_body(headers: Headers, body: bytes) -> tuple[Headers, bytes | None, str]:
    """Return headers without content coding, the plain body, and the coding it had ("" for none).

    The body is None where its coding cannot be undone, so that nobody can say what is in it.
    """
    coding = (header(headers, "content-encoding") or "").strip().lower()
    if coding in ("", "identity"):
        return headers, body, ""
    without = tuple((name, value) for name, value in headers if name.lower() != "content-encoding")
    if not body:
        return without, body, coding
    if coding in ("gzip", "x-gzip", "deflate"):
        plain = _inflated(body)
        if plain is None and coding != "deflate" and not body.startswith(b"\x1f\x8b"):
            plain = body
        return without, plain if plain is not None or body.startswith(b"\x1f\x8b") else _as_text(body), coding
    return without, _as_text(body), coding


def with_length(headers: Headers, before: int, after: int) -> Headers:
    """Return the headers with Content-Length set to `after` where it said `before`."""
    return tuple(
        (name, str(after) if name.lower() == "content-length" and value.strip() == str(before) else value)
        for name, value in headers
    )


def _inflated(body: bytes) -> bytes | None:
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        reader = zlib.decompressobj(bits)
        try:
            plain = reader.decompress(body, _MOST_BYTES)
        except zlib.error:
            continue
        return plain if reader.eof and not reader.unconsumed_tail else None
    return None


def _as_text(body: bytes) -> bytes | None:
    """Return the body if it was decoded already, as text shows; HAR files keep the header beside the plain body."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return body


__all__ += ["read_text", "with_length"]
