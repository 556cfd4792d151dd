"""Differences become groups (one thing on one route), groups become causes (one thing across routes).

    differences of an exchange -> heads (with what follows from them) -> Group by group_key -> Cause by what changed where

Differences come one exchange at a time; what is kept grows with the number of groups, not of exchanges.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from parity.report.value import STATES, Cause, Group, Rule, State, Where
from parity.values import Axis, Difference

__all__ = ["OTHER_PATH", "GroupKey", "Grouper", "Head", "group_id", "group_key", "heads", "leaf"]

GroupKey = tuple[str, str, Where, Axis, str, str, str]
CauseKey = tuple[str, ...]
# An answer whose status, media type or connection differs has another body too; that is one difference, not fifty.
_LEADING = ("transport", "status", "media")
# Kinds of these differences say enough: a serializer does the same to all of its leaves.
_SPEAKING_AXIS = "format"
_SPEAKING_PAIRS = frozenset({frozenset({"null", "missing"})})
OTHER_PATH = "(more)"
# A name, or a quoted one in brackets, with the list positions behind it.
_LEAF = re.compile(r"""(?:\[(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]|[^.\[\]]+)(?:\[\*\]|\[\d+\])*$""")


@dataclass(frozen=True, slots=True)
class Head:
    """A difference that counts, and how many follow from it."""

    difference: Difference
    followers: int = 0


def heads(differences: Sequence[Difference]) -> list[Head]:
    """Return the differences that count for one exchange, in their order.

    Where the connection, the status or the media type differs, the rest of the answer follows from that: with the media
    type only the body does, headers stay apart. Rows, effects and latency never follow from an answer.
    """
    lead = min((d for d in differences if _leads(d)), key=lambda d: _LEADING.index(d.axis), default=None)
    if lead is None:
        return [Head(difference) for difference in differences]
    followers = [d for d in differences if d is not lead and _follows(d, lead)]
    gone = {id(follower) for follower in followers}
    return [Head(d, len(followers) if d is lead else 0) for d in differences if id(d) not in gone]


def _leads(difference: Difference) -> bool:
    return difference.where == "answer" and difference.axis in _LEADING


def _follows(difference: Difference, lead: Difference) -> bool:
    if difference.where != "answer" or difference.axis == "latency":
        return False
    return lead.axis != "media" or difference.axis != "header"


def group_key(method: str, route: str, difference: Difference) -> GroupKey:
    """Return what differences of one group share: method, route, where, axis, path, kind on the left, kind on the right."""
    d = difference
    return (method, route, d.where, d.axis, d.path, d.left_kind, d.right_kind)


def group_id(key: GroupKey) -> str:
    """Return a short name of the group, the same in every run."""
    return "g" + _digest(key)


def leaf(path: str) -> str:
    """Return the last name of a path: `$.jobs[*].created_at` -> `created_at`, `$.jobs[*]` -> `jobs[*]`, `users.email` -> `email`."""
    found = _LEAF.search(path)
    return found[0] if found else path


def _digest(parts: Iterable[str]) -> str:
    return sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]


@dataclass(slots=True)
class _Tally:
    """What is known of one group so far."""

    key: GroupKey
    route_group: str
    count: int = 0
    folded: int = 0
    accepted: int = 0
    rule: Rule | None = None
    exchanges: list[str] = field(default_factory=list)
    example: str = ""
    weight: tuple[int, int, int] = (0, 0, 0)
    caused_by: Counter[str] = field(default_factory=Counter)
    # Renamed keys this group was part of, None where it stood alone; more than one says that it is no rename.
    renames: set[CauseKey | None] = field(default_factory=set)

    def cause_key(self, broken: set[CauseKey]) -> CauseKey:
        """Return what groups of one cause share; `broken` are renames of which one half was seen alone."""
        renamed = next(iter(self.renames)) if len(self.renames) == 1 else None
        if renamed is not None and renamed not in broken:
            return renamed
        _, _, where, axis, path, left, right = self.key
        speaking = axis == _SPEAKING_AXIS or frozenset({left, right}) in _SPEAKING_PAIRS
        return (where, axis, "" if speaking else leaf(path), left, right)


class Grouper:
    """Counts differences into groups and causes.

    `first` is how many exchange ids a group keeps, `limit` how many groups there are before further ones of a route
    count into one with the path `(more)`: a body with ids for keys would otherwise make a group an id.
    """

    def __init__(self, first: int = 20, limit: int = 5000) -> None:
        self._first = first
        self._limit = limit
        self._tallies: dict[GroupKey, _Tally] = {}
        self.differences = 0

    def feed(
        self,
        exchange: str,
        *,
        method: str,
        route: str,
        route_group: str,
        differences: Sequence[Difference],
        size_bytes: int = 0,
        rules: Sequence[Rule | None] = (),
        caused_by: str | None = None,
        kept: bool = True,
    ) -> tuple[str, ...]:
        """Count one exchange and return the ids of its groups, one for each of `heads(differences)`.

        `rules` are those of the ledger that accept the heads, in their order; `caused_by` is the group of the earlier
        write that this exchange's differences follow from. `size_bytes` helps to find the smallest example among
        the exchanges that were `kept` whole.
        """
        counted = heads(differences)
        renamed = _renames(counted)
        ids = []
        for number, head in enumerate(counted):
            tally = self._tally(group_key(method, route, head.difference), route_group)
            rule = rules[number] if number < len(rules) else None
            tally.rule = tally.rule or rule
            tally.accepted += rule is not None
            tally.folded += head.followers
            tally.renames.add(renamed.get(number))
            if caused_by is not None:
                tally.caused_by[caused_by] += 1
            self._count(tally, exchange, (not kept, len(differences), size_bytes))
            ids.append(group_id(tally.key))
        self.differences += len(counted)
        return tuple(ids)

    def _tally(self, key: GroupKey, route_group: str) -> _Tally:
        tally = self._tallies.get(key)
        if tally is None and len(self._tallies) >= self._limit:
            key = (*key[:4], OTHER_PATH, "", "")
            tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(key, route_group)
        return tally

    def _count(self, tally: _Tally, exchange: str, weight: tuple[int, int, int]) -> None:
        if not tally.count or weight < tally.weight:
            tally.example, tally.weight = exchange, weight
        tally.count += 1
        if len(tally.exchanges) < self._first and exchange not in tally.exchanges[-1:]:
            tally.exchanges.append(exchange)

    def result(self) -> tuple[tuple[Cause, ...], tuple[Group, ...]]:
        """Return causes and groups: unexplained ones first, then as they were first seen: what came first may explain the rest."""
        alone = (tally.renames for tally in self._tallies.values() if len(tally.renames) > 1)
        broken = {rename for renames in alone for rename in renames if rename is not None}
        sorted_out: dict[CauseKey, list[Group]] = {}
        for tally in self._tallies.values():
            key = tally.cause_key(broken)
            sorted_out.setdefault(key, []).append(_group(tally, "c" + _digest(key)))
        causes = []
        for key, members in sorted_out.items():
            members.sort(key=lambda g: STATES.index(g.state))
            count = sum(group.count for group in members)
            causes.append(
                (Cause("c" + _digest(key), title(key, members), count, tuple(g.id for g in members)), members)
            )
        causes.sort(key=lambda pair: STATES.index(pair[1][0].state))
        return tuple(cause for cause, _ in causes), tuple(group for _, members in causes for group in members)


def _group(tally: _Tally, cause: str) -> Group:
    method, route, where, axis, path, left, right = tally.key
    state: State = "unexplained"
    if tally.accepted == tally.count:
        state = "accepted"
    elif tally.caused_by.total() == tally.count:
        state = "caused_by"
    return Group(
        id=group_id(tally.key),
        cause=cause,
        method=method,
        route=route,
        route_group=tally.route_group,
        where=where,
        axis=axis,
        path=path,
        left_kind=left,
        right_kind=right,
        count=tally.count,
        exchanges=tuple(tally.exchanges),
        example=tally.example,
        folded=tally.folded,
        state=state,
        rule=tally.rule if state == "accepted" else None,
        caused_by=tally.caused_by.most_common(1)[0][0] if state == "caused_by" else None,
    )


def _renames(counted: Sequence[Head]) -> dict[int, CauseKey]:
    """Return by number of head the renames among them: in one object one key is gone and one is new, of the same kind."""
    sides: dict[tuple[str, str], tuple[dict[str, list[int]], dict[str, list[int]]]] = {}
    for number, head in enumerate(counted):
        d = head.difference
        if d.axis == "presence" and d.where != "effects" and "missing" in {d.left_kind, d.right_kind}:
            parent = d.path[: len(d.path) - len(leaf(d.path))]
            side = sides.setdefault((d.where, parent), ({}, {}))[d.left_kind == "missing"]
            side.setdefault(d.path, []).append(number)
    renames: dict[int, CauseKey] = {}
    for (where, _), (gone, came) in sides.items():
        kinds = {counted[n].difference.left_kind for ns in gone.values() for n in ns}
        kinds |= {counted[n].difference.right_kind for ns in came.values() for n in ns}
        if len(gone) == len(came) == len(kinds) == 1 and gone.keys() != came.keys():
            key = (where, "rename", f"{leaf(next(iter(gone)))}\t{leaf(next(iter(came)))}", *kinds)
            renames.update((number, key) for side in (gone, came) for numbers in side.values() for number in numbers)
    return renames


def title(key: CauseKey, groups: Sequence[Group]) -> str:
    """Return a cause in one line: `created_at: time(iso,ms,Z) -> time(iso,us,none) in 14 routes`."""
    where, axis, *_ = key
    place = "" if where == "answer" else f"{where}: "
    routes = sorted({f"{group.method} {group.route}" for group in groups})
    there = f"in {routes[0]}" if len(routes) == 1 else f"in {len(routes)} routes"
    if axis == "rename":
        gone, came = key[2].split("\t")
        return f"{place}{gone} is called {came} {there}"
    kinds = f"{groups[0].left_kind} -> {groups[0].right_kind}"
    if axis in {"status", "media", "transport"}:
        return f"{place}{axis} {kinds} {there}"
    if axis in {"value", "order"}:
        kinds = f"another {axis} ({kinds})" if groups[0].left_kind != groups[0].right_kind else f"another {axis}"
    names = sorted({leaf(group.path) for group in groups})
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{place}{'header ' if axis == 'header' else ''}{listed}: {kinds} {there}"
