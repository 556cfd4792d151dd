"""What changes from run to run on the primary alone: it is run twice, the second time by a shifted clock.

A leaf learned here may differ in value between the stacks, as long as both values are of the kind seen here. What differs in
presence, type or format is never noise, and neither is what the primary answers alike both times.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from parity.config import Stack
from parity.ground import Ground
from parity.journal import Played
from parity.judge import Judged, Noise
from parity.values import Difference

__all__ = ["SHIFT_S", "Twice", "learn"]

# Long enough that dates and next fires move too.
SHIFT_S = 90_000.0


class Twice(Protocol):
    """Replays a recording on one stack twice and returns what was played."""

    async def __call__(self, stack: Stack, path: Path, ground: Ground, shift_s: float) -> Sequence[Played]: ...


async def learn(stack: Stack, replays: Sequence[tuple[Path, Ground]], judged: Judged, twice: Twice) -> Noise:
    """Return (route, "where path") -> kinds whose value is noise; nothing where no difference could be noise."""
    suspects = {
        (f"{group.method} {group.route}", f"{group.where} {group.path}")
        for group in judged.comparison.groups
        if group.axis == "value" and group.left_kind == group.right_kind and group.state == "unexplained"
    }
    if not suspects:
        return {}
    noise: dict[tuple[str, str], set[str]] = {}
    for path, ground in replays:
        for played in await twice(stack, path, ground, SHIFT_S):
            for difference in played.differences:
                key = (str(played.route), f"{difference.where} {difference.path}")
                if key in suspects and _relaxes_value(difference):
                    noise.setdefault(key, set()).add(difference.left_kind)
    return {key: frozenset(kinds) for key, kinds in noise.items()}


def _relaxes_value(difference: Difference) -> bool:
    return difference.axis == "value" and difference.left_kind == difference.right_kind
