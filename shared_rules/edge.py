"""What every answer carries and every request must be, whatever its endpoint: id, body limit, CORS, safe headers."""

import re
import uuid
from dataclasses import dataclass

from shared_rules.errors import PayloadTooLarge, allow_header

__all__ = [
    "BODY_LIMIT_BYTES",
    "UPLOAD_LIMIT_BYTES",
    "EdgeRequest",
    "answer_headers",
    "check_declared_length",
    "is_ambiguous",
    "max_body_bytes",
    "preflight_headers",
    "request_id",
]

BODY_LIMIT_BYTES = 1_048_576
UPLOAD_LIMIT_BYTES = 10_485_760
_UPLOAD_PATH = "/jobs/bulk-upload"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# An encoded slash or control character: what one parser decodes and the next one does not.
_AMBIGUOUS = re.compile(r"%(?:2f|0.|1.|7f)", re.IGNORECASE)
_CORS_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
_CORS_HEADERS = "Content-Type, Authorization, X-Request-Id"


@dataclass(frozen=True)
class EdgeRequest:
    """What an answer's headers depend on. `path` is decoded, without the stack's prefix, empty outside it."""

    path: str
    origin: str | None
    request_id: str


def request_id(sent: str | None) -> str:
    """Return the caller's id when it is 1-128 of `A-Z a-z 0-9 . _ -`, else a new one."""
    return sent if sent is not None and _SANE_ID.fullmatch(sent) else str(uuid.uuid4())


def is_ambiguous(raw_path: str) -> bool:
    """Tell whether a path, as sent, holds an encoded slash or control character: such a path is unknown."""
    return _AMBIGUOUS.search(raw_path) is not None


def max_body_bytes(path: str) -> int:
    return UPLOAD_LIMIT_BYTES if path == _UPLOAD_PATH else BODY_LIMIT_BYTES


def check_declared_length(path: str, content_length: str | None) -> None:
    """Raise 413 when the declared length is over the path's limit; a body without one is counted while it is read."""
    limit = max_body_bytes(path)
    if content_length is not None and content_length.isdecimal() and int(content_length) > limit:
        raise PayloadTooLarge(limit)


def answer_headers(request: EdgeRequest, stack: str, cors_origins: tuple[str, ...]) -> dict[str, str]:
    """Return the headers of every answer, refusals and failures included."""
    headers = {
        "X-Request-Id": request.request_id,
        "X-Served-By": stack,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Vary": "Origin",
    }
    if request.path == "/auth" or request.path.startswith("/auth/"):
        headers["Cache-Control"] = "no-store"
    if request.origin is not None and request.origin in cors_origins:
        headers |= {"Access-Control-Allow-Origin": request.origin, "Access-Control-Allow-Credentials": "true"}
    elif request.origin is not None and "*" in cors_origins:
        headers["Access-Control-Allow-Origin"] = "*"
    return headers


def preflight_headers(request: EdgeRequest, methods: frozenset[str], cors_origins: tuple[str, ...]) -> dict[str, str]:
    """Return the headers an OPTIONS answer has besides those of every answer."""
    headers = {"Allow": allow_header(methods)}
    if request.origin is not None and (request.origin in cors_origins or "*" in cors_origins):
        headers |= {
            "Access-Control-Allow-Methods": _CORS_METHODS,
            "Access-Control-Allow-Headers": _CORS_HEADERS,
            "Access-Control-Max-Age": "3600",
        }
    return headers
