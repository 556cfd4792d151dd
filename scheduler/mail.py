"""E-mail over SMTP. A header or address that could smuggle in another one cannot be built, so it is never sent."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr

import idna

__all__ = ["MailConfig", "Mailer"]


@dataclass(frozen=True)
class MailConfig:
    """The mail server. `use_tls` is STARTTLS; without a user name nobody logs in; `sender` may have a display name."""

    server: str
    port: int
    sender: str
    use_tls: bool = True
    username: str = ""
    password: str = field(default="", repr=False)
    enabled: bool = True
    timeout_s: float = 10.0


class Mailer:
    """Sends one message at a time, each over a connection of its own; safe from any thread."""

    def __init__(self, config: MailConfig, *, ssl_context: ssl.SSLContext | None = None) -> None:
        self._config = config
        self._ssl_context = ssl_context

    def send(self, to: str, subject: str, body: str) -> None:
        """Send plain text to one recipient, or nothing when mail is disabled.

        Raise ValueError for a line break in subject or address and for more than one address; smtplib's errors and
        OSError when the server refuses or cannot be reached.
        """
        if not self._config.enabled:
            return
        message = _message(self._config.sender, to, subject, body)
        with smtplib.SMTP(self._config.server, self._config.port, timeout=self._config.timeout_s) as server:
            if self._config.use_tls:
                server.starttls(context=self._ssl_context or ssl.create_default_context())
            if self._config.username:
                server.login(self._config.username, self._config.password)
            server.send_message(message)


def _message(sender: str, to: str, subject: str, body: str) -> EmailMessage:
    name, sender_address = parseaddr(sender)
    message = EmailMessage()
    message["From"] = _address(sender_address, name)
    message["To"] = _address(to)
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message


def _address(text: str, display_name: str = "") -> Address:
    """Return exactly one address, its domain as ASCII. Raise ValueError."""
    local, _, domain = text.rpartition("@")
    ascii_domain = domain if domain.isascii() else idna.encode(domain).decode("ascii")
    try:
        return Address(display_name, addr_spec=f"{local}@{ascii_domain}")
    except MessageError:
        raise ValueError(f'"{text}" is not one e-mail address.') from None
