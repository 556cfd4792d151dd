"""Calibration: what one stack says differently when it is run twice is learned by class, and only what may be noise."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from parity.calibrate import learn
from parity.config import Stack
from parity.ground import Ground
from parity.journal import Played
from parity.values import Difference
from tests.parity.exchanges import different, played

PRIMARY = Stack(name="old")
GROUND: Any = None
FIRST, SECOND = "6d1540f8-031b-411d-b8e6-89255b0c93db", "c7d7bdf0-b6dc-4b73-ae8f-349a70509077"
EARLY, LATE = "2026-11-22T10:00:00Z", "2026-11-22T10:00:09Z"


def learned(*differences: Difference, suspects: Collection[str] | None = None) -> dict[str, set[str]]:
    async def twice(stack: Stack, path: Path, ground: Ground) -> Sequence[Played]:
        assert stack is PRIMARY
        return [played(number, one) for number, one in enumerate(differences, 1)]

    found = asyncio.run(learn(PRIMARY, [(Path("walk.jsonl"), GROUND)], twice, suspects))
    return {place: set(names) for place, names in found.items()}


@pytest.mark.parametrize(
    ("found", "noise"),
    [
        (different("$.run.took_s", 0.01, 0.06), {"took_s": {"float"}}),
        (different("jobs.took_s", 0.01, 0.06, where="rows"), {"took_s": {"float"}}),
        (different("$.runs[*].at", EARLY, LATE), {"at": {"time"}}),
        (different("$.key", FIRST, SECOND), {"key": {"uuid"}}),
        (different("etag", FIRST, SECOND, axis="header"), {"etag": {"uuid"}}),
        (different("$.count", 3, 4), {}),
        (different("$.name", "ann", "bob"), {}),
        (different("$.ok", True, False), {}),
        (different("$.note", "", "x"), {}),
        (different("$.jobs", [1, 2], [2, 1], axis="order"), {}),
        (different("$.at", EARLY, LATE[:-1], axis="format"), {}),
        (different("$.took_s", 0.5, 1, axis="type"), {}),
        (different("$.took_s", None, 0.5, axis="presence"), {}),
        (different("status", 200, 500, axis="status"), {}),
        (different("connection", "", "", axis="transport"), {}),
    ],
    ids=[
        "a measured float",
        "a column",
        "a time in a list",
        "a uuid",
        "a header",
        "a whole number",
        "a text",
        "a boolean",
        "an empty text",
        "an order",
        "a format",
        "a type",
        "a presence",
        "a status",
        "a connection",
    ],
)
def test_only_values_that_nobody_counts_on_are_noise(found: Difference, noise: dict[str, set[str]]) -> None:
    assert learned(found) == noise


def test_classes_of_one_leaf_are_gathered() -> None:
    assert learned(different("$.key", FIRST, SECOND), different("$.a.key", EARLY, LATE)) == {"key": {"uuid", "time"}}


def test_only_suspects_are_learned_where_there_are_some() -> None:
    found = different("$.took_s", 0.1, 0.2), different("$.mean_s", 0.1, 0.2)

    assert learned(*found, suspects={"mean_s"}) == {"mean_s": {"float"}}
    assert learned(*found, suspects=set()) == {}


def test_every_recording_is_run_twice() -> None:
    seen: list[str] = []

    async def twice(stack: Stack, path: Path, ground: Ground) -> Sequence[Played]:
        seen.append(path.name)
        return [played(1, different(f"$.{path.stem}", 0.1, 0.2))]

    recordings = [(Path("a.jsonl"), GROUND), (Path("b.jsonl"), GROUND)]
    assert set(asyncio.run(learn(PRIMARY, recordings, twice))) == {"a", "b"}
    assert seen == ["a.jsonl", "b.jsonl"]
