"""What changes from run to run on the primary alone: it is run twice at once, the second time in a world that answers later.

A leaf learned here may differ in value between the stacks, as long as both values are of the class seen here. What differs in
presence, type or format is never noise; nor are whole numbers, texts and booleans, for those are what people count on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from parity.config import Stack
from parity.ground import Ground
from parity.grouping import leaf
from parity.journal import Played
from parity.judge import Judged, Noise, place_of
from parity.noise import noise_class

__all__ = ["Twice", "learn"]

_NEVER = frozenset({"", "int", "text", "bool", "empty"})


class Twice(Protocol):
    """Replays a recording on one stack twice and returns what was played."""

    async def __call__(self, stack: Stack, path: Path, ground: Ground) -> Sequence[Played]: ...


async def learn(stack: Stack, replays: Sequence[tuple[Path, Ground]], judged: Judged, twice: Twice) -> Noise:
    """Return leaf -> classes whose value is noise; nothing where no difference could be noise."""
    suspects = {
        leaf(group.path)
        for group in judged.comparison.groups
        if group.axis in {"value", "order"} and group.state == "unexplained"
    }
    noise: dict[str, set[str]] = {}
    for path, ground in replays if suspects else ():
        for played in await twice(stack, path, ground):
            for difference in played.differences:
                name = noise_class(difference)
                if place_of(difference) in suspects and name not in _NEVER:
                    noise.setdefault(place_of(difference), set()).add(name)
    return {place: frozenset(names) for place, names in noise.items()}
