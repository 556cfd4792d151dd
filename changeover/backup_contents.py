"""What a database holds, read from a copy of it: rows and a digest for each table, and what two copies differ in."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Held", "Moves", "Reader", "Tables", "contents", "digest_of", "moves"]

_SUM_BITS = 256


class Reader(Protocol):
    """Reads the copies of one kind of database."""

    def tables(self, copy: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each table with its rows, which are to be read before the next table; equal rows are equal bytes."""
        ...


@dataclass(frozen=True)
class Held:
    """What one table holds. The digest is the same in whatever order the rows come."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Moves:
    """What putting one copy in the other's place does to a table; a changed row goes and comes back."""

    go: int
    come_back: int


Tables = Mapping[str, Held]


def contents(reader: Reader, copy: Path) -> Tables:
    """Return what every table of the copy holds, by its name."""
    return {table: _held(rows) for table, rows in reader.tables(copy)}


def digest_of(tables: Tables) -> str:
    """Return one digest of what all tables hold."""
    lines = (f"{name} {held.rows} {held.digest}\n" for name, held in sorted(tables.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def moves(reader: Reader, present: tuple[Path, Tables], wanted: tuple[Path, Tables]) -> Mapping[str, Moves]:
    """Return, for each table that differs, how many rows go and come back when `wanted` takes the place of `present`."""
    (present_copy, here), (wanted_copy, there) = present, wanted
    names = {name for name in {*here, *there} if here.get(name) != there.get(name)}
    if not names:
        return {}
    now, then = _rows(reader, present_copy, names), _rows(reader, wanted_copy, names)
    return {name: Moves((now[name] - then[name]).total(), (then[name] - now[name]).total()) for name in sorted(names)}


def _held(rows: Iterator[bytes]) -> Held:
    # A sum does not depend on the order, which PostgreSQL changes with every update; and equal rows do not cancel out.
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(hashlib.sha256(row).digest())
    return Held(count, f"{total % 2**_SUM_BITS:064x}")


def _rows(reader: Reader, copy: Path, names: Collection[str]) -> Mapping[str, Counter[bytes]]:
    found: dict[str, Counter[bytes]] = {name: Counter() for name in names}
    for table, rows in reader.tables(copy):
        if table in names:
            found[table].update(hashlib.blake2b(row, digest_size=16).digest() for row in rows)
    return found
