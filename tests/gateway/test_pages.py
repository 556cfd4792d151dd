"""What the gateway serves itself: the state page, texts, health, and a built frontend at `/`."""

import base64
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.config import load
from gateway.pages import page
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, make_project

CHROMIUM = shutil.which("chromium")


def test_health_is_for_supervisors(edge: Edge) -> None:
    answer = edge.get("/__gateway/health")

    assert (answer.status, answer.json, answer.header("Content-Type")) == (200, {"status": "ok"}, "application/json")


def test_the_page_is_html_that_is_asked_for_again(edge: Edge) -> None:
    answer = edge.get("/?from=mail")

    assert (answer.status, answer.header("Content-Type")) == (200, "text/html; charset=utf-8")
    assert answer.header("Cache-Control") == "no-cache"


def test_the_page_asks_every_prefix_and_every_stack(edge: Edge) -> None:
    rows = re.findall(r'<tr data-url="([^"]*)" data-stack="([^"]*)"', edge.get("/").body.decode())

    assert rows == [("/api/health", ""), ("/api/v2/health", ""), ("/api/health", "legacy"), ("/api/health", "modern")]


def test_the_page_links_to_docs_and_texts(edge: Edge) -> None:
    links = re.findall(r'href="(/[^"]*)"', edge.get("/").body.decode())

    assert links == ["/docs", "/redoc", "/openapi.json", "/README.md", "/ABSENT.md"]


def test_the_pages_own_script_and_style_are_all_that_its_policy_allows(edge: Edge) -> None:
    answer = edge.get("/")
    policy = answer.header("Content-Security-Policy") or ""
    text = answer.body.decode()

    for tag in ("script", "style"):
        inline = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", text, re.DOTALL)
        assert len(inline) == 1
        digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"https?://|\son\w+=|\sstyle=", text)


def test_a_pair_of_one_stack_has_one_row_per_prefix(open_folder: Callable[[str], Path]) -> None:
    project = make_project(open_folder("page") / "project")
    (project / "old_app").rmdir()

    rows = re.findall(r'<tr data-url="([^"]*)" data-stack="([^"]*)"', page(load(project, {})))

    assert rows == [("/api/health", ""), ("/api/v2/health", "")]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_the_page_shows_the_state_in_a_browser(edge: Edge) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(f"http://127.0.0.1:{edge.port}/")
        tab.wait_for_selector("#summary.ok, #summary.bad")
        summary = tab.inner_text("#summary")
        served = tab.locator("td.by").all_inner_texts()
        browser.close()

    assert (summary, said) == ("All addresses answer.", [])
    assert served == ["legacy", "modern", "legacy", "modern"]


def test_a_text_is_plain_text(edge: Edge) -> None:
    answer = edge.get("/README.md")

    assert (answer.status, answer.body, answer.header("Content-Type")) == (
        200,
        b"# Things\n",
        "text/plain; charset=utf-8",
    )


@pytest.fixture(scope="module")
def fronted(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("fronted")
    dist = folder / "my dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>app</title>")
    (dist / "assets/app-1a2b.js").write_text("let a = 1")
    (dist / "logo.svg").write_text("<svg/>")
    (dist / "data.unknown").write_text("?")
    (dist / ".env").write_text("SECRET=1")
    (folder / "outside.txt").write_text("outside")
    ports = [stack.port for stack in stacks]
    with Edge(make_project(folder / "project"), folder / "var", ports, {"FRONTEND_DIST": str(dist)}) as running:
        yield running


SHELL = b"<!doctype html><title>app</title>"
FRONTEND = {
    "the root": ("/", 200, SHELL, "text/html; charset=utf-8"),
    "its index": ("/index.html", 200, SHELL, "text/html; charset=utf-8"),
    "an address of the app": ("/jobs/7/edit?tab=1", 200, SHELL, "text/html; charset=utf-8"),
    "a folder": ("/assets", 200, SHELL, "text/html; charset=utf-8"),
    "a folder with a slash": ("/assets/", 200, SHELL, "text/html; charset=utf-8"),
    "a script": ("/assets/app-1a2b.js", 200, b"let a = 1", "text/javascript; charset=utf-8"),
    "a picture": ("/logo.svg", 200, b"<svg/>", "image/svg+xml"),
    "a file of no known type": ("/data.unknown", 200, b"?", "application/octet-stream"),
    "a name that begins like a prefix": ("/apis", 200, SHELL, "text/html; charset=utf-8"),
}


@pytest.mark.parametrize(("target", "status", "body", "kind"), FRONTEND.values(), ids=FRONTEND.keys())
def test_a_frontend_answers_outside_the_prefixes(
    fronted: Edge, target: str, status: int, body: bytes, kind: str
) -> None:
    answer = fronted.get(target)

    assert (answer.status, answer.body, answer.header("Content-Type")) == (status, body, kind)
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("X-Served-By") == "none"
    assert answer.header("Cache-Control") == ("no-cache" if body == SHELL else None)


STACKS = {
    "an address of the API": ("/api/things", "legacy"),
    "an unknown one of the API": ("/api/v2/nothing/here", "modern"),
    "the bare prefix": ("/api", "legacy"),
    "the docs": ("/docs", "modern"),
    "below the docs": ("/docs/oauth2-redirect", "modern"),
    "the scripts and styles of the docs": ("/docs/assets/swagger-ui.css", "modern"),
    "the schema": ("/openapi.json", "modern"),
    "a hidden name in the API": ("/api/.things", "legacy"),
}


@pytest.mark.parametrize(("target", "stack"), STACKS.values(), ids=STACKS.keys())
def test_a_frontend_hides_nothing_of_the_stacks(fronted: Edge, target: str, stack: str) -> None:
    assert fronted.get(target).header("X-Served-By") == stack


@pytest.mark.parametrize("target", ["/.env", "/assets/.git/config", "/__gateway/nothing"])
def test_a_frontend_shows_no_hidden_files(fronted: Edge, target: str) -> None:
    answer = fronted.get(target)

    assert (answer.status, answer.json["error"]) == (404, "Not found")


@pytest.mark.parametrize(
    "target", ["/../outside.txt", "/assets/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt"]
)
def test_nobody_gets_out_of_the_frontends_folder(fronted: Edge, target: str) -> None:
    answer = fronted.get(target)

    assert (answer.status, answer.json["message"]) == (400, "Ambiguous path.")


def test_a_frontend_takes_no_posts(fronted: Edge) -> None:
    answer = fronted.ask("POST", "/", body=b"{}")

    assert (answer.status, answer.json["error"], answer.header("Allow")) == (405, "Method not allowed", "GET, HEAD")


CONDITIONS = {
    "a part that is not there": ("Range", "bytes=900-", 416, "Range not satisfiable"),
    "a version that is gone": ("If-Match", '"gone"', 412, "Precondition failed"),
}


@pytest.mark.parametrize(("name", "value", "status", "error"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_a_condition_that_a_file_does_not_meet_is_json(
    fronted: Edge, name: str, value: str, status: int, error: str
) -> None:
    answer = fronted.get("/logo.svg", (name, value))

    assert (answer.status, answer.json["error"], answer.header("Content-Type")) == (status, error, "application/json")


def test_a_frontend_is_not_sent_again_unchanged(fronted: Edge) -> None:
    etag = fronted.get("/logo.svg").header("ETag") or ""

    assert fronted.get("/logo.svg", ("If-None-Match", etag)).status == 304
