"""Is what was served what the table says? Log lines against the audit, and the table on disk against the audit."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.access_log import lines_since
from gateway.config import Config, Face
from gateway.flips import Flips
from gateway.ownership import Ownership, movable, seat, seats
from gateway.traffic import READ_BACK_BYTES, Request, parse

__all__ = ["Drift", "Expectation", "Stray", "find_drift"]

# How many requests of each kind are named.
NAMED = 20


@dataclass(frozen=True)
class Expectation:
    """Who must serve what by one ownership: the files its table must hold, and the public prefixes."""

    config: Config
    faces: tuple[Face, ...]
    names: frozenset[str]

    @classmethod
    def of(cls, config: Config, ownership: Ownership) -> "Expectation":
        return cls(config, config.faces, frozenset(seats(config, ownership)))

    def face(self, path: str) -> Face | None:
        """Return the public prefix that a path is under, None for one of no stack."""
        for face in self.faces:
            if path.startswith(face.prefix) and path[len(face.prefix) :][:1] in ("", "/"):
                return face
        return None

    def is_movable(self, face: Face | None) -> bool:
        """Whether the table decides what comes under the prefix."""
        return face is not None and movable(face.number) in self.names

    def owner(self, request: Request) -> str | None:
        """Return the stack that must have been chosen; None where nothing says it."""
        face = self.face(request.path)
        if face is None or not self.is_movable(face):
            return face.home if face else None
        for stack in self.config.stacks:
            if seat(face.number, request.group, request.cohort, stack.name) in self.names:
                return stack.name
        return None

    def is_stray(self, request: Request) -> bool:
        """Whether another stack was chosen than the one that had to be; a fallback was chosen rightly at first."""
        return request.counts and self.owner(request) not in (None, request.owner)


@dataclass(frozen=True)
class Stray:
    """A request that was not the stack's that served it."""

    rid: str
    path: str
    group: str
    cohort: str
    owner: str
    expected: str


@dataclass(frozen=True)
class Drift:
    """What does not fit, of the `examined` requests of the present generation; all of it empty where there is no drift.

    `blind` are ids of requests that were decided without the table; of these and of `strays` only some are named.
    """

    generation: str
    examined: int
    strays: tuple[Stray, ...]
    stray_count: int
    blind: tuple[str, ...]
    blind_count: int
    table: tuple[str, ...]

    @property
    def is_there(self) -> bool:
        return bool(self.stray_count or self.blind_count or self.table)

    def as_json(self) -> dict[str, Any]:
        return {"drift": self.is_there} | asdict(self)


def find_drift(flips: Flips, log_folder: Path, since: float) -> Drift:
    """Return what does not fit in the log since a time (epoch, seconds), and on disk."""
    standing = flips.standing()
    expectation = Expectation.of(flips.config, standing.ownership)
    examined, strays, blind = 0, [], []
    for request in requests_since(log_folder, since):
        if not request.generation:
            blind.append(request.rid)
        elif request.generation == standing.generation and request.counts:
            examined += 1
            if expectation.is_stray(request):
                strays.append(request)
    return Drift(
        generation=standing.generation,
        examined=examined,
        strays=tuple(stray_of(request, expectation) for request in strays[:NAMED]),
        stray_count=len(strays),
        blind=tuple(blind[:NAMED]),
        blind_count=len(blind),
        table=tuple(table_problems(flips)),
    )


def requests_since(log_folder: Path, since: float) -> list[Request]:
    """Return the requests to the stacks since a time."""
    found = (parse(line) for lines, _ in lines_since(log_folder, since, READ_BACK_BYTES) for line in lines)
    return [request for request in found if request and request.at >= since and request.tried]


def stray_of(request: Request, expectation: Expectation) -> Stray:
    expected = expectation.owner(request) or ""
    return Stray(request.rid, request.path, request.group, request.cohort, request.owner, expected)


def table_problems(flips: Flips) -> list[str]:
    """Return in what the table on disk is not the one of the audit, and in what the audit is not whole."""
    standing, current = flips.standing(), flips.table.current()
    found = [f"audit: {problem}" for problem in flips.audit.problems()]
    if current != standing.generation:
        found.append(f"the table is {current or 'gone'}, by the audit it must be {standing.generation or 'made first'}")
        return found
    wanted, there = frozenset(seats(flips.config, standing.ownership)), flips.table.names()
    for verb, difference in (("lacks", wanted - there), ("has too much:", there - wanted)):
        if names := sorted(difference):
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            found.append(f"{current} {verb} {', '.join(names[:3])}{more}")
    return found
