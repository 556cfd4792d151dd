"""A person at a real browser works on while the route groups behind the page move to the other stack, back, and again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from gateway.flips import Order
from gateway.ownership import Ownership
from tests.e2e.conftest import System, browser, system

__all__ = ["browser", "system"]

MOVED = ("auth.session", "jobs.read", "jobs.write", "taxonomy.read", "taxonomy.write")


def give_to(system: System, owner: str) -> None:
    """Flip what the page uses, wholly and for everybody, and see it proven."""
    wanted = Ownership(dict.fromkeys(MOVED, 100 if owner == "modern" else 0))
    outcome = system.flips.carry_out(Order("flip", wanted))
    assert outcome.word in {"done", "nothing"}, outcome


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

    def log_in(self, system: System) -> None:
        self.page.goto(f"{system.url}/?base=/api")
        self.page.fill("#login [name=username]", "admin")
        self.page.fill("#login [name=password]", system.password)
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
    give_to(system, first)
    person.log_in(system)
    assert person.served() == {first}

    for turn, owner in enumerate([first, other, first, other]):
        give_to(system, owner)
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
