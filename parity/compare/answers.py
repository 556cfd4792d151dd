"""Two answers: transport, status, media type, contract headers, body. The body decides how it is read: JSON, text or bytes."""

import re
from collections.abc import Container
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from parity.compare.json_text import NotJson, read_json
from parity.compare.kinds import kind_of
from parity.compare.leaves import Nested, Verdict
from parity.compare.places import Place, Root
from parity.compare.walk import Walk
from parity.shapes import entity_of_path
from parity.values import Answer, Headers, header

__all__ = ["compare_answers"]

_SPACES = re.compile(r"\s+")
_LINE_ENDS = ((b"\r\n", "crlf"), (b"\n", "lf"), (b"\r", "cr"))
# Lists in which the order of the elements means nothing (RFC 9110, 10.2.1 and 12.5.5; Fetch, 3.2.2).
_SETS = frozenset(
    {"allow", "vary", "access-control-allow-methods", "access-control-allow-headers", "access-control-expose-headers"}
)
_LINKS = frozenset({"location", "content-location"})
# Their meaning is that there is nothing; a type of nothing is no difference.
_NO_CONTENT = frozenset({204, 304})


def compare_answers(left: Answer, right: Answer, walk: Walk) -> None:
    """Add the differences of two answers to the walk's."""
    if _broken(left) or _broken(right):
        _transport(left, right, walk)
        return
    if left.status != right.status:
        kinds = str(left.status), str(right.status)
        walk.add("status", _place("status"), left.status, right.status, kinds)
    empty = not left.body and not right.body and left.status == right.status and left.status in _NO_CONTENT
    if not empty:
        _media_types(left, right, walk)
    _headers(left, right, walk)
    _bodies(left, right, walk)


def _transport(left: Answer, right: Answer, walk: Walk) -> None:
    if _broken(left) and _broken(right) and bool(left.status) == bool(right.status):
        return
    shown = [answer.error or answer.status for answer in (left, right)]
    kinds = ["broken" if _broken(answer) else "answered" for answer in (left, right)]
    walk.add("transport", _place("transport"), shown[0], shown[1], (kinds[0], kinds[1]))


def _broken(answer: Answer) -> bool:
    return answer.status == 0 or bool(answer.error)


def _media_types(left: Answer, right: Answer, walk: Walk) -> None:
    texts = header(left.headers, "content-type"), header(right.headers, "content-type")
    (first, parameters), (second, others) = (_media_type(text) for text in texts)
    if first != second:
        kinds = first or "missing", second or "missing"
        walk.add("media", _place("content-type"), texts[0], texts[1], kinds)
    elif parameters != others and not _is_json(first):
        walk.add("header", _place("content-type"), texts[0], texts[1])


@lru_cache(256)
def _media_type(text: str | None) -> tuple[str, frozenset[str]]:
    """Return media type and parameters in lower case; a boundary is made anew for each answer and left out."""
    name, *parameters = (part.strip().lower().replace('"', "") for part in (text or "").split(";"))
    return name, frozenset(p.replace(" ", "") for p in parameters if p and not p.startswith("boundary="))


def _is_json(media: str) -> bool:
    return media == "application/json" or media.endswith("+json") or media == "text/json"


def _headers(left: Answer, right: Answer, walk: Walk) -> None:
    wanted = _compared(walk.leaves.terms.headers)
    lefts, rights = _values(left.headers, wanted), _values(right.headers, wanted)
    for name in wanted if lefts or rights else ():
        first, second = lefts.get(name, []), rights.get(name, [])
        if first != second:
            first, second = _read(name, first), _read(name, second)
        for one, other in zip_longest(first, second):
            _header(name, one, other, walk)


@lru_cache(64)
def _compared(names: tuple[str, ...]) -> dict[str, None]:
    """Return the names of the headers in lower case, in order, without the one that the media type is compared by."""
    return {name.lower(): None for name in names if name.lower() != "content-type"}


def _values(headers: Headers, wanted: Container[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in headers:
        if (name := key.lower()) in wanted:
            found.setdefault(name, []).append(_SPACES.sub(" ", value.strip()))
    return found


def _read(name: str, values: list[str]) -> list[str]:
    """Return the values of one header in a form in which what means the same is the same."""
    if name in _SETS and values:
        return [", ".join(sorted(part.strip() for value in values for part in value.split(",") if part.strip()))]
    if name == "set-cookie":
        return sorted(_cookie(value) for value in values)
    return values


def _cookie(value: str) -> str:
    """Return a Set-Cookie value with its attributes sorted and in lower case (RFC 6265, 5.2); a time becomes its form."""
    content, *attributes = (part.strip() for part in value.split(";"))
    return "; ".join([content, *sorted(_attribute(text) for text in attributes if text)])


def _attribute(text: str) -> str:
    name, equals, value = text.partition("=")
    return name.strip().lower() + equals + ("<time>" if name.strip().lower() == "expires" else value.strip().lower())


def _header(name: str, left: str | None, right: str | None, walk: Walk) -> None:
    place = _place(name)
    found: Verdict | Nested | None = None
    if left is None or right is None:
        kinds = ["missing" if value is None else str(kind_of(value)) for value in (left, right)]
        found = Verdict("header", kinds[0], kinds[1])
    elif left != right or (name in _LINKS and _to_one_stack(left, walk)):
        found = walk.leaves.unequal(left, right, place)
    elif not walk.leaves.equal(left, place):
        found = Verdict("header", str(kind_of(left)), f"{kind_of(right).family}(other)")
    if isinstance(found, Nested):
        walk.value(found.left, found.right, place)
    elif found is not None:
        walk.add("header", place, left, right, (found.left_kind, found.right_kind))


def _to_one_stack(value: str, walk: Walk) -> bool:
    """Say whether a link that is equal text leads to one of the stacks, so that the other sends its clients away."""
    return walk.leaves.blanked(value, True) != walk.leaves.blanked(value, False)


def _bodies(left: Answer, right: Answer, walk: Walk) -> None:
    place = _body_place(walk)
    if left.body == right.body:
        walk.same(left.body, place)
        return
    if not left.body or not right.body:
        _one_body(left, right, walk, place)
        return
    media = [_media_type(header(answer.headers, "content-type"))[0] for answer in (left, right)]
    if any(_is_json(name) for name in media) and _json_bodies(left.body, right.body, walk, place):
        return
    compare_bytes(left.body, right.body, walk, place)


def _one_body(left: Answer, right: Answer, walk: Walk, place: Place) -> None:
    body = left.body or right.body
    try:
        value, _ = read_json(body)
    except NotJson:
        value = body.decode(errors="replace")
    walk.missing(place, value, value, on_left=not left.body)


def _json_bodies(left: bytes, right: bytes, walk: Walk, place: Place) -> bool:
    """Compare as JSON; False if neither is. Too deep to be walked through, the texts must be the same."""
    values: list[tuple[Any, bytes] | None] = []
    for body in (left, right):
        try:
            values.append(read_json(body))
        except NotJson as error:
            if error.too_deep:
                return _too_deep(left, right, walk, place)
            values.append(None)
    first, second = values
    if first is None and second is None:
        return False
    if first is None or second is None:
        texts = [
            body.decode(errors="replace") if value is None else value[0]
            for body, value in zip((left, right), values, strict=True)
        ]
        kinds = ["not json" if value is None else str(kind_of(value[0])) for value in values]
        walk.add("type", place, texts[0], texts[1], (kinds[0], kinds[1]))
    elif first[1] == second[1] and not walk.leaves.terms.key_order:
        walk.same(first[1], place)
    else:
        known = len(walk.differences)
        try:
            walk.value(first[0], second[0], place)
        except RecursionError:
            del walk.differences[known:]
            return _too_deep(left, right, walk, place)
    return True


def _too_deep(left: bytes, right: bytes, walk: Walk, place: Place) -> bool:
    if left.strip() != right.strip():
        texts = [body[:1000].decode(errors="replace") for body in (left, right)]
        walk.add("value", place, texts[0], texts[1], ("json(too deep)", "json(too deep)"))
    return True


def compare_bytes(left: bytes, right: bytes, walk: Walk, place: Place) -> None:
    """Compare as text, line by line; as one blob if either is no text."""
    try:
        first, second = left.decode(), right.decode()
    except UnicodeDecodeError:
        kinds = f"bytes({len(left)})", f"bytes({len(right)})"
        walk.add("value", place, left[:64].hex(), right[:64].hex(), kinds)
        return
    compare_texts(first, second, walk, place)


def compare_texts(left: str, right: str, walk: Walk, place: Place) -> None:
    """Compare two texts, line by line if they have several; line ends are a matter of format."""
    lefts, rights = left.splitlines(), right.splitlines()
    if lefts == rights:
        ends = [_line_ends(text) for text in (left, right)]
        walk.add("format", place, left, right, (f"text({ends[0]})", f"text({ends[1]})"))
    elif len(lefts) < 2 and len(rights) < 2:
        walk.value(left.rstrip("\r\n"), right.rstrip("\r\n"), place)
    else:
        walk.value(lefts, rights, (place, "lines"))


def _line_ends(text: str) -> str:
    raw = text.encode(errors="surrogatepass")
    name = next((name for end, name in _LINE_ENDS if end in raw), "one line")
    return name if text.endswith(("\n", "\r")) else f"{name}, open end"


def _place(name: str) -> Place:
    return None, Root(name, name)


def _body_place(walk: Walk) -> Place:
    return None, Root("$", "$", entity_of_path(walk.leaves.route.partition(" ")[2] or walk.leaves.route))
