"""A request as the bytes a server gets, and an answer's body without its content coding. No socket is touched here.

Requests are written by hand, because every library that writes them also mends them: targets and headers go out as recorded.
"""

import gzip
import zlib
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from parity.values import Answer, Headers, ParityError, Request

__all__ = [
    "CUT_OFF",
    "Origin",
    "decoded",
    "encoded",
    "headers_for",
    "internal_error",
    "late",
    "request_bytes",
    "target_for",
]

CUT_OFF = "The connection was closed in the middle of the answer."

_LENGTH_ALWAYS = frozenset({"POST", "PUT", "PATCH"})
# The recorded connection's own business; length and host are written anew.
_NOT_SENT_AGAIN = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "transfer-encoding"),
        *("upgrade", "host", "content-length"),
    }
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a stack listens. `base` is a path in front of every target, "" or without a slash at its end."""

    host: str
    port: int
    tls: bool = False
    base: str = ""

    @classmethod
    def of(cls, url: str, prefix: str = "") -> "Origin":
        """Return the origin of `http(s)://host[:port][/path]` with `prefix` behind the path. Raise ParityError."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise ParityError(f'"{url}" is no URL of a stack; write http://host:port.') from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise ParityError(f'"{url}" is no URL of a stack; write http://host:port.')
        return cls(parts.hostname, port, parts.scheme == "https", parts.path.rstrip("/") + prefix)

    @property
    def address(self) -> str:
        """What an absolute link to this server begins with."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def authority(self) -> str:
        """What `Host` says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def headers_for(request: Request, authority: str) -> list[tuple[str, str]]:
    """Return what a server sees of a recorded request's headers, in order: without those of the recorded connection."""
    again, had_length = _sent_again(request.headers)
    kept = [("Host", authority), *again]
    if had_length or request.body or request.method in _LENGTH_ALWAYS:
        kept.append(("Content-Length", str(len(request.body))))
    return kept


# A client sends most of its requests with the same headers.
@lru_cache(256)
def _sent_again(headers: Headers) -> tuple[Headers, bool]:
    """Return the headers that are not the recorded connection's own, and whether they told of a body."""
    lowered = [(name.lower(), name, value) for name, value in headers]
    named = {word.strip().lower() for lower, _, value in lowered if lower == "connection" for word in value.split(",")}
    kept = tuple(
        (name, value)
        for lower, name, value in lowered
        if lower not in _NOT_SENT_AGAIN and lower not in named and not lower.startswith(":")
    )
    return kept, any(lower in {"content-length", "transfer-encoding"} for lower, _, _ in lowered)


def target_for(request: Request, base: str) -> str:
    """Return path and query under `base`; `*` stays what it is."""
    return request.target if request.target == "*" else (base + request.target) or "/"


def request_bytes(request: Request, base: str, authority: str) -> bytes:
    """Return the request as it goes over the wire. Raise ValueError on a line break in its target or headers."""
    lines = [f"{request.method} {target_for(request, base)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers_for(request, authority)]
    if request.method == "HEAD":
        # So that its end shows: a body behind these headers would otherwise be taken for the next answer.
        lines.append("Connection: close")
    head = "\n".join(lines)
    if "\r" in head or head.count("\n") >= len(lines):
        raise ValueError("line break")
    return b"\r\n".join([*(encoded(head).split(b"\n") if head.isascii() else map(encoded, lines)), b"", request.body])


def encoded(text: str) -> bytes:
    """Return the bytes of a target or a header: characters up to U+00FF are bytes, a text with others is UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def decoded(headers: Headers, body: bytes) -> bytes:
    """Return the body without gzip or deflate; as it came where it is coded otherwise, or not as its header says."""
    codings = [
        coding.strip().lower() for name, value in headers if name == "content-encoding" for coding in value.split(",")
    ]
    if not codings or not body:
        return body
    plain = body
    for coding in reversed(codings):
        try:
            if coding in {"gzip", "x-gzip"}:
                plain = gzip.decompress(plain)
            elif coding == "deflate":
                plain = _inflated(plain)
            elif coding != "identity":
                return body
        except (OSError, EOFError, zlib.error):
            return body
    return plain


def internal_error(elapsed_s: float) -> Answer:
    """Return what a server answers for an app that raised before it answered."""
    headers = (("content-type", "text/plain; charset=utf-8"), ("connection", "close"))
    return Answer(500, headers, b"Internal Server Error", elapsed_s)


def late(answer_s: float) -> Answer:
    """Return the outcome of a request whose answer was not complete in time."""
    return Answer(0, error=f"No complete answer within {answer_s:g} s.", elapsed_s=answer_s)


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompress(body)
    except zlib.error:
        # Half the world's servers send it without the zlib wrapper.
        return zlib.decompress(body, -zlib.MAX_WBITS)
