"""Examples of an OpenAPI 3 document as entries without answers: one per operation and example. Nothing is made up."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from parity.sources.imported import Gathering, Imported, Options
from parity.values import Entry, Headers, ParityError, Request

__all__ = ["import_openapi"]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MISSING = object()
_DEEPEST = 20


def import_openapi(document: Mapping[str, Any], options: Options) -> Imported:
    """Return one entry per operation and example. Raise ParityError for a document with a broken reference."""
    gathering = Gathering(options)
    for path, raw_item in document.get("paths", {}).items():
        item = _resolved(document, raw_item)
        for method in _METHODS:
            if method not in item:
                continue
            operation = _resolved(document, item[method])
            said = f"{method.upper()} {path}"
            parameters = _parameters(document, item, operation)
            bodies = list(_bodies(document, operation))
            if missing := _without_example(document, parameters):
                gathering.leave_out(f"no example for the parameter {missing}", said)
            elif not bodies:
                gathering.leave_out("no example of its body", said)
            for title, media, body in bodies if not missing else ():
                for name, headers, target in _calls(document, path, parameters):
                    sent = (*headers, ("content-type", media)) if media else headers
                    _gather(gathering, f"{said} {title or name}".strip(), Request(method.upper(), target, sent, body))
    return gathering.imported()


def _gather(gathering: Gathering, title: str, request: Request) -> None:
    # Paths may hold the prefix or be relative to a server's address; both are below it.
    prefix, target = gathering.options.inside(request.target) or ("", request.target)
    meta: dict[str, Any] = {"source": "openapi", "title": title, **(gathering.base(prefix) if prefix else {})}
    number = len(gathering.entries) + 1
    request = replace(request, target=target)
    gathering.entries.append(Entry(f"openapi-{number:04d}", number, "openapi", request, meta=meta))


def _parameters(
    document: Mapping[str, Any], item: Mapping[str, Any], operation: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    found = {}
    for raw in [*item.get("parameters", []), *operation.get("parameters", [])]:
        parameter = _resolved(document, raw)
        found[parameter["in"], parameter["name"]] = parameter
    return list(found.values())


def _without_example(document: Mapping[str, Any], parameters: list[Mapping[str, Any]]) -> str:
    """Return the name of a required parameter that has no example."""
    for one in parameters:
        if one.get("required") and one["name"].lower() != "authorization" and not _examples(document, one):
            return str(one["name"])
    return ""


def _calls(
    document: Mapping[str, Any], path: str, parameters: list[Mapping[str, Any]]
) -> Iterator[tuple[str, Headers, str]]:
    """Yield title, headers and target; the first call has each parameter's first example, each next one another example."""
    examples = {(one["in"], one["name"]): _examples(document, one) for one in parameters}
    first = {key: values[0] for key, values in examples.items() if values}
    yield "", *_call(path, first)
    for key, values in examples.items():
        for value in values[1:]:
            yield f"{key[1]}={_plain(value)}", *_call(path, {**first, key: value})


def _call(path: str, values: Mapping[tuple[str, str], Any]) -> tuple[Headers, str]:
    query: list[tuple[str, str]] = []
    headers: list[tuple[str, str]] = []
    for (where, name), value in values.items():
        if where == "path":
            path = path.replace("{" + name + "}", quote(_plain(value), safe=""))
        elif where == "query":
            query += [(name, _plain(one)) for one in (value if isinstance(value, list) else [value])]
        elif where == "header" and name.lower() != "authorization":
            headers.append((name.lower(), _plain(value)))
    return tuple(headers), path + (f"?{urlencode(query)}" if query else "")


def _bodies(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, str, bytes]]:
    """Yield title, media type and bytes of each example; one empty body where none is asked for."""
    if "requestBody" not in operation:
        yield "", "", b""
        return
    asked = _resolved(document, operation["requestBody"])
    any_given = False
    for media, raw in asked.get("content", {}).items():
        for title, value in _titled(document, raw):
            body = _encoded(media, value)
            if body is not None:
                any_given = True
                yield title, media, body
    if not any_given and not asked.get("required"):
        yield "", "", b""


def _examples(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> list[Any]:
    return [value for _, value in _titled(document, parameter)]


def _titled(document: Mapping[str, Any], part: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the examples of a parameter or media type, else those of its schema."""
    if named := part.get("examples"):
        resolved = [(title, _resolved(document, one)) for title, one in named.items()]
        return [(title, one["value"]) for title, one in resolved if "value" in one]
    if "example" in part:
        return [("", part["example"])]
    schema = _resolved(document, part.get("schema", {}))
    if listed := schema.get("examples"):
        return [(str(number) if number > 1 else "", one) for number, one in enumerate(listed, start=1)]
    value = _of_schema(document, schema, 0)
    return [] if value is _MISSING else [("", value)]


def _of_schema(document: Mapping[str, Any], raw: Mapping[str, Any], depth: int) -> Any:
    """Return the example of a schema; that of an object may be made of its properties' examples, if all required have one."""
    schema = _resolved(document, raw)
    if "example" in schema:
        return schema["example"]
    if schema.get("examples"):
        return schema["examples"][0]
    properties = schema.get("properties")
    if not properties or depth > _DEEPEST:
        return _MISSING
    values = {name: _of_schema(document, one, depth + 1) for name, one in properties.items()}
    if any(values.get(name, _MISSING) is _MISSING for name in schema.get("required", [])):
        return _MISSING
    given = {name: value for name, value in values.items() if value is not _MISSING}
    return given or _MISSING


def _encoded(media: str, value: Any) -> bytes | None:
    if "json" in media:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    if "x-www-form-urlencoded" in media and isinstance(value, dict):
        return urlencode({name: _plain(one) for name, one in value.items()}).encode("ascii")
    return value.encode("utf-8") if isinstance(value, str) and "multipart" not in media else None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _resolved(document: Mapping[str, Any], part: Any) -> Any:
    for _ in range(_DEEPEST):
        if not isinstance(part, dict) or "$ref" not in part:
            return part
        reference = str(part["$ref"])
        part = document
        for step in urlsplit(reference).fragment.split("/")[1:]:
            part = part.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(part, dict) else None
        if part is None or not reference.startswith("#/"):
            raise ParityError(f'The reference "{reference}" leads nowhere in this document; bundle it into one file.')
    raise ParityError("References lead in a circle; mend the document.")
