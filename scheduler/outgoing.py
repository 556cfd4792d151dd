"""HTTP calls to other people's servers: only to checked addresses, within one wall time, reading a bounded answer.

    send -> per hop: check_url -> look the name up once -> check every address -> connect to one of those -> read

No proxy, cookie or netrc of the environment takes part. What goes wrong leaves as `CallFailed`, in words of our own.
"""

import errno
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpcore2
import httpx2

from shared_rules.errors import Refused
from shared_rules.targets import TargetPolicy
from shared_rules.wire import to_json

__all__ = ["Answer", "CallFailed", "Network", "NotConnected", "OutgoingClient", "look_up", "network_of_one"]

MAX_REDIRECTS = 5
_ANSWER_LIMIT_BYTES = 64 * 1024
_READ_BYTES = 16 * 1024
_URL_CHARS = 4096
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_TO_GET = frozenset({301, 302, 303})
_CHARSETS = frozenset({"utf-8", "iso-8859-1", "windows-1252", "us-ascii", "shift_jis", "euc-jp", "iso-2022-jp"})

_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL})
_REASONS: tuple[tuple[type[OSError], str], ...] = (
    (ssl.SSLCertVerificationError, "The certificate could not be verified."),
    (ssl.SSLError, "The TLS connection failed."),
    (ConnectionRefusedError, "Connection refused."),
    (ConnectionError, "The connection was broken off."),
)


class CallFailed(Exception):
    """No complete answer. `reason` is one sentence, safe to show and to store."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotConnected(CallFailed):
    """Nobody was reached, so nothing was sent: to call again repeats nothing."""


@dataclass(frozen=True)
class Answer:
    """The last answer of a call. `text` is decoded from at most 64 KiB, headers included in the count."""

    status: int
    text: str


def look_up(host: str) -> Sequence[str]:
    """Return the addresses of a name in the resolver's order; none if there are none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Network:
    """How names become addresses and addresses become sockets; a test puts its own in. Without `tls`, https is spoken plain."""

    look_up: Callable[[str], Sequence[str]] = look_up
    connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection
    tls: bool = True


def network_of_one(address: tuple[str, int]) -> Network:
    """Return a network on which every name and every address is one plain HTTP server, so that no call reaches its target."""

    def connect(_: tuple[str, int], timeout_s: float) -> socket.socket:
        return socket.create_connection(address, timeout_s)

    return Network(lambda _: address[:1], connect, tls=False)


class OutgoingClient:
    """Sends calls, from any thread; holds no connection between two of them."""

    def __init__(
        self,
        policy: TargetPolicy,
        *,
        user_agent: str,
        timeout_s: float = 10.0,
        network: Network | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self._timeout_s = timeout_s
        self._network = network or Network()
        self._ssl_context = ssl_context or httpx2.create_ssl_context()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Return the answer after at most 5 redirects. Raise CallFailed; `timeout_s` covers all of it, look-ups too."""
        wall = _Wall(timeout_s or self._timeout_s)
        hop = self._first_hop(method, url, headers or {}, json)
        for _ in range(MAX_REDIRECTS + 1):
            status, headers, body = self._exchange(hop, wall)
            if status not in _REDIRECTS:
                return Answer(status, _text(body, headers.get("content-type", "")))
            hop = _next_hop(hop, status, headers.get("location", ""))
        raise CallFailed("Too many redirects.")

    def _first_hop(self, method: str, url: str, headers: Mapping[str, str], json: Any) -> "_Hop":
        own = {"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
        content = None if json is None else to_json(json)
        if content is not None:
            own["Content-Type"] = "application/json"
        return _Hop(method, _parsed(url), own | dict(headers), content)

    def _exchange(self, hop: "_Hop", wall: "_Wall") -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and what was read of the body; nothing of a redirect's."""
        line = _Backend(self._policy, self._network, wall)
        try:
            self._policy.check_url(str(hop.url))
            with (
                httpcore2.ConnectionPool(ssl_context=self._ssl_context, network_backend=line) as pool,
                pool.stream(hop.method, hop.core_url, headers=hop.raw_headers, content=hop.content) as answer,
            ):
                headers = httpx2.Headers(answer.headers)
                return answer.status, headers, b"" if answer.status in _REDIRECTS else _read(answer)
        except Refused as refusal:
            raise CallFailed(refusal.message or refusal.error) from None
        except _LimitReached:
            raise CallFailed("The headers of the answer are too long.") from None
        except httpcore2.LocalProtocolError:
            raise CallFailed("The request holds characters that cannot be sent.") from None
        except httpcore2.RemoteProtocolError:
            heard = line.stream is not None and line.stream.left < _ANSWER_LIMIT_BYTES
            reason = "The answer is not valid HTTP." if heard else "The connection was closed without an answer."
            raise CallFailed(reason) from None


@dataclass(frozen=True)
class _Hop:
    """One request of a chain of redirects."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes | None

    @property
    def core_url(self) -> httpcore2.URL:
        url = self.url
        return httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        try:
            pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in self.headers.items()]
        except UnicodeEncodeError:
            raise CallFailed("The request holds characters that cannot be sent.") from None
        return [(b"Host", self.url.netloc), *pairs]

    def without(self, *names: str) -> Mapping[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower() not in names}


def _next_hop(hop: _Hop, status: int, location: str) -> _Hop:
    """Return the request a redirect asks for: no Authorization for another origin, and no body once POST became GET."""
    if not location:
        raise CallFailed("Redirect without a Location.")
    url = _parsed(location, hop.url)
    if url.scheme not in {"http", "https"}:
        raise CallFailed("Redirect to a scheme other than http and https.")
    if (url.scheme, url.raw_host, url.port) != (hop.url.scheme, hop.url.raw_host, hop.url.port):
        hop = replace(hop, headers=hop.without("authorization"))
    if status in _REDIRECTS_TO_GET and hop.method == "POST":
        hop = replace(hop, method="GET", content=None, headers=hop.without("content-type"))
    return replace(hop, url=url)


def _parsed(text: str, base: httpx2.URL | None = None) -> httpx2.URL:
    if len(text) > _URL_CHARS:
        raise CallFailed("The URL is too long.")
    try:
        return base.join(text) if base else httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError):
        raise CallFailed("The URL cannot be used.") from None


def _read(answer: httpcore2.Response) -> bytes:
    body = bytearray()
    try:
        for chunk in answer.iter_stream():
            body += chunk
    except _LimitReached:
        pass
    return bytes(body)


def _text(body: bytes, content_type: str) -> str:
    """Return text that every database stores: no NUL, no surrogates; an unknown charset is read as UTF-8."""
    _, _, named = content_type.lower().partition("charset=")
    charset = named.partition(";")[0].strip().strip('"')
    return body.decode(charset if charset in _CHARSETS else "utf-8", "replace").replace("\x00", "\ufffd")


class _LimitReached(Exception):
    """As much of the answer was read as may be."""


class _Wall:
    """The wall time of one call."""

    def __init__(self, timeout_s: float) -> None:
        self._ends = time.monotonic() + timeout_s
        self._reason = f"Timed out after {timeout_s:g} s."

    def left_s(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise CallFailed(self._reason)
        return left

    @contextmanager
    def guard(self) -> Iterator[float]:
        """Give the seconds left to one socket operation, and turn its errors into reasons."""
        try:
            yield self.left_s()
        except TimeoutError:
            raise CallFailed(self._reason) from None
        except OSError as error:
            raise CallFailed(_reason(error)) from error


def _reason(error: OSError) -> str:
    if error.errno in _UNREACHABLE:
        return "The host cannot be reached."
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "The connection failed.")


class _Backend(httpcore2.NetworkBackend):
    """Connects to addresses the policy allowed. The name still goes into Host, SNI and the certificate's check."""

    def __init__(self, policy: TargetPolicy, network: Network, wall: _Wall) -> None:
        self._policy = policy
        self._network = network
        self._wall = wall
        self.stream: _Stream | None = None

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        addresses = self._addresses(host)
        for address in addresses:
            self._policy.check_address(host, address)
        failure = CallFailed("The name could not be resolved.")
        for tried, address in enumerate(addresses):
            try:
                with self._wall.guard() as left_s:
                    sock = self._network.connect((address, port), left_s / (len(addresses) - tried))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except CallFailed as error:
                failure = error
            else:
                self.stream = _Stream(sock, self._wall, tls=self._network.tls)
                return self.stream
        raise NotConnected(failure.reason)

    def _addresses(self, host: str) -> Sequence[str]:
        """Look the name up in a thread of its own: a resolver knows no wall time."""
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        answer: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        threading.Thread(target=lambda: answer.put(self._network.look_up(host)), daemon=True).start()
        with self._wall.guard() as left_s:
            try:
                return answer.get(timeout=left_s)
            except queue.Empty:
                raise TimeoutError from None


class _Stream(httpcore2.NetworkStream):
    """A socket that obeys the wall time in every operation and stops after `left` bytes were read."""

    def __init__(self, sock: socket.socket, wall: _Wall, *, tls: bool) -> None:
        self._sock = sock
        self._wall = wall
        self._tls = tls
        self.left = _ANSWER_LIMIT_BYTES

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self.left:
            raise _LimitReached
        with self._wall.guard() as left_s:
            self._sock.settimeout(left_s)
            data = self._sock.recv(min(max_bytes, self.left, _READ_BYTES))
        self.left -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._wall.guard() as left_s:
            self._sock.settimeout(left_s)
            try:
                self._sock.sendall(buffer)
            except ConnectionError as error:
                # httpcore then still reads: a server may answer before it has read all, and close.
                raise httpcore2.WriteError from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        if not self._tls:
            return self
        try:
            with self._wall.guard() as left_s:
                self._sock.settimeout(left_s)
                self._sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except CallFailed:
            self.close()
            raise
        return self

    def close(self) -> None:
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        return None
