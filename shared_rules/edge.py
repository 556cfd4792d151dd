"""What every answer carries and every request must be, whatever its endpoint: id, body limit, CORS, safe headers."""

import ipaddress
import re
import uuid
from dataclasses import dataclass
from functools import cache

from shared_rules.errors import BadRequest, PayloadTooLarge, allow_header
from shared_rules.wire import to_json

__all__ = [
    "BODY_LIMIT_BYTES",
    "UPLOAD_LIMIT_BYTES",
    "EdgeRequest",
    "answer_headers",
    "check_declared_length",
    "client_address",
    "is_ambiguous",
    "max_body_bytes",
    "preflight_headers",
    "proxy_networks",
    "request_id",
    "unreadable_answer",
]

BODY_LIMIT_BYTES = 1_048_576
UPLOAD_LIMIT_BYTES = 10_485_760
_UPLOAD_PATH = "/jobs/bulk-upload"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# An encoded slash or control character: what one parser decodes and the next one does not.
_AMBIGUOUS = re.compile(r"%(?:2f|0.|1.|7f)", re.IGNORECASE)
_CORS_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
_CORS_HEADERS = "Content-Type, Authorization, X-Request-Id"

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    if content_length is None or not (content_length.isascii() and content_length.isdecimal()):
        return
    digits = content_length.lstrip("0")
    # Python refuses to read an integer of thousands of digits.
    if len(digits) > len(str(limit)) or int(digits or "0") > limit:
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


def unreadable_answer(stack: str) -> bytes:
    """Return the whole answer, status line included, to bytes that no server can read as a request; the connection ends with it."""
    body = to_json(BadRequest.unreadable().body)
    headers = answer_headers(EdgeRequest("", None, request_id(None)), stack, ()) | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = ["HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def client_address(
    peer: str | None, forwarded_for: str | None, real_ip: str | None, trusted_proxies: tuple[str, ...]
) -> str:
    """Return whose request this is: the peer, or whom a trusted proxy names.

    Of `X-Forwarded-For` only the last entry counts, the one our own proxy wrote; `X-Real-IP` where there is none. What is
    no address is not believed. A peer without address (a unix socket) is "unknown".
    """
    own = _address(peer)
    if own is None:
        return peer or "unknown"
    if not any(own in network for network in proxy_networks(trusted_proxies)):
        return str(own)
    named = forwarded_for.rpartition(",")[2] if forwarded_for else real_ip
    return str(_address(named) or own)


def _address(text: str | None) -> _Address | None:
    """Return an address, IPv4 in IPv6 as IPv4 and without zone; None for anything else."""
    try:
        address = ipaddress.ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


@cache
def proxy_networks(proxies: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return addresses and networks of proxies, as networks; raise ValueError on anything else."""
    return tuple(ipaddress.ip_network(proxy, strict=False) for proxy in proxies)
