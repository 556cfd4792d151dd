"""The fewest requests, and leaves in them, that still show one group of differences; each try on fresh clones and fresh stacks.

First the exchange alone with what it builds on. If it differs only after others, those are narrowed down (delta debugging,
Zeller and Hildebrandt 2002), and the group is one that depends on the order: beginning with those that name the same
things, else with all that wrote, else with all.
"""

import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from parity.dependencies import needed_by, on_the_same, writes_before
from parity.grouping import GroupKey, group_id, group_key, heads
from parity.journal import Played
from parity.values import Entry

__all__ = ["Play", "Shrinker", "Shrunken"]

# Replays some entries from the start state and returns what was played.
Play = Callable[[Sequence[Entry]], Coroutine[Any, Any, Sequence[Played]]]


@dataclass(frozen=True, slots=True)
class Shrunken:
    """What is left. `order_dependent`: alone the exchange does not differ. `again` is False where nothing differed any more.

    `differs` are the ids of the groups that the requests before the last one show by themselves.
    """

    entries: tuple[Entry, ...]
    leaves: int
    order_dependent: bool
    again: bool
    differs: tuple[str, ...] = ()


class Shrinker:
    """Shrinks within a number of tries and a time."""

    def __init__(self, play: Play, *, tries: int, seconds: float) -> None:
        self._play = play
        self._tries = tries
        self._ends = time.monotonic() + seconds

    async def shrink(self, entries: Sequence[Entry], wanted: int, group: str) -> Shrunken:
        """Return the fewest of `entries` (a whole recording) with which the one at `wanted` still shows the group."""
        needed = [entries[position] for position in needed_by(entries, wanted)]
        target = entries[wanted]
        shown = await self._shows(needed, target, group)
        if shown:
            kept = await self._narrow(needed[:-1], target, group)
            smaller = await self._smaller(kept, target, group)
            return Shrunken((*kept, smaller), leaves(smaller), False, True)
        for before in _likely(entries, wanted):
            some = [*before, target]
            # Twice: what shows once may be chance, and chance cannot be narrowed down.
            if await self._shows(some, target, group) and await self._shows(some, target, group):
                break
        else:
            return Shrunken(tuple(needed), leaves(target), False, False)
        kept = await self._narrow(before, target, group)
        last = await self._play([*kept, target])
        differing = tuple(dict.fromkeys(name for played in last[:-1] for name in _groups(played)))
        return Shrunken((*kept, target), leaves(target), True, True, differing)

    def _may_go_on(self) -> bool:
        return self._tries > 0 and time.monotonic() < self._ends

    async def _shows(self, entries: Sequence[Entry], target: Entry, group: str) -> bool:
        """Say whether the target still shows the group when only these entries are played, the target last."""
        self._tries -= 1
        played = await self._play(entries)
        return any(group in _groups(one) for one in played if one.seq == target.seq)

    async def _narrow(self, before: list[Entry], target: Entry, group: str) -> list[Entry]:
        """Return a part of `before` of which no half, quarter, eighth ... can be left out any more, as far as tries go."""
        parts = 1
        while before and self._may_go_on():
            size = -(-len(before) // parts)
            for start in range(0, len(before), size):
                if not self._may_go_on():
                    return before
                fewer = [*before[:start], *before[start + size :]]
                if await self._shows([*fewer, target], target, group):
                    before, parts = fewer, max(parts - 1, 1)
                    break
            else:
                if size == 1:
                    return before
                parts = min(parts * 2, len(before))
        return before

    async def _smaller(self, before: list[Entry], target: Entry, group: str) -> Entry:
        """Return the target with the leaves of its JSON body left out that do not matter."""
        for path in _leaf_paths(_json(target)):
            if not self._may_go_on():
                break
            fewer = _without(target, path)
            if await self._shows([*before, fewer], fewer, group):
                target = fewer
        return target


def _likely(entries: Sequence[Entry], wanted: int) -> Iterator[list[Entry]]:
    """Yield what may have to come before the one at `wanted`, the likeliest first and all of them last."""
    whole = list(range(wanted))
    tried = [needed_by(entries, wanted)[:-1], whole]
    for positions in (on_the_same(entries, wanted), writes_before(entries, wanted)):
        if positions not in tried:
            tried.append(positions)
            yield [entries[position] for position in positions]
    yield list(entries[:wanted])


def leaves(entry: Entry) -> int:
    """Return how many values the request's JSON body holds; another body counts as one, none as nothing."""
    body = _json(entry)
    if body is None:
        return 1 if entry.request.body else 0
    return len(_leaf_paths(body))


def _groups(played: Played) -> list[str]:
    route = played.route
    keys: list[GroupKey] = [
        group_key(route.method, route.template, head.difference) for head in heads(played.differences)
    ]
    return [group_id(key) for key in keys]


def _json(entry: Entry) -> Any:
    try:
        return orjson.loads(entry.request.body)
    except orjson.JSONDecodeError:
        return None


def _leaf_paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of the leaves under objects, deepest first; a list counts as one leaf."""
    if not isinstance(value, dict):
        return [path] if path else []
    return [found for key, inner in value.items() for found in (_leaf_paths(inner, (*path, key)) or [(*path, key)])]


def _without(entry: Entry, path: tuple[str, ...]) -> Entry:
    body = _json(entry)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return replace(entry, request=replace(entry.request, body=orjson.dumps(body)))
