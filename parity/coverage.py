"""Which answers of which routes a replay has seen: route x status, against what the contract says there is."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.routes import Route, RouteBook
from parity.values import ParityError

__all__ = ["Cell", "Coverage", "load_expected", "measure"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One route and one status (of the primary's answer). `wanted`: the contract names it."""

    group: str
    method: str
    route: str
    status: int
    wanted: bool
    seen: int
    different: int


@dataclass(frozen=True)
class Coverage:
    """Every cell that is wanted or was seen, by route and status."""

    required: float
    cells: tuple[Cell, ...]

    @property
    def wanted(self) -> int:
        return sum(cell.wanted for cell in self.cells)

    @property
    def missing(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.wanted and not cell.seen)

    @property
    def share(self) -> float:
        """Return the seen part of what is wanted, 0 to 1; 1 where nothing is wanted."""
        return 1.0 if not self.wanted else 1 - len(self.missing) / self.wanted

    @property
    def met(self) -> bool:
        return self.share >= self.required

    def of(self, groups: Collection[str]) -> "Coverage":
        """Return the part of these route groups."""
        return Coverage(self.required, tuple(cell for cell in self.cells if cell.group in groups))


def load_expected(path: Path | None) -> dict[str, list[int]]:
    """Return `{"GET /jobs/{id}": [200, 401, 404]}` of the file; {} where none is named. Raise ParityError."""
    if path is None:
        return {}
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParityError(
            f"{path}: cannot be read as JSON ({error}); correct it or take out parity.expected."
        ) from None
    usable = isinstance(data, dict) and all(
        isinstance(statuses, list) and all(isinstance(status, int) for status in statuses) for statuses in data.values()
    )
    if not usable:
        raise ParityError(f'{path.name}: must look like {{"GET /jobs/{{id}}": [200, 404]}}.')
    return {str(route): list(statuses) for route, statuses in data.items()}


def measure(
    seen: Mapping[tuple[Route, int], int],
    different: Mapping[tuple[Route, int], int],
    *,
    book: RouteBook,
    expected: Mapping[str, Iterable[int]],
    required: float,
) -> Coverage:
    """Return the cells of `expected` and of what was seen. HEAD counts for its GET. Raise ParityError for an unknown route."""
    listed = {str(route): route for route in book.routes}
    counts: Counter[tuple[str, str, str, int]] = Counter()
    differing: Counter[tuple[str, str, str, int]] = Counter()
    for source, target in ((seen, counts), (different, differing)):
        for (route, status), number in source.items():
            method = "GET" if route.method == "HEAD" else route.method
            target[route.group, method, route.template, status] += number
    wanted = set()
    for name, statuses in expected.items():
        if name not in listed:
            raise ParityError(f'parity.expected: "{name}" is no route of the route groups; correct it or take it out.')
        found = listed[name]
        wanted |= {(found.group, found.method, found.template, status) for status in statuses}
    order = {str(route): number for number, route in enumerate(book.routes)}
    keys = sorted(
        wanted | set(counts), key=lambda key: (order.get(f"{key[1]} {key[2]}", len(order)), key[2], key[1], key[3])
    )
    return Coverage(required, tuple(Cell(*key, key in wanted, counts[key], differing[key]) for key in keys))
