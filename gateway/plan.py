"""A plan: what would change, what the gates say, and by what it can be seen to be out of date. Values and their file."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.gates import Gate
from gateway.ownership import Change, Ownership, changes

__all__ = ["FORMAT", "BadPlan", "Plan", "digests_of", "read_plan"]

FORMAT = "changeover-plan/1"


class BadPlan(Exception):
    """The file is no plan. One line."""


@dataclass(frozen=True)
class Plan:
    """`digests` has a digest of each file the plan rests on (`none` for a missing one); `generation` is the table's.

    `requests_per_hour` are those that would be answered by another stack than now, None where the log does not tell.
    """

    made_at: str
    by: str
    generation: str
    before: Ownership
    after: Ownership
    gates: tuple[Gate, ...]
    digests: Mapping[str, str]
    requests_per_hour: int | None = None

    @property
    def changes(self) -> list[Change]:
        return changes(self.before, self.after)

    @property
    def refused(self) -> list[Gate]:
        return [gate for gate in self.gates if not gate.passed]

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "by": self.by,
            "generation": self.generation,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "changes": [change.as_json() for change in self.changes],
            "gates": [gate.as_json() for gate in self.gates],
            "requests_per_hour": self.requests_per_hour,
            "digests": dict(self.digests),
        }

    def digest(self) -> str:
        """Return the digest by which the audit names this plan."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def stale(self, digests: Mapping[str, str]) -> list[str]:
        """Return the files that are not what they were when this was planned."""
        return sorted(name for name in {*self.digests, *digests} if self.digests.get(name) != digests.get(name))


def read_plan(path: Path) -> Plan:
    """Return the plan of the file. Raise BadPlan, naming the file, where it holds none."""
    try:
        found = json.loads(path.read_bytes())
        if found["format"] != FORMAT:
            raise BadPlan(f'{path}: the format is "{found["format"]}", not {FORMAT}; plan again')
        return Plan(
            found["made_at"],
            found["by"],
            found["generation"],
            Ownership(found["before"]["shares"], frozenset(found["before"]["loose"])),
            Ownership(found["after"]["shares"], frozenset(found["after"]["loose"])),
            tuple(Gate(**gate) for gate in found["gates"]),
            {str(name): str(digest) for name, digest in found["digests"].items()},
            found["requests_per_hour"],
        )
    except OSError as error:
        raise BadPlan(f"{path}: cannot be read ({error.strerror}); make it with `changeover plan`") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadPlan(f"{path}: is no plan ({type(error).__name__}: {error}); plan again") from None


def digests_of(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return the digest of each file by its path below `root`, `none` for one that is not there."""
    found = {}
    for path in files:
        name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
    return found
