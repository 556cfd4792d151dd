"""One whole run over a pair of FastAPI services in this process: it finds the planted fault, says so everywhere, and decides."""

import asyncio
import io
import json
import re
import shutil
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from parity.config import Config, Parity, load_config
from parity.journal import Played, read_journal
from parity.recording import Writer, read
from parity.report import print_report, read_json, write_reports
from parity.report.summary import count_lines, numbers
from parity.routes import Route, RouteBook
from parity.runner import Options, Run, run
from parity.values import ParityError

PAIR = Path(__file__).parent / "fastapi_pair"
BOOK = RouteBook(
    [Route("GET", "/loans", "read"), Route("GET", "/loans/{id}", "read"), Route("POST", "/loans", "write")]
)


class Said:
    """Notes what a run tells of its progress."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.played: list[Played] = []

    def begin(self, name: str, total: int) -> None:
        self.begun.append((name, total))

    def advance(self, played: Played) -> None:
        self.played.append(played)

    def say(self, text: str) -> None:
        pass


def ran(config: Config, folder: Path, *recordings: Path, said: Said | None = None, **options: Any) -> Run:
    chosen = Options(folder, **{"shrink": 0, "coverage": 0.0, **options})
    files = list(recordings) or [config.root / "requests.jsonl"]
    return asyncio.run(run(config, files, chosen, book=BOOK, progress=said or Said()))


def changed(config: Config, **values: Any) -> Config:
    parity = Parity(**{**config.parity.model_dump(), **values})
    return config.model_copy(update={"parity": parity})


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return load_config(shutil.copytree(PAIR, tmp_path_factory.mktemp("project") / "pair"))


@pytest.fixture(scope="session")
def played(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Said]:
    folder, said = tmp_path_factory.mktemp("run"), Said()
    done = ran(
        config, folder, said=said, certificates=folder / "certificates", shrink=1, shrink_s=30.0, calibrate=False
    )
    return done, said


@pytest.fixture(scope="session")
def done(played: tuple[Run, Said]) -> Run:
    return played[0]


def test_it_finds_what_was_planted_and_nothing_else(done: Run) -> None:
    expected = tomllib.loads((PAIR / "expected.toml").read_text())["group"]
    found = [
        {"where": g.where, "axis": g.axis, "path": g.path, "route": f"{g.method} {g.route}"} for g in done.report.groups
    ]

    assert found == expected
    assert done.report.verdict == "failed"
    assert done.report.reasons == ("1 of 12 exchanges differs: 1 unexplained group, 1 probable cause.",)


def test_every_exchange_is_in_the_journal_and_told_as_it_is_done(played: tuple[Run, Said]) -> None:
    done, said = played
    journal = [one for replayed in done.replays for one in read_journal(replayed.journal)]

    assert [one.seq for one in journal] == list(range(1, 13)) == [one.seq for one in said.played]
    assert said.begun == [("requests.jsonl", 12)]
    assert [one.seq for one in journal if one.wrote] == [5, 7, 8]
    assert all(one.witness == () for one in journal), "both answer as recorded"


def test_a_row_written_by_a_refusal_is_shown_with_its_exchange(done: Run) -> None:
    [group] = done.report.groups
    detail = done.report.details[group.example]

    assert (detail.left.status, detail.right.status) == (400, 400)
    assert detail.left_rows == ()
    assert [(row.table, row.operation, row.after["book"]) for row in detail.right_rows] == [
        ("loans", "insert", '"Ulysses"')
    ]


def test_the_fewest_requests_that_show_it_are_found(done: Run) -> None:
    [group] = done.report.groups

    assert group.shrunk
    assert (group.shrunk.requests, group.order_dependent) == (1, False)
    assert group.shrunk.leaves <= 2


def test_ids_that_differ_from_the_recorded_ones_are_carried_over(done: Run) -> None:
    """The new service numbers its loans from 501; a GET of the loan that was made has to ask each for its own."""
    [made] = [line for line in done.report.lines() if line.seq == 6]

    assert (made.target, made.left, made.right, made.verdict) == ("/loans/2", 200, 200, "equal")
    assert done.report.counts.not_carried == {}


def test_certificates_pass_only_the_group_that_is_equal(done: Run) -> None:
    assert {one.group: one.passed for one in done.certificates} == {"read": True, "write": False}
    [replayed] = done.replays
    folder = replayed.ground.folder.parent / "certificates"
    written = {file.stem: json.loads(file.read_text()) for file in folder.iterdir()}
    assert {name: one["passed"] for name, one in written.items()} == {"read": True, "write": False}
    assert written["write"]["recordings"] == {"requests.jsonl": replayed.digest}


def test_all_formats_of_the_report_say_the_same_counts(done: Run, tmp_path: Path) -> None:
    paths = write_reports(done.report, tmp_path)
    expected = dict(numbers(done.report))
    out = io.StringIO()
    print_report(done.report, Console(file=out, width=100))
    page = re.search(r'"numbers":(\[\[.*?\]\])', paths["html"].read_text())
    table = [line.strip("| ").split(" | ") for line in paths["markdown"].read_text().splitlines() if line[:1] == "|"]

    assert (expected["exchanges"], expected["different"], expected["unexplained"]) == (12, 1, 1)
    assert all(line in out.getvalue() for line in count_lines(done.report))
    assert page
    assert dict(json.loads(page[1])) == expected
    assert dict(zip(table[0], map(int, table[2]), strict=True)) == expected
    assert {p.get("name"): int(str(p.get("value"))) for p in ET.parse(paths["junit"]).iter("property")} == expected
    again = read_json(paths["json"])
    assert dict(numbers(again)) == expected
    assert list(again.lines()) == list(done.report.lines())


def test_a_rule_of_the_ledger_opens_the_gate(config: Config, tmp_path: Path) -> None:
    ledger = config.root / "ledger.toml"
    ledger.write_text(
        '[[accept]]\nroute = "POST /loans"\nwhere = "rows"\naxis = "presence"\npath = "loans"\n'
        'reason = "as agreed"\nowner = "ada"\nexpires = 2999-01-01\n'
    )

    done = ran(changed(config, ledger="ledger.toml"), tmp_path, certificates=tmp_path / "certificates")

    assert (done.report.verdict, done.report.reasons) == ("passed", ())
    assert (done.report.counts.accepted, done.report.counts.unexplained) == (1, 0)
    assert {one.group: (one.passed, one.accepted) for one in done.certificates} == {
        "read": (True, 0),
        "write": (True, 1),
    }
    assert all(one.ledger for one in done.certificates)


def test_only_the_groups_that_are_asked_for_are_judged(config: Config, tmp_path: Path) -> None:
    done = ran(config, tmp_path, groups=frozenset({"read"}))

    assert done.report.verdict == "passed"
    assert (done.report.counts.equal, sum(done.report.counts.skipped.values())) == (9, 3)
    assert [one.group for one in done.certificates] == ["read"]


def test_coverage_that_is_missing_shuts_the_gate(config: Config, tmp_path: Path) -> None:
    (config.root / "statuses.json").write_text('{"GET /loans/{id}": [200, 404, 422], "POST /loans": [201]}')
    covered = changed(config, expected="statuses.json")

    report = ran(covered, tmp_path, groups=frozenset({"read"}), coverage=0.9).report

    assert report.verdict == "failed"
    assert report.reasons == ("Coverage is 66.7%, 90% is required; never seen: GET /loans/{id} 422.",)


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_stack_does_not_differ_from_itself_an_hour_later(name: str, config: Config, tmp_path: Path) -> None:
    stack = config.stack(name)

    done = ran(config, tmp_path, stacks=(stack, stack), shift_s=3600.0, calibrate=False)

    assert done.report.groups == ()
    assert done.report.verdict == "passed"


def test_approved_answers_are_a_third_voice(config: Config, tmp_path: Path) -> None:
    golden = changed(config, golden="golden")
    ran(golden, tmp_path / "approve", approve=True)
    [file] = (config.root / "golden").iterdir()

    equal = ran(golden, tmp_path / "equal").report.golden
    file.write_text(file.read_text().replace("At most 28 days", "At most 30 days"))
    other = ran(golden, tmp_path / "other").report

    assert (equal.compared, equal.different) == (12, 0)
    assert (other.golden.compared, other.golden.different) == (12, 1)
    assert any("not the approved" in reason for reason in other.reasons)


def test_two_recordings_begin_from_the_same_state_each(config: Config, tmp_path: Path) -> None:
    first, second = config.root / "requests.jsonl", config.root / "again.jsonl"
    shutil.copy(first, second)

    report = ran(config, tmp_path, first, second).report

    assert report.counts.exchanges == 24
    [group] = report.groups
    assert group.exchanges == ("requests/7", "again/7")


def test_what_differs_from_the_recorded_answer_is_a_witness_and_no_verdict(config: Config, tmp_path: Path) -> None:
    header, entries = read(config.root / "requests.jsonl")
    path = tmp_path / "changed.jsonl"
    with Writer(path, header) as writer:
        first, *rest = entries
        assert first.answer
        writer.write(replace(first, answer=replace(first.answer, body=b'{"detail":"Another word"}')))
        for entry in rest:
            writer.write(entry)

    report = ran(config, tmp_path / "run", path, groups=frozenset({"read"})).report

    assert (report.witness.compared, report.witness.different) == (9, 1)
    assert report.verdict == "passed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prepare": [["python", "no-such-file.py"]]}, "no-such-file.py"),
        ({"expected": "none.json"}, "none.json"),
        ({"database": {"url": "sqlite:///{folder}/app.db", "snapshot": "sqlite:////nowhere/app.db"}}, "nowhere"),
        ({"database": {"url": "mysql://{name}"}}, "mysql"),
        ({"database": {"url": "sqlite:///{foldr}/app.db"}}, "foldr"),
    ],
    ids=["a command that fails", "no statuses", "no snapshot", "an unknown database", "an unknown placeholder"],
)
def test_what_cannot_be_run_is_said_in_one_line(
    change: dict[str, Any], said: str, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(ParityError) as refused:
        ran(changed(config, **change), tmp_path)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_to_replay_is_refused(config: Config, tmp_path: Path) -> None:
    running = run(config, [], Options(tmp_path), book=BOOK, progress=Said())

    with pytest.raises(ParityError, match=r"name one, or set parity\.recordings"):
        asyncio.run(running)


def test_approving_without_a_place_is_refused_before_anything_is_replayed(config: Config, tmp_path: Path) -> None:
    said = Said()

    with pytest.raises(ParityError, match=r"set parity\.golden"):
        ran(config, tmp_path, said=said, approve=True)

    assert said.begun == []


def test_no_clone_and_no_sink_is_left(done: Run) -> None:
    [replayed] = done.replays

    left = {file.name for side in ("left", "right") for file in (replayed.ground.folder / "replay" / side).iterdir()}
    assert not {name for name in left if name.startswith("app.db")}
