"""What left the two services: HTTP calls and mails, matched by where they went, their content compared like an answer."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from parity.compare.answers import compare_texts
from parity.compare.digests import digests_of
from parity.compare.matching import Matching, Pair, match
from parity.compare.places import Place, Root
from parity.compare.walk import Walk
from parity.values import Effect

__all__ = ["compare_effects"]

# Said by the HTTP client or the mail library about the connection or itself, not by the app.
_OWN_OF_CLIENTS = frozenset(
    (
        *(
            "host",
            "connection",
            "keep-alive",
            "content-length",
            "transfer-encoding",
            "accept-encoding",
            "te",
            "trailer",
        ),
        *("date", "message-id", "received", "mime-version", "content-transfer-encoding", "x-mailer"),
    )
)
_LIBRARY = re.compile(r"(?:python-)?(?:requests|httpx\d?|aiohttp|urllib\d?|httpcore\d?)\b.*", re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary="?([^";\s]+)')


def compare_effects(left: Sequence[Effect], right: Sequence[Effect], walk: Walk) -> None:
    """Add the differences of two sequences of effects to the walk's."""
    for kind in ("http", "mail"):
        lefts, rights = ([effect for effect in side if effect.kind == kind] for side in (left, right))
        if lefts or rights:
            _compare_kind(kind, lefts, rights, walk)


def _compare_kind(kind: str, left: list[Effect], right: list[Effect], walk: Walk) -> None:
    values = [_content(effect) for effect in left], [_content(effect) for effect in right]
    matching = _match(values[0], values[1], walk)
    if _overtaken(matching.pairs, values[0]):
        shown = [[_summary(value) for value in side] for side in values]
        walk.add("order", _place(kind, None), shown[0], shown[1], (f"array({len(left)})", f"array({len(right)})"))
    for pair in matching.pairs:
        with walk.leaves.unsure(not pair.sure):
            _compare_content(values[0][pair.left], values[1][pair.right], _place(kind, pair.left), walk)
    for at in matching.only_left:
        walk.missing(_place(kind, at), dict(left[at].content), None, on_left=False, kind=_summary(values[0][at]))
    for at in matching.only_right:
        walk.missing(_place(kind, at), None, dict(right[at].content), on_left=True, kind=_summary(values[1][at]))


def _match(left: list[dict[str, Any]], right: list[dict[str, Any]], walk: Walk) -> Matching:
    """Match effects that are alike; the others by where they went, and what is left over by turn."""
    first, second = digests_of(walk.leaves, left, right)
    place = _place("", None)
    found = match(
        [first.of(value, place) for value in left],
        [second.of(value, place) for value in right],
        lambda at: {("target", first.of(_target(left[at]), place)): 2, **first.features(left[at], place)},
        lambda at: {("target", second.of(_target(right[at]), place)): 2, **second.features(right[at], place)},
    )
    by_turn = [Pair(i, j, False) for i, j in zip(found.only_left, found.only_right, strict=False)]
    rest = len(by_turn)
    return Matching(sorted([*found.pairs, *by_turn]), found.only_left[rest:], found.only_right[rest:])


def _overtaken(pairs: Sequence[Pair], left: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether two effects for one destination came in another order.

    Between destinations there is none to rely on: they leave by threads and queues of their own.
    """
    last: dict[str, int] = {}
    for pair in pairs:
        value = left[pair.left]
        destination = str([value.get(name) for name in ("host", "path", "to")])
        if pair.right < last.get(destination, -1):
            return True
        last[destination] = pair.right
    return False


def _target(value: Mapping[str, Any]) -> list[Any]:
    return [value.get(name) for name in ("host", "path", "to", "subject")]


def _summary(value: Mapping[str, Any]) -> str:
    if "host" in value:
        return f"{value.get('method', '')} {value['host']}{value.get('path', '')}".strip()
    return f"mail to {', '.join(map(str, value.get('to', ())))}"


def _content(effect: Effect) -> dict[str, Any]:
    """Return an effect's content without what the client library says by itself; a query is taken out of the path, sorted."""
    content = dict(effect.content)
    headers = {
        str(k).lower(): v for k, v in content.get("headers", {}).items() if str(k).lower() not in _OWN_OF_CLIENTS
    }
    if _LIBRARY.fullmatch(str(headers.get("user-agent", ""))):
        del headers["user-agent"]
    media = str(headers.get("content-type", ""))
    if boundary := _BOUNDARY.search(media):
        headers["content-type"] = media.replace(boundary[1], "boundary")
        content["body"] = str(content.get("body", "")).replace(boundary[1], "boundary")
    elif media.replace(" ", "").lower() == "application/json;charset=utf-8":
        headers["content-type"] = "application/json"
    if "headers" in content:
        content["headers"] = headers
    path, mark, query = str(content.get("path", "")).partition("?")
    if mark:
        content |= {"path": path, "query": sorted(f"{k}={v}" for k, v in parse_qsl(query, keep_blank_values=True))}
    return content


def _compare_content(left: dict[str, Any], right: dict[str, Any], place: Place, walk: Walk) -> None:
    bodies = left.get("body"), right.get("body")
    if isinstance(bodies[0], str) and isinstance(bodies[1], str) and bodies[0] != bodies[1]:
        left, right = ({k: v for k, v in side.items() if k != "body"} for side in (left, right))
        compare_texts(bodies[0], bodies[1], walk, (place, "body"))
    walk.value(left, right, place)


def _place(kind: str, at: int | None) -> Place:
    return None, Root(kind, kind if at is None else f"{kind}[{at}]")
