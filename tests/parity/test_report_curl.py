"""The curl lines are pasted into a shell here, and the server tells what arrived."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from parity.report.curl import BODY_FILE, curl, shown_headers
from parity.values import Request

SHELLS = [shell for shell in ("sh", "bash") if shutil.which(shell)]
Arrived = list[tuple[str, str, dict[str, str], bytes]]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Arrived]]:
    arrived: Arrived = []

    class Handler(BaseHTTPRequestHandler):
        def __getattr__(self, name: str) -> object:
            if not name.startswith("do_"):
                raise AttributeError(name)
            return self.answer

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            arrived.append((self.command, self.path, headers, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}/api", arrived
    listening.shutdown()
    thread.join()
    listening.server_close()


JSON = (("content-type", "application/json"),)
REQUESTS = {
    "a plain GET": Request("GET", "/jobs?limit=5"),
    "a HEAD": Request("HEAD", "/jobs"),
    "a HEAD with a body, which is left out": Request("HEAD", "/jobs"),
    "an OPTIONS": Request("OPTIONS", "/jobs"),
    "a POST without a body": Request("POST", "/jobs/1/run"),
    "a POST": Request("POST", "/jobs", JSON, b'{"name": "a"}'),
    "a DELETE with a body": Request("DELETE", "/jobs", JSON, b"[1]"),
    "a GET with a body": Request("GET", "/jobs", JSON, b"{}"),
    "a method nobody knows": Request("PURGE", "/jobs"),
    "quotes of both kinds, dollars and backticks": Request("POST", "/j", JSON, b"""it's "so" $HOME `id` \\n !! %s"""),
    "newlines": Request("POST", "/j", JSON, b"a\nb\r\n\n"),
    "what curl would read from a file": Request("POST", "/j", JSON, b"@/etc/passwd"),
    "letters of other alphabets": Request("POST", "/j", JSON, "日付 é 😀".encode()),
    "bytes that are no text": Request("PUT", "/j", JSON, bytes(range(256))),
    "a NUL": Request("POST", "/j", JSON, b"a\0b"),
    "a body without a type": Request("POST", "/j", (), b"a=1"),
    "dots and double slashes in the path": Request("GET", "/a/../b/./c//d"),
    "percent-encoded parts": Request("GET", "/a%2Fb%20c?q=%26%3D"),
    "brackets that curl would expand": Request("GET", "/j?ids[]=1&x={a,b}&r=[1-3]"),
    "what a shell would take": Request("GET", "/j?a=1&b='$(id)';c|d"),
    "a header with quotes": Request("GET", "/j", (("x-note", """it's "so" $HOME"""),)),
    "an empty header": Request("GET", "/j", (("x-empty", ""),)),
    "accepted types": Request("GET", "/j", (("accept", "text/html"),)),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_is_pasted_sends_the_same_request(server: tuple[str, Arrived], request_: Request) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    url, arrived = server
    for shell in SHELLS:
        command = curl(request_, url).replace("curl ", "curl -s -m 5 ", 1)
        done = subprocess.run(
            [shell], input=command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
        )

        method, path, headers, body = arrived.pop()
        assert done.returncode == 0, done.stderr
        assert (method, path, body) == (request_.method, f"/api{request_.target}", request_.body)
        assert {name: headers.get(name) for name, _ in request_.headers} == dict(request_.headers)
        assert ("content-type" in headers) == any(name == "content-type" for name, _ in request_.headers)


def test_a_token_comes_from_a_variable() -> None:
    request = Request("GET", "/me", (("Authorization", "Bearer eyJhbGciOi.J9"), ("Cookie", "session=s3cret")))

    assert curl(request, "http://localhost:5001/api/") == (
        "curl -i --path-as-is http://localhost:5001/api/me \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        '  -H "Cookie: $COOKIE"'
    )


def test_a_shell_can_fill_the_token(server: tuple[str, Arrived]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    url, arrived = server
    command = "ADA='a b'\n" + curl(Request("GET", "/me", (("authorization", "Bearer x"),)), url, variable="ADA")
    subprocess.run(
        ["sh"], input=command.replace("curl ", "curl -s -m 5 ", 1), capture_output=True, text=True, check=True
    )

    assert arrived.pop()[2]["authorization"] == "Bearer a b"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Bearer abc", "Bearer $TOKEN"),
        ("bearer abc", "Bearer $TOKEN"),
        ("Basic dTpw", "Basic $CREDENTIALS"),
        ("s3cretWithoutScheme", "$CREDENTIALS"),
        ("$(id) abc", "$CREDENTIALS"),
        ("", "$CREDENTIALS"),
    ],
)
def test_no_credentials_are_shown(value: str, shown: str) -> None:
    assert shown_headers((("Authorization", value), ("accept", "*/*"))) == (("Authorization", shown), ("accept", "*/*"))


def test_headers_of_the_connection_and_of_the_browser_are_left_to_curl() -> None:
    noise = ("Host", "content-length", "Connection", "User-Agent", "sec-fetch-mode", "Sec-CH-UA", "accept-encoding")

    assert (
        curl(Request("GET", "/", tuple((name, "x") for name in noise)), "http://h") == "curl -i --path-as-is http://h/"
    )


def test_a_body_too_long_for_a_command_is_read_from_a_file() -> None:
    command = curl(Request("POST", "/", JSON, b"x" * 70_000), "http://h")

    assert command.endswith(f"--data-binary @{BODY_FILE}")
    assert len(command) < 200
