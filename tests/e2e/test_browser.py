"""A person at a real browser, on a page the gateway serves: logs in, lists, edits, on either prefix."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import System

PREFIXES = ["/api", "/api/v2"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_person_logs_in_lists_and_edits(system: System, page: Page, prefix: str) -> None:
    name = f"Nightly of {prefix}"
    page.goto(f"{system.url}/?base={prefix}")
    page.fill("#login [name=username]", "admin")
    page.fill("#login [name=password]", system.password)
    page.click("#login button")
    expect(page.locator("#who")).to_have_text("admin, admin")

    page.fill("#add [name=name]", name)
    page.click("#add button")
    job = page.locator("#jobs li", has_text=name)
    expect(job).to_contain_text("(on)")
    job.get_by_text("Disable").click()

    expect(job).to_contain_text("(off)")
    answer = httpx2.get(f"{system.url}{prefix}/jobs", headers={"Authorization": f"Bearer {system.token}"})
    assert {job["name"]: job["is_active"] for job in answer.json()["jobs"]}[name] is False


def test_the_browser_shows_the_message_of_a_refusal(system: System, page: Page) -> None:
    page.goto(f"{system.url}/jobs/some/deep/link?base=/api")
    page.fill("#login [name=username]", "admin")
    page.fill("#login [name=password]", "wrong")
    page.click("#login button")

    expect(page.locator("#error")).to_have_text("Invalid email/username or password")


def test_the_authorize_button_of_the_documentation_works(system: System, page: Page) -> None:
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(system.url) else None)
    page.goto(f"{system.url}/docs")
    page.click(".btn.authorize")
    page.fill(".modal-ux input[type=text]", system.token)
    page.click(".modal-ux button.authorize")
    page.click(".modal-ux .btn-done")
    page.click("#operations-auth-me .opblock-summary")
    page.click("#operations-auth-me .try-out__btn")
    page.click("#operations-auth-me .execute")

    expect(
        page.locator("#operations-auth-me .live-responses-table .response .response-col_status").first
    ).to_contain_text("200")
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []
