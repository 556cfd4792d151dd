"""Putting a stack's own ids and tokens where a recorded request holds the recorded ones; everything else stays as it is.

One scan finds what has the shape of an id and one look tells its value, so the cost does not grow with the ids known.
Plain numbers count only where a path, a field or a key says whose id they are.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, unquote

import orjson

from parity.carry.pairing import Scalar
from parity.shapes import UUID, entity_of_key, entity_of_path, is_id_key, singular
from parity.values import Headers, Request

__all__ = ["Look", "Substitution", "substitute"]

# Headers that never hold an id and are not worth a scan.
_PLAIN_HEADERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "dnt",
        "host",
        "origin",
        "pragma",
        "priority",
        "te",
        "transfer-encoding",
        "upgrade-insecure-requests",
        "user-agent",
    ]
)
_TOKEN = r"<jwt-\d+>|\\u003[cC]jwt-\d+\\u003[eE]"
_LONG = re.compile(rf"{_TOKEN}|[A-Za-z0-9_-]{{16,}}(?:\.[A-Za-z0-9_-]{{4,}}){{0,2}}")
_SHORT = re.compile(rf"{_TOKEN}|[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]{{4,}}){{0,2}}")
# For when values with marks in them are known.
_MARKED = re.compile(rf"{_TOKEN}|[A-Za-z0-9_\-+/=.~:]{{8,}}")
_INNER = re.compile(rf"{UUID.pattern}|[A-Za-z0-9]{{16,}}")
_ESCAPED_TOKEN = re.compile(r"\\u003[cC](jwt-\d+)\\u003[eE]")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_KEYED_NUMBER = re.compile(r'"([A-Za-z_][\w-]*)"\s*:\s*("?)(\d+)("?)(?=\s*[,}\]])')
_KEYED_NUMBERS = re.compile(r'"([A-Za-z_][\w-]*[sS])"\s*:\s*\[([\s\d,"]*)\]')
_NUMBER = re.compile(r'("?)(\d+)("?)')
_PART_NUMBER = re.compile(r'(name="?([\w\[\]-]+)"?[^\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n)(\d+)(?=\r?\n--)')
_PARAMETER = re.compile(r"\{[^{}]*\}")


class Look(Protocol):
    """What knows this stack's values; each answers None for what it does not know."""

    def text(self, recorded: str) -> str | None: ...

    def number(self, entity: str, recorded: str) -> Scalar | None: ...

    @property
    def shortest(self) -> int: ...

    @property
    def has_marks(self) -> bool: ...

    @property
    def has_numbers(self) -> bool: ...


@dataclass(slots=True)
class Substitution:
    """The request for one stack, what was replaced, and what has the shape of an id or token but is not known.

    `unknown_ids` are those that path or query ask for; a body and headers may hold ids that the client made up.
    """

    request: Request
    carried: list[str] = field(default_factory=list)
    unknown_ids: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def substitute(request: Request, look: Look, template: str | None) -> Substitution:
    """Return the request with this stack's values in path, query, headers and body.

    `template` is the route's (`/jobs/{id}`), which says where numbers of a path are ids; without one they are ids
    wherever a name stands before them.
    """
    done = Substitution(request)
    rewrite = _Rewriter(look, done)
    target = rewrite.target(request.target, template)
    headers = rewrite.headers(request.headers)
    body = rewrite.body(request, template) if request.body else b""
    if target is not request.target or headers is not request.headers or body is not request.body:
        if len(body) != len(request.body):
            headers = tuple((k, str(len(body)) if k.lower() == "content-length" else v) for k, v in headers)
        done.request = Request(request.method, target, headers, body)
    return done


def _as_it_is(text: str) -> str:
    return text


def _in_json(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _in_address(text: str) -> str:
    return quote(text, safe="-._~")


class _Rewriter:
    def __init__(self, look: Look, done: Substitution) -> None:
        self._look = look
        self._done = done
        self._words = _LONG if look.shortest >= 16 else _SHORT

    def target(self, target: str, template: str | None) -> str:
        path, mark, query = target.partition("?")
        parts = path.split("/")
        names = template.partition("?")[0].split("/") if template is not None else []
        named = len(names) == len(parts)
        changed = list(parts)
        for i, part in enumerate(parts):
            if part.isdigit():
                if not named or names[i].startswith("{"):
                    before = names[i - 1] if named and i else parts[i - 1] if i else ""
                    changed[i] = self._path_number(part, _entity_before(before, names[i] if named else ""))
            elif len(part) >= 6:
                changed[i] = self._component(part, asked=True)
        fields = self._form(query, asked=True) if query else query
        if changed == parts and fields is query:
            return target
        return "/".join(changed) + mark + fields

    def _path_number(self, digits: str, entity: str) -> str:
        if not entity:
            return digits
        own = self._look.number(entity, digits)
        if own is None:
            self._done.unknown_ids.append(f"{entity} {digits}")
            return digits
        self._done.carried.append(f"{entity} {digits}")
        return quote(str(own), safe="-._~")

    def headers(self, headers: Headers) -> Headers:
        changed: list[tuple[str, str]] | None = None
        for i, (name, value) in enumerate(headers):
            lower = name.lower()
            if lower in _PLAIN_HEADERS or lower.startswith("sec-"):
                continue
            new = self._text(value, _as_it_is)
            if new != value:
                changed = changed if changed is not None else list(headers)
                changed[i] = (name, new)
        return headers if changed is None else tuple(changed)

    def body(self, request: Request, template: str | None) -> bytes:
        """Return the body with its bytes untouched but for what is replaced."""
        media = next((value.lower() for name, value in request.headers if name.lower() == "content-type"), "")
        text = request.body.decode("latin-1")
        if "x-www-form-urlencoded" in media:
            new = self._form(text, asked=False)
        elif "json" in media or (not media and text[:1] in '{["'):
            new = self._text(text, _in_json)
            if self._look.has_numbers:
                new = self._json_numbers(new, entity_of_path(template or request.target))
        else:
            new = self._text(text, _as_it_is)
            if self._look.has_numbers and "multipart" in media:
                new = _PART_NUMBER.sub(self._part_number, new)
        return request.body if new == text else new.encode("latin-1", "replace")

    def _form(self, text: str, asked: bool) -> str:
        """Return the fields of a query or a form, each value encoded as it was."""
        changed = False
        fields = text.split("&")
        for i, pair in enumerate(fields):
            name, mark, value = pair.partition("=")
            new = self._field(unquote(name), value, asked)
            if new != value:
                fields[i] = name + mark + new
                changed = True
        return "&".join(fields) if changed else text

    def _field(self, name: str, value: str, asked: bool) -> str:
        if value.isdigit():
            if not (self._look.has_numbers and is_id_key(name.removesuffix("[]"))):
                return value
            own = self._keyed(name.removesuffix("[]"), "", value)
            return value if own is None else _in_address(str(own))
        return self._component(value, asked=asked) if len(value) >= 6 else value

    def _component(self, raw: str, *, asked: bool) -> str:
        """Return a path segment or a value of a query or form, in the percent-encoding it came in."""
        new = self._text(raw, _in_address, asked)
        if new != raw or ("%" not in raw and "+" not in raw):
            return new
        decoded = unquote(raw)
        replaced = self._text(decoded, _as_it_is, asked)
        return raw if replaced == decoded else _encoded_like(replaced, raw)

    def _text(self, text: str, encode: Callable[[str], str], asked: bool = False) -> str:
        """Return a text with all that is known in it replaced, in one pass so that nothing is replaced twice."""
        if self._look.has_marks:
            return _MARKED.sub(lambda match: self._marked(match[0], encode, asked), text)
        return self._words.sub(lambda match: self._word(match[0], encode, asked), text)

    def _marked(self, chunk: str, encode: Callable[[str], str], asked: bool) -> str:
        for start in (0, *(chunk.find(mark) + 1 for mark in "=:"), chunk.rfind("/") + 1):
            own = self._look.text(chunk[start:])
            if own is not None:
                self._done.carried.append(chunk[start:])
                return chunk[:start] + encode(own)
        return self._words.sub(lambda match: self._word(match[0], encode, asked), chunk)

    def _word(self, word: str, encode: Callable[[str], str], asked: bool) -> str:
        if word[0] == "\\":
            word = _ESCAPED_TOKEN.sub(r"<\1>", word)
        own = self._look.text(word)
        if own is not None:
            self._done.carried.append(word)
            return encode(own)
        if word[0] == "<" or UUID.fullmatch(word):
            (self._done.unknown_ids if asked and word[0] != "<" else self._done.unknown).append(word)
            return word
        if "." in word:
            return ".".join(self._word(part, encode, asked) if len(part) >= 8 else part for part in word.split("."))
        return _INNER.sub(lambda match: self._inner(match[0], encode, asked), word) if len(word) > 16 else word

    def _inner(self, text: str, encode: Callable[[str], str], asked: bool) -> str:
        own = self._look.text(text)
        if own is None:
            if UUID.fullmatch(text):
                (self._done.unknown_ids if asked else self._done.unknown).append(text)
            return text
        self._done.carried.append(text)
        return encode(own)

    def _keyed(self, key: str, parent: str, digits: str) -> Scalar | None:
        own = self._look.number(entity_of_key(key, parent), digits)
        if own is not None:
            self._done.carried.append(f"{entity_of_key(key, parent)} {digits}")
        return own

    def _json_numbers(self, text: str, entity: str) -> str:
        """Return a JSON text with the numbers under keys for ids replaced; its layout stays."""
        places = [match for match in _KEYED_NUMBER.finditer(text) if is_id_key(match[1])]
        if places:
            parents = _parents(text, places, entity)
            pieces, end = [], 0
            for match, parent in zip(places, parents, strict=True):
                own = None if parent is None else self._keyed(match[1], parent, match[3])
                if own is not None:
                    pieces += [text[end : match.start(2)], _json_scalar(own, quoted=bool(match[2]))]
                    end = match.end(4)
            text = "".join([*pieces, text[end:]])
        return _KEYED_NUMBERS.sub(lambda match: self._json_list(match, entity), text)

    def _json_list(self, match: re.Match[str], entity: str) -> str:
        if not is_id_key(match[1]):
            return match[0]

        def replacement(number: re.Match[str]) -> str:
            own = self._keyed(match[1], entity, number[2])
            return number[0] if own is None else _json_scalar(own, quoted=bool(number[1]))

        start = match.start(2) - match.start()
        return match[0][:start] + _NUMBER.sub(replacement, match[2]) + "]"

    def _part_number(self, match: re.Match[str]) -> str:
        own = self._keyed(match[2], "", match[3]) if is_id_key(match[2]) else None
        return match[0] if own is None else f"{match[1]}{own}"


def _parents(text: str, places: list[re.Match[str]], entity: str) -> list[str | None]:
    """Return the entity around each place, as a bare `id` belongs to what holds it; None where that cannot be told."""
    if all(entity_of_key(match[1], "") for match in places):
        return [""] * len(places)
    try:
        found = list(_keyed_numbers(orjson.loads(text.encode("latin-1")), entity))
    except orjson.JSONDecodeError:
        found = []
    if [(key, digits) for key, digits, _ in found] == [(match[1], match[3]) for match in places]:
        return [parent for _, _, parent in found]
    return ["" if entity_of_key(match[1], "") else None for match in places]


def _keyed_numbers(value: Any, entity: str) -> Iterator[tuple[str, str, str]]:
    """Yield key, digits and surrounding entity of each number under a key for ids, in the order of the document."""
    if isinstance(value, list):
        for item in value:
            yield from _keyed_numbers(item, entity)
    elif isinstance(value, dict):
        for key, leaf in value.items():
            if isinstance(leaf, dict | list):
                yield from _keyed_numbers(leaf, entity_of_key(key, entity))
            elif is_id_key(key) and not isinstance(leaf, bool) and isinstance(leaf, int | str) and str(leaf).isdigit():
                yield key, str(leaf), entity


def _json_scalar(own: Scalar, *, quoted: bool) -> str:
    """Return the own value as JSON. A number stays a number where it can: digits may have been learnt from a text."""
    return str(own) if not quoted and str(own).isdigit() else f'"{own}"'


def _entity_before(before: str, parameter: str) -> str:
    """Return whose number a path segment is: the segment before it says so, or else the parameter's own name."""
    if before and not _PARAMETER.fullmatch(before) and not before.isdigit():
        return singular(before)
    return entity_of_key(parameter.strip("{}").partition(":")[0], "")


def _encoded_like(text: str, raw: str) -> str:
    """Return the text percent-encoded with the same characters left plain, and the same case of digits, as in `raw`."""
    plain = "".join({char for char in raw if char not in "%+" and not char.isalnum()})
    new = quote(text, safe=plain + "-._~")
    if _ESCAPE.search(raw) and not any(escape != escape.lower() for escape in _ESCAPE.findall(raw)):
        new = _ESCAPE.sub(lambda match: match[0].lower(), new)
    return new
