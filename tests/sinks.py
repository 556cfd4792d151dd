"""Real servers on the loopback interface that record what this service sends: an HTTP target and a mail server.

with HttpSink() as sink:
    sink.at("/slow", Reply(drip_s=0.02))
    ...
    [received] = sink.wait_for(1)
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as MAIL_POLICY
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["DeliveredMail", "HttpSink", "Received", "Reply", "SmtpSink", "TlsPair", "tls_for"]

_PIECE = b"x" * 64 * 1024
_Item = TypeVar("_Item")


class _Log(Generic[_Item]):
    """A list that other threads fill and a test waits for."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._changed = threading.Condition()

    def add(self, item: _Item) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def all(self) -> list[_Item]:
        with self._changed:
            return list(self._items)

    def clear(self) -> None:
        with self._changed:
            self._items.clear()

    def wait_for(self, count: int, timeout_s: float) -> list[_Item]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._items) >= count, timeout_s):
                raise AssertionError(f"{len(self._items)} of {count} arrived within {timeout_s:g} s")
            return list(self._items)


@dataclass(frozen=True)
class TlsPair:
    """The contexts of a server that holds a certificate and of a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def tls_for(host: str, folder: Path) -> TlsPair:
    """Make a certificate for one name; its file is written into `folder`, because ssl reads keys from files only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{host}.pem"
    path.write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return TlsPair(server, ssl.create_default_context(cadata=pem.decode()))


@dataclass(frozen=True)
class Received:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One programmed answer.

    `size_bytes` sends that many bytes after `body`, `drip_s` then one byte at that interval until the client goes.
    Without `has_length`, and when dripping, the end of the connection ends the body. `raw` sends these bytes instead of
    status, headers and body. `hangs` sends nothing before the sink stops, `held_by` nothing before that event is set.
    """

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    has_length: bool = True
    drip_s: float | None = None
    hangs: bool = False
    held_by: threading.Event | None = None
    raw: bytes | None = None

    @classmethod
    def redirect(cls, location: str | None, status: int = 302) -> Self:
        return cls(status, b"", {} if location is None else {"Location": location})


class HttpSink:
    """A threaded HTTP server on a free port of 127.0.0.1. Answers `default` wherever `at` programmed nothing else."""

    def __init__(self, default: Reply | None = None, *, tls: TlsPair | None = None) -> None:
        self._default = default or Reply()
        self._log: _Log[Received] = _Log()
        self._replies: dict[str, Reply] = {}
        self._stopping = threading.Event()
        self.sent_bytes = 0
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        if tls is not None:
            self._server.socket = tls.server.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def at(self, path: str, reply: Reply) -> str:
        """Program one path and return its URL."""
        self._replies[path] = reply
        return self.url + path

    @property
    def received(self) -> list[Received]:
        return self._log.all()

    def clear(self) -> None:
        """Forget what arrived and what was programmed."""
        self._log.clear()
        self._replies.clear()

    def wait_for(self, count: int, timeout_s: float = 10) -> list[Received]:
        """Return what arrived as soon as it is `count` requests; fail after `timeout_s`."""
        return self._log.wait_for(count, timeout_s)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: Received, write: Callable[[bytes], object]) -> None:
        self._log.add(request)
        reply = self._replies.get(request.path.partition("?")[0], self._default)
        for piece in self._pieces(reply):
            write(piece)
            self.sent_bytes += len(piece)

    def _pieces(self, reply: Reply) -> Iterator[bytes]:
        if reply.hangs:
            self._stopping.wait()
            return
        while reply.held_by and not reply.held_by.wait(0.02) and not self._stopping.is_set():
            pass
        if reply.raw is not None:
            yield reply.raw
        else:
            yield from self._whole(reply)
        while reply.drip_s is not None and not self._stopping.wait(reply.drip_s):
            yield b"."

    def _whole(self, reply: Reply) -> Iterator[bytes]:
        known = reply.has_length and reply.drip_s is None
        length = {"Content-Length": str(len(reply.body) + reply.size_bytes)} if known else {}
        head = {**length, **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} Programmed", *(f"{name}: {value}" for name, value in head.items())]
        yield "\r\n".join([*lines, "Connection: close", "", ""]).encode()
        yield reply.body
        for _ in range(reply.size_bytes // len(_PIECE)):
            yield _PIECE
        yield b"x" * (reply.size_bytes % len(_PIECE))


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what many tests are about."""


def _handler_for(sink: HttpSink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            sink.answer(Received(self.command, self.path, headers, body), self.wfile.write)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Keep the output of tests clean."""

    return Handler


@dataclass(frozen=True)
class DeliveredMail:
    """One message as the mail server took it; `envelope_to` is who would get it, whatever its headers say."""

    envelope_from: str
    envelope_to: tuple[str, ...]
    message: EmailMessage
    encrypted: bool
    login: str | None

    @property
    def to(self) -> str:
        return str(self.message["To"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def body(self) -> str:
        """The text with `\\n` line ends, whatever travelled."""
        return str(self.message.get_content()).replace("\r\n", "\n")


class SmtpSink:
    """A mail server on a free port of 127.0.0.1. With `tls` it insists on STARTTLS, with `login` on that user and password."""

    def __init__(
        self, *, tls: TlsPair | None = None, login: tuple[str, str] | None = None, refuses: bool = False
    ) -> None:
        self._log: _Log[DeliveredMail] = _Log()
        self._login = login
        self._refuses = refuses
        self._controller = _FreePortController(
            self,
            hostname="127.0.0.1",
            port=0,
            server_hostname="sink.test",
            tls_context=tls.server if tls else None,
            require_starttls=tls is not None,
            auth_required=login is not None,
            authenticator=self._authenticate,
        )

    @property
    def port(self) -> int:
        return self._controller.port

    @property
    def delivered(self) -> list[DeliveredMail]:
        return self._log.all()

    def clear(self) -> None:
        self._log.clear()

    def wait_for(self, count: int, timeout_s: float = 10) -> list[DeliveredMail]:
        """Return what was delivered as soon as it is `count` messages; fail after `timeout_s`."""
        return self._log.wait_for(count, timeout_s)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._refuses:
            return "554 5.7.1 No mail today"
        content = cast(bytes, envelope.content)
        message = BytesParser(policy=MAIL_POLICY).parsebytes(content)
        login = session.auth_data.decode() if session.auth_data else None
        sender, recipients = str(envelope.mail_from), tuple(envelope.rcpt_tos)
        self._log.add(DeliveredMail(sender, recipients, message, session.ssl is not None, login))
        return "250 OK"

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any) -> AuthResult:
        sent = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=sent == self._login, handled=False, auth_data=data.login if sent else None)


class _FreePortController(Controller):
    def _trigger_server(self) -> None:
        """Learn the port before the controller tries it: it was told 0."""
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
