"""What must be true before a share may grow: each gate is asked for each group, and says in words why not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gateway.ownership import Change, Ownership
from gateway.routes import RouteTable

__all__ = ["Gate", "requirements", "standing_requirements"]


@dataclass(frozen=True)
class Gate:
    """One gate's answer for one group ("" for all): `words` say what was seen, and where it failed what to do."""

    name: str
    group: str
    passed: bool
    words: str

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def requirements(routes: RouteTable, changes: Sequence[Change], after: Ownership) -> list[Gate]:
    """Return for each group that grows whether the candidate has what the group requires; the whole table counts."""
    growing = {change.what for change in changes if change.after > change.before}
    return [
        met(group.id, requirement.group, requirement.share, after)
        for group in routes.groups
        if group.id in growing
        for requirement in group.requires
    ]


def standing_requirements(routes: RouteTable, changes: Sequence[Change], after: Ownership) -> list[Gate]:
    """Return for each group that shrinks whether another one, which stays moved, still has what it requires."""
    shrinking = {change.what for change in changes if change.after < change.before}
    return [
        met(group.id, requirement.group, requirement.share, after)
        for group in routes.groups
        if after.share(group.id)
        for requirement in group.requires
        if requirement.group in shrinking
    ]


def met(group: str, required: str, share: int, after: Ownership) -> Gate:
    there = after.share(required)
    if there >= share:
        return Gate("requires", group, True, f"{required} is at {there} %")
    return Gate("requires", group, False, f"requires {required} at {share} %, it would be at {there} %; flip both")
