"""Outgoing calls against real servers: connected to checked addresses only, bounded in time and bytes, redirects checked."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from scheduler.outgoing import CallFailed, Network, OutgoingClient, network_of_one
from scheduler.services import build_services
from shared_rules.execution import GithubCall
from shared_rules.settings import load_settings
from shared_rules.targets import TargetPolicy, parse_allowlist
from tests.sinks import HttpSink, Reply, tls_for

DEVELOPMENT = TargetPolicy(production=False)
LIMIT = 64 * 1024
PUBLIC = "93.184.215.14"


@pytest.fixture
def sink():
    with HttpSink() as sink:
        yield sink


# Made once: reading the system's certificates takes longer than most of these tests.
SYSTEM_CERTIFICATES = ssl.create_default_context()


def client(policy: TargetPolicy = DEVELOPMENT, **options) -> OutgoingClient:
    return OutgoingClient(policy, **{"user_agent": "changeover/test", "ssl_context": SYSTEM_CERTIFICATES} | options)


def reason_of(call) -> str:
    with pytest.raises(CallFailed) as failed:
        call()
    return failed.value.reason


class Resolver:
    """Answers with one list of addresses after the other, then with the last one again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Wire:
    """Connects every public address to a sink, as the internet would; notes the addresses, counts the bytes read."""

    def __init__(self, *sinks: HttpSink) -> None:
        self._ports = {sink.port for sink in sinks}
        self.connected: list[str] = []
        self.read_bytes = 0

    def connect(self, address: tuple[str, int], timeout_s: float) -> socket.socket:
        host, port = address
        self.connected.append(host)
        assert port in self._ports
        return CountingSocket(self, socket.create_connection(("127.0.0.1", port), timeout_s))


class CountingSocket(socket.socket):
    def __init__(self, wire: Wire, connected: socket.socket) -> None:
        super().__init__(fileno=connected.detach())
        self._wire = wire

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        self._wire.read_bytes += len(data)
        return data


def production(*allowed: str) -> TargetPolicy:
    return TargetPolicy(production=True, allowlist=parse_allowlist(allowed))


def test_a_get_says_who_calls_and_carries_nothing_else(sink):
    answer = client().send("GET", sink.at("/hook", Reply(201, b"made")) + "?a=1", headers={"X-Execution-Id": "e1"})

    [received] = sink.wait_for(1)
    assert (answer.status, answer.text) == (201, "made")
    assert (received.method, received.path, received.body) == ("GET", "/hook?a=1", b"")
    assert received.headers == {
        "host": f"127.0.0.1:{sink.port}",
        "user-agent": "changeover/test",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "x-execution-id": "e1",
    }


def test_a_post_carries_json_in_utf8(sink):
    client().send("POST", sink.url, json={"name": "再構築", "n": [1, None]})

    [received] = sink.wait_for(1)
    assert (received.method, received.json) == ("POST", {"name": "再構築", "n": [1, None]})
    assert received.headers["content-type"] == "application/json"
    assert "再構築".encode() in received.body


def test_the_environment_s_proxy_takes_no_part(sink, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    assert client().send("GET", sink.url).status == 200


def test_a_cookie_is_not_sent_back(sink):
    sink.at("/first", Reply(302, b"", {"Location": "/second", "Set-Cookie": "a=b; Path=/"}))
    calls = client()

    calls.send("GET", sink.url + "/first")
    calls.send("GET", sink.url + "/second")

    assert not [received for received in sink.wait_for(3) if "cookie" in received.headers]


# Addresses


def test_a_name_is_looked_up_once_and_its_checked_address_is_connected_to(sink):
    resolver, wire = Resolver([PUBLIC], ["127.0.0.1"]), Wire(sink)
    calls = client(production("hook.test"), network=Network(resolver, wire.connect))

    calls.send("GET", f"http://hook.test:{sink.port}/")

    assert (resolver.asked, wire.connected) == (["hook.test"], [PUBLIC])
    assert sink.wait_for(1)[0].headers["host"] == f"hook.test:{sink.port}"


def test_a_name_that_answers_public_first_and_loopback_then_never_reaches_loopback(tmp_path):
    tls = tls_for("hook.test", tmp_path)
    with HttpSink(tls=tls) as sink:
        resolver, wire = Resolver([PUBLIC], ["127.0.0.1"]), Wire(sink)
        sink.at("/again", Reply.redirect("/internal"))
        calls = client(production(), network=Network(resolver, wire.connect), ssl_context=tls.client)

        reason = reason_of(lambda: calls.send("GET", f"https://hook.test:{sink.port}/again"))

        assert reason == "hook.test is not an allowed target."
        assert wire.connected == [PUBLIC]
        assert [received.path for received in sink.received] == ["/again"]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fd00:ec2::254"]],
    ids=lambda addresses: addresses[0],
)
def test_a_name_of_a_forbidden_address_is_not_connected_to(sink, addresses):
    wire = Wire(sink)
    calls = client(production(), network=Network(Resolver(addresses), wire.connect))

    reason = reason_of(lambda: calls.send("GET", f"https://hook.test:{sink.port}/"))

    assert (reason, wire.connected) == ("hook.test is not an allowed target.", [])


def test_one_forbidden_address_among_public_ones_is_enough(sink):
    wire = Wire(sink)
    calls = client(production(), network=Network(Resolver([PUBLIC, "127.0.0.1"]), wire.connect))

    reason = reason_of(lambda: calls.send("GET", f"https://hook.test:{sink.port}/"))

    assert (reason, wire.connected) == ("hook.test is not an allowed target.", [])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.1:{port}/",
        "https://[::ffff:7f00:1]:{port}/",
        "https://localhost:{port}/",
    ],
)
def test_a_forbidden_url_is_not_connected_to(sink, url):
    wire = Wire(sink)
    calls = client(production(), network=Network(connect=wire.connect))

    reason = reason_of(lambda: calls.send("GET", url.format(port=sink.port)))

    assert reason.endswith(" is not an allowed target.")
    assert (wire.connected, sink.received) == ([], [])


def test_a_network_of_the_allowlist_is_connected_to(tmp_path):
    tls = tls_for("hook.test", tmp_path)
    with HttpSink(tls=tls) as sink:
        network = Network(Resolver(["127.0.0.1"]))
        calls = client(production("127.0.0.0/8"), network=network, ssl_context=tls.client)

        assert calls.send("GET", f"https://hook.test:{sink.port}/").status == 200


def test_the_next_address_is_tried_when_one_refuses(sink):
    calls = client(network=Network(Resolver(["127.0.0.2", "127.0.0.1"])))

    assert calls.send("GET", f"http://hook.test:{sink.port}/").status == 200


def test_names_are_looked_up_by_the_system_too(sink):
    assert client().send("GET", f"http://localhost:{sink.port}/").status == 200


# A sink for everything


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://hook.test/a?b=c", "hook.test"),
        ("https://hook.test/a?b=c", "hook.test"),
        ("https://hook.test:8443/a?b=c", "hook.test:8443"),
        (f"http://{PUBLIC}/a?b=c", PUBLIC),
        (f"https://{PUBLIC}/a?b=c", PUBLIC),
    ],
    ids=["http", "https", "a port of its own", "an address", "an address over https"],
)
def test_with_a_sink_no_call_reaches_its_target(sink, url, host):
    answer = client(network=network_of_one(("127.0.0.1", sink.port))).send("POST", url, json={"n": 1})

    [received] = sink.wait_for(1)
    assert answer.status == 200
    assert (received.method, received.path, received.json) == ("POST", "/a?b=c", {"n": 1})
    assert received.headers["host"] == host


def test_a_redirect_ends_at_the_sink_too(sink):
    sink.at("/old", Reply.redirect("https://elsewhere.test/new"))

    client(network=network_of_one(("127.0.0.1", sink.port))).send("GET", "https://hook.test/old")

    assert [(received.headers["host"], received.path) for received in sink.wait_for(2)] == [
        ("hook.test", "/old"),
        ("elsewhere.test", "/new"),
    ]


def test_a_sink_does_not_make_a_bad_url_good(sink):
    network = network_of_one(("127.0.0.1", sink.port))

    reason_of(lambda: client(network=network).send("GET", "ftp://hook.test/"))
    reason_of(lambda: client(production(), network=network).send("GET", "http://hook.test/"))

    assert sink.received == []


def test_the_services_of_a_process_call_the_sink_they_are_told(sink, tmp_path):
    address = ("127.0.0.1", sink.port)
    services = build_services(load_settings(var_dir=tmp_path, outgoing_sink=address, github_token="token"))

    services.runner.client.send("GET", "https://hook.test/")
    github = GithubCall("owner", "repo", "build.yml", "main", {})
    services.runner.test_run(github, run_id="r1")

    assert [received.headers["host"] for received in sink.wait_for(2)] == ["hook.test", "api.github.com"]


# Certificates


def test_the_certificate_is_checked_for_the_name_not_for_the_address(tmp_path):
    tls = tls_for("hook.test", tmp_path)
    with HttpSink(tls=tls) as sink:
        calls = client(network=Network(Resolver(["127.0.0.1"])), ssl_context=tls.client)

        answer = calls.send("GET", f"https://hook.test:{sink.port}/")
        reason = reason_of(lambda: calls.send("GET", f"https://other.test:{sink.port}/"))

        assert answer.text == "ok"
        assert reason == "The certificate could not be verified."
        assert len(sink.received) == 1


def test_an_unknown_certificate_is_refused(tmp_path):
    with HttpSink(tls=tls_for("hook.test", tmp_path)) as sink:
        calls = client(network=Network(Resolver(["127.0.0.1"])))

        reason = reason_of(lambda: calls.send("GET", f"https://hook.test:{sink.port}/"))

        assert (reason, sink.received) == ("The certificate could not be verified.", [])


def test_plain_http_behind_https_is_a_failure(sink):
    reason = reason_of(lambda: client(timeout_s=5).send("GET", f"https://127.0.0.1:{sink.port}/"))

    assert reason == "The TLS connection failed."


# Bytes and time


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "until the connection closes"])
def test_of_200_mb_at_most_64_kib_are_read(sink, has_length):
    wire = Wire(sink)
    url = sink.at("/huge", Reply(200, b"", size_bytes=200_000_000, has_length=has_length))

    answer = client(network=Network(connect=wire.connect)).send("GET", url)

    assert answer.status == 200
    assert LIMIT - 1000 < len(answer.text) <= LIMIT
    assert wire.read_bytes <= LIMIT
    assert sink.sent_bytes < 50_000_000


def test_endless_headers_are_given_up(sink):
    wire = Wire(sink)
    url = sink.at("/endless", Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000))

    reason = reason_of(lambda: client(network=Network(connect=wire.connect)).send("GET", url))

    assert reason == "The headers of the answer are too long."
    assert wire.read_bytes <= LIMIT


def test_endless_interim_answers_are_given_up(sink):
    url = sink.at("/interim", Reply(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000))

    assert reason_of(lambda: client().send("GET", url)) == "The headers of the answer are too long."


@contextmanager
def bounded(limit_s: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < limit_s


SLOW = {
    "silence": Reply(hangs=True),
    "a body in drops": Reply(drip_s=0.02),
    "headers in drops": Reply(raw=b"HTTP/1.1 200 OK\r\nX-Slow: ", drip_s=0.02),
    "a status line in drops": Reply(raw=b"HTTP/1.1 2", drip_s=0.02),
}


@pytest.mark.parametrize("reply", SLOW.values(), ids=SLOW.keys())
def test_a_slow_answer_ends_with_the_wall_time(sink, reply):
    url = sink.at("/slow", reply)

    with bounded(3):
        reason = reason_of(lambda: client(timeout_s=0.3).send("GET", url))

    assert reason == "Timed out after 0.3 s."


def test_the_wall_time_covers_all_redirects(sink):
    for place in range(5):
        sink.at(f"/{place}", Reply.redirect(f"/{place + 1}"))
    sink.at("/5", Reply(drip_s=0.02))

    with bounded(3):
        reason = reason_of(lambda: client(timeout_s=0.5).send("GET", sink.url + "/0"))

    assert reason == "Timed out after 0.5 s."


def test_a_resolver_that_hangs_ends_with_the_wall_time():
    released = threading.Event()

    def hang(host: str) -> Sequence[str]:
        released.wait()
        return ()

    with bounded(3):
        reason = reason_of(lambda: client(timeout_s=0.2, network=Network(hang)).send("GET", "http://hook.test/"))
    released.set()

    assert reason == "Timed out after 0.2 s."


@contextmanager
def silent_listener(*, backlog: int = 1) -> Iterator[int]:
    """A port that accepts connections into its queue and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        yield listener.getsockname()[1]


def test_a_handshake_that_hangs_ends_with_the_wall_time():
    with silent_listener() as port, bounded(3):
        reason = reason_of(lambda: client(timeout_s=0.2).send("GET", f"https://127.0.0.1:{port}/"))

    assert reason == "Timed out after 0.2 s."


def test_a_server_that_does_not_read_ends_with_the_wall_time():
    with silent_listener() as port, bounded(3):
        body = {"x": "y" * 30_000_000}
        reason = reason_of(lambda: client(timeout_s=0.5).send("POST", f"http://127.0.0.1:{port}/", json=body))

    assert reason == "Timed out after 0.5 s."


def test_one_call_may_have_its_own_wall_time(sink):
    url = sink.at("/slow", Reply(hangs=True))

    with bounded(3):
        reason = reason_of(lambda: client().send("GET", url, timeout_s=0.2))

    assert reason == "Timed out after 0.2 s."


# What goes wrong


def test_a_refused_connection_says_so():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert reason_of(lambda: client().send("GET", f"http://127.0.0.1:{port}/")) == "Connection refused."


def test_an_unknown_name_says_so():
    calls = client(network=Network(Resolver([])))

    assert reason_of(lambda: calls.send("GET", "http://hook.test/")) == "The name could not be resolved."


BROKEN = {
    "nothing": (b"", "The connection was closed without an answer."),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "The answer is not valid HTTP."),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "The answer is not valid HTTP."),
    "half the headers": (b"HTTP/1.1 200 OK\r\nX-A", "The answer is not valid HTTP."),
    "a bad chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "The answer is not valid HTTP.",
    ),
}


@pytest.mark.parametrize(("raw", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_says_so(sink, raw, reason):
    url = sink.at("/broken", Reply(raw=raw))

    assert reason_of(lambda: client().send("GET", url)) == reason


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/", "http://127.0.0.1:99999/", "http://１２７.１/"],
)
def test_an_unusable_url_is_a_failure_with_a_reason(url):
    assert reason_of(lambda: client().send("GET", url)).endswith(".")


@pytest.mark.parametrize("value", ["line\r\nX-Evil: 1", "snow ☃", "nul\x00"], ids=["line break", "not ASCII", "NUL"])
def test_a_header_that_cannot_be_sent_is_not_repeated(sink, value):
    reason = reason_of(lambda: client().send("GET", sink.url, headers={"Authorization": value}))

    assert reason == "The request holds characters that cannot be sent."
    assert sink.received == []


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=Shift_JIS", "成功".encode("shift_jis"), "成功"),
        ('text/plain; charset="iso-8859-1"', b"caf\xe9", "café"),
        ("text/plain", "成功".encode(), "成功"),
        ("text/plain; charset=zlib_codec", b"ok", "ok"),
        ("text/plain; charset=utf-7", b"+2AA-", "+2AA-"),
        ("application/octet-stream", b"a\x00\xffb", "a\ufffd\ufffdb"),
    ],
    ids=["Shift_JIS", "quoted Latin-1", "none is UTF-8", "no text codec", "no surrogates by UTF-7", "binary"],
)
def test_the_text_of_an_answer_can_always_be_stored(sink, content_type, body, text):
    url = sink.at("/text", Reply(200, body, {"Content-Type": content_type}))

    assert client().send("GET", url).text == text


# Redirects


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b'{"a":1}'), (308, "POST", b'{"a":1}')],
)
def test_301_to_303_turn_a_post_into_a_get_and_307_and_308_do_not(sink, status, method, body):
    sink.at("/old", Reply.redirect("/new", status))

    client().send("POST", sink.url + "/old", json={"a": 1}, headers={"X-Execution-Id": "e1"})

    received = sink.wait_for(2)[1]
    assert (received.method, received.path, received.body) == (method, "/new", body)
    assert ("content-type" in received.headers) is (method == "POST")
    assert received.headers["x-execution-id"] == "e1"


def test_five_redirects_are_followed_and_a_sixth_is_not(sink):
    for place in range(6):
        sink.at(f"/{place}", Reply.redirect(f"/{place + 1}"))

    assert client().send("GET", sink.url + "/1").status == 200
    assert reason_of(lambda: client().send("GET", sink.url + "/0")) == "Too many redirects."


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (None, "Redirect without a Location."),
        ("file:///etc/passwd", "Redirect to a scheme other than http and https."),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "Redirect to a scheme other than http and https."),
        ("http://u:p@127.0.0.1/", "The URL must not contain a user name or a password."),
        ("http://１２７.１/", "The URL cannot be used."),
        ("http://a..b/", '"a..b" is not a valid host.'),
        ("http://127.0.0.1:99999/", "The port must be a number from 1 to 65535."),
        ("/" + "a" * 5000, "The URL is too long."),
    ],
    ids=["no Location", "file", "gopher", "password", "full-width digits", "bad host", "bad port", "too long"],
)
def test_a_redirect_to_nowhere_says_so(sink, location, reason):
    url = sink.at("/old", Reply.redirect(location))

    assert reason_of(lambda: client().send("GET", url)) == reason


@pytest.mark.parametrize("status", [300, 304, 305])
def test_other_3xx_are_answers(sink, status):
    url = sink.at("/other", Reply(status, b"", {"Location": "/new"}))

    assert client().send("GET", url).status == status
    assert len(sink.received) == 1


FORBIDDEN_LOCATIONS = {
    "loopback": "https://127.0.0.1:{port}/internal",
    "plain http": "http://hook.test:{port}/internal",
    "metadata": "https://169.254.169.254/latest/meta-data/",
    "decimal": "https://2130706433:{port}/internal",
    "localhost": "https://localhost:{port}/internal",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]:{port}/internal",
    "a name of loopback": "https://inside.test:{port}/internal",
}


@pytest.mark.parametrize("location", FORBIDDEN_LOCATIONS.values(), ids=FORBIDDEN_LOCATIONS.keys())
def test_a_redirect_to_a_forbidden_target_is_not_followed(tmp_path, location):
    tls = tls_for("hook.test", tmp_path)
    with HttpSink(tls=tls) as sink:
        wire = Wire(sink)
        sink.at("/old", Reply.redirect(location.format(port=sink.port)))
        network = Network(lambda host: [PUBLIC] if host == "hook.test" else ["127.0.0.1"], wire.connect)
        calls = client(production(), network=network, ssl_context=tls.client)

        reason = reason_of(lambda: calls.send("GET", f"https://hook.test:{sink.port}/old"))

        assert reason.endswith(" is not an allowed target.")
        assert wire.connected == [PUBLIC]
        assert [received.path for received in sink.received] == ["/old"]


def test_authorization_stays_on_its_host_and_port(sink):
    with HttpSink() as other:
        sink.at("/same", Reply.redirect("/here"))
        sink.at("/away", Reply.redirect(other.url + "/there", 307))
        sink.at("/renamed", Reply.redirect(f"http://localhost:{sink.port}/here", 307))
        other.at("/there", Reply.redirect(sink.url + "/back", 307))
        for path in ("/same", "/away", "/renamed"):
            client().send("GET", sink.url + path, headers={"Authorization": "Bearer s3cret"})

        kept = [received.path for received in sink.wait_for(6) if "authorization" in received.headers]
        assert kept == ["/same", "/here", "/away", "/renamed"]
        assert "authorization" not in other.wait_for(1)[0].headers


def test_a_redirect_s_body_is_not_read(sink):
    wire = Wire(sink)
    sink.at("/old", Reply(302, b"", {"Location": "/new"}, size_bytes=10_000_000))

    client(network=Network(connect=wire.connect)).send("GET", sink.url + "/old")

    assert wire.read_bytes < LIMIT


def test_many_threads_may_call_at_once(sink):
    calls = client()
    threads = [threading.Thread(target=calls.send, args=("GET", f"{sink.url}/{n}")) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {received.path for received in sink.wait_for(20)} == {f"/{n}" for n in range(20)}
