"""The mail sink: an SMTP server that takes every message, and any name and password, but speaks no TLS."""

import asyncio
import base64
import logging
import re
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from parity.sinks.listener import HOST, Listener
from parity.values import Effect

__all__ = ["MailSink"]

# Different for every message, or said elsewhere in the effect.
_NOT_KEPT = frozenset({"date", "message-id", "received", "subject"})
_BOUNDARY = re.compile(r';\s*boundary=("[^"]*"|[^;\s]+)', re.IGNORECASE)


class MailSink(Listener):
    """Notes every mail."""

    def __init__(self) -> None:
        # aiosmtpd warns of its own deprecated attribute at every login, in the middle of the replay's progress.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        super().__init__()

    @property
    def facts(self) -> Mapping[str, str]:
        """What settings of a stack may name as `{smtp_host}` and `{smtp_port}`."""
        return {"smtp_host": HOST, "smtp_port": str(self.port)}

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(self._protocol, HOST, 0)

    def _protocol(self) -> SMTP:
        return _Server(
            self.opened,
            _Handler(self.note),
            # The default asks for this machine's full name, which some networks take seconds to give.
            hostname="localhost",
            enable_SMTPUTF8=True,
            data_size_limit=None,
            authenticator=lambda *_: AuthResult(success=True),
            auth_require_tls=False,
            loop=self._loop,
        )


class _Server(SMTP):
    def __init__(self, opened: Callable[[asyncio.WriteTransport], None], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._opened(cast(asyncio.WriteTransport, transport))
        super().connection_made(transport)

    # Not every library folds its lines at the 998 characters of the standard, and most servers take them.
    line_length_limit = 2**20


class _Handler:
    """What aiosmtpd hands the commands to."""

    def __init__(self, note: Callable[[Effect], None]) -> None:
        self._note = note

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._note(Effect("mail", _content(envelope)))
        return "250 OK"


def _content(envelope: Envelope) -> dict[str, Any]:
    raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
    message = message_from_bytes(raw, EmailMessage, policy=policy.default)
    return {
        "from": envelope.mail_from or "",
        "to": sorted(envelope.rcpt_tos),
        "subject": str(message.get("subject", "")),
        "headers": _headers(message),
        "body": _body(message),
    }


def _headers(message: EmailMessage) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in message.items():
        lower, text = name.lower(), _BOUNDARY.sub("", str(value))
        if lower not in _NOT_KEPT:
            kept[lower] = f"{kept[lower]}, {text}" if lower in kept else text
    return kept


def _body(message: EmailMessage) -> Any:
    """Return the text; of several parts an object by type and file name, with lists where one occurs again."""
    if not message.is_multipart():
        return _part(message)
    parts: dict[str, list[Any]] = {}
    for part in message.walk():
        if not part.is_multipart():
            key = f"{part.get_content_type()} {part.get_filename() or ''}".rstrip()
            parts.setdefault(key, []).append(_part(part))
    return {key: values[0] if len(values) == 1 else values for key, values in parts.items()}


def _part(part: EmailMessage) -> Any:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    if part.get_content_maintype() != "text":
        return {"base64": base64.b64encode(content).decode("ascii")}
    try:
        text = content.decode(part.get_content_charset("utf-8"))
    except (LookupError, UnicodeDecodeError):
        text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")
