"""Who serves what: the share of the candidate in each route group, and the prefixes that are pinned. Values only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.cohorts import COHORTS, SHARES
from gateway.config import Config, Face
from gateway.routes import UNMATCHED

__all__ = ["Change", "Ownership", "changes", "movable", "seat", "seats"]


@dataclass(frozen=True)
class Ownership:
    """`shares` has the candidate's share (in %) of the groups where it has one; `loose` are prefixes without their pin."""

    shares: Mapping[str, int] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for group, share in self.shares.items():
            if type(share) is not int or share not in SHARES:
                raise ValueError(f"{group} = {share!r}: a share must be one of {', '.join(map(str, SHARES))}")
        object.__setattr__(self, "shares", {group: share for group, share in sorted(self.shares.items()) if share})

    def share(self, group: str) -> int:
        return self.shares.get(group, 0)

    def moved(self, shares: Mapping[str, int]) -> "Ownership":
        """Return this with other shares of some groups."""
        return replace(self, shares={**self.shares, **shares})

    def within(self, config: Config) -> "Ownership":
        """Return this without groups and prefixes that are gone: should one come back, it begins anew."""
        there = {group.id for group in config.routes.groups}
        shares = {group: share for group, share in self.shares.items() if group in there}
        return Ownership(shares, self.loose & {face.prefix for face in config.faces if face.pinned})

    def as_json(self) -> dict[str, object]:
        return {"shares": dict(self.shares), "loose": sorted(self.loose)}


@dataclass(frozen=True)
class Change:
    """A group (or, with `pin:` before it, a prefix) whose share goes from one to another, in %."""

    what: str
    before: int
    after: int

    def as_json(self) -> dict[str, object]:
        return {"what": self.what, "before": self.before, "after": self.after}


def changes(before: Ownership, after: Ownership) -> list[Change]:
    """Return what differs, by name. A pin is 100 while it is in and 0 while it is out."""
    groups = sorted({*before.shares, *after.shares})
    found = [Change(group, before.share(group), after.share(group)) for group in groups]
    pins = sorted(before.loose ^ after.loose)
    found += [Change(f"pin:{prefix}", *((0, 100) if prefix in before.loose else (100, 0))) for prefix in pins]
    return [change for change in found if change.before != change.after]


def seat(face: int | str, group: str, cohort: str, stack: str) -> str:
    """Return the name of the empty file by which `stack` serves a cohort of a group under a face."""
    return f"{face}.{group}.{cohort}.{stack}"


def seats(config: Config, ownership: Ownership) -> Iterator[str]:
    """Yield the names of the table's files, one for each face, group and cohort that is not pinned.

    The owner is always named, also where it is the one nginx would choose without a table: so the structure may change
    what it would choose without the table changing its meaning.
    """
    candidate = config.candidate
    if candidate is None:
        return
    groups = [group.id for group in config.routes.groups]
    for face in open_faces(config, ownership):
        yield movable(face.number)
        for group in (*groups, UNMATCHED):
            share = ownership.share(group) if group != UNMATCHED else unmatched_share(groups, ownership)
            for cohort, needed in COHORTS.items():
                owner = candidate.name if needed <= share else config.primary.name
                yield seat(face.number, group, cohort, owner)


def movable(face: int | str) -> str:
    """Return the name of the file that says that this face follows the table."""
    return f"{face}.movable"


def open_faces(config: Config, ownership: Ownership) -> list[Face]:
    return [face for face in config.faces if not face.pinned or face.prefix in ownership.loose]


def unmatched_share(groups: Sequence[str], ownership: Ownership) -> int:
    """Return who answers what is in no group, mostly 404: the candidate, once it has everything else."""
    return 100 if groups and all(ownership.share(group) == 100 for group in groups) else 0
