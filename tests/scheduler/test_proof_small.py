"""The scheduler's promise on real processes of both stacks, in small: every tick once, whoever dies, stops or hands over.

The whole of it, every point at which a process can die and every planted mistake, is in `test_proof_faults.py`.
"""

from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.contract.stacks import DATABASES
from tests.scheduler.proof.checker import counts, expected_keys, timeline
from tests.scheduler.proof.effects import Sink
from tests.scheduler.proof.ground import stores
from tests.scheduler.proof.mutants import MUTANTS
from tests.scheduler.proof.process import Trap
from tests.scheduler.proof.scenarios import FEW_S, PAIR, SCENARIOS, Scenario, run, trapped

# The cheapest of the planted mistakes; all of them are in the long tests.
CHEAP = ["no unique key"]


@pytest.fixture(scope="module", params=DATABASES)
def store(request) -> Iterator[Callable[[], str]]:
    with stores(request.param) as make:
        yield make


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Callable[[], str]]:
    with stores("sqlite") as make:
        yield make


def test_every_tick_runs_once_over_handovers_a_death_and_a_pause(store, tmp_path) -> None:
    history, verdicts = run(SCENARIOS["a bit of all"], store(), tmp_path)

    assert [(verdict, timeline(history, verdict)) for verdict in verdicts] == []
    assert len(history.rows) == len(expected_keys(history)) > 30
    assert {fault.how for fault in history.faults} == {"kill", "stop", "term"}
    assert max(write.epoch for write in history.lease) >= 6


def test_a_process_may_die_between_claim_and_start(sqlite, tmp_path) -> None:
    scenario = Scenario(trapped(Trap("claim.committed", "kill")), periods_s=FEW_S, stacks=PAIR)
    history, verdicts = run(scenario, sqlite(), tmp_path)

    assert [(verdict, timeline(history, verdict)) for verdict in verdicts] == []
    assert [fault.point for fault in history.faults if fault.how == "kill"] == ["claim.committed"] * 2


@pytest.mark.parametrize("name", CHEAP)
def test_the_checker_sees_a_planted_mistake(name, sqlite, tmp_path) -> None:
    mutant = MUTANTS[name]
    _, verdicts = run(SCENARIOS[mutant.scenario], sqlite(), tmp_path, mutant=name)

    assert mutant.verdict in counts(verdicts)


def test_the_target_remembers_a_call_that_it_answers_badly_or_never(tmp_path) -> None:
    with Sink(tmp_path, fails=2, drops=3) as sink:
        answers = []
        for number in range(1, 7):
            headers = {"Idempotency-Key": f"key-{number}", "X-Execution-Id": f"run-{number}"}
            try:
                answers.append(httpx2.get(sink.url, headers=headers).status_code)
            except httpx2.RemoteProtocolError:
                answers.append(None)
        calls = sink.calls()

    assert answers == [200, 500, None, 500, 200, None]
    assert [(call.key, call.execution_id) for call in calls] == [(f"key-{n}", f"run-{n}") for n in range(1, 7)]
    assert [call.at for call in calls] == sorted(call.at for call in calls)
