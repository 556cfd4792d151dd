"""Which element of one list is which of the other: a longest common run of keys first, then what is most alike.

Works on keys and features, never on the values; near-linear for lists of thousands.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Features", "Matching", "Pair", "match"]

Features = Mapping[Hashable, int]
# Edits that the exact search looks for in one gap; beyond that, a rougher one takes over.
_EDITS = 400
# Features shared by more elements than this say nothing about who is who.
_COMMON = 12
_ENOUGH = 0.5


class Pair(NamedTuple):
    """An element and its counterpart, by position. `sure` is False where others would have fitted as well."""

    left: int
    right: int
    sure: bool


class Matching(NamedTuple):
    """Every pair, by left position, and the positions that have no counterpart."""

    pairs: list[Pair]
    only_left: list[int]
    only_right: list[int]

    @property
    def reordered(self) -> bool:
        """Whether the pairs stand in another order on the right."""
        rights = [pair.right for pair in self.pairs]
        return any(a > b for a, b in pairwise(rights))


def match(
    left: Sequence[Hashable],
    right: Sequence[Hashable],
    left_features: Callable[[int], Features],
    right_features: Callable[[int], Features],
    *,
    force: bool = True,
) -> Matching:
    """Return who is who. Equal keys may be the same element; features, with weights, tell changed elements apart.

    `force` pairs what is left of equally many elements by position, however little they share.
    """
    gaps = _Gaps(left, right)
    pairs = [Pair(i, j, gaps.sure(left[i])) for i, j in gaps.aligned]
    for lefts, rights in gaps.between():
        pairs += _pair_gap(lefts, rights, left_features, right_features, force)
    only_left, only_right = _rest(pairs, len(left), len(right))
    # What is left over may have moved far: only a shared id or much in common can say so.
    pairs += _alike(only_left, only_right, left_features, right_features)
    only_left, only_right = _rest(pairs, len(left), len(right))
    return Matching(sorted(pairs), only_left, only_right)


class _Gaps:
    """Elements with equal keys, in order or moved, and the runs of others between those in order."""

    def __init__(self, left: Sequence[Hashable], right: Sequence[Hashable]) -> None:
        self._left, self._right = left, right
        self._counts = Counter(left), Counter(right)
        self._in_order = _common(left, right)
        self.aligned = self._in_order + self._moved()

    def sure(self, key: Hashable) -> bool:
        """Say whether no element with this key lacks a counterpart."""
        return self._counts[0][key] == self._counts[1][key]

    def between(self) -> list[tuple[list[int], list[int]]]:
        """Return the unmatched positions of both sides between each two that are matched in order."""
        taken_left, taken_right = {i for i, _ in self.aligned}, {j for _, j in self.aligned}
        found = []
        i = j = 0
        for next_i, next_j in [*self._in_order, (len(self._left), len(self._right))]:
            lefts = [at for at in range(i, next_i) if at not in taken_left]
            rights = [at for at in range(j, next_j) if at not in taken_right]
            if lefts or rights:
                found.append((lefts, rights))
            i, j = next_i + 1, next_j + 1
        return found

    def _moved(self) -> list[tuple[int, int]]:
        taken_left, taken_right = {i for i, _ in self._in_order}, {j for _, j in self._in_order}
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        for j in range(len(self._right) - 1, -1, -1):
            if j not in taken_right:
                waiting[self._right[j]].append(j)
        return [(i, waiting[key].pop()) for i, key in enumerate(self._left) if i not in taken_left and waiting.get(key)]


def _common(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return positions of equal keys, ascending on both sides: as many as can be found in near-linear time."""
    anchors = _ascending(_unique(left, right))
    found: list[tuple[int, int]] = []
    i = j = 0
    for next_i, next_j in [*anchors, (len(left), len(right))]:
        found += [(i + a, j + b) for a, b in _shortest_edit(left[i:next_i], right[j:next_j])]
        if next_i < len(left):
            found.append((next_i, next_j))
        i, j = next_i + 1, next_j + 1
    return found


def _unique(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    once_left = {key for key, count in Counter(left).items() if count == 1}
    once_right = {key for key, count in Counter(right).items() if count == 1}
    places = {key: j for j, key in enumerate(right) if key in once_right}
    return [(i, places[key]) for i, key in enumerate(left) if key in once_left and key in places]


def _ascending(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest part of the pairs, given by left position, whose right positions ascend."""
    tails: list[int] = []
    ends: list[int] = []
    before = [-1] * len(pairs)
    for at, (_, right) in enumerate(pairs):
        length = bisect_left(tails, right)
        before[at] = ends[length - 1] if length else -1
        tails[length : length + 1] = [right]
        ends[length : length + 1] = [at]
    found = []
    at = ends[-1] if ends else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _shortest_edit(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return the common positions of a shortest edit (Myers), with equal ends taken first."""
    start = 0
    shorter = min(len(left), len(right))
    while start < shorter and left[start] == right[start]:
        start += 1
    end = 0
    while end < shorter - start and left[-1 - end] == right[-1 - end]:
        end += 1
    n, m = len(left), len(right)
    middle_left, middle_right = left[start : n - end], right[start : m - end]
    inner = _myers(middle_left, middle_right) if middle_left and middle_right else []
    if inner is None:
        inner = _ascending(_by_occurrence(middle_left, middle_right))
    head = [(at, at) for at in range(start)]
    return head + [(start + a, start + b) for a, b in inner] + [(n - at, m - at) for at in range(end, 0, -1)]


def _myers(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]] | None:
    """Return the common positions of a shortest edit; None if it takes more than _EDITS."""
    if not set(left) & set(right):
        return []
    n, m = len(left), len(right)
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(min(n + m, _EDITS) + 1):
        trace.append(dict(furthest))
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            y = x - k
            while x < n and y < m and left[x] == right[y]:
                x, y = x + 1, y + 1
            furthest[k] = x
            if x >= n and y >= m:
                return _backtrack(trace, n, m)
    return None


def _backtrack(trace: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    found = []
    for edits in range(len(trace) - 1, -1, -1):
        furthest, k = trace[edits], x - y
        down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
        start_k = k + 1 if down else k - 1
        start_x = furthest[start_k] if edits else 0
        start_y = start_x - start_k if edits else 0
        while x > start_x and y > start_y and x > 0 and y > 0:
            x, y = x - 1, y - 1
            found.append((x, y))
        x, y = start_x, start_y
    return found[::-1]


def _by_occurrence(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    places: dict[Hashable, list[int]] = defaultdict(list)
    for j in range(len(right) - 1, -1, -1):
        places[right[j]].append(j)
    return [(i, places[key].pop()) for i, key in enumerate(left) if places.get(key)]


def _pair_gap(
    lefts: list[int],
    rights: list[int],
    left_features: Callable[[int], Features],
    right_features: Callable[[int], Features],
    force: bool,
) -> list[Pair]:
    """Pair changed elements that stand between the same neighbours."""
    if not lefts or not rights:
        return []
    pairs = _alike(lefts, rights, left_features, right_features)
    taken_left, taken_right = {pair.left for pair in pairs}, {pair.right for pair in pairs}
    lefts = [i for i in lefts if i not in taken_left]
    rights = [j for j in rights if j not in taken_right]
    if len(lefts) == len(rights) and force:
        # Objects that have next to nothing in common may be two different things.
        single = len(lefts) == 1 and not pairs and not left_features(lefts[0])
        pairs += [Pair(i, j, single) for i, j in zip(lefts, rights, strict=True)]
    elif force and lefts and rights and not left_features(lefts[0]):
        # Plain values have nothing to tell them apart but their place.
        pairs += [Pair(i, j, False) for i, j in zip(lefts, rights, strict=False)]
    return pairs


def _alike(
    lefts: list[int],
    rights: list[int],
    left_features: Callable[[int], Features],
    right_features: Callable[[int], Features],
) -> list[Pair]:
    """Pair what has the most in common, at least half of its weight or an id; equal cases go by order."""
    if not lefts or not rights:
        return []
    owners: dict[Hashable, list[int]] = defaultdict(list)
    totals = {}
    for j in rights:
        features = right_features(j)
        totals[j] = sum(features.values())
        for feature in features:
            owners[feature].append(j)
    limit = max(_COMMON, 4096 // len(lefts))
    rank_left, rank_right = {i: at for at, i in enumerate(lefts)}, {j: at for at, j in enumerate(rights)}
    candidates = []
    for i in lefts:
        features = left_features(i)
        votes: Counter[int] = Counter()
        for feature, weight in features.items():
            if len(owners.get(feature, ())) <= limit:
                for j in owners.get(feature, ()):
                    votes[j] += weight
        total = sum(features.values())
        for j, vote in votes.items():
            score = vote / max(total, totals[j])
            if score >= _ENOUGH:
                candidates.append((-score, abs(rank_left[i] - rank_right[j]), i, j))
    return _best_first(candidates)


def _best_first(candidates: list[tuple[float, int, int, int]]) -> list[Pair]:
    """Return pairs by falling likeness; sure are those that had no equally good alternative."""
    rivals = Counter((score, "left", i) for score, _, i, _ in candidates)
    rivals.update((score, "right", j) for score, _, _, j in candidates)
    pairs: list[Pair] = []
    taken_left: set[int] = set()
    taken_right: set[int] = set()
    for score, _, i, j in sorted(candidates):
        if i not in taken_left and j not in taken_right:
            taken_left.add(i)
            taken_right.add(j)
            pairs.append(Pair(i, j, rivals[score, "left", i] == 1 == rivals[score, "right", j]))
    return pairs


def _rest(pairs: list[Pair], n: int, m: int) -> tuple[list[int], list[int]]:
    taken_left, taken_right = {pair.left for pair in pairs}, {pair.right for pair in pairs}
    return [i for i in range(n) if i not in taken_left], [j for j in range(m) if j not in taken_right]
