"""The verdict: which exchanges count, what noise and the ledger may take away, and every reason that shuts the gate."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from parity.calibrate import suspects_of
from parity.certify import certify
from parity.grouping import group_id, group_key
from parity.journal import Detail, Journal, Played
from parity.judge import Criteria, Judged, joined, judge
from parity.ledger import Ledger, Rule
from parity.report.value import Report, StackInfo
from parity.routes import Route, RouteBook
from parity.values import Answer, Difference, Outcome
from tests.parity.exchanges import JOBS, different, entry, played

TODAY = date(2026, 11, 22)
TEAMS = Route("POST", "/teams", "teams")
BOOK = RouteBook([JOBS, TEAMS])
ROWS = different("jobs.name", where="rows")


def rule(**changed: Any) -> Rule:
    facts = {
        "route": "GET /jobs",
        "axis": "value",
        "path": "$.name",
        "reason": "as agreed",
        "owner": "ada",
        "expires": TODAY,
    }
    return Rule(**{**facts, **changed})


def criteria(**changed: Any) -> Criteria:
    facts: dict[str, Any] = {"ledger": Ledger(), "today": TODAY, "book": BOOK, "expected": {}, "required": 0.95}
    return Criteria(**{**facts, **changed})


def judged(tmp_path: Path, exchanges: Sequence[Played], **changed: Any) -> Judged:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal(path)
    for one in exchanges:
        journal.add(one)
    journal.close()
    return judge([path], criteria(**changed))


def states(found: Judged) -> dict[str, str]:
    return {f"{group.method} {group.route} {group.path}": group.state for group in found.comparison.groups}


def test_equal_exchanges_open_the_gate(tmp_path: Path) -> None:
    found = judged(tmp_path, [played(1), played(2, route=TEAMS, wrote=True)])

    assert found.reasons == ()
    assert [line.wrote for line in found.lines()] == [False, True]
    assert (found.counts.exchanges, found.counts.equal, found.counts.groups) == (2, 2, 0)
    assert [line.verdict for line in found.lines()] == ["equal", "equal"]


@pytest.mark.parametrize(
    ("exchanges", "changed", "said"),
    [
        ([], {}, "No exchange was compared."),
        ([played(skipped="was given up")], {}, "No exchange was compared."),
        ([played()], {"scope": frozenset({"teams"})}, "No exchange was compared."),
        (
            [played(1, different()), played(2)],
            {},
            "1 of 2 exchanges differs: 1 unexplained group, 1 probable cause.",
        ),
        (
            [played(1, different()), played(2, different("$.a", axis="type"))],
            {},
            "2 of 2 exchanges differ: 2 unexplained groups, 2 probable causes.",
        ),
        (
            [played(golden=(different(),))],
            {},
            "1 answer is not the approved one; approve it after a review, or mend the stack.",
        ),
        (
            [played()],
            {"expected": {"GET /jobs": [200, 401], "POST /teams": [201, 400, 403, 409]}},
            "Coverage is 16.7%, 95% is required; never seen: GET /jobs 401, POST /teams 201, POST /teams 400 and 2 more.",
        ),
        (
            [played()],
            {"ledger": Ledger((rule(expires=date(2026, 11, 21)),))},
            "A rule of the ledger expired on 2026-11-21",
        ),
        ([played()], {"ledger": Ledger((rule(),))}, "A rule of the ledger accepts nothing any more"),
        (
            [played(1), *(played(n, statuses=(200, 401, 401)) for n in (2, 3))],
            {},
            "The replay does not fit the recording: both stacks refuse 2 of 3 exchanges",
        ),
    ],
    ids=[
        "nothing replayed",
        "everything skipped",
        "another route group asked for",
        "a difference",
        "two causes",
        "another golden answer",
        "coverage",
        "an expired rule",
        "an unused rule",
        "a replay that does not fit",
    ],
)
def test_every_reason_is_said_and_shuts_the_gate(
    exchanges: list[Played], changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, exchanges, **changed)

    assert len(found.reasons) == 1, found.reasons
    assert found.reasons[0].startswith(said)
    assert "\n" not in found.reasons[0]


@pytest.mark.parametrize(
    "exchanges",
    [
        [*(played(n) for n in range(9)), played(10, statuses=(200, 404, 404))],
        [played(1, statuses=(401, 401, 401)), played(2, statuses=(500, 500, 500))],
        [played(1, statuses=(None, 404, 404)), played(2)],
        [played(1, statuses=(302, 404, 404)), played(2)],
    ],
    ids=["one of ten", "refusals that were recorded", "nothing was recorded", "recorded redirects"],
)
def test_a_replay_fits_while_nine_of_ten_recorded_successes_are_not_refused(
    exchanges: list[Played], tmp_path: Path
) -> None:
    assert judged(tmp_path, exchanges).reasons == ()


@pytest.mark.parametrize(("left", "right"), [(200, 401), (401, 200)])
def test_a_success_that_one_stack_refuses_is_a_difference_and_no_misfit(left: int, right: int, tmp_path: Path) -> None:
    status = different("status", left, right, axis="status", kinds=(str(left), str(right)))
    found = judged(tmp_path, [played(1, status, statuses=(200, left, right))])

    assert [reason.partition(":")[0] for reason in found.reasons] == ["1 of 1 exchange differs"]


NOISE = {"name": frozenset({"float", "time", "uuid", "text", "int", "opaque", "bool"})}


@pytest.mark.parametrize(
    ("found", "hidden"),
    [
        (different(left=0.004, right=0.009, kinds=("float", "float")), True),
        (different(left="2026-11-22T10:00:00Z", right="2026-11-22T10:00:09Z", kinds=("time", "time")), True),
        (different("jobs.name", 0.004, 0.009, where="rows", kinds=("float", "float")), True),
        (different("$.other", 0.004, 0.009, kinds=("float", "float")), False),
        (different(left=0.004, right=9, axis="type", kinds=("float", "int")), False),
        (different(left=None, right=0.1, axis="type", kinds=("null", "float")), False),
        (different(left=None, right=0.1, axis="presence", kinds=("missing", "float")), False),
        (
            different(left="2026-11-22T10:00:00Z", right="2026-11-22T10:00:00", axis="format", kinds=("t1", "t2")),
            False,
        ),
        (different(left=[1, 2], right=[2, 1], axis="order", kinds=("array(2)", "array(2)")), False),
        (different("status", 200, 201, axis="status", kinds=("200", "201")), False),
    ],
    ids=[
        "a float",
        "a time",
        "the same leaf in a row",
        "another leaf",
        "another type",
        "null for a float",
        "missing",
        "another format",
        "another order",
        "another status",
    ],
)
def test_noise_hides_values_and_never_presence_type_format_order_or_status(
    found: Difference, hidden: bool, tmp_path: Path
) -> None:
    counts = judged(tmp_path, [played(1, found)], noise=NOISE).counts

    assert (counts.equal, counts.unexplained) == ((1, 0) if hidden else (0, 1))


def test_noise_of_one_class_does_not_hide_another(tmp_path: Path) -> None:
    text, number = different(left="a", right="b"), different(left=1, right=2, kinds=("int", "int"))
    found = judged(tmp_path, [played(1, text), played(2, number)], noise={"name": frozenset({"float"})})

    assert found.counts.different == 2


def test_noise_is_noise_for_every_voice(tmp_path: Path) -> None:
    changed = different("$.took_s", 0.1, 0.2, kinds=("float", "float"))
    exchange = played(1, changed, golden=(changed,), witness=(changed,))
    found = judged(tmp_path, [exchange], noise={"took_s": frozenset({"float"})})

    assert found.counts.unexplained == 0
    assert (found.golden.equal, found.witness.equal) == (1, 1)


def test_noise_of_this_run_and_of_the_approval_hold_together() -> None:
    assert joined({"at": frozenset({"float"})}, {"at": frozenset({"time"}), "b": frozenset({"hex"})}, {}) == {
        "at": frozenset({"float", "time"}),
        "b": frozenset({"hex"}),
    }


def test_an_accepted_difference_opens_the_gate_and_is_counted(tmp_path: Path) -> None:
    found = judged(tmp_path, [played(1, different()), played(2)], ledger=Ledger((rule(),)))

    assert found.reasons == ()
    assert (found.counts.accepted, found.counts.equal, found.counts.groups) == (1, 1, 1)
    assert states(found) == {"GET /jobs $.name": "accepted"}
    assert [(used.count, used.groups) for used in found.ledger.used] == [(1, 1)]
    assert [line.verdict for line in found.lines()] == ["accepted", "equal"]


def test_an_exchange_with_one_difference_more_than_was_accepted_differs(tmp_path: Path) -> None:
    found = judged(tmp_path, [played(1, different(), different("$.b"))], ledger=Ledger((rule(),)))

    assert found.counts.different == 1
    assert states(found) == {"GET /jobs $.name": "accepted", "GET /jobs $.b": "unexplained"}
    assert len(found.reasons) == 1


def test_an_expired_rule_accepts_nothing(tmp_path: Path) -> None:
    ended = Ledger((rule(expires=date(2026, 1, 1)),))
    found = judged(tmp_path, [played(1, different())], ledger=ended)

    assert found.counts.unexplained == 1
    assert len(found.reasons) == 2


def test_a_rule_that_silences_many_groups_is_told(tmp_path: Path) -> None:
    wide = rule(path="*")
    exchanges = [played(1, *(different(f"$.f{number}") for number in range(5)))]

    assert [used.groups for used in judged(tmp_path, exchanges, ledger=Ledger((wide,))).ledger.broad] == [5]
    assert not judged(tmp_path, exchanges[:1], ledger=Ledger((rule(path="$.f1"),))).ledger.broad


def test_a_part_of_the_routes_says_nothing_of_rules_for_others(tmp_path: Path) -> None:
    unused = Ledger((rule(route="POST /teams"),))

    assert judged(tmp_path, [played()], ledger=unused, scope=frozenset({"jobs"})).reasons == ()
    assert judged(tmp_path, [played()], ledger=unused, sample=True).reasons == ()


def test_a_scope_judges_its_groups_and_asks_for_their_coverage_only(tmp_path: Path) -> None:
    exchanges = [played(1), played(2, different(), route=TEAMS)]
    found = judged(
        tmp_path, exchanges, scope=frozenset({"jobs"}), expected={"GET /jobs": [200], "POST /teams": [201, 400]}
    )

    assert found.reasons == ()
    assert (found.counts.equal, found.counts.skipped) == (1, {"of a route group that was not asked for": 1})
    assert [(line.verdict, line.reason) for line in found.lines()] == [
        ("equal", ""),
        ("skipped", "of a route group that was not asked for"),
    ]


CAUSE, LATER = played(1, ROWS, route=TEAMS), played(2, different(), caused_by="e1")


def test_what_follows_from_a_write_is_marked_and_keeps_the_gate_shut(tmp_path: Path) -> None:
    found = judged(tmp_path, [CAUSE, LATER])

    assert states(found) == {"POST /teams jobs.name": "unexplained", "GET /jobs $.name": "caused_by"}
    assert [group.caused_by for group in found.comparison.groups] == [
        None,
        group_id(group_key("POST", "/teams", ROWS)),
    ]
    assert found.counts.different == 2
    assert found.reasons


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"ledger": Ledger((rule(route="POST /teams", where="rows", path="jobs.name"),))}, "caused_by"),
        ({"scope": frozenset({"jobs"})}, "unexplained"),
    ],
    ids=["accepted", "not judged"],
)
def test_what_follows_from_a_write_never_opens_the_gate_by_itself(
    changed: dict[str, Any], state: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, [CAUSE, LATER], **changed)

    assert states(found)["GET /jobs $.name"] == state
    assert found.counts.different == 1
    assert len(found.reasons) == 1


def test_what_followed_from_noise_is_unexplained_once_the_noise_is_gone(tmp_path: Path) -> None:
    took = different("jobs.took_s", 0.1, 0.2, where="rows", kinds=("float", "float"))
    exchanges = [played(1, took, route=TEAMS), played(2, different("$.mean_s", 0.1, 0.2), caused_by="e1")]

    assert suspects_of(judged(tmp_path, exchanges)) == {"took_s", "mean_s"}
    found = judged(tmp_path, exchanges, noise={"took_s": frozenset({"float"})})
    assert states(found) == {"GET /jobs $.mean_s": "unexplained"}


def test_only_values_that_nobody_accepted_are_suspected_to_be_noise(tmp_path: Path) -> None:
    exchanges = [
        played(1, different(), different("$.a"), different("$.b", axis="format"), different("x.c", where="rows"))
    ]

    assert suspects_of(judged(tmp_path, exchanges, ledger=Ledger((rule(),)))) == {"a", "c"}


def test_what_was_not_carried_is_counted_by_its_kind(tmp_path: Path) -> None:
    found = judged(tmp_path, [played(1, not_carried=("id 7", "id 8", "token <jwt-1>"))])

    assert found.counts.not_carried == {"id": 2, "token": 1}


def test_of_what_was_not_carried_the_first_three_values_of_a_kind_are_told(tmp_path: Path) -> None:
    long = "id " + "f" * 99
    found = judged(tmp_path, [played(1, not_carried=("id 7", long)), played(2, not_carried=("id 7", "id 8", "id 9"))])

    assert found.counts.not_carried == {"id": 5}
    assert found.counts.not_carried_examples == {"id": ("id 7 in e1", f"{long[:59]}… in e1", "id 8 in e2")}


def test_latencies_are_percentiles_in_milliseconds(tmp_path: Path) -> None:
    [latency] = judged(tmp_path, [played(n, elapsed_s=(n / 1000, 0.5)) for n in range(1, 101)]).latencies

    assert (latency.count, latency.left_p50, latency.left_p95) == (100, 51.0, 96.0)
    assert (latency.right_p50, latency.right_p95) == (500.0, 500.0)


def test_coverage_shows_each_4xx_and_other_statuses_by_class(tmp_path: Path) -> None:
    exchanges = [played(n, status=status) for n, status in enumerate([200, 201, 404, 409, 500, 503], 1)]
    cells = judged(tmp_path, exchanges, expected={"GET /jobs": [200, 404]}).coverage.cells

    assert {cell.status: (cell.seen, cell.wanted) for cell in cells} == {
        "2xx": (2, True),
        "404": (1, True),
        "409": (1, False),
        "5xx": (2, False),
    }


def test_examples_are_those_that_were_kept_whole(tmp_path: Path) -> None:
    said = Outcome(Answer(200))
    one = entry(2, "GET", "/jobs")
    whole = played(2, different(), detail=Detail(one, (one.request, one.request), said, said))
    found = judged(tmp_path, [played(1, different()), whole])

    assert set(found.kept) == {"e2"}
    assert [group.example for group in found.comparison.groups] == ["e2"]


def test_many_journals_are_judged_as_one(tmp_path: Path) -> None:
    paths = []
    for number in (1, 2):
        path = tmp_path / f"{number}.jsonl"
        journal = Journal(path)
        journal.add(played(1, different(), id=f"{number}/e1"))
        journal.close()
        paths.append(path)
    found = judge(paths, criteria())

    assert found.counts.exchanges == 2
    assert [group.exchanges for group in found.comparison.groups] == [("1/e1", "2/e1")]
    assert [line.id for line in found.lines()] == ["1/e1", "2/e1"]


def test_an_open_group_gets_a_rule_to_paste_and_an_accepted_one_none(tmp_path: Path) -> None:
    exchanges = [played(1, different(), different("$.b"))]
    groups = judged(tmp_path, exchanges, ledger=Ledger((rule(),))).comparison.groups

    assert {group.path: "[[accept]]" in group.suggested_rule for group in groups} == {"$.name": False, "$.b": True}
    assert "expires = 2027-01-21" in next(group.suggested_rule for group in groups if group.path == "$.b")


def report_of(found: Judged) -> Report:
    return Report(
        created="2026-11-22T10:00:00Z",
        duration_s=1.0,
        stacks=(StackInfo("old"), StackInfo("new")),
        recordings=(),
        verdict="passed",
        reasons=found.reasons,
        counts=found.counts,
        coverage=found.coverage,
    )


@pytest.mark.parametrize(
    ("exchanges", "changed", "passed"),
    [
        ([played(1), played(2, route=TEAMS)], {}, {"jobs": True, "teams": True}),
        ([played(1), played(2, different(), route=TEAMS)], {}, {"jobs": True, "teams": False}),
        ([played(1)], {}, {"jobs": True, "teams": False}),
        ([played(1)], {"scope": frozenset({"jobs"})}, {"jobs": True}),
        ([played(1, golden=(different(),)), played(2, route=TEAMS)], {}, {"jobs": False, "teams": True}),
        (
            [played(1), played(2, route=TEAMS)],
            {"expected": {"GET /jobs": [200], "POST /teams": [403]}},
            {"jobs": True, "teams": False},
        ),
        (
            [played(1), played(2, route=TEAMS)],
            {"ledger": Ledger((rule(expires=date(2026, 1, 1)),))},
            {"jobs": False, "teams": False},
        ),
        (
            [played(1, different()), played(2, route=TEAMS)],
            {"ledger": Ledger((rule(),))},
            {"jobs": True, "teams": True},
        ),
    ],
    ids=[
        "all equal",
        "one differs",
        "one was not replayed",
        "one was asked for",
        "one is not as approved",
        "one is not covered",
        "an expired rule fails all",
        "what is accepted passes",
    ],
)
def test_each_route_group_gets_its_certificate(
    exchanges: list[Played], changed: Mapping[str, Any], passed: dict[str, bool], tmp_path: Path
) -> None:
    found = judged(tmp_path, exchanges, **changed)
    certificates = certify(report_of(found), found, criteria(**changed), "sqlite")

    assert {one.group: one.passed for one in certificates} == passed
    assert all(bool(one.reasons) is not one.passed for one in certificates)
