"""Bodies side by side: up to three JSON documents as lines that stand next to each other, with the lines that differ marked.

Which lines differ is not decided here: the differences that the comparison found are looked up by their spots, so ids and
times that count as equal stay unmarked. Numbers and texts are shown as they were sent.

    texts -> values that keep order, repeated keys and literals -> lines of all sides, by key or element
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from parity.places import Root, spot_of
from parity.report.elements import Meet, meet_by_position, meet_equal
from parity.report.exact_json import Object, json_text, parse
from parity.report.value import AlignedLine, Spot
from parity.values import Axis

__all__ = ["side_by_side"]

Mark = Axis | Literal[""]
_LONGEST_TEXT = 2_000
_TOO_DEEP = "(nested too deeply to be shown)"
_DEEPEST = 100
_AROUND = 6
_INSIDE = re.compile(r"\([a-z]+\)")


class _Absent:
    """What a side has where another side has a value."""


_ABSENT = _Absent()


class _Place(NamedTuple):
    """Where in the documents a value stands; one spot and one comma for each side, "" for a side without it."""

    spots: tuple[str, ...]
    commas: tuple[str, ...]
    indent: int = 0
    name: str = ""
    mark: Mark = ""
    witness: Mark = ""
    begins: bool = False
    # In a list whose order differs: what stands here belongs elsewhere, so leaves are marked by their texts alone.
    moved: bool = False


def side_by_side(
    left: str,
    right: str,
    recorded: str | None,
    spots: Sequence[Spot],
    witness: Sequence[Spot],
    *,
    root: str = "$",
    most: int = 1_500,
) -> tuple[AlignedLine, ...]:
    """Return the lines of two bodies, and of the recorded one if there is one.

    JSON is indented, with the keys in the left one's order; anything else is compared line by line. Of more than `most`
    lines only those that differ and a few around them are kept, with gaps in between. `spots` are differences of the body
    between left and right, `witness` those between recorded (as their left) and left (as their right); all begin with
    `root`.
    """
    texts = [left, right] if recorded is None else [left, right, recorded]
    try:
        values = [parse(text) if text else _ABSENT for text in texts]
    except (ValueError, RecursionError):
        lines = _lines_of_text(texts, bool(spots), bool(witness))
    else:
        lines = _lines_of_json(values, spots, witness, root)
    return tuple(lines if len(lines) <= most else _condensed(lines, most))


def _lines_of_json(
    values: Sequence[Any], spots: Sequence[Spot], witness: Sequence[Spot], root: str
) -> list[AlignedLine]:
    """Return the lines with list elements placed so that the most spots have a line."""
    place = _Place((root,) * len(values), ("",) * len(values))
    best: list[AlignedLine] = []
    most = -1
    for meet in (meet_equal, meet_by_position):
        writer = _Writer(_Marks(spots), _Marks(witness), meet)
        try:
            lines = list(writer.lines(values, place))
        except RecursionError:
            return [AlignedLine(0, _TOO_DEEP, _TOO_DEEP)]
        if writer.placed > most:
            best, most = lines, writer.placed
        if most == len({(spot.spot, spot.axis) for spot in spots}):
            break
    return best


class _Marks:
    """Spots by path: of what only one side has by the path on that side, of what both have by either."""

    def __init__(self, spots: Sequence[Spot]) -> None:
        self._left: dict[str, Axis] = {}
        self._right: dict[str, Axis] = {}
        self._both: dict[str, Axis] = {}
        for spot in spots:
            side = self._both
            if spot.axis == "presence" and "missing" in {spot.left_kind, spot.right_kind}:
                side = self._right if spot.left_kind == "missing" else self._left
            side.setdefault(spot.spot, spot.axis)
            # What is inside of a text, such as a claim of a token, has the text's line.
            side.setdefault(_INSIDE.split(spot.spot)[0], spot.axis)

    def at(self, left: str, right: str, absent: tuple[bool, bool]) -> Mark:
        if absent[0]:
            return "" if absent[1] else self._right.get(right, "")
        if absent[1]:
            return self._left.get(left, "")
        return self._both[left] if left in self._both else self._both.get(right, "")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text):,} characters)"


@lru_cache(4096)
def _step(name: str) -> str:
    """Return what a key adds to a spot."""
    return spot_of(((None, Root("", "")), name))


class _Writer:
    """Walks the documents together and writes their lines."""

    def __init__(self, marks: _Marks, witness: _Marks, meet: Meet) -> None:
        self._marks = marks
        self._witness = witness
        self._meet = meet
        self.placed = 0

    def lines(self, values: Sequence[Any], place: _Place) -> Iterator[AlignedLine]:
        if place.indent > _DEEPEST:
            raise RecursionError
        place = self._marked(values, place)
        there = [value for value in values if value is not _ABSENT]
        if there and all(isinstance(value, Object) for value in there):
            yield from self._container(values, place, "{}", self._members(values, place))
        elif there and all(isinstance(value, list) for value in there):
            yield from self._container(values, place, "[]", self._elements(values, place))
        else:
            yield from self._apart(values, place)

    def _marked(self, values: Sequence[Any], place: _Place) -> _Place:
        """Return the place with its marks; what differs as a whole differs in all of its lines."""
        absent = [value is _ABSENT for value in values]
        left, right = place.spots[:2]
        mark = self._marks.at(left, right, (absent[0], absent[1]))
        self.placed += bool(mark)
        witness: Mark = ""
        if len(values) > 2:
            witness = self._witness.at(place.spots[2], left, (absent[2], absent[0]))
        begins = bool(mark or witness)
        return place._replace(mark=mark or place.mark, witness=witness or place.witness, begins=begins)

    def _container(
        self, values: Sequence[Any], place: _Place, brackets: str, children: Iterator[tuple[list[Any], _Place]]
    ) -> Iterator[AlignedLine]:
        inside = list(children)
        opening, closing = brackets[0], brackets[1]
        if not inside:
            yield _line(place, [value if value is _ABSENT else brackets for value in values], commas=True)
            return
        yield _line(place, [value if value is _ABSENT else opening for value in values])
        handed = place._replace(mark=_inherited(place.mark), witness=_inherited(place.witness))
        moved = place.moved or place.mark == "order"
        for child, where in inside:
            yield from self.lines(child, where._replace(mark=handed.mark, witness=handed.witness, moved=moved))
        closed = handed._replace(name="", begins=False)
        yield _line(closed, [value if value is _ABSENT else closing for value in values], commas=True)

    def _members(self, values: Sequence[Any], place: _Place) -> Iterator[tuple[list[Any], _Place]]:
        """Yield the values of each key; a key that is repeated meets its like by number."""
        tables: list[dict[tuple[str, int], Any]] = []
        for value in values:
            times: Counter[str] = Counter()
            table: dict[tuple[str, int], Any] = {}
            for name, member in value.pairs if value is not _ABSENT else ():
                table[name, times[name]] = member
                times[name] += 1
            tables.append(table)
        last = [next(reversed(table), None) for table in _in_order(tables)]
        for key in dict.fromkeys(key for table in tables for key in table):
            step = _step(key[0])
            spots = tuple(spot and spot + step for spot in place.spots)
            commas = tuple("" if key == end else "," for end in last)
            child = [table.get(key, _ABSENT) for table in tables]
            yield child, _Place(spots, commas, place.indent + 1, f"{_cut(json_text(key[0]))}: ")

    def _elements(self, values: Sequence[Any], place: _Place) -> Iterator[tuple[list[Any], _Place]]:
        """Yield the elements that belong together."""
        lists = [[] if value is _ABSENT else value for value in values]
        in_order = "order" in {place.mark, place.witness}
        for numbers in (meet_by_position if in_order else self._meet)(lists):
            child = [_ABSENT if n is None else side[n] for side, n in zip(lists, numbers, strict=True)]
            spots = tuple(
                "" if n is None else spot and f"{spot}[{n}]" for spot, n in zip(place.spots, numbers, strict=True)
            )
            commas = tuple("" if n == len(side) - 1 else "," for side, n in zip(lists, numbers, strict=True))
            yield child, _Place(spots, commas, place.indent + 1)

    def _apart(self, values: Sequence[Any], place: _Place) -> Iterator[AlignedLine]:
        """Write leaves, or values of different shape, each on its own side."""
        if place.moved and not place.mark and repr(values[0]) != repr(values[1]):
            place = place._replace(mark="order")
        sides = [list(_alone(value, place.name, comma)) for value, comma in zip(values, place.commas, strict=True)]
        for row in zip_longest(*sides):
            indent = next((line[0] for line in row if line), 0)
            texts = [line[1] if line else None for line in row]
            yield _aligned(place._replace(indent=place.indent + indent), texts)
            place = place._replace(begins=False)


def _inherited(mark: Mark) -> Mark:
    """Return the mark for what is inside: order is a matter of the list."""
    return "" if mark == "order" else mark


def _in_order(tables: Sequence[dict[tuple[str, int], Any]]) -> list[dict[tuple[str, int], Any]]:
    """Return the tables with their keys in the order in which they are written."""
    order = dict.fromkeys(key for table in tables for key in table)
    return [{key: None for key in order if key in table} for table in tables]


def _line(place: _Place, texts: Sequence[Any], commas: bool = False) -> AlignedLine:
    ends = place.commas if commas else ("",) * len(texts)
    written = [None if text is _ABSENT else f"{place.name}{text}{end}" for text, end in zip(texts, ends, strict=True)]
    return _aligned(place, written)


def _aligned(place: _Place, texts: Sequence[str | None]) -> AlignedLine:
    left, right, recorded = [*texts, None][:3]
    return AlignedLine(place.indent, left, right, recorded, place.mark, place.witness, place.begins)


def _alone(value: Any, name: str, comma: str, indent: int = 0) -> Iterator[tuple[int, str]]:
    """Yield indent and text of the lines of one value."""
    if value is _ABSENT:
        return
    if indent > _DEEPEST:
        raise RecursionError
    members = list(value.pairs) if isinstance(value, Object) else value if isinstance(value, list) else None
    if not members:
        text = json_text(value) if members is None else "[]" if isinstance(value, list) else "{}"
        yield indent, f"{name}{_cut(text)}{comma}"
        return
    brackets = "[]" if isinstance(value, list) else "{}"
    yield indent, name + brackets[0]
    for number, member in enumerate(members, 1):
        key, child = ("", member) if isinstance(value, list) else (f"{json_text(member[0])}: ", member[1])
        yield from _alone(child, key, "," if number < len(members) else "", indent + 1)
    yield indent, brackets[1] + comma


def _lines_of_text(texts: Sequence[str], differ: bool, witness: bool) -> list[AlignedLine]:
    """Return bodies of which one is no JSON, line by line; marked where they differ, if they were found to differ at all."""
    sides = [_text_lines(text) for text in texts]
    lines = []
    for numbers in meet_equal(sides):
        row = [None if n is None else side[n] for side, n in zip(sides, numbers, strict=True)]
        left, right, recorded = [*row, None][:3]
        mark: Mark = "value" if differ and left != right else ""
        seen: Mark = "value" if witness and len(texts) > 2 and left != recorded else ""
        lines.append(AlignedLine(0, left, right, recorded, mark, seen, bool(mark or seen)))
    return lines


def _text_lines(text: str) -> list[str]:
    try:
        return [f"{'  ' * indent}{line}" for indent, line in _alone(parse(text), "", "")]
    except (ValueError, RecursionError):
        return [_seen(line) for line in text.splitlines()]


def _seen(line: str) -> str:
    return _cut("".join(c if c.isprintable() or c == "\t" else json.dumps(c)[1:-1] for c in line))


def _condensed(lines: Sequence[AlignedLine], most: int) -> list[AlignedLine]:
    """Return the lines around what differs, at most about `most`, with gaps for the others."""
    wanted: set[int] = set()
    for number, line in enumerate(lines):
        if (line.mark or line.witness) and len(wanted) < most:
            wanted.update(range(max(0, number - _AROUND), min(len(lines), number + _AROUND + 1)))
    wanted = wanted or set(range(min(most, len(lines))))
    kept: list[AlignedLine] = []
    for number, line in enumerate(lines):
        if number in wanted:
            kept.append(line)
        elif kept and kept[-1].gap:
            kept[-1] = replace(kept[-1], gap=kept[-1].gap + 1)
        else:
            kept.append(AlignedLine(line.indent, None, None, None, gap=1))
    return kept
