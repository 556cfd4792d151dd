"""Every format says the same counts, fits its reader, and takes hostile content as text."""

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console

from parity.report import print_report, read_json, write_reports
from parity.report.junit import junit
from parity.report.markdown import markdown
from parity.report.summary import column_of, count_lines, headline, matrix, next_steps, numbers
from parity.report.value import Cause, Cell, Coverage, Report
from parity.values import ParityError
from tests.parity.report_sample import HOSTILE, SECRET, sample

REPORT = sample()


def terminal(report: Report, *, colours: bool = False, width: int = 100, html: str = "") -> str:
    out = io.StringIO()
    print_report(report, Console(file=out, width=width, force_terminal=colours, highlight=False), html)
    return out.getvalue()


def wide(report: Report, causes: int = 200) -> Report:
    """Return the report with very many causes, each with the group of the first."""
    group = replace(report.groups[0], path="$." + "long_name." * 40, route="/" + "segment/" * 40)
    groups = tuple(replace(group, id=f"g{n}", cause=f"c{n}") for n in range(causes))
    found = tuple(Cause(f"c{n}", f"{HOSTILE} {n}" * 5, 1, (f"g{n}",)) for n in range(causes))
    cells = tuple(Cell("jobs", "GET", f"/never/{n}", "200", True, 0) for n in range(causes))
    return replace(report, groups=groups, causes=found, coverage=Coverage(0.95, 0.0, cells))


def test_all_formats_say_the_same_counts(tmp_path: Path) -> None:
    paths = write_reports(REPORT, tmp_path)
    expected = dict(numbers(REPORT))

    told = json.loads(paths["json"].read_text())["counts"]
    del told["not_carried_examples"]
    told |= {"skipped": sum(told["skipped"].values()), "not carried": sum(told.pop("not_carried").values())}
    properties = {p.get("name"): int(str(p.get("value"))) for p in ET.parse(paths["junit"]).iter("property")}
    head, _, figures = [
        line.strip("| ").split(" | ") for line in paths["markdown"].read_text().splitlines() if line.startswith("|")
    ]
    page = re.search(r'"numbers":(\[\[.*?\]\])', paths["html"].read_text())
    said = [int(number) for line in count_lines(REPORT) for number in re.findall(r"\d+", line)]

    assert told == expected
    assert properties == expected
    assert dict(zip(head, map(int, figures), strict=True)) == expected
    assert page
    assert dict(json.loads(page[1])) == expected
    assert sorted(said) == sorted(expected.values())
    assert all(line in terminal(REPORT) for line in count_lines(REPORT))


def test_json_comes_back_as_the_same_report(tmp_path: Path) -> None:
    again = read_json(write_reports(REPORT, tmp_path)["json"])

    assert list(again.lines()) == list(REPORT.lines()) == list(again.lines())
    assert asdict(replace(again, lines=list)) == asdict(replace(REPORT, lines=list))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "other/1"}', '{"format": "parity-report/1", "exchanges": [1]}']
)
def test_a_file_that_is_no_report_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)

    with pytest.raises(ParityError) as refused:
        read_json(path)

    assert "\n" not in str(refused.value)
    assert "name a report.json of a run" in str(refused.value)


def test_a_report_takes_the_place_of_the_old_one_whole_or_not_at_all(tmp_path: Path) -> None:
    write_reports(REPORT, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def torn() -> object:
        yield from list(REPORT.lines())[:3]
        raise RuntimeError("the journal is gone")

    with pytest.raises(RuntimeError):
        write_reports(replace(REPORT, lines=torn), tmp_path)  # type: ignore[arg-type]

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("format_", ["html", "json", "junit", "markdown"])
def test_no_format_holds_what_was_masked(tmp_path: Path, format_: str) -> None:
    assert SECRET not in write_reports(REPORT, tmp_path)[format_].read_text()
    assert SECRET not in terminal(REPORT)


class TestTerminal:
    @pytest.mark.parametrize("width", [60, 100, 200])
    def test_no_line_is_wider_than_100_columns_or_the_terminal(self, width: int) -> None:
        lines = terminal(wide(REPORT), width=width, html="var/parity/report.html").splitlines()

        assert max(map(len, lines)) <= min(width, 100)

    def test_colours_are_for_terminals_only(self) -> None:
        assert "\x1b[" in terminal(REPORT, colours=True)
        assert "\x1b[" not in terminal(REPORT)

    def test_control_characters_of_answers_do_not_reach_the_terminal(self) -> None:
        hostile = replace(REPORT.causes[0], title="\x1b[2Jgone \u202e \x07")

        assert not set(terminal(replace(REPORT, causes=(hostile,)))) & set("\x1b\x07\u202e")

    def test_markup_of_answers_is_text(self) -> None:
        assert "[red]x[/red]" in terminal(replace(REPORT, causes=(replace(REPORT.causes[0], title="[red]x[/red]"),)))

    def test_long_lists_are_cut_and_say_where_the_rest_is(self) -> None:
        text = terminal(wide(REPORT), html="var/report.html")

        assert "and 188 more causes, see var/report.html" in text
        assert "and 192 more gaps, see var/report.html" in text
        assert len(text.splitlines()) < 300

    def test_it_ends_with_what_to_do_next(self) -> None:
        assert "What to do next" in terminal(REPORT)
        assert "What to do next" not in terminal(passed())

    def test_only_causes_with_something_unexplained_are_listed(self) -> None:
        text = terminal(REPORT)

        assert "status 404 -> 200" in text
        assert "status 400 -> 422" not in text


def passed() -> Report:
    report = sample(verdict="passed")
    counts = replace(report.counts, groups=0, causes=0, unexplained=0, different=0, differences=0, accepted=0, equal=57)
    return replace(
        report,
        counts=counts,
        groups=(),
        causes=(),
        details={},
        coverage=Coverage(0.95, 1.0),
        ledger=type(report.ledger)(),
    )


ORDER = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase"],
    "testcase": ["failure"],
    "properties": ["property"],
}
NEEDED = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "property": {"name", "value"},
    "properties": set(),
}


class TestJunit:
    @pytest.mark.parametrize("report", [REPORT, wide(REPORT, 30), passed()], ids=["failed", "large", "passed"])
    def test_it_has_the_shape_that_ci_servers_read(self, report: Report) -> None:
        root = ET.fromstring(junit(report))
        cases = list(root.iter("testcase"))
        failed = [case for case in cases if case.find("failure") is not None]

        for element in root.iter():
            children = [child.tag for child in element]
            assert set(element.keys()) == NEEDED[element.tag]
            assert children == sorted(children, key=ORDER.get(element.tag, []).index)
        for element in (root, *root.iter("testsuite")):
            assert (element.get("tests"), element.get("failures")) == (str(len(cases)), str(len(failed)))
        assert all(len(case.findall("failure")) <= 1 for case in cases)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(root[0].get("timestamp")))

    def test_a_route_fails_if_and_only_if_something_there_is_unexplained(self) -> None:
        cases = {case.get("name"): case for case in ET.fromstring(junit(REPORT)).iter("testcase")}
        failing = {name for name, case in cases.items() if case.find("failure") is not None}

        assert failing == {f"{g.method} {g.route}" for g in REPORT.groups if g.state == "unexplained"} | {"gate"}
        assert "POST /auth/login" in cases

    def test_the_gate_fails_with_the_reasons_and_passes_with_the_run(self) -> None:
        gate = next(case for case in ET.fromstring(junit(REPORT)).iter("testcase") if case.get("name") == "gate")

        assert str(gate[0].text).splitlines() == list(REPORT.reasons)
        assert b"<failure" not in junit(passed())

    def test_characters_that_xml_cannot_hold_are_replaced(self) -> None:
        bad = replace(REPORT.groups[0], path="$.\x00\x1b\ud800\uffff<&\"'")

        assert "$.����<&" in "".join(ET.fromstring(junit(replace(REPORT, groups=(bad,)))).itertext())


class TestMarkdown:
    def test_a_comment_fits_on_github(self) -> None:
        assert len(markdown(wide(REPORT, 1000))) < 65_536
        assert "more causes, see the HTML report" in markdown(wide(REPORT, 1000))

    def test_nothing_of_an_answer_is_read_as_html_or_notifies_anybody(self) -> None:
        bad = replace(REPORT.causes[0], title=f"{HOSTILE} @ada ``` **b** [x](http://e)")
        text = markdown(replace(REPORT, causes=(bad,), reasons=("<b> @bob | *x*",)))
        outside = re.sub(r"(?ms)^(`{3,})diff\n.*?^\1$", "", text)

        assert set(re.findall(r"<(/?\w+)", outside)) <= {"details", "summary", "/details", "/summary", "b", "/b"}
        assert "@ada" not in outside
        assert "@bob" not in outside
        assert r"&lt;b&gt; @&#8203;bob \| \*x\*" in text

    def test_a_fence_inside_of_a_value_does_not_end_the_fence(self) -> None:
        detail = REPORT.details["e000011"]
        spots = (replace(detail.spots[0], left='"```\\n# big"'),)
        text = markdown(replace(REPORT, details={**REPORT.details, "e000011": replace(detail, spots=spots)}))

        assert "````diff" in text

    def test_a_passed_run_is_short_and_says_so(self) -> None:
        text = markdown(passed())

        assert text.startswith("## ✅ Parity passed: 60 exchanges, no unexplained difference.")
        assert "<details>" not in text


def test_statuses_fall_into_columns() -> None:
    assert [column_of(status) for status in ("200", "201", "2xx", "307", "404", "422", "500", "5xx", "0")] == [
        "2xx", "2xx", "2xx", "3xx", "404", "422", "5xx", "5xx", "0",
    ]  # fmt: skip


def test_the_coverage_table_adds_up_to_its_cells() -> None:
    columns, table = matrix(REPORT.coverage)

    assert columns == ["2xx", "400", "404", "409"]
    sums = [cell for row in table.values() for cell in row.values()]
    assert sum(cell.seen for cell in sums) == sum(cell.seen for cell in REPORT.coverage.cells)
    assert sum(cell.missing for cell in sums) == 1
    assert table["jobs", "PUT", "/jobs/{id}"]["409"].seen == 0


def test_values_that_were_not_carried_are_named() -> None:
    assert "  2 × a token of an unknown user, e.g. token <jwt-7> in e000021\n" in terminal(REPORT)


def test_where_nothing_was_wanted_there_is_no_share_of_it() -> None:
    cells = tuple(replace(cell, wanted=False) for cell in REPORT.coverage.cells)
    report = replace(REPORT, coverage=Coverage(0.95, 1.0, cells))

    for text in (terminal(report), markdown(report).replace("\\", "")):
        assert "No coverage was asked for (parity.expected)." in text
        assert "100.0%" not in text


def test_a_reason_is_said_once() -> None:
    unused = "A rule of the ledger accepts nothing any more (00aa11bb, owner bob): no longer needed; take it out."
    report = replace(passed(), verdict="failed", reasons=(unused, "Another."), ledger=REPORT.ledger)

    assert terminal(report).replace("\n", " ").count("00aa11bb") == 1
    assert markdown(report).count("00aa11bb") == 1
    assert "Another." in terminal(report)


def test_a_run_that_failed_by_coverage_alone_says_so() -> None:
    only = replace(passed(), verdict="failed", reasons=("Coverage is 10 %.",), coverage=Coverage(0.95, 0.1))

    assert headline(only) == "Parity failed: Coverage is 10 %."
    assert next_steps(only) == ["Record the exchanges that are missing from the coverage, or generate them."]
