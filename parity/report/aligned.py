"""Bodies side by side: up to three documents as lines that stand next to each other, with the lines that differ marked.

Which lines differ is not decided here: the differences that the comparison found are looked up by their spots, so ids and
times that count as equal stay unmarked. Numbers and texts are shown as they were sent.

    texts -> values that keep order, repeated keys and literals -> lines of all sides, by key or element
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import zip_longest
from typing import Any, NamedTuple

from parity.compare.places import Root, spot_of
from parity.report.elements import meet, meet_by_position
from parity.report.exact_json import Object, json_text, parse, visible
from parity.report.marks import Mark, Marks
from parity.report.value import AlignedLine, Spot

__all__ = ["side_by_side"]

_LONGEST_TEXT = 2_000
_TOO_DEEP = "(nested too deeply to be shown)"
_DEEPEST = 100
_AROUND = 6


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
    marks, seen = Marks(spots), Marks(witness)
    try:
        values = [parse(text) if text else _ABSENT for text in texts]
    except (ValueError, RecursionError):
        lines = _lines_of_text(texts, marks, seen, root)
    else:
        place = _Place((root,) * len(values), ("",) * len(values))
        try:
            lines = list(_Writer(marks, seen).lines(values, place))
        except RecursionError:
            lines = [AlignedLine(0, _TOO_DEEP, _TOO_DEEP)]
    return tuple(lines if len(lines) <= most else _condensed(lines, most))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text):,} characters)"


@lru_cache(4096)
def _step(name: str) -> str:
    """Return what a key adds to a spot."""
    return spot_of(((None, Root("", "")), name))


class _Writer:
    """Walks the documents together and writes their lines."""

    def __init__(self, marks: Marks, witness: Marks) -> None:
        self._marks = marks
        self._witness = witness

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
        spots = [None if value is _ABSENT else spot for value, spot in zip(values, place.spots, strict=True)]
        mark = self._marks.at(spots[0], spots[1])
        witness = self._witness.at(spots[2], spots[0]) if len(spots) > 2 else ""
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
        """Yield the values of each key; of a repeated key the last ones meet, as in the comparison."""
        tables = [{} if value is _ABSENT else value.members() for value in values]
        order = dict.fromkeys(key for table in tables for key in table)
        last = [next((key for key in reversed(order) if key in table), None) for table in tables]
        for key in order:
            spots = tuple(spot and spot + _step(key) for spot in place.spots)
            commas = tuple("" if key == end else "," for end in last)
            found = [table.get(key) for table in tables]
            name = next(member[0] for member in found if member)
            child = [member[1] if member else _ABSENT for member in found]
            yield child, _Place(spots, commas, place.indent + 1, f"{_cut(json_text(name))}: ")

    def _elements(self, values: Sequence[Any], place: _Place) -> Iterator[tuple[list[Any], _Place]]:
        """Yield the elements that belong together."""
        lists = [[] if value is _ABSENT else value for value in values]
        in_order = "order" in {place.mark, place.witness}
        for numbers in meet_by_position(lists) if in_order else meet(lists, self._alone(place)):
            child = [_ABSENT if n is None else side[n] for side, n in zip(lists, numbers, strict=True)]
            spots = tuple(
                "" if n is None else spot and f"{spot}[{n}]" for spot, n in zip(place.spots, numbers, strict=True)
            )
            commas = tuple("" if n == len(side) - 1 else "," for side, n in zip(lists, numbers, strict=True))
            yield child, _Place(spots, commas, place.indent + 1)

    def _alone(self, place: _Place) -> list[tuple[set[int], set[int]]]:
        """Return what the comparison found no counterpart for, for each side beside the left one."""
        found = [self._marks.alone(place.spots[0], place.spots[1])]
        if len(place.spots) > 2:
            recorded, left = self._witness.alone(place.spots[2], place.spots[0])
            found.append((left, recorded))
        return found

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


def _lines_of_text(texts: Sequence[str], marks: Marks, witness: Marks, root: str) -> list[AlignedLine]:
    """Return bodies of which one is no JSON, line by line.

    Lines that were compared one by one are marked one by one; where the body differs as a whole, all that differs in it.
    """
    sides = [_text_lines(text) for text in texts]
    whole, seen_whole = marks.at(root, root), witness.at(root, root)
    place = f"{root}.lines"
    alone = [marks.alone(place, place), witness.alone(place, place)[::-1]][: len(texts) - 1]
    lines = []
    for numbers in meet(sides, alone):
        row = [None if n is None else side[n] for side, n in zip(sides, numbers, strict=True)]
        left, right, recorded = [*row, None][:3]
        spots = [None if n is None else f"{place}[{n}]" for n in [*numbers, None][:3]]
        own, own_seen = marks.at(spots[0], spots[1]), witness.at(spots[2], spots[0])
        mark = own or (whole if left != right else "")
        seen = own_seen or (seen_whole if left != recorded else "")
        lines.append(AlignedLine(0, left, right, recorded, mark, seen, begins=bool(own or own_seen)))
    if whole and not any(line.mark for line in lines):
        lines = [replace(line, mark=whole) for line in lines]
    first = next((number for number, line in enumerate(lines) if line.mark or line.witness), None)
    if first is not None:
        lines[first] = replace(lines[first], begins=True)
    return lines


def _text_lines(text: str) -> list[str]:
    """Return the lines of a text, with ends other than a line feed to be seen; JSON is indented."""
    try:
        return [f"{'  ' * indent}{line}" for indent, line in _alone(parse(text), "", "")]
    except (ValueError, RecursionError):
        return [_cut(visible(line.removesuffix("\n"))) for line in text.splitlines(keepends=True)]


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
