"""Requests as curl commands that can be pasted into any POSIX shell. Secrets stand as variables; nothing is sent here."""

import shlex
from base64 import b64encode

from parity.values import Headers, Request

__all__ = ["BODY_FILE", "curl", "shown_headers"]

BODY_FILE = "body.bin"
# One argument of a command may have 128 KiB on Linux.
_LONGEST_BODY = 64 * 1024
# curl sets these itself, or they belong to one connection, or to the browser that was recorded.
_OWN = frozenset(
    {"host", "content-length", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
    | {"accept-encoding", "user-agent", "dnt", "priority", "upgrade-insecure-requests"}
)
_SECRET = {"cookie": "COOKIE", "proxy-authorization": "PROXY_CREDENTIALS", "x-api-key": "API_KEY"}
_GLOB = frozenset("[]{}")


def shown_headers(headers: Headers, variable: str = "TOKEN") -> Headers:
    """Return the headers with variables for what lets people in: `authorization: Bearer $TOKEN`."""
    return tuple((name, _secret(name, value, variable) or value) for name, value in headers)


def curl(request: Request, base_url: str, variable: str = "TOKEN") -> str:
    """Return one command of several lines; it prints status and headers too.

    `base_url` is scheme, host and the stack's prefix; `variable` names the shell variable with the bearer token. A body that
    is no text is piped in; one of more than 64 KiB is read from `body.bin`, which the reader has to bring.
    """
    url = base_url.rstrip("/") + request.target
    head, data = _body(request)
    parts = [f"{head}curl {'-I' if request.method == 'HEAD' else '-i'} --path-as-is{' -g' if _GLOB & set(url) else ''}"]
    implied = "HEAD" if request.method == "HEAD" else "POST" if data else "GET"
    if request.method != implied:
        parts[0] += f" -X {shlex.quote(request.method)}"
    parts[0] += f" {shlex.quote(url)}"
    return " \\\n  ".join([*parts, *_headers(request, bool(data), variable), *data])


def _headers(request: Request, has_body: bool, variable: str) -> list[str]:
    options = []
    for name, value in request.headers:
        if name.lower() in _OWN or name.lower().startswith("sec-") or (name.lower(), value) == ("accept", "*/*"):
            continue
        secret = _secret(name, value, variable)
        if secret is not None:
            options.append(f'-H "{name}: {secret}"')
        else:
            options.append(f"-H {shlex.quote(f'{name}: {value}' if value else f'{name};')}")
    if has_body and not any(name.lower() == "content-type" for name, _ in request.headers):
        # Without this curl would call the body a form.
        options.append("-H 'content-type:'")
    return options


def _secret(name: str, value: str, variable: str) -> str | None:
    """Return what stands for the value of a header that lets people in, None for every other header."""
    if name.lower() != "authorization":
        found = _SECRET.get(name.lower())
        return f"${found}" if found else None
    scheme, space, _ = value.partition(" ")
    if scheme.lower() == "bearer":
        return f"Bearer ${variable}"
    return f"{scheme} $CREDENTIALS" if space and scheme.isalnum() else "$CREDENTIALS"


def _body(request: Request) -> tuple[str, list[str]]:
    """Return what goes before curl, and its options for the body. A HEAD's body is left out: curl cannot send one."""
    if not request.body or request.method == "HEAD":
        return "", []
    if len(request.body) > _LONGEST_BODY:
        return "", [f"--data-binary @{BODY_FILE}"]
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"printf %s {b64encode(request.body).decode()} | base64 -d | ", ["--data-binary @-"]
    return "", [f"--data-raw {shlex.quote(text)}"]
