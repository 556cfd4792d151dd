"""What changes from run to run on the primary alone: it is run twice at once, the second time in a world that answers later.

A leaf learned here may differ in value between the stacks, as long as both values are of the class seen here. What differs in
presence, type, format or order is never noise; nor are whole numbers, texts and booleans, for those are what people count on.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from parity.compare.noise import noise_class
from parity.config import Stack
from parity.ground import Ground
from parity.grouping import leaf
from parity.journal import Played
from parity.judge import Judged, Noise, place_of

__all__ = ["Twice", "learn", "suspects_of"]

_NEVER = frozenset({"", "int", "text", "bool", "empty", "order"})


class Twice(Protocol):
    """Replays a recording on one stack twice and returns what was played."""

    async def __call__(self, stack: Stack, path: Path, ground: Ground) -> Sequence[Played]: ...


async def learn(
    stack: Stack, replays: Sequence[tuple[Path, Ground]], twice: Twice, suspects: Collection[str] | None = None
) -> Noise:
    """Return leaf -> classes whose value is noise, of all leaves or of `suspects` alone."""
    noise: dict[str, set[str]] = {}
    for path, ground in replays:
        for played in await twice(stack, path, ground):
            for difference in played.differences:
                place, name = place_of(difference), noise_class(difference)
                if name not in _NEVER and (suspects is None or place in suspects):
                    noise.setdefault(place, set()).add(name)
    return {place: frozenset(names) for place, names in noise.items()}


def suspects_of(judged: Judged) -> frozenset[str]:
    """Return the leaves that differ in value only, and might be noise.

    Those that seem to follow from an earlier write are among them: that write may turn out to be noise.
    """
    return frozenset(
        leaf(group.path) for group in judged.comparison.groups if group.axis == "value" and group.state != "accepted"
    )
