"""Every named point at which a process can die or stop, on both databases and in both directions; every planted mistake."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler.points import POINTS
from tests.contract.stacks import DATABASES
from tests.scheduler.proof.checker import counts, timeline
from tests.scheduler.proof.ground import stores
from tests.scheduler.proof.mutants import MUTANTS
from tests.scheduler.proof.process import Trap
from tests.scheduler.proof.scenarios import SCENARIOS, Scenario, run, trapped

REPEATS = 5
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=DATABASES)
def store(request) -> Iterator[Callable[[], str]]:
    with tempfile.TemporaryDirectory(prefix="proof-") as folder, stores(request.param, Path(folder)) as make:
        yield make


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Callable[[], str]]:
    with tempfile.TemporaryDirectory(prefix="proof-") as folder, stores("sqlite", Path(folder)) as make:
        yield make


@pytest.mark.parametrize("how", ["kill", "stop"])
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_at_any_point(point, how, store, tmp_path) -> None:
    history, verdicts = run(Scenario(trapped(Trap(point, how), times=REPEATS)), store(), tmp_path)
    sprung = Counter(fault.process.partition(":")[0] for fault in history.faults if fault.point == point)

    assert [(verdict, timeline(history, verdict)) for verdict in verdicts] == []
    assert min(sprung["legacy"], sprung["modern"]) >= REPEATS


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_right_comes_through(name, store, tmp_path) -> None:
    history, verdicts = run(SCENARIOS[name], store(), tmp_path)

    assert [(verdict, timeline(history, verdict)) for verdict in verdicts] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_what_is_wrong_is_seen(name, sqlite, tmp_path) -> None:
    mutant = MUTANTS[name]
    _, verdicts = run(SCENARIOS[mutant.scenario], sqlite(), tmp_path, mutant=name)

    assert mutant.verdict in counts(verdicts)
