"""Postman collections (v2.1) as entries without answers. Nothing is sent and no script is run here."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from parity.sources.accounts import login_of
from parity.sources.imported import Gathering, Imported, Options, raw_target
from parity.sources.postman_variables import Item, Variables, as_text, items_of, learn_from_scripts
from parity.values import Entry, Headers, ParityError, Request, header

__all__ = ["import_postman"]

_LANGUAGES = {"json": "application/json", "xml": "application/xml", "html": "text/html", "text": "text/plain"}
_BOUNDARY = "parity-boundary"


def import_postman(document: Mapping[str, Any], options: Options) -> Imported:
    """Return the collection's requests in order, as one session. Raise ParityError for a collection of another version."""
    schema = str(document["info"].get("schema", ""))
    if schema and not re.search(r"/v2\.[01]", schema):
        raise ParityError(f"This collection has the schema {schema}; export it as Collection v2.1.")
    gathering = Gathering(options)
    values = {one["key"]: as_text(one.get("value")) for one in document.get("variable", []) if not one.get("disabled")}
    items = list(items_of(document))
    variables = Variables(
        {**values, **options.variables}, login=_login_id(items, options, {**values, **options.variables})
    )
    learn_from_scripts(items, variables)
    for item in items:
        _gather(gathering, item, variables)
    options.redactor.reserve(" ".join(variables.tokens.values()))
    for name, token in variables.tokens.items():
        source = variables.sources[name]
        gathering.note(f"variable left empty: {{{{{name}}}}} is {token}, {source['path']} of {source['entry']}", name)
    return gathering.imported()


def _login_id(items: list[Item], options: Options, values: dict[str, str]) -> str:
    """Return the id of the first complete login."""
    known = Variables(values)
    for item in items:
        try:
            request = _request(item, known)
        except LookupError:
            continue
        place = options.inside(request.target)
        if place and login_of(Request(request.method, place[1], request.headers, request.body), options.login):
            return item.id
    return ""


def _gather(gathering: Gathering, item: Item, variables: Variables) -> None:
    said = f"{item.request.get('method', 'GET')} {item.title}"
    try:
        request = _request(item, variables)
    except LookupError as missing:
        return gathering.leave_out(f"the variable {{{{{missing.args[0]}}}}} has no value", said)
    place = gathering.options.inside(request.target)
    if place is None:
        return gathering.leave_out(f"outside {' or '.join(gathering.options.prefixes)}", said)
    meta: dict[str, Any] = {"source": "postman", "title": item.title, **gathering.base(place[0])}
    if sources := variables.tokens_from(request):
        meta["tokens_from"] = sources
    if _without_file(item.request.get("body") or {}):
        meta["request_body"] = "missing"
        gathering.note("requests whose file the collection does not hold", item.title)
    gathering.entries.append(
        Entry(
            item.id, item.number, "postman", Request(request.method, place[1], request.headers, request.body), meta=meta
        )
    )
    return None


def _request(item: Item, variables: Variables) -> Request:
    """Return the request with its full target. Raise LookupError for a variable without a value."""
    given = [one for one in item.request.get("header") or [] if not one.get("disabled")]
    headers = [
        (variables.fill(one["key"], item).lower(), variables.fill(as_text(one.get("value")), item)) for one in given
    ]
    body, media = _body(item, variables)
    if media and header(tuple(headers), "content-type") is None:
        headers.append(("content-type", media))
    target = _target(item.request.get("url", ""), item, variables)
    return _with_auth(
        Request(str(item.request.get("method", "GET")).upper(), target, tuple(headers), body), item, variables
    )


def _target(url: Any, item: Item, variables: Variables) -> str:
    if isinstance(url, str):
        raw = url
    else:
        raw = as_text(url.get("raw")) or _joined(url)
        for one in url.get("variable") or []:
            raw = re.sub(rf"/:{re.escape(str(one.get('key')))}(?=[/?#]|$)", "/{{:" + str(one.get("key")) + "}}", raw)
            variables.values[f":{one.get('key')}"] = as_text(one.get("value"))
    # The first variable is the address; without a value it is any.
    filled = variables.fill(
        re.sub(r"^\{\{[^{}]+\}\}(?=/)", lambda match: _address(match[0], item, variables), raw), item
    )
    target = raw_target(filled if "://" in filled else "http://" + filled)
    return quote((target or "/").rstrip("?&"), safe="/?&=%:;,+$!*'()@~[]<>{}|\\^`\"")


def _address(variable: str, item: Item, variables: Variables) -> str:
    try:
        return variables.fill(variable, item) or "http://recorded"
    except LookupError:
        return "http://recorded"


def _joined(url: Mapping[str, Any]) -> str:
    host = url.get("host", "")
    path = url.get("path", "")
    query = "&".join(
        f"{one['key']}={as_text(one.get('value'))}" for one in url.get("query") or [] if not one.get("disabled")
    )
    address = host if isinstance(host, str) else ".".join(host)
    way = path if isinstance(path, str) else "/".join(path)
    return f"{address}/{way.lstrip('/')}" + (f"?{query}" if query else "")


def _body(item: Item, variables: Variables) -> tuple[bytes, str]:
    """Return the body and the media type that Postman adds for it."""
    body = item.request.get("body") or {}
    mode = body.get("mode", "") if not body.get("disabled") else ""
    if mode == "raw":
        language = body.get("options", {}).get("raw", {}).get("language", "")
        text = variables.fill(body.get("raw") or "", item)
        return text.encode("utf-8"), _LANGUAGES.get(language, "text/plain") if text else ""
    if mode == "graphql":
        graphql = body.get("graphql", {})
        filled = variables.fill(as_text(graphql.get("variables")), item)
        document = {"query": variables.fill(graphql.get("query", ""), item), "variables": json.loads(filled or "{}")}
        return json.dumps(document).encode("utf-8"), "application/json"
    pairs = [one for one in body.get(mode) or [] if isinstance(one, dict) and not one.get("disabled")]
    if mode == "urlencoded":
        filled_pairs = [
            (variables.fill(one["key"], item), variables.fill(as_text(one.get("value")), item)) for one in pairs
        ]
        return urlencode(filled_pairs).encode("ascii"), "application/x-www-form-urlencoded"
    if mode == "formdata":
        return _multipart(pairs, item, variables), f"multipart/form-data; boundary={_BOUNDARY}"
    return b"", ""


def _multipart(pairs: list[dict[str, Any]], item: Item, variables: Variables) -> bytes:
    parts = []
    for one in pairs:
        name = f'form-data; name="{variables.fill(one["key"], item)}"'
        if one.get("type") == "file":
            name += f'; filename="{str(one.get("src") or "file").rsplit("/", 1)[-1]}"'
        value = variables.fill(as_text(one.get("value")), item)
        parts.append(f"--{_BOUNDARY}\r\nContent-Disposition: {name}\r\n\r\n{value}\r\n")
    return ("".join(parts) + f"--{_BOUNDARY}--\r\n").encode("utf-8")


def _without_file(body: Mapping[str, Any]) -> bool:
    mode = body.get("mode")
    return mode == "file" or (
        mode == "formdata"
        and any(one.get("type") == "file" and not one.get("disabled") for one in body.get("formdata") or [])
    )


def _with_auth(request: Request, item: Item, variables: Variables) -> Request:
    kind = item.auth.get("type", "noauth")
    listed = item.auth.get(kind) or []
    given = (
        {one["key"]: variables.fill(as_text(one.get("value")), item) for one in listed}
        if isinstance(listed, list)
        else listed
    )
    headers, target = list(request.headers), request.target
    if header(request.headers, "authorization") is None:
        if kind == "bearer":
            headers.append(("authorization", f"Bearer {given.get('token', '')}"))
        elif kind == "basic":
            pair = f"{given.get('username', '')}:{given.get('password', '')}".encode()
            headers.append(("authorization", "Basic " + base64.b64encode(pair).decode("ascii")))
    if kind == "apikey" and given.get("in") == "query":
        target += ("&" if "?" in target else "?") + urlencode({given.get("key", ""): given.get("value", "")})
    elif kind == "apikey":
        headers.append((given.get("key", "").lower(), given.get("value", "")))
    return Request(request.method, target, _sound(headers), request.body)


def _sound(headers: list[tuple[str, str]]) -> Headers:
    return tuple((name, value) for name, value in headers if name)
