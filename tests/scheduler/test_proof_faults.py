"""Every named point at which a process can die or stop, on both databases and in both directions; every planted mistake."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from scheduler.points import POINTS
from tests.contract.stacks import DATABASES
from tests.scheduler.proof.checker import counts, timeline
from tests.scheduler.proof.ground import stores
from tests.scheduler.proof.mutants import MUTANTS
from tests.scheduler.proof.process import Trap
from tests.scheduler.proof.scenarios import ALL_PULL, FEW_S, SCENARIOS, Scenario, run, trapped

REPEATS = 5
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=DATABASES)
def store(request) -> Iterator[Callable[[], str]]:
    with stores(request.param) as make:
        yield make


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Callable[[], str]]:
    with stores("sqlite") as make:
        yield make


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Callable[[], str]]:
    with stores("postgresql") as make:
        yield make


@pytest.mark.parametrize("how", ["kill", "stop"])
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_at_any_point(point, how, store, tmp_path) -> None:
    history, verdicts = run(Scenario(trapped(Trap(point, how), times=REPEATS), periods_s=FEW_S), store(), tmp_path)
    sprung = Counter(fault.process.partition(":")[0] for fault in history.faults if fault.point == point)

    assert [(verdict, timeline(history, verdict)) for verdict in verdicts] == []
    assert min(sprung["legacy"], sprung["modern"]) >= REPEATS


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_right_comes_through(name, store, tmp_path) -> None:
    history, verdicts = run(SCENARIOS[name], store(), tmp_path)

    assert [(verdict, timeline(history, verdict)) for verdict in verdicts] == []


def test_any_worker_may_run_what_the_owner_claimed(postgresql, tmp_path) -> None:
    history, verdicts = run(ALL_PULL, postgresql(), tmp_path)
    owners = {write.epoch: write.owner for write in history.lease if write.owner}
    starts = [write for write in history.writes if write.phase == "running"]

    assert [(verdict, timeline(history, verdict)) for verdict in verdicts] == []
    assert any(write.runner != owners[write.claim_epoch] for write in starts)


@pytest.mark.parametrize("name", MUTANTS)
def test_what_is_wrong_is_seen(name, sqlite, tmp_path) -> None:
    mutant = MUTANTS[name]
    _, verdicts = run(SCENARIOS[mutant.scenario], sqlite(), tmp_path, mutant=name)

    assert mutant.verdict in counts(verdicts)
