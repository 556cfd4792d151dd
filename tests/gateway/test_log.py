"""access.jsonl: one readable line per request, that tells what happened and holds no secret."""

import itertools
import json
import re
from collections.abc import Iterable

import pytest

from gateway.cohorts import cohort_of
from tests.gateway.edge import Edge, request_bytes

TIMES = ["rt", "uct", "uht", "urt"]
FIELDS = [
    "t",
    "rid",
    "ip",
    "m",
    "p",
    "q",
    "g",
    "forced",
    "c",
    "o",
    "by",
    "fb",
    "gen",
    "s",
    "us",
    "ua",
    *TIMES,
    "bi",
    "bo",
    "done",
]
GROUPS = {
    "a list": ("GET", "/api/things", (), "things.read"),
    "the same list under the other prefix": ("GET", "/api/v2/things", (), "things.read"),
    "HEAD is as GET": ("HEAD", "/api/things/1", (), "things.read"),
    "another method": ("DELETE", "/api/things/1", (), "things.write"),
    "an encoded letter": ("GET", "/api/%74hings", (), "things.read"),
    "a preflight": ("OPTIONS", "/api/things", (("Access-Control-Request-Method", "POST"),), "things.write"),
    "a bare OPTIONS": ("OPTIONS", "/api/things", (), "unmatched"),
    "a trailing slash": ("GET", "/api/things/", (), "unmatched"),
    "a line feed at the end": ("GET", "/api/things%0a", (), "unmatched"),
    "a method of no group": ("PATCH", "/api/things/1", (), "unmatched"),
    "another address": ("GET", "/api/other", (), "unmatched"),
}
HIDDEN = {
    "a token": "token=abc123xyz",
    "a token among others": "limit=1&access_token=abc123xyz",
    "upper case": "API_KEY=abc123xyz",
    "a password": "password=abc123xyz",
    "an encoded name": "%74oken=abc123xyz",
    "an encoded second name": "a=1&to%6ben=abc123xyz",
    "a JWT under any name": "x=eyJhbGciOiJIUzI1NiJ9.abc123xyz",
    "an authorization code": "state=1&code=abc123xyz",
    "bytes that are not ASCII": "q=caf\xe9abc123xyz",
}
STRANGE = {
    "quotes": '/api/"things"',
    "bytes that are not ASCII": "/api/caf\xe9",
    "brackets and bars": "/api/{a}|[b]^`<>",
    "an absolute address": "http://a.example/api/things",
}
numbers = itertools.count()


def send(edge: Edge, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> str:
    """Send the request with an id of its own, and return that id."""
    rid = f"log-{next(numbers)}"
    edge.ask(method, target, [("X-Request-Id", rid), *headers], body)
    return rid


@pytest.fixture(scope="module")
def lines(edge: Edge) -> dict[str, dict[str, object]]:
    """Return the lines of all tables' requests by the name of the case. Sent at once: nginx writes five times a second."""
    sent = {f"group: {name}": send(edge, *case[:3]) for name, case in GROUPS.items()}
    sent |= {f"hidden: {name}": send(edge, "GET", f"/api/things?{query}") for name, query in HIDDEN.items()}
    sent |= {f"strange: {name}": send(edge, "GET", target) for name, target in STRANGE.items()}
    return {name: edge.log_line(rid) for name, rid in sent.items()}


def test_a_line_tells_what_happened(edge: Edge) -> None:
    line = edge.log_line(send(edge, "PUT", "/api/things/1?limit=5&page=2", body=b"{}"))

    assert list(line) == FIELDS
    told = {name: value for name, value in line.items() if name not in {"t", "rid", *TIMES, "bi", "bo"}}
    assert told == {
        "ip": "127.0.0.1",
        "m": "PUT",
        "p": "/api/things/1",
        "q": "limit=5&page=2",
        "g": "things.write",
        "forced": "",
        "c": cohort_of("127.0.0.1", edge.config.sticky.salt),
        "o": "legacy",
        "by": "legacy",
        "fb": "",
        "gen": "g0001",
        "s": 200,
        "us": "200",
        "ua": f"127.0.0.1:{edge.config.stack('legacy').port}",
        "done": "OK",
    }
    assert isinstance(line["t"], float)
    assert isinstance(line["rt"], float)


def test_a_forced_request_says_so(edge: Edge) -> None:
    line = edge.log_line(send(edge, "GET", "/api/things", [("X-Stack", "modern")]))

    assert (line["forced"], line["o"], line["by"], line["p"]) == ("modern", "modern", "modern", "/api/things")


@pytest.mark.parametrize("case", GROUPS)
def test_a_line_names_the_group(lines: dict[str, dict[str, object]], case: str) -> None:
    assert lines[f"group: {case}"]["g"] == GROUPS[case][3]


def test_an_error_of_the_gateway_keeps_the_requests_own_facts(edge: Edge) -> None:
    line = edge.log_line(send(edge, "POST", "/api/v2/things", [("Content-Length", "99999999")]))

    assert (line["m"], line["p"], line["g"], line["o"], line["by"], line["s"]) == (
        "POST",
        "/api/v2/things",
        "things.write",
        "modern",
        "none",
        413,
    )


@pytest.mark.parametrize("case", HIDDEN)
def test_a_query_that_may_hold_a_secret_is_not_written(lines: dict[str, dict[str, object]], case: str) -> None:
    assert lines[f"hidden: {case}"]["q"] == "[redacted]"


def test_no_log_ever_holds_a_secret(edge: Edge) -> None:
    canary = "canary-5d1f0c"
    send(edge, "GET", "/api/things", [("Authorization", f"Bearer {canary}"), ("Cookie", f"a={canary}")])
    send(edge, "POST", f"/api/things/hang-up?token={canary}", [("Referer", f"http://a/?k={canary}")], canary.encode())
    send(edge, "GET", f"/api/../x?token={canary}")
    last = send(edge, "POST", f"/api/things?token={canary}", [("Content-Length", "99999999")])
    edge.log_line(last)

    for log in (edge.var_dir / "gateway/log").iterdir():
        assert canary not in log.read_text()


@pytest.mark.parametrize("case", STRANGE)
def test_a_strange_path_still_makes_a_readable_line(lines: dict[str, dict[str, object]], case: str) -> None:
    path = re.sub(r"^http://[^/]+", "", STRANGE[case])

    assert lines[f"strange: {case}"]["p"] == (path if path.isascii() else "")


def test_requests_without_a_status_line_or_sense_make_readable_lines(edge: Edge) -> None:
    for data in (b"GET /api/things\r\n", b"\x16\x03\x01\xff\xfe\r\n\r\n", b'"\\\r\n\r\n'):
        with edge.connect() as connection:
            connection.sendall(data)
            while connection.recv(65536):
                pass
    edge.log_line(send(edge, "GET", "/api/things"))

    assert all(list(line) == FIELDS for line in edge.log_lines())


def test_the_supervisors_probe_leaves_no_line(edge: Edge) -> None:
    edge.raw(request_bytes("GET", "/__gateway/health", [("X-Request-Id", "probe")]))
    edge.log_line(send(edge, "GET", "/api/things"))

    assert "probe" not in json.dumps(edge.log_lines())
