"""An entry of a recording as a HAR 1.2 entry and back, without loss. No files here, and no judgement about foreign HARs."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from parity.values import Answer, Entry, Headers, ParityError, Request, header

__all__ = ["RECORDED", "base_of", "entry_from_har", "entry_to_har", "from_har", "to_har"]

RECORDED = "http://recorded"
# Keys of the `_parity` block that are fields of Entry; everything else there is `Entry.meta`.
_OWN = ("id", "seq", "session", "answer")
_STRINGS = (UnicodeDecodeError, binascii.Error, ValueError)


def base_of(prefixes: Iterable[str]) -> str:
    """Return what stands before the target in the URL of an entry whose meta names no `base` of its own."""
    return RECORDED + next(iter(prefixes), "")


def entry_to_har(entry: Entry, base: str = RECORDED) -> dict[str, Any]:
    """Return the HAR 1.2 entry; `time` is in milliseconds, in steps of a microsecond. `base` is what `base_of` says."""
    answer, request = entry.answer, entry.request
    elapsed = round(answer.elapsed_s * 1000, 3) if answer else 0
    block: dict[str, Any] = {"id": entry.id, "seq": entry.seq, "session": entry.session}
    if answer is None:
        block["answer"] = None
    document = {
        "startedDateTime": entry.started,
        "time": elapsed,
        "request": _request_to_har(request, str(entry.meta.get("base", base)) + request.target),
        "response": _answer_to_har(answer or Answer(0)),
        "cache": {},
        "timings": {"send": 0, "wait": elapsed, "receive": 0},
        "_parity": block | {key: value for key, value in entry.meta.items() if key != "har"},
    }
    return _laid_over(document, entry.meta.get("har", {}))


def entry_from_har(document: Mapping[str, Any], base: str = RECORDED, *, foreign: bool = False) -> Entry:
    """Return the entry. `foreign` also keeps the fields that are not ours, in `meta["har"]`.

    Raise ParityError for what is no entry of a recording.
    """
    try:
        block = dict(document["_parity"])
        request, response = document["request"], document["response"]
        meta = {key: value for key, value in block.items() if key not in _OWN}
        start = str(meta.get("base", base))
        url = request["url"]
        if not url.startswith(start):
            raise ParityError(
                f'The entry "{block["id"]}" has the URL {url}, which does not begin with its base {start}.'
            )
        entry = Entry(
            id=block["id"],
            seq=block["seq"],
            session=block["session"],
            request=Request(request["method"], url[len(start) :], _headers(request), _text(request.get("postData"))),
            answer=None if "answer" in block else _answer_from_har(response, document["time"]),
            started=document["startedDateTime"],
            meta=meta,
        )
    except (KeyError, TypeError, AttributeError, *_STRINGS) as error:
        raise ParityError(f"This is no entry of a recording ({type(error).__name__}: {error}).") from None
    if foreign and (extra := _beyond(document, entry_to_har(entry, base))):
        return Entry(**{name: getattr(entry, name) for name in Entry.__slots__} | {"meta": {**meta, "har": extra}})
    return entry


def to_har(header_block: Mapping[str, Any], entries: Iterable[Entry]) -> dict[str, Any]:
    """Return a whole HAR document; `header_block` is the header of the recording as JSON, kept in `log._parity`."""
    base = base_of(header_block.get("prefixes", ()))
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "parity-recording", "version": "1"},
            "entries": [entry_to_har(entry, base) for entry in entries],
            "_parity": dict(header_block),
        }
    }


def from_har(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[Entry]]:
    """Return header block and entries of a document that `to_har` made. Raise ParityError for any other HAR."""
    log = document.get("log", {})
    if "_parity" not in log:
        raise ParityError("This HAR was not made from a recording; import it instead.")
    base = base_of(log["_parity"].get("prefixes", ()))
    return dict(log["_parity"]), [entry_from_har(entry, base, foreign=True) for entry in log["entries"]]


def _request_to_har(request: Request, url: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "method": request.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in request.headers],
        "queryString": _query(url) if "?" in url else [],
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        document["postData"] = {"mimeType": header(request.headers, "content-type") or "", **_content(request.body)}
    return document


def _answer_to_har(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = {
        "status": answer.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in answer.headers],
        "content": {
            "size": len(answer.body),
            "mimeType": header(answer.headers, "content-type") or "",
            **_content(answer.body),
        },
        "redirectURL": header(answer.headers, "location") or "",
        "headersSize": -1,
        "bodySize": len(answer.body),
    }
    return document | {"_error": answer.error} if answer.error else document


def _answer_from_har(response: Mapping[str, Any], time_ms: float) -> Answer:
    return Answer(
        status=response["status"],
        headers=_headers(response),
        body=_text(response["content"]),
        elapsed_s=round(time_ms / 1000, 6),
        error=response.get("_error", ""),
    )


def _query(url: str) -> list[dict[str, str]]:
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return []
    return [{"name": _sound(name), "value": _sound(value)} for name, value in pairs]


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _headers(part: Mapping[str, Any]) -> Headers:
    return tuple((pair["name"], pair["value"]) for pair in part["headers"])


def _content(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode("ascii"), "encoding": "base64"}


def _text(part: Mapping[str, Any] | None) -> bytes:
    text: str = (part or {}).get("text", "")
    return base64.b64decode(text, validate=True) if part and part.get("encoding") == "base64" else text.encode("utf-8")


def _beyond(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `theirs` holds that `ours` does not say, as a tree of objects; lists are compared whole."""
    extra: dict[str, Any] = {}
    for key, value in theirs.items():
        mine = ours.get(key)
        if key == "_parity" or (key in ours and mine == value):
            continue
        if isinstance(value, dict) and isinstance(mine, dict):
            if inner := _beyond(value, mine):
                extra[key] = inner
        else:
            extra[key] = value
    return extra


def _laid_over(document: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in extra.items():
        mine = document.get(key)
        document[key] = _laid_over(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return document
