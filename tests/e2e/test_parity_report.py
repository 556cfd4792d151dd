"""The HTML report in a real browser: what a person sees, finds, copies, and what answers cannot do to them."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from parity.report.html import write_html
from parity.report.summary import numbers
from parity.report.value import Coverage
from tests.parity.report_sample import HOSTILE, sample

REPORT = sample()
SHOWN = HOSTILE.replace("\u2028", "\\u2028").replace("\u202e", "\\u202e")
TABS = ["overview", "differences", "exchanges", "witnesses", "run"]
# Contrast of every visible text with what is behind it, after WCAG: [ratio, text] where it is below 4.5.
CONTRAST = """() => {
  const lum = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.getClientRects().length || element.closest(".toast, script, .skip, option")) continue;
    const [a, b] = [lum(rgb(getComputedStyle(element).color)), lum(behind(element))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) low.push([Math.round(ratio * 100) / 100, node.data.slice(0, 40), element.className]);
  }
  return low;
}"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, [role=grid], [role=img]")]
  .filter((one) => one.getClientRects().length && !(one.getAttribute("aria-label") || one.textContent.trim()))
  .map((one) => one.outerHTML)"""
OPEN_ALL = """() => {
  for (const which of [".cause > h2 > button", ".group > h3 > button", "summary"])
    for (const one of document.querySelectorAll(which)) if (one.getAttribute("aria-expanded") !== "true") one.click();
}"""
TOO_WIDE = """() => [...document.querySelectorAll(".sides .cell, .rows td, .block pre, .request, .cause .title")]
  .filter((one) => one.getClientRects().length && one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent.slice(0, 80))"""
TEXTS = "(cells) => cells.map((cell) => cell.innerText)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_html(REPORT, tmp_path_factory.mktemp("report") / "report.html").as_uri()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_html(sample(10_000), tmp_path_factory.mktemp("large") / "report.html").as_uri()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield a page; whatever goes wrong in it, or leaves it, fails the test."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on(
        "request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:")) else None
    )
    yield page
    assert wrong == []
    context.close()


def open_group(page: Page, url: str, number: int) -> Locator:
    group = REPORT.groups[number]
    page.goto("about:blank")
    page.goto(f"{url}#differences/{group.id}")
    return page.locator(f"#group-{group.id}")


def group_at(axis: str, route: str) -> int:
    return next(n for n, group in enumerate(REPORT.groups) if (group.axis, group.route) == (axis, route))


def test_verdict_counts_and_coverage_are_seen_first(page: Page, report: str) -> None:
    page.goto(report)

    expect(page.locator("h1")).to_have_text("Parity failed: 9 unexplained groups, 10 causes.")
    told = {str(dd.get_attribute("data-count")): int(dd.inner_text()) for dd in page.locator("#counts dd").all()}
    assert told == dict(numbers(REPORT))
    expect(page.get_by_label("PUT /jobs/{id} 409: wanted, never seen")).to_be_visible()
    page.get_by_label("PUT /jobs/{id} 400: 3 seen, 1 different").click()
    expect(page.locator("#matches")).to_have_text("1 of 60 exchanges")


def test_a_run_without_coverage_says_so_and_shows_twelve_causes_and_each_reason_once(
    page: Page, tmp_path: Path
) -> None:
    only = "The replay does not fit the recording."
    cells = tuple(replace(cell, wanted=False) for cell in REPORT.coverage.cells)
    causes = tuple(replace(REPORT.causes[0], id=f"c{number}") for number in range(13))
    counts = replace(REPORT.counts, unexplained=0)
    quiet = replace(REPORT, coverage=Coverage(0.95, 1.0, cells), causes=causes, counts=counts, reasons=(only, "More."))
    page.goto(write_html(quiet, tmp_path / "report.html").as_uri())

    expect(page.get_by_role("heading", name="No coverage was asked for (parity.expected).")).to_be_visible()
    expect(page.get_by_text(only)).to_have_count(1)
    expect(page.get_by_text("More.")).to_be_visible()
    expect(page.locator(".links button")).to_have_count(13)
    expect(page.get_by_text("and 1 more cause")).to_be_visible()
    expect(page.get_by_text("2 × a token of an unknown user, e.g. token <jwt-7> in e000021")).to_be_visible()


def test_every_group_stands_under_its_cause_with_its_state(page: Page, report: str) -> None:
    page.goto(f"{report}#differences")
    expect(page.locator(".cause")).to_have_count(len(REPORT.causes))
    page.evaluate(OPEN_ALL)

    expect(page.locator(".group")).to_have_count(len(REPORT.groups))
    assert page.locator(".group > h3 .chip").all_inner_texts() == [
        group.state.replace("_", " ") for group in REPORT.groups
    ]
    for cause, box in zip(REPORT.causes, page.locator(".cause").all(), strict=True):
        assert [group.get_attribute("id") for group in box.locator(".group").all()] == [
            f"group-{name}" for name in cause.groups
        ]


@pytest.mark.long
def test_search_and_filters_narrow_what_is_shown(page: Page, report: str) -> None:
    page.goto(f"{report}#differences")
    matches = page.locator("#matches")

    for words, left in [
        ("created_at", 3),
        ("hooks.example", 2),
        ("no such JOB", 1),
        ("/jobs format", 2),
        ("nowhere", 0),
    ]:
        page.get_by_role("searchbox").fill(words)
        expect(matches).to_have_text(f"{left} of 11 groups")
    page.locator(".empty button").click()
    expect(matches).to_have_text("11 of 11 groups")
    for name, value, left in [
        ("axis", "type", 2),
        ("state", "caused_by", 1),
        ("area", "executions", 2),
        ("status", "422", 1),
    ]:
        page.locator(f"select[name={name}]").select_option(value)
        expect(matches).to_have_text(f"{left} of 11 groups")
        page.locator("#clear").click()
    page.click("[data-tab=exchanges]")
    page.locator("select[name=verdict]").select_option("skipped")
    expect(matches).to_have_text("3 of 60 exchanges")


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(REPORT.groups)))
def test_side_by_side_marks_exactly_the_lines_that_differ(page: Page, report: str, number: int) -> None:
    detail = REPORT.details[REPORT.groups[number].example]
    box = open_group(page, report, number)
    expect(box.locator(".sides").first).to_be_visible()

    sides = box.get_by_label("Answers side by side")
    columns = 3 if detail.recorded else 2
    for at, side in ((columns - 1, "left"), (columns, "right")):
        shown = sides.locator(f".row > .cell.differs:nth-child({at})").evaluate_all(TEXTS)
        assert shown == [getattr(line, side) or "" for line in detail.lines if line.mark]
    if detail.recorded:
        seen = sides.locator(".row > .cell.witnessed").evaluate_all(TEXTS)
        assert seen == [line.recorded or "" for line in detail.lines if line.witness]


def test_only_the_part_that_differs_is_emphasised(page: Page, report: str) -> None:
    box = open_group(page, report, group_at("format", "/jobs/{id}"))

    assert box.locator(".sides mark").all_inner_texts() == ["Z", "456"]


def test_rows_written_and_calls_stand_on_their_sides(page: Page, report: str) -> None:
    box = open_group(page, report, group_at("presence", "/jobs/{id}"))

    rows = box.locator("table.rows tbody tr")
    assert rows.nth(0).locator("td").all_inner_texts() == ["jobs", "nothing", "update"]
    expect(rows.filter(has_text="name").locator("td").nth(2)).to_contain_text(f'"old" → "{SHOWN.split(chr(34))[0]}')
    expect(
        box.get_by_label("http side by side").locator(".cell.differs").filter(has_text='"ref": "main"')
    ).to_have_count(1)


@pytest.mark.long
def test_rows_that_both_wrote_alike_are_folded_away(page: Page, report: str) -> None:
    box = open_group(page, report, group_at("type", "/users/{id}"))

    assert box.locator("table.rows").first.locator("td.differs").all_inner_texts() == ["0", '0 → "0"']
    expect(box.get_by_text("changed a user")).to_have_count(0)
    box.get_by_text("1 row written alike by both").click()
    expect(box.get_by_text("changed a user")).to_have_count(2)


@pytest.mark.parametrize("stack", ["legacy", "modern"])
@pytest.mark.long
def test_the_copied_curl_is_the_command_itself(page: Page, report: str, stack: str) -> None:
    group = REPORT.groups[group_at("presence", "/jobs/{id}")]
    box = open_group(page, report, group_at("presence", "/jobs/{id}"))
    box.get_by_label(f"Copy curl for {stack}", exact=True).click()

    expect(page.locator("#toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == REPORT.details[group.example].curl[stack]
    expect(box.get_by_label(f"curl for {stack}", exact=True)).to_contain_text("curl -i --path-as-is -X PUT")


@pytest.mark.long
def test_the_ledger_rule_and_the_shrunk_session_are_there(page: Page, report: str) -> None:
    box = open_group(page, report, group_at("presence", "/jobs/{id}"))
    box.get_by_text("The ledger rule that would accept this group").click()
    box.get_by_text("As a test for pytest").click()

    expect(box.get_by_label("ledger rule", exact=True)).to_contain_text('axis = "presence"')
    expect(box.get_by_label("pytest file", exact=True)).to_contain_text("def test_the_row_is_left_alone")


@pytest.mark.long
def test_what_answers_hold_is_shown_and_never_run(page: Page, report: str) -> None:
    for number in range(len(REPORT.groups)):
        open_group(page, report, number)
    box = open_group(page, report, group_at("format", "/jobs"))

    expect(box.locator(".cell", has_text="</script><script>").first).to_contain_text(
        SHOWN.replace('"', '\\"').split(" \\u2028")[0]
    )
    for tab in TABS:
        page.click(f"[data-tab={tab}]")
        assert page.locator("main img, main script, main iframe, main style").count() == 0
    assert page.evaluate("window.hacked") is None


def test_markup_that_came_in_all_the_same_would_not_run(browser: Browser, report: str) -> None:
    page = browser.new_page()
    page.goto(report)
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,x\" onerror=\"window.hacked = 3\">')"
    )
    page.evaluate(
        "addEventListener('securitypolicyviolation', (event) => { window.refused = event.effectiveDirective })"
    )
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => {})")
    page.wait_for_function("window.refused === 'connect-src'")

    assert page.evaluate("window.hacked") is None
    page.close()


@pytest.mark.long
def test_ten_thousand_exchanges_open_and_scroll_at_once(page: Page, large: str) -> None:
    began = time.monotonic()
    page.goto(large)
    expect(page.locator("#counts")).to_be_visible()
    page.click("[data-tab=exchanges]")
    expect(page.locator(".list .line").first).to_be_visible()
    took_s = time.monotonic() - began

    assert page.locator(".list .line").count() < 120
    page.locator("#port").evaluate("(port) => { port.scrollTop = port.scrollHeight }")
    expect(page.locator(".list .line", has_text="9999")).to_be_visible()
    page.get_by_role("searchbox").fill("e000014")
    expect(page.locator("#matches")).to_have_text("1 of 10,000 exchanges")
    # Half a second alone; a machine that runs all tests at once gets more.
    assert took_s < 4


@pytest.mark.long
def test_all_of_it_works_from_the_keyboard(page: Page, report: str) -> None:
    page.goto(report)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.locator("[data-tab=differences]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-tab=exchanges]")).to_be_focused()
    page.locator("#port").focus()
    for key in ["ArrowDown", "ArrowDown", "PageDown", "End", "ArrowUp"]:
        page.keyboard.press(key)

    expect(page.locator(".panel article")).to_have_attribute("aria-label", "Exchange e000058")
    expect(page.locator("#line-58")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Home")
    expect(page.locator(".panel article")).to_have_attribute("aria-label", "Exchange e000000")


@pytest.mark.long
def test_an_address_leads_back_to_a_group_and_to_an_exchange(page: Page, report: str) -> None:
    page.goto(f"{report}#exchanges/e000014")
    expect(page.locator(".panel article")).to_have_attribute("aria-label", "Exchange e000014")
    page.locator(".panel .link").first.click()
    expect(page.locator(".group.open")).to_have_count(1)
    page.go_back()

    expect(page.locator(".panel article")).to_have_attribute("aria-label", "Exchange e000014")


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_and_has_a_name(browser: Browser, report: str, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1440, "height": 900})  # type: ignore[arg-type]
    page.goto(report)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
    assert dark is (scheme == "dark")
    for tab in TABS:
        page.click(f"[data-tab={tab}]")
        page.evaluate(OPEN_ALL)
        assert page.evaluate(CONTRAST) == [], tab
        assert page.evaluate(NAMELESS) == [], tab
    page.close()


@pytest.mark.long
@pytest.mark.parametrize("width", [360, 720, 1100, 1920])
def test_long_values_break_no_window(browser: Browser, report: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(report)
    for tab in TABS:
        page.click(f"[data-tab={tab}]")
        page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        assert page.evaluate(TOO_WIDE) == [], tab
    page.close()


def test_a_run_that_passed_says_so(page: Page, tmp_path: Path) -> None:
    from tests.parity.test_report_formats import passed

    page.goto(write_html(passed(), tmp_path / "report.html").as_uri())

    expect(page.locator("#verdict")).to_have_text("passed")
    expect(page.locator("h1")).to_have_text(re.compile("Parity passed: 60 exchanges"))
    for tab in TABS:
        page.click(f"[data-tab={tab}]")
        expect(page.locator("main")).not_to_be_empty()
