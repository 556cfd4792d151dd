"""A person at a real browser works on while the route groups behind the page move to the other stack, back, and again."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

from gateway.config import load
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.ops.ground import environment_of_a_copy, open_folder

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = Path(__file__).parent / "frontend"
PASSWORD = "a password of the flips"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MOVED = ("auth.session", "jobs.read", "jobs.write", "taxonomy.read", "taxonomy.write")


@dataclass(frozen=True)
class System:
    url: str
    flips: Flips

    def give_to(self, owner: str) -> None:
        """Flip what the page uses, wholly and for everybody, and see it proven."""
        wanted = Ownership(dict.fromkeys(MOVED, 100 if owner == "modern" else 0))
        outcome = self.flips.carry_out(Order("flip", wanted))
        assert outcome.word in {"done", "nothing"}, outcome


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with open_folder() as var_dir:
        environ = environment_of_a_copy(var_dir, FRONTEND_DIST=str(FRONTEND), ADMIN_PASSWORD=PASSWORD)
        changeover = [sys.executable, "-m", "changeover"]
        up = subprocess.run([*changeover, "up"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert up.returncode == 0, up.stderr
        try:
            url = f"http://127.0.0.1:{environ['GATEWAY_PORT']}"
            login = httpx2.post(f"{url}/api/auth/login", json={"username": "admin", "password": PASSWORD}).json()
            bearer = {"Authorization": f"Bearer {login['access_token']}"}
            team = {"name": "Core", "slack_handle": "@core"}
            httpx2.post(f"{url}/api/pic-teams", json=team, headers=bearer).raise_for_status()
            yield System(url, Flips.of(load(ROOT, environ), var_dir))
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


@dataclass
class Person:
    """Types and clicks. `calls` has each call that the page made: what, its status, and who answered."""

    page: Page
    calls: list[tuple[str, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(15_000)
        self.page.on("response", self.note)

    def note(self, response: Response) -> None:
        if "/api/" in response.url:
            path = response.url.partition("/api")[2]
            served_by = response.headers.get("x-served-by", "")
            self.calls.append((f"{response.request.method} {path}", response.status, served_by))

    def log_in(self, url: str) -> None:
        self.page.goto(f"{url}/?base=/api")
        self.page.fill("#login [name=username]", "admin")
        self.page.fill("#login [name=password]", PASSWORD)
        self.page.click("#login button")
        expect(self.page.locator("#who")).to_have_text("admin, admin")

    def add_and_disable(self, name: str) -> None:
        """Add a job, see it in the list, disable it, and see that too."""
        self.page.fill("#add [name=name]", name)
        self.page.click("#add button")
        job = self.page.locator("#jobs li", has_text=name)
        expect(job).to_contain_text("(on)")
        job.get_by_text("Disable").click()
        expect(job).to_contain_text("(off)")
        expect(self.page.locator("#error")).to_be_empty()

    def served(self) -> set[str]:
        """Return who answered since this was last asked."""
        found = {by for _, _, by in self.calls}
        self.assert_all_well()
        self.calls.clear()
        return found

    def assert_all_well(self) -> None:
        assert [call for call in self.calls if call[1] not in {200, 201}] == []


@pytest.fixture
def person(browser: Browser) -> Iterator[Person]:
    context = browser.new_context()
    yield Person(context.new_page())
    context.close()


@pytest.mark.parametrize("first", ["legacy", "modern"])
def test_a_session_lives_through_flips_in_both_directions(system: System, person: Person, first: str) -> None:
    other = "modern" if first == "legacy" else "legacy"
    system.give_to(first)
    person.log_in(system.url)
    assert person.served() == {first}

    for turn, owner in enumerate([first, other, first, other]):
        system.give_to(owner)
        person.add_and_disable(f"{first} {turn}")

        assert person.served() == {owner}
        expect(person.page.locator("#who")).to_have_text("admin, admin")

    expect(person.page.locator("#jobs li", has_text=f"{first} ")).to_have_count(4)


def test_a_request_for_a_websocket_is_a_request_to_both_stacks(system: System) -> None:
    """Neither stack has any, and the gateway passes them on: nothing may depend on who answers."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with httpx2.Client(base_url=system.url, headers=headers) as client:
        answers = [client.get("/api/jobs", headers={"X-Stack": stack}) for stack in ("legacy", "modern") * 2]

    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert [answer.headers["X-Served-By"] for answer in answers] == ["legacy", "modern"] * 2
