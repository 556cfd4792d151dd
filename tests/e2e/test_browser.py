"""A person at a real browser, on a page the gateway serves: logs in, lists, edits, on either prefix."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.ops.ground import environment_of_a_copy, open_folder

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = Path(__file__).parent / "frontend"
PASSWORD = "a password of the browser tests"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PREFIXES = ["/api", "/api/v2"]


@dataclass(frozen=True)
class System:
    url: str
    token: str


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """Yield the whole system, started by the command people use, with one PIC team in it."""
    with open_folder() as var_dir:
        environ = environment_of_a_copy(var_dir, FRONTEND_DIST=str(FRONTEND), ADMIN_PASSWORD=PASSWORD)
        changeover = [sys.executable, "-m", "changeover"]
        up = subprocess.run([*changeover, "up"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert up.returncode == 0, up.stderr
        try:
            url = f"http://127.0.0.1:{environ['GATEWAY_PORT']}"
            login = httpx2.post(f"{url}/api/auth/login", json={"username": "admin", "password": PASSWORD}).json()
            team = {"name": "Core", "slack_handle": "@core"}
            bearer = {"Authorization": f"Bearer {login['access_token']}"}
            assert httpx2.post(f"{url}/api/pic-teams", json=team, headers=bearer).status_code == 201
            yield System(url, login["access_token"])
        finally:
            subprocess.run([*changeover, "down"], cwd=ROOT, env=environ, capture_output=True, check=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine and none could be installed")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


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
    page.fill("#login [name=password]", PASSWORD)
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
