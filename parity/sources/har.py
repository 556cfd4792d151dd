"""HAR files of browsers and proxies as entries. What a browser adds to each request for itself is not replayed."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from parity.sources.imported import Gathering, Imported, Options, raw_target
from parity.values import Answer, Entry, Headers, ParityError, Request, header

__all__ = ["DROPPED_HEADERS", "import_har"]

# Of the connection, of the browser, or made anew by the client that replays.
DROPPED_HEADERS = frozenset(
    "accept-encoding connection content-length dnt host keep-alive pragma priority proxy-connection referer save-data te "  # noqa: SIM905
    "trailer transfer-encoding upgrade upgrade-insecure-requests user-agent".split()
)
_DROPPED_STARTS = ("sec-", ":")
_NO_BODY = (204, 304)
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


def import_har(document: Mapping[str, Any], options: Options) -> Imported:
    """Return the HAR's calls under the given prefixes, in the order they began. Raise ParityError for a broken HAR."""
    gathering = Gathering(options)
    numbered = list(enumerate(document["log"]["entries"], start=1))
    for _, raw in numbered:
        if not isinstance(raw, dict) or "request" not in raw or "response" not in raw:
            raise ParityError("This HAR has an entry without request or response; export it again.")
    numbered.sort(key=lambda pair: (_moment(pair[1]), pair[0]))
    for number, raw in numbered:
        _gather(gathering, number, raw)
    starts = [entry.started for entry in gathering.entries if entry.started]
    return gathering.imported(clock_start=min(starts, key=_instant) if starts else "")


def _gather(gathering: Gathering, number: int, raw: Mapping[str, Any]) -> None:
    request, response = raw["request"], raw["response"]
    url, method = str(request.get("url", "")), str(request.get("method", "GET"))
    target = raw_target(url)
    if target is None:
        return gathering.leave_out("no HTTP request", f"{method} {url[:80]}")
    said = f"{method} {target}"
    place = gathering.options.inside(target)
    if place is None:
        listed = " or ".join(gathering.options.prefixes)
        return gathering.leave_out(f"outside {listed}: pages, assets or another service", said)
    if int(response.get("status", 0)) <= 0:
        return gathering.leave_out("given up by the browser, so there is no answer (status -1 or 0)", said)
    meta: dict[str, Any] = {"source": "har", **gathering.base(place[0])}
    body = _request_body(request)
    if body is None:
        meta["request_body"] = "missing"
        gathering.note("requests whose body the file does not hold", said)
    answer_body = _answer_body(response, method)
    if answer_body is None:
        meta["answer_body"] = "missing"
        gathering.note("answers whose body the file does not hold, so that only the status is compared", said)
    gathering.entries.append(
        Entry(
            id=f"har-{number:04d}",
            seq=number,
            session=str(raw.get("_session", "browser")),
            request=Request(method, place[1], _kept(_headers(request)), body or b""),
            answer=Answer(int(response["status"]), _headers(response), answer_body or b"", _seconds(raw)),
            started=str(raw.get("startedDateTime", "")),
            meta=meta,
        )
    )
    return None


def _headers(part: Mapping[str, Any]) -> Headers:
    pairs = part.get("headers") or []
    return tuple((str(pair["name"]).lower(), _one_line(str(pair.get("value", "")))) for pair in pairs)


def _one_line(value: str) -> str:
    # Some browsers join repeated headers by a line break, which cannot be sent.
    return ", ".join(part.strip() for part in value.splitlines()) if "\n" in value else value


def _kept(headers: Headers) -> Headers:
    return tuple(
        (name, value) for name, value in headers if name not in DROPPED_HEADERS and not name.startswith(_DROPPED_STARTS)
    )


def _request_body(request: Mapping[str, Any]) -> bytes | None:
    """Return the body; None if there was one that the file does not hold."""
    posted = request.get("postData") or {}
    headers = _headers(request)
    if text := posted.get("text"):
        return _octets(text, posted.get("encoding") or posted.get("_encoding"), header(headers, "content-type") or "")
    if params := posted.get("params"):
        return _from_params(params, header(headers, "content-type") or str(posted.get("mimeType", "")))
    said = header(headers, "content-length") or "0"
    sent = int(said) if said.isdigit() else 0
    return None if sent or int(request.get("bodySize") or 0) > 0 else b""


def _from_params(params: list[dict[str, Any]], media: str) -> bytes | None:
    boundary = re.search(r"boundary=\"?([^\";]+)", media)
    if "multipart" not in media or not boundary:
        return urlencode([(one["name"], one.get("value", "")) for one in params]).encode("ascii")
    pieces = []
    for one in params:
        if one.get("fileName") and "value" not in one:
            return None
        name = f'form-data; name="{one["name"]}"' + (f'; filename="{one["fileName"]}"' if one.get("fileName") else "")
        kind = f"\r\nContent-Type: {one['contentType']}" if one.get("contentType") else ""
        pieces.append(f"--{boundary[1]}\r\nContent-Disposition: {name}{kind}\r\n\r\n{one.get('value', '')}\r\n")
    return ("".join(pieces) + f"--{boundary[1]}--\r\n").encode("utf-8")


def _answer_body(response: Mapping[str, Any], method: str) -> bytes | None:
    """Return the body; None if there was one that the file does not hold."""
    content = response.get("content") or {}
    if (text := content.get("text")) is not None:
        return _octets(text, content.get("encoding"), str(content.get("mimeType", "")))
    none_sent = response.get("status") in _NO_BODY or method == "HEAD" or content.get("size") == 0
    return b"" if none_sent or response.get("bodySize") == 0 else None


def _octets(text: str, encoding: str | None, media: str) -> bytes:
    if encoding == "base64":
        try:
            return base64.b64decode(text)
        except binascii.Error:
            raise ParityError(f'This HAR holds "{text[:20]}..." as base64, which it is not; export it again.') from None
    said = _CHARSET.search(media)
    try:
        return text.encode(said[1] if said else "utf-8")
    except (LookupError, UnicodeEncodeError):
        return text.encode("utf-8", "surrogatepass")


def _seconds(raw: Mapping[str, Any]) -> float:
    time_ms = raw.get("time")
    return round(time_ms / 1000, 6) if isinstance(time_ms, int | float) and time_ms > 0 else 0.0


def _moment(raw: Mapping[str, Any]) -> datetime:
    return _instant(str(raw.get("startedDateTime", "")))


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
