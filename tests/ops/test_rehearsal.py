"""The rehearsal's parts: what is judged and how, what strikes when, what is reported; and a small one with real processes."""

import http.client
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from changeover import launch
from changeover.place import Place
from changeover.problems import UNUSABLE, Problem
from changeover.rehearsal import copy as copies
from changeover.rehearsal import run as rehearsals
from changeover.rehearsal.asked import Asked, Kind, Tally, Window, explained, unexplained
from changeover.rehearsal.books import Books, balance, calls_in
from changeover.rehearsal.course import Course, groups_in_order
from changeover.rehearsal.crowd import COHORTS as VISITORS
from changeover.rehearsal.crowd import guest_list
from changeover.rehearsal.deeds import DEEDS, HOST
from changeover.rehearsal.faults import FAULTS, WHOLE, Allowed, Fault
from changeover.rehearsal.outcome import Noted, Outcome, judge
from changeover.rehearsal.relay import Mood, Relay
from changeover.rehearsal.report import write_reports
from changeover.rehearsal.scene import Step, Struck, Unexpected, until
from changeover.rehearsal.scheduler import without_a_row
from changeover.rehearsal.visitor import Place as Street
from changeover.system import ROOT, System, load_system
from gateway.cohorts import COHORTS, SHARES, cohort_of
from gateway.config import Steps, load
from parity.sinks.http import HttpSink
from shared_rules.policy import Role
from tests.ops.certificates import certify
from tests.ops.ground import environment_of_a_copy, open_folder

pytestmark = pytest.mark.skipif(
    not all((ROOT / name).is_dir() for name in ("legacy_flask", "fastapi_app")),
    reason="there is nothing to rehearse where only one stack is left",
)
CONFIG = load(ROOT, {}, complete=True)
JOB, TARGET = ("job", "a"), ("target", "b")


def asked(at: float, bad: str = "", *, kind: Kind = "read", group: str = "jobs.read", took_s: float = 0.01) -> Asked:
    rid = f"rehearsal-{at:g}"
    return Asked(at, took_s, rid, "GET /api/jobs", group, kind, 500 if bad else 200, "modern", bad)


@pytest.mark.parametrize(
    ("at", "took_s", "is_lost"),
    [
        pytest.param(4.0, 0.5, True, id="ended before"),
        pytest.param(4.8, 0.5, False, id="under way when it began"),
        pytest.param(6.0, 0.1, False, id="within"),
        pytest.param(6.9, 5.0, False, id="began within, ended after"),
        pytest.param(7.1, 0.1, True, id="began after"),
    ],
)
def test_a_bad_answer_is_explained_by_a_fault_it_met(at: float, took_s: float, is_lost: bool) -> None:
    bad, window = asked(at, "500 instead of 200", took_s=took_s), Window(5.0, 7.0)

    assert (unexplained([bad], [window]), explained([bad], [window])) == (([bad], [[]]) if is_lost else ([], [[bad]]))


def test_a_bad_answer_under_way_over_two_faults_is_the_later_ones() -> None:
    bad = asked(6.5, "502 instead of 201", took_s=1.0)

    assert explained([bad], [Window(5.0, 7.0), Window(7.1, 9.0)]) == [[], [bad]]


def test_the_tally_counts_what_a_stack_answered_since() -> None:
    tally = Tally()
    for one in (asked(1), asked(2), asked(3, group="health"), asked(2.5, took_s=2), asked(5)):
        tally.add(one)

    assert tally.answered("jobs.read", "modern", 2.0) == 3


def write(
    books: Books, *, fails: bool = False, new: Sequence[tuple[str, str]] = (), old: Sequence[tuple[str, str]] = ()
) -> None:
    with suppress(ConnectionError), books.writing(new=tuple(new), old=tuple(old)):
        if fails:
            raise ConnectionError


@pytest.mark.parametrize(
    ("lost", "rows", "missing", "doubled"),
    [
        pytest.param(False, 1, (), (), id="acknowledged and there"),
        pytest.param(False, 0, ("job a",), (), id="acknowledged and not there"),
        pytest.param(False, 2, (), ("job a",), id="acknowledged and there twice"),
        pytest.param(True, 0, (), (), id="answer lost, not there"),
        pytest.param(True, 1, (), (), id="answer lost, there"),
        pytest.param(True, 2, (), ("job a",), id="answer lost, there twice"),
    ],
)
def test_a_write_is_there_once(lost: bool, rows: int, missing: tuple[str, ...], doubled: tuple[str, ...]) -> None:
    books = Books()
    write(books, fails=lost, new=[JOB])
    found = balance(books, {JOB: rows})

    assert (found.missing, found.doubled, found.acknowledged) == (missing, doubled, 0 if lost else 1)


@pytest.mark.parametrize(
    ("lost", "rows", "wrong"),
    [
        pytest.param(False, 0, (), id="gone"),
        pytest.param(False, 1, ("job a",), id="still there"),
        pytest.param(True, 0, (), id="answer lost, gone"),
        pytest.param(True, 1, (), id="answer lost, still there"),
    ],
)
def test_what_was_deleted_is_gone(lost: bool, rows: int, wrong: tuple[str, ...]) -> None:
    books = Books()
    write(books, new=[JOB])
    write(books, fails=lost, old=[JOB])

    assert balance(books, {JOB: rows}).doubled == wrong


def test_runs_with_one_mark_are_counted() -> None:
    books = Books()
    for fails in (False, True, False):
        write(books, fails=fails, new=[TARGET])

    assert [balance(books, {TARGET: rows}).missing for rows in (1, 2, 3)] == [("target b",), (), ()]
    assert balance(books, {TARGET: 4}).doubled == ("target b",)


def test_a_run_that_calls_twice_is_doubled() -> None:
    with HttpSink() as sink:
        for _ in range(2):
            line = http.client.HTTPConnection(sink.address, timeout=10)
            line.request("POST", "/visitor-1-2", headers={"Host": HOST})
            line.getresponse().read()
            line.close()
        found = calls_in(sink.take())
    books = Books()
    write(books, new=[("call", f"https://{HOST}/visitor-1-2")])

    assert balance(books, found).doubled == (f"call https://{HOST}/visitor-1-2",)


@pytest.mark.parametrize("count", [1, 2, 3, 15, 40])
def test_every_fault_strikes_once_however_many_groups_move(count: int) -> None:
    groups = [f"group.{number}" for number in range(count)]
    course = Course(groups, FAULTS, 60, lambda _line: None, lambda: None)
    struck = [fault for number in range(count) for share in SHARES[1:] for fault in course.faults_of(number, share)]

    assert sorted(fault.name for fault in [*struck, *course.faults_at_the_end()]) == sorted(f.name for f in FAULTS)


def test_faults_have_names_of_their_own_and_strike_at_steps_there_are() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {fault.share for fault in FAULTS} <= {*SHARES[1:], WHOLE}
    assert [fault.name for fault in FAULTS if not fault.expects] == []


def test_groups_move_in_the_order_of_the_phases_after_what_they_require() -> None:
    order = groups_in_order(CONFIG.routes)
    early = [
        (group.id, required.group)
        for group in CONFIG.routes.groups
        for required in group.requires
        if order.index(group.id) < order.index(required.group)
    ]

    assert sorted(order) == sorted(group.id for group in CONFIG.routes.groups)
    assert early == []


def test_visitors_do_something_in_every_group() -> None:
    assert {deed.group for deed in DEEDS} == {group.id for group in CONFIG.routes.groups}
    assert [deed.group for deed in DEEDS if Role.ADMIN not in deed.roles] == []


def test_visitors_are_of_every_cohort_and_of_every_role() -> None:
    street = Street(CONFIG, "http://127.0.0.1:9", Tally(), Books(), frozenset({"/api/v2"}))
    guests = guest_list(street)
    cookies = [guest.cookie for guest in guests if guest.cookie]
    counted = {cohort: sum(cohort_of(cookie, CONFIG.sticky.salt) == cohort for cookie in cookies) for cohort in COHORTS}

    assert counted == VISITORS
    assert {guest.role for guest in guests} == set(Role)
    assert sum(guest.prefix == "/api/v2" for guest in guests) == 3


def noted(
    struck: Sequence[Struck] = (), requests: Sequence[Asked] = (), books: Books | None = None, rows: int = 1
) -> Noted:
    return Noted(
        stacks=("legacy", "modern"),
        steps=[Step("jobs.read", "jobs.read", 5, 0.0, 10.0, 2.5, 20.0)],
        struck=struck,
        asked=requests,
        balance=balance(books or Books(), {JOB: rows}),
        flips=1,
        audit=(),
        problems=(),
        notes=("The scheduler was handed over 3 times.",),
        machine={"processors": "2"},
        began=0.0,
        ended=10.0,
    )


def no_strike(_scene: object, _group: str) -> str:
    return "nothing"


FAULT = Fault("a <fault>", 5, "at most 2 bad | reads", Allowed(reads=2, writes=1, both=2, pinned=None), no_strike)


def struck(problem: str = "", *, ended: float = 6.0) -> Struck:
    return Struck(FAULT.name, "jobs.read", 5, Window(5.0, ended), "seen", problem, 0.7)


def outcome_of(struck: Sequence[Struck] = (), requests: Sequence[Asked] = ()) -> Outcome:
    return judge(noted(struck, requests), [FAULT])


BAD = "502 instead of 200"
TWO_READS = [asked(5.1, BAD), asked(5.2, BAD)]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param(outcome_of(requests=[asked(1)]), [], id="nothing happened"),
        pytest.param(outcome_of([struck()], TWO_READS), [], id="what a fault may cost"),
        pytest.param(
            outcome_of([struck()], [*TWO_READS, asked(5.3, BAD)]),
            ["3 bad answers to reads, 2 allowed"],
            id="too many reads",
        ),
        pytest.param(
            outcome_of([struck()], [*TWO_READS, asked(5.3, BAD, kind="write")]),
            ["3 bad answers to reads and writes, 2 allowed"],
            id="too many of both",
        ),
        pytest.param(
            outcome_of([struck()], [asked(5 + n / 100, BAD, kind="pinned") for n in range(50)]), [], id="what is pinned"
        ),
        pytest.param(outcome_of([struck("not within 20 s: x")]), ["not within 20 s: x"], id="not as expected"),
        pytest.param(outcome_of([struck()], [asked(8, BAD)]), ["1 lost outside the faults"], id="lost after a fault"),
        pytest.param(outcome_of(requests=[asked(5.1, BAD)]), ["1 lost outside the faults"], id="lost without a fault"),
    ],
)
def test_what_was_not_as_expected_is_said(outcome: Outcome, said: list[str]) -> None:
    assert len(outcome.wrong) == len(said)
    assert [part for part, sentence in zip(said, outcome.wrong, strict=True) if part not in sentence] == []
    assert outcome.verdict == ("not as expected" if said else "as expected")


def test_missing_and_doubled_writes_are_not_as_expected() -> None:
    books = Books()
    write(books, new=[JOB])
    found = [judge(noted(books=books, rows=rows), [FAULT]).wrong for rows in (0, 1, 2)]

    assert found == [("1 writes missing, the first: job a",), (), ("1 writes doubled, the first: job a",)]


def test_a_step_has_figures_of_its_group_by_stack() -> None:
    outcome = outcome_of(requests=[asked(n, took_s=n / 1000) for n in range(1, 10)] + [asked(5, group="health")])
    [row] = outcome.steps

    assert (row.requests, row.errors, row.paces["legacy"].requests) == (9, 0, 0)
    assert (row.paces["modern"].p50_ms, row.paces["modern"].p95_ms) == (5.0, 9.0)


def test_reports_say_the_same_in_three_forms_and_ask_nobody(tmp_path: Path) -> None:
    outcome = outcome_of([struck("a | b")], [asked(1), asked(3, BAD), *TWO_READS])
    page = write_reports(outcome, tmp_path / "report").read_text()
    summary = (tmp_path / "report/summary.md").read_text()
    facts = json.loads((tmp_path / "report/report.json").read_text())

    assert outcome.summary in page
    assert outcome.summary in summary
    assert facts["summary"] == outcome.summary
    assert (facts["verdict"], facts["totals"]["lost"]) == ("not as expected", 1)
    assert "a &lt;fault&gt;" in page
    assert not re.search(r"<script|(?:src|href)=|url\(|<fault>", page)
    [row] = [line for line in summary.splitlines() if line.startswith("| a <fault>")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 9


def test_the_chart_has_a_bar_for_every_second_in_which_somebody_answered(tmp_path: Path) -> None:
    outcome = outcome_of(requests=[asked(0.1), asked(2.1), asked(2.2)])
    page = write_reports(outcome, tmp_path).read_text()

    assert re.findall(r"<title>(\d s: \d)</title>", page) == ["0 s: 1", "2 s: 2"]


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def relayed_echo() -> Iterator[Relay]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack = replace(CONFIG.stacks[1], host="127.0.0.1", port=server.server_port)
    try:
        with Relay(CONFIG, stack) as relay:
            yield relay
    finally:
        server.shutdown()
        server.server_close()


def post(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, bytes]:
    connection.request("POST", f"/api/v2{path}", body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_relay_passes_on_or_does_as_its_mood_says_to_one_group() -> None:
    large = os.urandom(300_000)
    with relayed_echo() as relay:
        line = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=10)
        passed = [post(line, "/jobs", large), post(line, "/jobs/validate-cron", b"1")]
        relay.be(Mood("jobs.write", status=500))
        spoilt = [post(line, "/jobs", large)[0], post(line, "/jobs/validate-cron", b"2")[0]]
        relay.be(Mood("jobs.write", wait_s=0.2))
        began = time.monotonic()
        slow = post(line, "/jobs", b"3"), time.monotonic() - began
        relay.be(Mood(breaks=True))
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            post(line, "/jobs/validate-cron", b"4")
        relay.be(None)
        line.close()
        after = post(line, "/jobs", b"5")
        line.close()

    assert passed == [(201, large), (201, b"1")]
    assert spoilt == [500, 201]
    assert slow[0] == (201, b"3")
    assert slow[1] >= 0.2
    assert after == (201, b"5")


def test_waiting_gives_up_and_says_what_did_not_happen() -> None:
    with pytest.raises(Unexpected, match=r"not within 0\.1 s: the moon is blue"):
        until(lambda: None, "the moon is blue", 0.1)


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    with open_folder() as folder:
        for name, value in environment_of_a_copy(folder / "var").items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(ROOT)
        yield load_system()


def test_nothing_of_the_environment_leads_out_of_the_copy(owner: System, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "MODERN_DATABASE_URL"):
        monkeypatch.setenv(name, "postgresql://somebody@example.invalid/precious")
    monkeypatch.setenv("MAIL_ENABLED", "on")
    with HttpSink() as sink:
        system = copies.system_in(owner.place.var_dir / "copy", load_system(), Steps(), sink, "secret")
    settings = system.settings
    here = f"sqlite:///{owner.place.var_dir / 'copy' / 'cron_jobs.db'}"

    assert (settings.database_url, settings.modern_database_url) == (here, here)
    assert (system.environ["DATABASE_URL"], system.environ["MODERN_DATABASE_URL"]) == (here, here)
    assert not settings.mail_enabled
    assert f"{settings.outgoing_sink}" == f"{('127.0.0.1', sink.port)}"
    assert settings.jwt_secret_key != owner.settings.jwt_secret_key
    assert {port.port for port in system.ports()} & {port.port for port in owner.ports()} == set()


def test_copies_that_were_killed_are_cleared_up_and_others_left(tmp_path: Path) -> None:
    killed = tmp_path / "copy-killed"
    killed.mkdir()
    with copies.own_folder(tmp_path) as (used, keep):
        keep()
        copies.clear_up(tmp_path)
        left = sorted(path.name for path in tmp_path.iterdir())
    kept = used.is_dir()
    copies.clear_up(tmp_path)

    assert left == [used.name]
    assert kept
    assert list(tmp_path.iterdir()) == []


def test_a_tick_without_a_row_is_found_from_the_first_row_on() -> None:
    first = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    ticks = [first + timedelta(seconds=number / 2) for number in range(9)]

    assert without_a_row(ticks, 0.5, ticks[-1]) == []
    assert without_a_row([first - timedelta(seconds=0.1), *ticks], 0.5, ticks[-1]) == []
    assert without_a_row([*ticks[:3], *ticks[4:7]], 0.5, ticks[-1]) == [ticks[3], *ticks[7:]]


def test_a_rehearsal_of_no_time_is_refused(owner: System) -> None:
    from typer.testing import CliRunner

    from changeover.cli import app

    done = CliRunner().invoke(app, ["rehearsal", "--minutes", "0.5"])

    assert isinstance(done.exception, Problem)
    assert (str(done.exception), done.exception.exit_code) == ("--minutes 0.5: must be 1 or more.", UNUSABLE)


GROUPS = ("jobs.read", "cron.tools")
STRIKING = ("the candidate answers 500", "a stale plan is applied", "kill -9 of a worker of the candidate")


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("planted", [False, True], ids=["all well", "a loss that nothing explains"])
def test_a_small_rehearsal_loses_nothing_and_notices_a_loss(owner: System, planted: bool) -> None:
    certify(owner.place.var_dir, *(group.id for group in owner.config.routes.groups))
    faults = [fault for fault in FAULTS if fault.name in STRIKING]
    told: list[str] = []
    sees = PlantedLoss("cron.tools", told) if planted else rehearsals.Wanted.sees
    outcome = rehearsals.rehearse(
        owner,
        rehearsals.Wanted(0.5, GROUPS, faults, sees),
        rehearsals.Telling(told.append, lambda _count: None, lambda: None),
    )

    assert [sentence.partition(",")[0] for sentence in outcome.wrong] == (
        ["1 lost outside the faults"] if planted else []
    )
    assert [row.name for row in outcome.faults if row.problem] == []
    assert len(outcome.faults) == len(STRIKING)
    assert [row.reads for row in outcome.faults if row.name != STRIKING[0]] == [0, 0]
    assert outcome.totals["acknowledged"] > 20
    assert {step.what for step in outcome.steps} == {*GROUPS, "pins out", "all back", "all forward"}
    assert left_running(owner.place.var_dir / "rehearsal") == []


class PlantedLoss:
    """Takes one good answer of the group for a 500, while the last words were of no fault."""

    def __init__(self, group: str, told: list[str]) -> None:
        self._group, self._told, self._done = group, told, False

    def __call__(self, group: str, status: int) -> int:
        if self._done or group != self._group or self._told[-1] != "Everything back, and forward again.":
            return status
        self._done = True
        return 500


def left_running(home: Path) -> list[int]:
    records = [record for folder in home.glob("copy-*") for record in Place(folder).records()]
    found = filter(None, map(launch.read_incarnation, records))
    return [pid for last in found for pid in launch.members(last)]
