"""The judge and its statistics: what is seen early, what is never held against a healthy candidate."""

import itertools
import multiprocessing
import random
import statistics
from collections.abc import Callable, Iterator

import pytest

from gateway.chronicle import Chronicle, Stint
from gateway.evidence import Kind, Mark, Trial
from gateway.judge import FAILURES, Judge, Verdict
from gateway.odds import Expected, allowed, expected, pooled, tail
from gateway.pool import Pool
from tests.gateway.simulation import Stack, Traffic, made, run_until_verdict

REFUSALS = ((401, 0.03), (404, 0.05), (422, 0.02), (409, 0.005))
GROUPS = tuple(f"group{number}" for number in range(15))
STINT = Stint("things.read", 5, "g0002")
# What a line of the log takes to the judge: nginx holds it back for 0.2 s, the watch looks each 0.05 s.
DELAY_S = 0.25
Decide = Callable[..., list[Verdict]]


def exact_tail(bad: int, seen: int, p: float) -> float:
    """A binomial tail as a sum over every count, for small numbers."""
    chances = [1.0]
    for _ in range(seen):
        chances = [a * (1 - p) + b * p for a, b in zip([*chances, 0.0], [0.0, *chances], strict=True)]
    return sum(chances[bad:])


@pytest.mark.parametrize(("bad", "seen", "p"), [(1, 3, 0.01), (3, 3, 0.005), (4, 40, 0.02), (90, 100, 0.5)])
def test_a_tail_without_doubt_on_the_rate_is_the_binomial_one(bad: int, seen: int, p: float) -> None:
    assert tail(bad, seen, Expected(p, 1e9)) == pytest.approx(exact_tail(bad, seen, p), rel=1e-4)


def test_a_tail_with_doubt_is_polyas_urn() -> None:
    """Three bad of three, drawn from an urn with 1 bad and 99 good that gets one more of each drawn."""
    assert tail(3, 3, Expected(0.01, 100)) == pytest.approx(1 / 100 * 2 / 101 * 3 / 102)


def test_the_less_is_known_of_the_primary_the_less_is_improbable() -> None:
    tails = [tail(5, 100, Expected(0.01, weight)) for weight in (10, 100, 1_000, 10_000)]

    assert tails == sorted(tails, reverse=True)


@pytest.mark.parametrize("seen", [10**3, 10**5, 10**7])
def test_millions_of_requests_neither_vanish_nor_overflow(seen: int) -> None:
    rate = expected(seen // 200, seen, 0.005)

    assert 0.01 < tail(seen // 200 + int((seen / 100) ** 0.5), seen, rate) < 0.4
    assert 0 <= tail(seen // 10, seen, rate) < 1e-6
    assert tail(0, seen, rate) == 1.0


def test_all_looks_together_spend_the_budget_and_no_more() -> None:
    assert sum(allowed(0.001, look) for look in range(1, 100_000)) == pytest.approx(0.001, rel=1e-4)


def test_a_pool_has_the_mean_and_the_spread_of_its_groups() -> None:
    parts = [(10, Expected(0.01, 50)), (200, Expected(0.05, 400))]
    rate = pooled(parts)

    def variance(seen: int, rate: Expected) -> float:
        return seen * rate.mean * (1 - rate.mean) * (1 + (seen - 1) / (rate.weight + 1))

    assert rate.mean * 210 == pytest.approx(10.1)
    assert variance(210, rate) == pytest.approx(sum(variance(*part) for part in parts), rel=0.02)


@pytest.fixture
def decide() -> Decide:
    """Return all verdicts on requests given as `(count, facts)`, of one group at 5 % unless said otherwise."""

    def run(*requests: tuple[int, dict[str, object]], share: int = 5) -> list[Verdict]:
        judge, stint = Judge("primary", "candidate"), Stint("things.read", share, "g0002")
        judge.now({"things.read": stint})
        seen = (judge.see(made(**facts), stint) for count, facts in requests for _ in range(count))
        return [verdict for verdict in seen if verdict]

    return run


GOOD = {"owner": "primary"}
BAD = {"owner": "primary", "status": 500}
MINE = {"owner": "candidate"}
MY_500 = {"owner": "candidate", "status": 500}


def beside(count: int, mine_s: float, theirs_s: float = 0.01) -> list[tuple[int, dict[str, object]]]:
    """Return requests of the candidate that take so long, each beside one of the primary."""
    return count * [(1, {**MINE, "waited_s": mine_s}), (1, {**GOOD, "waited_s": theirs_s})]


NO_REASON = {
    "the primary is worse": 30 * [(2, BAD), (8, GOOD), (1, MY_500), (9, MINE)],
    "both fail at once": [(3000, GOOD), (1000, MINE), *10 * [(3, BAD), (1, MY_500)]],
    "testers ask for it": [(300, GOOD), (20, {**MY_500, "forced": "candidate"})],
    "probes": [(300, GOOD), (20, {**MY_500, "rid": "probe-1"})],
    "the gateway itself refuses": [(300, GOOD), (20, {**MY_500, "tried": False})],
    "two bad answers": [(3000, GOOD), (2, MY_500)],
    "refusals in so few requests": [(300, GOOD), (15, {**MINE, "status": 404})],
    "refusals with little beside them": [(40, GOOD), (40, {**MINE, "status": 404})],
    "slow at first": [(300, GOOD), *beside(20, 1.0), *beside(200, 0.01)],
    "one slow batch": [(300, GOOD), *beside(70, 0.01), *beside(50, 1.0), *beside(200, 0.01)],
    "a little slower": [(300, GOOD), *beside(300, 0.029)],
    "slow beyond few milliseconds, not beyond twice": [(300, {**GOOD, "waited_s": 0.1}), *beside(300, 0.19, 0.1)],
    "slow with nothing beside it": [(300, GOOD), (500, {**MINE, "waited_s": 1.0})],
}


@pytest.mark.parametrize("requests", NO_REASON.values(), ids=NO_REASON.keys())
def test_this_is_no_reason(decide: Decide, requests: list[tuple[int, dict[str, object]]]) -> None:
    assert decide(*requests) == []


REASON = {
    "5xx": ("failures", [(300, GOOD), (5, MY_500)]),
    "nobody answered": ("failures", [(300, GOOD), (5, {**MINE, "status": 502, "served_by": "none"})]),
    "the other stack answered instead": (
        "failures",
        [(300, GOOD), (5, {**MINE, "fell_from": "candidate", "served_by": "primary", "waited_s": None})],
    ),
    "worse than a primary that is bad": ("failures", [(900, GOOD), (100, BAD), (40, MY_500)]),
    "bad after a long good time": ("failures", [(300, GOOD), (20_000, MINE), (300, GOOD), (8, MY_500)]),
    "401 where there were none": ("other refusals", [(300, GOOD), (10, MINE), (20, {**MINE, "status": 401})]),
    "a rare refusal": ("other refusals", [(300, GOOD), (10, MINE), (20, {**MINE, "status": 418})]),
    "clients that give up": ("other refusals", [(300, GOOD), (10, MINE), (20, {**MINE, "status": 499})]),
    "slow for long": ("slowness", [(300, GOOD), *beside(130, 0.031)]),
}


@pytest.mark.parametrize(("rule", "requests"), REASON.values(), ids=REASON.keys())
def test_this_is_a_reason(decide: Decide, rule: str, requests: list[tuple[int, dict[str, object]]]) -> None:
    first, *_ = decide(*requests)

    assert (first.rule, first.groups) == (rule, ("things.read",))


def test_at_100_percent_the_last_known_baseline_counts() -> None:
    judge, stint = Judge("primary", "candidate"), Stint("things.read", 100, "g0002")
    for number in range(1000):
        judge.see(made(status=500 if number % 10 == 0 else 200), None)
    judge.now({"things.read": stint})
    seen = [judge.see(made(**(MY_500 if number % 10 == 0 else MINE)), stint) for number in range(1000)]
    later = [judge.see(made(**MY_500), stint) for _ in range(30)]
    first = next(verdict for verdict in later if verdict)

    assert [verdict for verdict in seen if verdict] == []
    assert "100 of the last 1000 that primary had" in first.words


def test_an_incident_that_hits_both_is_not_the_candidates_fault() -> None:
    """Whatever good times the primary is known from: at the same time it fails as well."""
    judge = Judge("primary", "candidate")
    for _ in range(5_000):
        judge.see(made(), None)
    judge.now({"things.read": STINT})
    verdicts = [judge.see(made(**facts), STINT) for _ in range(30) for facts in (BAD, BAD, MY_500)]

    assert [verdict for verdict in verdicts if verdict] == []


def test_an_incident_that_hits_both_everywhere_is_not_the_candidates_fault() -> None:
    judge = Judge("primary", "candidate")
    for group, _ in itertools.product(GROUPS, range(2_000)):
        judge.see(made(group=group), None)
    stints = {group: Stint(group, 25, "g0002") for group in GROUPS}
    judge.now(stints)
    rounds = itertools.product(range(6), GROUPS, (BAD, BAD, MY_500))
    verdicts = [judge.see(made(group=group, **facts), stints[group]) for _, group, facts in rounds]

    assert [verdict for verdict in verdicts if verdict] == []


def test_a_verdict_that_was_carried_out_does_not_come_again() -> None:
    judge = Judge("primary", "candidate")
    judge.now({"things.read": STINT})
    requests = [*[made()] * 300, *[made(**MY_500)] * 5]
    first = next(verdict for verdict in (judge.see(request, STINT) for request in requests) if verdict)
    judge.settled(first)

    assert [judge.see(made(**MY_500), STINT) for _ in range(20)] == [None] * 20


def test_a_changed_share_begins_anew() -> None:
    judge, later = Judge("primary", "candidate"), Stint("things.read", 25, "g0003")
    judge.now({"things.read": STINT})
    for request in [*[made()] * 300, *[made(**MY_500)] * 2]:
        judge.see(request, STINT)
    judge.now({"things.read": later})
    late = [judge.see(made(**MY_500), STINT) for _ in range(5)]
    fresh = [judge.see(made(**MY_500), later) for _ in range(2)]

    assert late == [None] * 5, "of the share before"
    assert fresh == [None] * 2
    assert judge.rows()[0].counts.seen == 2
    assert list(judge.trials) == [later]


def test_a_stack_that_fails_everywhere_is_seen_over_all_groups() -> None:
    judge = Judge("primary", "candidate")
    stints = {group: Stint(group, 1, "g0002") for group in GROUPS}
    judge.now(stints)
    for group in GROUPS:
        for _ in range(40):
            judge.see(made(group=group), stints[group])
    verdicts = [judge.see(made(**MY_500, group=group), stints[group]) for group in GROUPS[:6]]
    first = next(verdict for verdict in verdicts if verdict)

    assert (first.rule, first.groups) == ("failures everywhere", tuple(sorted(GROUPS)))


def test_one_bad_group_does_not_take_the_others_along() -> None:
    judge = Judge("primary", "candidate")
    stints = {group: Stint(group, 50, "g0002") for group in GROUPS}
    judge.now(stints)
    for group, owner, _ in itertools.product(GROUPS, ("primary", "candidate"), range(100)):
        judge.see(made(group=group, owner=owner), stints[group])
    verdicts = [judge.see(made(**MY_500, group="group3"), stints["group3"]) for _ in range(40)]

    assert {verdict.groups for verdict in verdicts if verdict} == {("group3",)}


def test_the_worst_group_is_left_out_of_the_sum() -> None:
    pool = Pool(budget=1e-4, floor=0.005)

    def rate(_group: str, _counts: Mark) -> Expected:
        return expected(0, 1_000, 0.005)

    alone = [
        pool.failed("a", {"a": Mark(count, count), "b": Mark(0, 10), "c": Mark(0, 10)}, rate) for count in range(20)
    ]
    spread = pool.failed("a", {name: Mark(2, 2) for name in "abcdef"}, rate)

    assert alone == [None] * 20
    assert spread is not None
    assert (spread.counts.bad, spread.groups) == (10, 5)


def test_a_canary_that_gets_more_of_a_bad_group_is_not_blamed() -> None:
    """Simpson's paradox: the primary's errors are 0.9 % over all, the candidate's 9 %, and neither group differs."""
    judge, chance = Judge("primary", "candidate"), random.Random(5)
    shares = {"bad": 50, "good": 1}
    stints = {group: Stint(group, share, "g0002") for group, share in shares.items()}
    judge.now(stints)
    verdicts = []
    for _ in range(20_000):
        group = "bad" if chance.random() < 0.02 else "good"
        owner = "candidate" if chance.random() * 100 < shares[group] else "primary"
        status = 500 if group == "bad" and chance.random() < 0.15 else 200
        verdicts.append(judge.see(made(group=group, owner=owner, status=status), stints[group]))

    assert [verdict for verdict in verdicts if verdict] == []


FAULTS = {
    "every answer at 1 %": (Traffic(1, Stack(), Stack(errors=1.0)), 3.0, 10.0),
    "every answer at 1 %, beside errors": (Traffic(1, Stack(errors=0.005), Stack(errors=1.0)), 3.0, 10.0),
    "every answer at 1 % of 15 groups": (Traffic(1, Stack(), Stack(errors=1.0), GROUPS), 4.0, 10.0),
    "every answer at 100 %": (Traffic(100, Stack(), Stack(errors=1.0)), 1.0, 1.0),
    "one in twenty at 25 %": (Traffic(25, Stack(), Stack(errors=0.05)), 10.0, 25.0),
    "one in twenty at 100 %": (Traffic(100, Stack(), Stack(errors=0.05)), 3.0, 8.0),
    "three times as slow at 5 %": (Traffic(5, Stack(median_s=0.02), Stack(median_s=0.06)), 25.0, 60.0),
}


@pytest.mark.parametrize(("traffic", "median_s", "longest_s"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_seen_in_time(traffic: Traffic, median_s: float, longest_s: float) -> None:
    runs = [run_until_verdict(traffic, random.Random(seed), 9_000, before=1_000) for seed in range(15)]
    times = [at + DELAY_S for _, at, _ in runs]
    errors = [errors for _, _, errors in runs]

    assert all(verdict for verdict, _, _ in runs)
    assert statistics.median(times) <= median_s
    assert max(times) <= longest_s
    assert traffic.candidate.errors < 1 or max(errors) <= 5


@pytest.mark.long
@pytest.mark.timeout(600)
def test_one_error_in_twenty_at_a_quarter_is_seen_within_ten_seconds() -> None:
    traffic = Traffic(25, Stack(), Stack(errors=0.05))
    times = [run_until_verdict(traffic, random.Random(seed), 9_000, before=1_000)[1] + DELAY_S for seed in range(400)]

    assert statistics.quantiles(times, n=20)[17] <= 10, "nine times of ten"


def healthy(seed: int) -> str:
    """Return the words of the verdict on a candidate that is just like the primary, "" for none."""
    chance = random.Random(seed)
    errors, share = chance.choice((0, 0.001, 0.005, 0.02, 0.05)), chance.choice((1, 5, 25, 50, 100))
    refusals = REFUSALS if chance.random() < 0.7 else ()
    stack = Stack(errors, refusals, chance.choice((0.02, 0.1)), chance.choice((0.3, 0.6, 1.0, 1.5)))
    groups = GROUPS[:1] if chance.random() < 0.6 else GROUPS[:5]
    before = 2_000 if share == 100 or chance.random() < 0.5 else 0
    verdict, _, _ = run_until_verdict(Traffic(share, stack, stack, groups), chance, 5_000, before)
    return f"run {seed}: {verdict.words}" if verdict else ""


def test_a_healthy_candidate_is_left_alone() -> None:
    assert list(filter(None, map(healthy, range(25)))) == []


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_of_ten_thousand_healthy_runs_at_most_ten_are_taken_back() -> None:
    with multiprocessing.get_context("spawn").Pool() as pool:
        alarms = list(filter(None, pool.map(healthy, range(1_000_000, 1_010_000), chunksize=50)))

    assert len(alarms) <= 10, alarms


def test_a_fixed_threshold_at_each_look_would_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: one threshold for every look, as if there were only one."""
    monkeypatch.setattr("gateway.evidence.allowed", lambda budget, look: 0.005)
    monkeypatch.setattr("gateway.evidence.WORSE_NOW", 1.0)
    stack = Stack(errors=0.02)
    runs = [run_until_verdict(Traffic(25, stack, stack), random.Random(seed), 5_000) for seed in range(12)]

    assert any(verdict for verdict, _, _ in runs)


RECORDS = [
    {"event": "found", "generation": "g0001", "shares": {}, "loose": []},
    {"event": "wanted", "generation": "g0002", "shares": {"a": 1, "b": 5}, "loose": []},
    {"event": "done", "generation": "g0002", "shares": {"a": 1, "b": 5}, "loose": []},
    {"event": "unreadable"},
    {"event": "wanted", "generation": "g0003", "shares": {"a": 25, "b": 5}, "loose": []},
    {"event": "reverted", "generation": "g0002", "shares": {"a": 1, "b": 5}, "loose": []},
    {"event": "wanted", "generation": "g0004", "shares": {"a": 5, "b": 5}, "loose": []},
    {"event": "done", "generation": "g0004", "shares": {"a": 5, "b": 5}, "loose": []},
    {"event": "wanted", "generation": "g0005", "shares": {"a": 1, "b": 5}, "loose": []},
    {"event": "done", "generation": "g0005", "shares": {"a": 1, "b": 5}, "loose": []},
]


def test_a_stint_lasts_until_its_share_changes_and_a_reverted_change_ends_none() -> None:
    chronicle = Chronicle.of(RECORDS)
    since = {name: {stint.group: stint.since for stint in stints.values()} for name, stints in chronicle.stints.items()}

    assert chronicle.standing == "g0005"
    assert since == {
        "g0001": {},
        "g0002": {"a": "g0002", "b": "g0002"},
        "g0003": {"a": "g0003", "b": "g0002"},
        "g0004": {"a": "g0004", "b": "g0002"},
        "g0005": {"a": "g0005", "b": "g0002"},
    }


def test_a_trial_of_many_millions_stays_cheap_and_sees_the_turn() -> None:
    trial = Trial("things.read", 100, known=(500, 10**6))
    trial.seen = 10**7
    trial.faults(FAILURES.name).bad = 5_000
    found = (trial.candidate_did(FAILURES) for _ in range(12))

    assert next(evidence for evidence in found if evidence).counts.bad <= 12


def kinds() -> Iterator[Kind]:
    yield Kind("plain", 1e-3, 0.005)
    yield Kind("needs more", 1e-3, 0.005, needs=20, needs_concurrent=50)


def test_what_a_kind_needs_must_be_there() -> None:
    plain, needy = kinds()

    def first(kind: Kind) -> int | None:
        trial = Trial("things.read", 5)
        for _ in range(100):
            trial.primary_did("")
        return next((count for count in range(1, 100) if trial.candidate_did(kind)), None)

    assert (first(plain), first(needy)) == (3, 20)
