"""Which share each generation of the table gave to whom, and since when, as the audit has it. Values only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.audit import OUTCOMES
from gateway.ownership import Ownership

__all__ = ["Chronicle", "Stint"]


@dataclass(frozen=True, slots=True)
class Stint:
    """A group with one share of the candidate (in %), which it has `since` a generation."""

    group: str
    share: int
    since: str


@dataclass(frozen=True)
class Chronicle:
    """`ownerships` and `stints` by generation; stints only of groups that had a share. `standing` is the last generation."""

    ownerships: Mapping[str, Ownership] = field(default_factory=dict)
    stints: Mapping[str, Mapping[str, Stint]] = field(default_factory=dict)
    standing: str = ""

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> "Chronicle":
        """Return what the audit's records tell; those that cannot be read are passed over.

        A generation decides requests as soon as it is wanted: its outcome is written after its proof. What was reverted
        ends no stint of what it was reverted to.
        """
        ownerships: dict[str, Ownership] = {}
        stints: dict[str, Mapping[str, Stint]] = {}
        standing = ""
        for record in records:
            name = record.get("generation")
            if not name:
                continue
            if name not in ownerships:
                ownerships[name] = Ownership(record["shares"], frozenset(record["loose"]))
                stints[name] = following(stints.get(standing, {}), ownerships[name], name)
            if record["event"] in OUTCOMES:
                standing = name
        return cls(ownerships, stints, standing)


def following(before: Mapping[str, Stint], ownership: Ownership, name: str) -> dict[str, Stint]:
    """Return the stints of a generation: those that went on, and those that begin."""
    found = {}
    for group, share in ownership.shares.items():
        former = before.get(group)
        found[group] = former if former and former.share == share else Stint(group, share, name)
    return found
