"""The scheduler in real servers of the modern stack."""

from pathlib import Path

import pytest

from tests.scheduler import served_cases
from tests.scheduler.running import Place


def test_a_worker_told_to_end_lets_another_own_at_once(place: Place, tmp_path: Path) -> None:
    served_cases.told_to_end(place, tmp_path, "modern")


@pytest.mark.long
def test_a_killed_worker_is_followed_without_waiting_for_its_lease(place: Place, tmp_path: Path) -> None:
    served_cases.killed(place, tmp_path, "modern")


@pytest.mark.long
def test_the_same_on_postgresql(postgresql_place: Place, tmp_path: Path) -> None:
    served_cases.told_to_end(postgresql_place, tmp_path, "modern")
