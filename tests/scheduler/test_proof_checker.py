"""The checker of the scheduler's proof: each of its verdicts has a history that brings it about, and it alone."""

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.scheduler.proof import checker, expected
from tests.scheduler.proof.checker import Bounds, Policy, check, gaps, lateness_s, timeline
from tests.scheduler.proof.history import Active, Effect, Fault, History, LeaseWrite, Row, RowWrite, Schedule

START = datetime(2026, 11, 22, 17, tzinfo=UTC)
A, B = "legacy:host:1:a", "modern:host:2:b"
BOUNDS = Bounds(late_s=1, gap_s=0.5)
ALL = Policy()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def tick(number: int) -> Row:
    return Row(f"run-{number}", "job", at(number), "done")


def writes_of(number: int, epoch: int, runner: str, claimed: float = 0.01) -> list[RowWrite]:
    run, position = f"run-{number}", 10 * number
    return [
        RowWrite(position, at(number + claimed), run, None, "claimed", epoch),
        RowWrite(position + 1, at(number + claimed + 0.01), run, "claimed", "running", epoch, runner),
        RowWrite(position + 2, at(number + claimed + 0.05), run, "running", "done", epoch, runner),
    ]


def clean() -> History:
    """A second's job: ticks 1-4 run by A, which gives up to B, which runs 5-8 until the flag is taken away."""
    lease = [
        LeaseWrite(1, at(0), "legacy", None, None, 0),
        LeaseWrite(2, at(0.1), "legacy", A, "legacy", 1),
        LeaseWrite(45, at(4.5), "modern", A, "legacy", 1),
        LeaseWrite(46, at(4.52), "modern", None, None, 1),
        LeaseWrite(47, at(4.6), "modern", B, "modern", 2),
        LeaseWrite(95, at(8.5), "none", B, "modern", 2),
        LeaseWrite(96, at(8.52), "none", None, None, 2),
    ]
    numbers = range(1, 9)
    owner = {number: (1, A) if number < 5 else (2, B) for number in numbers}
    return History(
        active=[Active("job", Schedule(every_s=1), at(0), at(8.4))],
        lease=lease,
        writes=[write for number in numbers for write in writes_of(number, *owner[number])],
        rows=[tick(number) for number in numbers],
        effects=[Effect(tick(number).key, f"run-{number}", at(number + 0.04)) for number in numbers],
        ended=at(10),
    )


def with_run(number: int, **changes: object) -> History:
    """The clean history, in which one row says something else."""
    history = clean()
    rows = [replace(row, **changes) if row.execution_id == f"run-{number}" else row for row in history.rows]
    return replace(history, rows=rows)


def without_effect(history: History, number: int) -> History:
    return replace(history, effects=[call for call in history.effects if call.execution_id != f"run-{number}"])


def lost() -> History:
    history = without_effect(clean(), 3)
    return replace(
        history,
        rows=[row for row in history.rows if row.execution_id != "run-3"],
        writes=[write for write in history.writes if write.execution_id != "run-3"],
    )


def silent() -> History:
    return without_effect(with_run(3, phase="running"), 3)


def silent_claim() -> History:
    history = without_effect(with_run(3, phase="claimed"), 3)
    kept = [write for write in history.writes if write.execution_id != "run-3" or write.before is None]
    return replace(history, writes=kept)


def doubled_row() -> History:
    history = clean()
    twin = [replace(write, execution_id="twin", phase="skipped") for write in writes_of(3, 1, A)[:1]]
    row = replace(tick(3), execution_id="twin", phase="unknown")
    return replace(history, rows=[*history.rows, row], writes=[*history.writes, *twin])


def doubled_effect() -> History:
    history = clean()
    return replace(history, effects=[*history.effects, Effect(tick(3).key, "run-3", at(3.5))])


def foreign_effect() -> History:
    history = clean()
    return replace(history, effects=[*history.effects, Effect(f"job:{at(3.5).isoformat()}", "nobody's", at(3.5))])


def early_effect() -> History:
    """The call of tick 3 arrived before its start was committed."""
    history = without_effect(clean(), 3)
    return replace(history, effects=[*history.effects, Effect(tick(3).key, "run-3", at(3.015))])


def done_without_effect() -> History:
    return without_effect(clean(), 3)


def unexpected() -> History:
    history = clean()
    row = Row("extra", "job", at(3.5), "unknown")
    return replace(history, rows=[*history.rows, row])


def late() -> History:
    history = without_effect(clean(), 3)
    return replace(history, effects=[*history.effects, Effect(tick(3).key, "run-3", at(4.2))])


def claimed_by(number: int, epoch: int, position: int) -> History:
    """The clean history, but one tick was claimed as of this epoch, at another place in the order of commits."""
    history = clean()
    moved = [
        replace(write, position=position + write.position % 10, claim_epoch=epoch)
        if write.execution_id == f"run-{number}" and write.before is None
        else write
        for write in history.writes
    ]
    return replace(history, writes=moved)


def claimed_after_the_flag_moved() -> History:
    history = clean()
    kept = [write for write in history.lease if not 45 <= write.position <= 47]
    moved = [
        LeaseWrite(39, at(3.99), "modern", A, "legacy", 1),
        LeaseWrite(44, at(4.3), "modern", None, None, 1),
        LeaseWrite(47, at(4.4), "modern", B, "modern", 2),
    ]
    return replace(history, lease=[*kept, *moved])


def claimed_while_nobody_owned() -> History:
    return claimed_by(4, 1, 46)


def started_by_another() -> History:
    history = clean()
    moved = [
        replace(write, runner=B) if (write.execution_id, write.phase) == ("run-3", "running") else write
        for write in history.writes
    ]
    return replace(history, writes=moved)


def started_as_of_an_old_epoch() -> History:
    """A was paused after its claim of tick 4; nobody took the claim over, and A started it when B owned."""
    history = clean()
    moved = [
        replace(write, position=48) if (write.execution_id, write.phase) == ("run-4", "running") else write
        for write in history.writes
    ]
    return replace(history, writes=moved)


def epoch_skipped() -> History:
    history = clean()
    lease = [replace(write, epoch=3) if write.epoch == 2 else write for write in history.lease]
    writes = [replace(write, claim_epoch=3) if write.claim_epoch == 2 else write for write in history.writes]
    return replace(history, lease=lease, writes=writes)


def epoch_shared() -> History:
    """B took over without a new epoch. Whoever starts is then somebody else than who took it first, so ticks 5-8 go."""
    history = clean()
    early = {f"run-{number}" for number in range(1, 5)}
    return replace(
        history,
        active=[Active("job", Schedule(every_s=1), at(0), at(4.4))],
        lease=[replace(write, epoch=min(write.epoch, 1)) for write in history.lease],
        writes=[write for write in history.writes if write.execution_id in early],
        rows=[row for row in history.rows if row.execution_id in early],
        effects=[effect for effect in history.effects if effect.execution_id in early],
    )


def no_owner() -> History:
    history = clean()
    lease = [replace(write, at=at(4.95)) if write.position == 47 else write for write in history.lease]
    return replace(history, lease=[replace(w, at=at(4.3)) if w.position in {45, 46} else w for w in lease])


def owner_dead() -> History:
    """A died, and the flag moved only later."""
    return replace(clean(), faults=[Fault(A, "kill", at(4.08))])


def never_an_owner_again() -> History:
    history = clean()
    return replace(history, lease=[w for w in history.lease if w.position < 95], faults=[Fault(B, "kill", at(8.5))])


def missed() -> History:
    history = without_effect(with_run(3, phase="missed", reason="misfire"), 3)
    kept = [write for write in history.writes if write.execution_id != "run-3" or write.before is None]
    return replace(history, writes=kept)


def given_up() -> History:
    history = without_effect(with_run(3, phase="unknown"), 3)
    last = [
        replace(write, phase="unknown") if (write.execution_id, write.phase) == ("run-3", "done") else write
        for write in history.writes
    ]
    return replace(history, writes=last)


def evicted() -> History:
    """B took the lease of A, which had not given it up."""
    history = clean()
    lease = [replace(write, silent_s=0.3) for write in history.lease if write.position != 46]
    return replace(history, lease=lease)


VERDICTS = [
    (lost, "lost"),
    (silent, "silent"),
    (silent_claim, "silent"),
    (doubled_row, "doubled row"),
    (doubled_effect, "doubled effect"),
    (foreign_effect, "effect without row"),
    (early_effect, "effect without row"),
    (done_without_effect, "done without effect"),
    (unexpected, "unexpected tick"),
    (late, "late"),
    (claimed_after_the_flag_moved, "written by a non-owner"),
    (claimed_while_nobody_owned, "written by a non-owner"),
    (started_by_another, "written by a non-owner"),
    (started_as_of_an_old_epoch, "written by a non-owner"),
    (epoch_skipped, "epochs out of order"),
    (epoch_shared, "epochs out of order"),
    (no_owner, "no owner"),
    (owner_dead, "no owner"),
    (never_an_owner_again, "no owner"),
    (missed, "wrong policy"),
    (given_up, "given up alive"),
    (evicted, "evicted alive"),
]


def kinds(history: History, policy: Policy = ALL, bounds: Bounds = BOUNDS) -> set[str]:
    return {verdict.kind for verdict in check(history, policy, bounds)}


def test_a_clean_history_brings_no_verdict() -> None:
    assert check(clean(), ALL, BOUNDS) == []


@pytest.mark.parametrize(("planted", "kind"), VERDICTS, ids=[planted.__name__ for planted, _ in VERDICTS])
def test_each_wrong_brings_its_verdict_alone(planted, kind) -> None:
    assert kinds(planted()) == {kind}


def test_every_verdict_has_a_history() -> None:
    assert {kind for _, kind in VERDICTS} == set(checker.Kind.__args__)


def test_a_run_is_given_up_rightly_when_its_runner_was_killed() -> None:
    history = replace(given_up(), faults=[Fault(A, "kill", at(3.05))])

    assert kinds(history, bounds=Bounds(late_s=1, gap_s=2)) == set()


def test_a_run_may_find_its_time_over_without_a_call_only_where_its_process_was_stopped() -> None:
    failed = without_effect(with_run(3, answered=False), 3)

    assert kinds(failed) == {"done without effect"}
    assert kinds(replace(failed, faults=[Fault(A, "stop", at(3.03), resumed=at(3.055))])) == set()
    assert kinds(replace(done_without_effect(), faults=[Fault(A, "stop", at(3.03), resumed=at(3.055))])) == {
        "done without effect"
    }


def test_a_dead_owner_is_evicted_rightly() -> None:
    history = replace(evicted(), faults=[Fault(A, "kill", at(4.55))])

    assert kinds(history) == set()


def test_a_silent_owner_is_evicted_rightly() -> None:
    assert kinds(replace(evicted(), lease=[replace(write, silent_s=0.81) for write in evicted().lease])) == set()


def test_a_stopped_owner_is_missed_only_while_it_is_stopped() -> None:
    history = replace(clean(), faults=[Fault(A, "stop", at(2.2), resumed=at(2.5))])

    assert [(gap.cause, round(gap.seconds(at(10)), 3)) for gap in gaps(history)] == [
        ("start", 0.1),
        ("stop", 0.3),
        ("flip", 0.1),
    ]


def test_the_gap_of_a_terminated_owner_begins_with_the_signal() -> None:
    history = replace(clean(), faults=[Fault(A, "term", at(4.45))])

    assert [(gap.cause, round(gap.seconds(at(10)), 3)) for gap in gaps(history)][-1] == ("term", 0.15)


POLICIES = [
    ("misfire", Policy(grace_s=0.005), True),
    ("misfire", Policy(), False),
    ("coalesced", Policy(catch_up="latest"), True),
    ("coalesced", Policy(), False),
    ("late", Policy(catch_up="none", on_time_s=0.005), True),
    ("late", Policy(catch_up="none"), False),
    ("late", Policy(on_time_s=0.005), False),
    ("overlap", Policy(overlap="skip"), True),
    ("overlap", Policy(), False),
    ("too many wait", Policy(overlap="queue"), True),
    ("too many wait", Policy(), False),
    (None, Policy(grace_s=0, catch_up="latest", overlap="skip"), False),
]


@pytest.mark.parametrize(("reason", "policy", "right"), POLICIES)
def test_a_tick_is_left_out_only_for_a_reason_of_the_policy(reason, policy, right) -> None:
    history = missed()
    rows = [replace(row, reason=reason) if row.phase == "missed" else row for row in history.rows]

    assert kinds(replace(history, rows=rows), policy) == (set() if right else {"wrong policy"})


def test_the_newest_tick_is_never_coalesced_away() -> None:
    history = without_effect(with_run(8, phase="missed", reason="coalesced"), 8)
    kept = [write for write in history.writes if write.execution_id != "run-8" or write.before is None]

    assert kinds(replace(history, writes=kept), Policy(catch_up="latest")) == {"wrong policy"}


def test_any_worker_may_start_a_run_where_all_pull() -> None:
    assert kinds(started_by_another(), Policy(owner_runs=False)) == set()


def test_lateness_is_that_of_the_first_call() -> None:
    assert [round(late_s, 3) for late_s in lateness_s(doubled_effect())] == [0.04] * 8


def test_a_timeline_tells_what_happened_around_a_tick() -> None:
    [verdict] = check(doubled_effect(), ALL, BOUNDS)
    told = [line.split(" ")[1] for line in timeline(doubled_effect(), verdict)]

    assert told == ["row", "row", "call", "row", "call", "lease", "lease", "lease"]


SECONDS = [0.05, 0.8, 1, 1.25, 2.5, 3, 7, 60, 86_400]


@pytest.mark.parametrize("every_s", SECONDS)
def test_ticks_in_seconds_are_the_multiples_since_2020(every_s) -> None:
    found = expected.ticks(Schedule(every_s=every_s), at(0), at(20 * every_s))

    assert len(found) == 20
    assert all(((fire - expected.ORIGIN) / timedelta(seconds=every_s)).is_integer() for fire in found)


def test_a_tick_at_the_begin_is_outside_and_one_at_the_end_inside() -> None:
    assert expected.ticks(Schedule(every_s=1), at(0), at(2)) == (at(1), at(2))


def test_a_crontab_line_is_read_as_crontab_reads_it() -> None:
    mondays = expected.ticks(Schedule(cron="0 9 * * 1", zone="Asia/Tokyo"), at(0), at(15 * 86_400))

    assert [fire.strftime("%d.%m. %H:%M") for fire in mondays] == ["23.11. 00:00", "30.11. 00:00", "07.12. 00:00"]


def test_nothing_is_judged_by_oracles_that_differ(monkeypatch) -> None:
    monkeypatch.setattr(expected, "by_dividing", lambda *_: [])

    with pytest.raises(expected.OraclesDiffer):
        expected.ticks(Schedule(every_s=1), at(0.5), at(2.5))


def test_the_checker_shares_no_code_with_what_it_judges() -> None:
    proof = Path(checker.__file__).parent
    sources = [proof / name for name in ("checker.py", "expected.py", "history.py")]
    imported = {
        module.split(".")[0]
        for source in [*sources, proof.parents[1] / "rules/cron_oracle.py"]
        for node in ast.walk(ast.parse(source.read_text()))
        for module in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in getattr(node, "names", [])]
        )
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    assert imported.isdisjoint({"scheduler", "shared_rules", "shared_models", "sqlalchemy", "apscheduler"})
