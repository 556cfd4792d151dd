"""Which element of a recorded list is which element of this stack's: by ids known, by names, by all that they say.

The two lists may be sorted otherwise or hold other rows. What cannot be told apart stays without a partner.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from parity.carry.pairing import Pairing, Scalar
from parity.shapes import EMBEDDED, entity_of_key, is_id_key, moment, shape

__all__ = ["Match", "match_lists"]

# Keys under which an element says its own name. A title is not among them: unlike things may share one.
_NAMES = frozenset(["name", "username", "slug", "email", "login", "handle", "code", "sku", "filename", "full_name"])
_FLOAT_OR_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.+Z-]*|\d+\.\d+")


@dataclass(slots=True)
class _Element:
    """One element of a list, ready to be compared. All ids in it are this stack's; unknown ones are left out."""

    # Its own id as this stack writes it: None on the recorded side as long as it is not known.
    id: Scalar | None = None
    raw_id: Scalar | None = None
    # Whether its id stands in a pair already.
    known: bool = False
    names: dict[str, str] = field(default_factory=dict)
    # Ids of other things that it points at, as far as they are known.
    links: dict[str, Scalar] = field(default_factory=dict)
    # Links, names, words and yes-or-no.
    firm: dict[str, Any] = field(default_factory=dict)
    # Free text, without times and fractions in it.
    texts: dict[str, str] = field(default_factory=dict)
    # Plain whole numbers; some are measured and never the same twice.
    numbers: dict[str, int] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Match:
    """Positions in both lists. Not `certain` is what order alone decided."""

    recorded: int
    own: int
    certain: bool


def _describe(value: Any, entity: str, pairing: Pairing, *, own: bool) -> _Element:
    """Return what an element says of itself; `own` tells which side's ids it holds."""
    element = _Element()
    if not isinstance(value, dict):
        return element
    for path, key, owner, leaf in _leaves(value, entity, ""):
        element.paths.add(path)
        if leaf is None or isinstance(leaf, float):
            continue
        if isinstance(leaf, bool):
            element.firm[path] = leaf
        elif _is_id(leaf, key):
            translated = _own_id(leaf, owner, pairing, own)
            if path == key and is_id_key(key) and owner == entity and element.raw_id is None:
                element.raw_id, element.known = leaf, translated is not None
                element.id = leaf if own else translated
            elif translated is not None:
                element.links[path] = element.firm[path] = translated
        elif (when := moment(leaf, key)) is not None:
            element.times[path] = when
        elif not isinstance(leaf, str):
            element.numbers[path] = leaf
        elif path in _NAMES:
            element.names[path] = element.firm[path] = leaf
        elif " " in leaf or len(leaf) > 40:
            masked = EMBEDDED.sub(lambda found: str(_own_id(found[0], "", pairing, own) or "\0"), leaf)
            element.texts[path] = _FLOAT_OR_TIME.sub("\0", masked)
        else:
            element.firm[path] = leaf
    return element


def _is_id(leaf: Scalar, key: str) -> bool:
    if isinstance(leaf, str):
        return bool(shape(leaf, key)) or (leaf.isdigit() and is_id_key(key))
    return is_id_key(key)


def _leaves(value: dict[str, Any], entity: str, prefix: str) -> Iterator[tuple[str, str, str, Any]]:
    """Yield path, key, entity and value of each scalar leaf; lists are left out."""
    for key, leaf in value.items():
        owner = entity_of_key(key, entity)
        if isinstance(leaf, dict):
            yield from _leaves(leaf, owner, f"{prefix}{key}.")
        elif not isinstance(leaf, list):
            yield f"{prefix}{key}", key, owner, leaf


def _own_id(leaf: Scalar, entity: str, pairing: Pairing, own: bool) -> Scalar | None:
    """Return this stack's form of an id that stands in a certain pair, else None."""
    is_text = isinstance(leaf, str) and not leaf.isdigit()
    if own:
        known = pairing.is_certain_own_text(str(leaf)) if is_text else pairing.is_certain_own_number(entity, leaf)
        return leaf if known else None
    return pairing.certain_text(str(leaf)) if is_text else pairing.certain_number(entity, leaf)


def match_lists(
    recorded: Sequence[Any], own: Sequence[Any], entity: str, pairing: Pairing, *, in_order: bool
) -> list[Match]:
    """Return which recorded element is which of ours, without any that something contradicts.

    `in_order` says that position means something: the answer to a write lists things as the request did.
    """
    known = _all_by_id(recorded, own, entity, pairing)
    if known is not None:
        return known
    theirs = [_describe(value, entity, pairing, own=False) for value in recorded]
    ours = [_describe(value, entity, pairing, own=True) for value in own]
    return _Matcher(theirs, ours, in_order).run()


def _all_by_id(recorded: Sequence[Any], own: Sequence[Any], entity: str, pairing: Pairing) -> list[Match] | None:
    """Return the matches if every recorded element's id is known, which needs no look at anything else."""
    positions = {
        value["id"]: i
        for i, value in enumerate(own)
        if isinstance(value, dict) and isinstance(value.get("id"), str | int)
    }
    matches = []
    for i, value in enumerate(recorded):
        leaf = value.get("id") if isinstance(value, dict) else None
        translated = _own_id(leaf, entity, pairing, False) if isinstance(leaf, str | int) else None
        if translated is None:
            return None
        if translated in positions:
            matches.append(Match(i, positions[translated], certain=True))
    return matches


class _Matcher:
    def __init__(self, theirs: Sequence[_Element], ours: Sequence[_Element], in_order: bool) -> None:
        self.theirs, self.ours, self.in_order = theirs, ours, in_order
        self.same_size = len(theirs) == len(ours)
        self.matches: dict[int, Match] = {}
        # Matched by an id or a name of its own: needs no support by the order of time.
        self.sure: set[int] = set()
        # Ordered sets of the positions that are still free.
        self.left = dict.fromkeys(i for i, element in enumerate(theirs) if not element.known)
        self.right = dict.fromkeys(i for i, element in enumerate(ours) if not element.known)
        self.paths: list[str] = []

    def run(self) -> list[Match]:
        self._by_id()
        if self.left and self.right:
            # What only one of the systems says is no ground for or against anything.
            self.paths = sorted(_paths(self.theirs) & _paths(self.ours))
            self._by_signature(lambda element: {**element.firm, **element.texts, **element.numbers}, all_told=True)
            self._by_signature(lambda element: {**element.firm, **element.texts}, all_told=False)
            self._by_name()
            self._by_position()
            self._drop_against_time()
        return [self.matches[i] for i in sorted(self.matches)]

    def _by_id(self) -> None:
        positions = {element.id: i for i, element in enumerate(self.ours) if element.id is not None}
        for i, element in enumerate(self.theirs):
            if element.known and element.id in positions:
                self.matches[i] = Match(i, positions[element.id], certain=True)
                self.sure.add(i)

    def _take(self, left: int, right: int, *, certain: bool, sure: bool = False) -> None:
        self.matches[left] = Match(left, right, certain)
        del self.left[left], self.right[right]
        if sure:
            self.sure.add(left)

    def _by_signature(self, said: Callable[[_Element], dict[str, Any]], *, all_told: bool) -> None:
        """Match those who say the same in every leaf that both systems have."""
        for signature, (left, right) in self._groups(said).items():
            if not left or len(left) != len(right) or not signature:
                continue
            named = any(path in _NAMES for path, _ in signature)
            telling = named or (all_told and any(isinstance(fact, str) for _, fact in signature))
            if not (telling or self.same_size):
                continue
            if len(left) == 1:
                self._take(left[0], right[0], certain=named or all_told, sure=named)
            else:
                self._in_turn(left, right)

    def _groups(self, said: Callable[[_Element], dict[str, Any]]) -> dict[tuple[Any, ...], tuple[list[int], list[int]]]:
        groups: dict[tuple[Any, ...], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side, elements, positions in ((0, self.theirs, self.left), (1, self.ours, self.right)):
            for i in positions:
                facts = said(elements[i])
                groups[tuple((path, facts[path]) for path in self.paths if path in facts)][side].append(i)
        return groups

    def _in_turn(self, left: list[int], right: list[int]) -> None:
        """Match elements that look alike by their order in time, or by position where that means something."""
        path = _clock([self.theirs[i] for i in left] + [self.ours[i] for i in right])
        if path is not None:
            earlier = sorted(left, key=lambda i: self.theirs[i].times[path])
            ours = sorted(right, key=lambda i: self.ours[i].times[path])
            if _rises([self.theirs[i].times[path] for i in earlier]) and _rises(
                [self.ours[i].times[path] for i in ours]
            ):
                self._take_all(earlier, ours)
                return
        if self.same_size and (self.in_order or self._listed_as_made(left, right)):
            self._take_all(left, right)

    def _take_all(self, left: list[int], right: list[int]) -> None:
        for i, j in zip(left, right, strict=True):
            self._take(i, j, certain=False)

    def _listed_as_made(self, left: list[int], right: list[int]) -> bool:
        """Say whether both sides list in the order of creation, as far as their ids show.

        Counted ids rise with creation. Random ids in rising or falling order are sorted by id, which means nothing;
        two are always one or the other.
        """
        theirs, ours = [self.theirs[i].raw_id for i in left], [self.ours[i].raw_id for i in right]
        if all(isinstance(value, int) for value in [*theirs, *ours]):
            return any(all(_monotone(side, sign) for side in (theirs, ours)) for sign in (1, -1))
        if len(left) < 3 or not all(isinstance(value, str) for value in [*theirs, *ours]):
            return False
        return not any(_monotone(side, sign) for side in (theirs, ours) for sign in (1, -1))

    def _by_name(self) -> None:
        """Match those whose own name is theirs alone in both lists, if all their names agree on the partner."""
        votes: dict[int, set[int]] = defaultdict(set)
        for key in sorted(_NAMES):
            theirs, ours = _unique(self.theirs, key), _unique(self.ours, key)
            for name in theirs.keys() & ours.keys():
                votes[theirs[name]].add(ours[name])
        wanted = Counter(j for partners in votes.values() for j in partners)
        for i, partners in votes.items():
            j = next(iter(partners))
            if len(partners) == 1 and wanted[j] == 1 and i in self.left and j in self.right and self._links_agree(i, j):
                self._take(i, j, certain=True, sure=True)

    def _links_agree(self, left: int, right: int) -> bool:
        """Say whether both point at the same other things: what one knows and the other does not is a contradiction."""
        theirs, ours = self.theirs[left].links, self.ours[right].links
        return all(theirs.get(path) == ours.get(path) for path in self.paths)

    def _by_position(self) -> None:
        """Match those who say nothing at all, where nothing else in the lists is out of place."""
        if not self.same_size or any(match.recorded != match.own for match in self.matches.values()):
            return
        left = [i for i in self.left if self._is_silent(self.theirs[i])]
        right = [i for i in self.right if self._is_silent(self.ours[i])]
        if left == right and len(left) == len(self.left) == len(self.right):
            if len(left) == 1:
                self._take(left[0], right[0], certain=True)
            elif left:
                self._in_turn(left, right)

    def _is_silent(self, element: _Element) -> bool:
        said = (element.firm, element.texts, element.numbers)
        return not any(path in facts for facts in said for path in self.paths)

    def _drop_against_time(self) -> None:
        """Give up matches that would turn the order of creation round: the two systems then hold different rows."""
        unsure = [match for i, match in self.matches.items() if i not in self.sure]
        path = (
            _clock([side for m in unsure for side in (self.theirs[m.recorded], self.ours[m.own])]) if unsure else None
        )
        if path is None:
            return
        dated = sorted(
            (self.theirs[m.recorded].times[path], self.ours[m.own].times[path], m.recorded)
            for m in self.matches.values()
            if path in self.theirs[m.recorded].times and path in self.ours[m.own].times
        )
        after = list(accumulate((own for _, own, _ in reversed(dated)), min))[::-1]
        before = list(accumulate((own for _, own, _ in dated), max))
        for (_, _, recorded), latest, earliest in zip(dated, before, after, strict=True):
            if latest > earliest and recorded not in self.sure:
                del self.matches[recorded]


def _paths(elements: Sequence[_Element]) -> set[str]:
    return set().union(*(element.paths for element in elements))


def _clock(elements: list[_Element]) -> str | None:
    """Return the path of a time that all have, the one of creation first."""
    shared = set.intersection(*(set(element.times) for element in elements))
    return min(shared, key=lambda path: ("creat" not in path, "start" not in path, path), default=None)


def _rises(times: list[float]) -> bool:
    return all(a < b for a, b in pairwise(times))


def _monotone(ids: list[Any], sign: int) -> bool:
    return all((a < b) if sign > 0 else (a > b) for a, b in pairwise(ids))


def _unique(elements: Sequence[_Element], key: str) -> dict[str, int]:
    """Return the positions of the names that only one element has."""
    counts = Counter(element.names[key] for element in elements if key in element.names)
    return {e.names[key]: i for i, e in enumerate(elements) if key in e.names and counts[e.names[key]] == 1}
