"""What a report shows of one exchange, made from what both stacks did with it. Everything passes the mask on its way in."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from parity.grouping import leaf
from parity.report.aligned import side_by_side
from parity.report.curl import curl, shown_headers
from parity.report.value import AlignedLine, AnswerView, BodyView, Detail, RequestView, RowView, Spot, StackInfo
from parity.values import Answer, Difference, Effect, Headers, Outcome, Request, RowChange

__all__ = ["Mask", "Seen", "detail_of", "spot_of"]

# Takes a text (a header's value, a body, one leaf) and returns it without secrets.
Mask = Callable[[str], str]
_SHOWN_BYTES = 64 * 1024
_SHOWN_VALUE = 2_000
_HIDDEN = "(hidden)"
_QUERY = re.compile(r"^(http\[\d+\])\.query\b.*", re.DOTALL)
_LINE = re.compile(r"(\.body)\.lines\[\d+\]$")


@dataclass(frozen=True, slots=True)
class Seen:
    """One exchange as it happened. `sent` and `outcomes` are of primary and other; `groups` go with `differences` one by one."""

    id: str
    request: Request
    sent: tuple[Request, Request]
    outcomes: tuple[Outcome, Outcome]
    recorded: Answer | None = None
    differences: Sequence[Difference] = ()
    groups: Sequence[str] = ()
    witness: Sequence[Difference] = ()


def detail_of(seen: Seen, stacks: tuple[StackInfo, StackInfo], mask: Mask) -> Detail:
    """Return all there is to see of one exchange, without secrets; bodies of more than 64 KiB end early."""
    left, right = seen.outcomes
    groups = [*seen.groups, *[""] * len(seen.differences)]
    spots = tuple(spot_of(d, mask, group) for d, group in zip(seen.differences, groups, strict=False))
    witness = tuple(spot_of(d, mask) for d in seen.witness)
    bodies = [_text(answer, mask) for answer in (left.answer, right.answer)]
    recorded = _text(seen.recorded, mask) if seen.recorded else None
    return Detail(
        id=seen.id,
        request=RequestView(
            seen.request.method,
            mask(seen.request.target),
            _headers(seen.request.headers, mask),
            _body(seen.request.body, mask),
        ),
        left=_answer(left.answer, mask),
        right=_answer(right.answer, mask),
        recorded=_answer(seen.recorded, mask) if seen.recorded else None,
        left_rows=_rows(left.rows, mask),
        right_rows=_rows(right.rows, mask),
        spots=spots,
        witness=witness,
        lines=side_by_side(bodies[0], bodies[1], recorded, _of_bodies(spots), _of_bodies(witness)),
        effects=_effects(left.effects, right.effects, spots, mask),
        curl={s.name: _curl(request, s, mask) for s, request in zip(stacks, seen.sent, strict=True)},
    )


def spot_of(difference: Difference, mask: Mask, group: str = "") -> Spot:
    """Return a difference with its values as JSON text."""
    d = difference
    left, right = (
        "" if kind == "missing" else _value(leaf(d.path), value, mask)
        for value, kind in ((d.left, d.left_kind), (d.right, d.right_kind))
    )
    return Spot(d.where, d.axis, d.path, d.spot, left, right, d.left_kind, d.right_kind, group)


def _of_bodies(spots: Sequence[Spot]) -> list[Spot]:
    return [spot for spot in spots if spot.where == "answer" and spot.spot.startswith("$")]


def _value(name: str, value: Any, mask: Mask) -> str:
    """Return the value as JSON text; the mask sees it under its name, which may say that it is secret."""
    start = f"{{{_json(name)}: "
    text = mask(f"{start}{_json(value)}}}")
    shown = text[len(start) : -1] if text.startswith(start) else _HIDDEN
    return shown if len(shown) <= _SHOWN_VALUE else f"{shown[:_SHOWN_VALUE]}…"


def _curl(request: Request, stack: StackInfo, mask: Mask) -> str:
    """Return the command; the mask comes before the quoting, which would hide from it what is secret."""
    text = _decoded(request.body)
    body = request.body if text is None else mask(text).encode(errors="replace")
    headers = tuple((name, mask(value)) for name, value in request.headers)
    return curl(Request(request.method, mask(request.target), headers, body), stack.url + stack.prefix)


def _headers(headers: Headers, mask: Mask) -> Headers:
    return tuple((name, mask(value)) for name, value in shown_headers(headers))


def _decoded(body: bytes) -> str | None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _text(answer: Answer, mask: Mask) -> str:
    text = _decoded(answer.body)
    return f"({len(answer.body):,} bytes that are no text)" if text is None else mask(text)


def _body(body: bytes, mask: Mask) -> BodyView:
    if not body:
        return BodyView()
    text = _decoded(body)
    cut = len(body) > _SHOWN_BYTES
    if text is None:
        return BodyView("binary", b64encode(body[:_SHOWN_BYTES]).decode(), len(body), cut)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return BodyView("text", mask(text)[:_SHOWN_BYTES], len(body), cut)
    return BodyView("json", mask(text)[:_SHOWN_BYTES], len(body), cut)


def _answer(answer: Answer, mask: Mask) -> AnswerView:
    headers = tuple(
        (name, _HIDDEN if name.lower() == "set-cookie" else value) for name, value in _headers(answer.headers, mask)
    )
    return AnswerView(
        answer.status, headers, _body(answer.body, mask), round(answer.elapsed_s * 1000, 3), mask(answer.error)
    )


def _rows(rows: Sequence[RowChange], mask: Mask) -> tuple[RowView, ...]:
    return tuple(
        RowView(row.table, row.operation, _columns(row.before, mask), _columns(row.after, mask)) for row in rows
    )


def _columns(row: Mapping[str, Any] | None, mask: Mask) -> dict[str, str]:
    return {name: _value(name, value, mask) for name, value in (row or {}).items()}


def _effects(
    left: Sequence[Effect], right: Sequence[Effect], spots: Sequence[Spot], mask: Mask
) -> dict[str, tuple[AlignedLine, ...]]:
    shown: dict[str, tuple[AlignedLine, ...]] = {}
    for kind in dict.fromkeys(effect.kind for effect in (*left, *right)):
        sides = [mask(_json([e.content for e in side if e.kind == kind])) for side in (left, right)]
        found = [_as_shown(spot) for spot in spots if spot.where == "effects" and spot.spot.startswith(kind)]
        shown[kind] = side_by_side(sides[0], sides[1], None, found, (), root=kind)
    return shown


def _as_shown(spot: Spot) -> Spot:
    """Return a spot of an effect where it is shown: a query is compared by itself and stands in the path, lines in a text."""
    place = _QUERY.sub(r"\1.path", _LINE.sub(r"\1", spot.spot))
    return spot if place == spot.spot else replace(spot, spot=place, left_kind="", right_kind="")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
