"""Messages that outlive a crash: queued in the transaction that causes them, sent after it, each at most once.

queued -> sending -> sent, or failed      sending -> unknown: its process died, nobody knows whether it arrived
   ^         |
   +---------+  only while nobody can be reached, so that sending it again repeats nothing
"""

import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from scheduler.lease import transaction
from scheduler.messages import slack_channel
from scheduler.outgoing import CallFailed, NotConnected
from scheduler.services import Services
from scheduler.slack import SlackIsBusy, post_to_slack
from shared_models.queries import outbox as queries
from shared_rules.mails import Message

__all__ = ["DELAYS_S", "Outbox", "queue"]

DELAYS_S: Final = (1.0, 5.0, 20.0, 60.0, 180.0)
"""How long a server that was not reached is left alone. A message that reaches nobody after the last has failed."""

_LOOK_S: Final = 1.0
_REASON_CHARS: Final = 500
_log = structlog.get_logger(__name__)


def queue(connection: Connection, messages: Sequence[Message], now: datetime) -> int:
    """Queue the messages in the caller's transaction; return how many. One whose key was queued before stays as it was."""
    if messages:
        rows = [vars(message) | {"created_at": now} for message in messages]
        connection.execute(queries.added(connection.dialect.name), rows)
    return len(messages)


class Outbox:
    """One process's hand on the outbox: it delivers between `start` and `pause`, mails and Slack lines side by side.

    Each message is taken by compare-and-set, so nothing is sent twice, however many processes deliver.
    """

    def __init__(
        self, services: Services, engine: Engine, process: str, *, delays_s: Sequence[float] = DELAYS_S
    ) -> None:
        self._engine = engine
        self._process = process
        self._lines = tuple(
            _Line(kind, send, engine, process, now=services.clock.now, delays_s=delays_s)
            for kind, send in (("mail", _mailing(services)), ("slack", _posting(services, engine)))
        )
        self._stop = threading.Event()
        self._stop.set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Deliver what waits and what will be queued, until `pause`. Calling it again changes nothing."""
        if not self._stop.is_set():
            return
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=line.deliver_on, args=(self._stop,), name=f"outbox {line.kind}", daemon=True)
            for line in self._lines
        ]
        for thread in self._threads:
            thread.start()

    def pause(self) -> None:
        """Begin no further message. Returns at once."""
        self._stop.set()
        self.deliver_soon()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Pause, and wait until what is being sent is recorded; tell whether that came true in time."""
        self.pause()
        ends = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def deliver_soon(self) -> None:
        """Look for messages now, not only at the next look, which comes within a second."""
        for line in self._lines:
            line.wake.set()

    def deliver(self, limit: int = 100) -> int:
        """Send up to `limit` messages of each kind in this thread; return how many were tried."""
        return sum(line.deliver(limit) for line in self._lines)

    def take_over(self, dead: Collection[str]) -> None:
        """Give up what processes were sending that are dead, or gone without a word. It is not sent again."""
        with self._engine.connect() as connection:
            lost = connection.scalars(queries.lost(self._process, dead)).all()
        if not lost:
            return
        with transaction(self._engine) as connection:
            connection.execute(queries.given_up(lost))
        _log.error("outbox.lost", messages=lost)


class _SwitchedOff(Exception):
    """The way a message was to go is switched off by now."""


class _Line:
    """The messages of one kind, sent one after the other, the oldest first. `wake` ends the wait of its thread."""

    def __init__(
        self,
        kind: str,
        send: Callable[[Any], None],
        engine: Engine,
        process: str,
        *,
        now: Callable[[], datetime],
        delays_s: Sequence[float],
    ) -> None:
        self.kind = kind
        self.wake = threading.Event()
        self._send = send
        self._engine = engine
        self._process = process
        self._now = now
        self._delays_s = delays_s
        self._turn = threading.Lock()
        self._tries: Counter[str] = Counter()
        self._held_until = 0.0
        # What became of the last message; kept until the database has it.
        self._ended: dict[str, Any] | None = None

    def deliver_on(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.deliver(None, stop)
            except Exception as error:
                # Whatever it is, the thread goes on.
                _log.warning("outbox.waits_for_database", kind=self.kind, error=type(error).__name__)
            held_s = self._held_until - time.monotonic()
            self.wake.wait(held_s if held_s > 0 else _LOOK_S)
            self.wake.clear()

    def deliver(self, limit: int | None, stop: threading.Event | None = None) -> int:
        """Send until no message waits, or `limit` were tried, or nobody can be reached; return how many were tried."""
        tried = 0
        with self._turn:
            while True:
                goes_on = tried != limit and not (stop and stop.is_set()) and time.monotonic() >= self._held_until
                message = self._exchange(take=goes_on)
                if message is None:
                    return tried
                self._ended = self._try(message)
                tried += 1

    def _exchange(self, *, take: bool) -> Any:
        """Write what became of the last message and take the next, in one transaction; return None when there is none."""
        if self._ended is None and not (take and self._any_waits()):
            return None
        with transaction(self._engine) as connection:
            if self._ended is not None:
                connection.execute(queries.ended(self._process), self._ended)
            message = connection.execute(queries.taken(self.kind, self._process)).one_or_none() if take else None
        self._ended = None
        return message

    def _any_waits(self) -> bool:
        with self._engine.connect() as connection:
            return connection.scalar(queries.waiting(self.kind)) is not None

    def _try(self, message: Any) -> dict[str, Any]:
        """Send one message; return the parameters of `ended`. Whatever goes wrong, it does not raise."""
        try:
            self._send(message)
        except Exception as error:
            return self._after(error, message.id)
        self._tries.pop(message.id, None)
        return _end(message.id, "sent", sent_at=self._now())

    def _after(self, error: Exception, message_id: str) -> dict[str, Any]:
        reason = _reason(error)
        if _nobody_reached(error) and self._tries[message_id] < len(self._delays_s):
            delay_s = self._delays_s[self._tries[message_id]]
            self._tries[message_id] += 1
            self._held_until = time.monotonic() + delay_s
            _log.warning("outbox.not_reached", kind=self.kind, message=message_id, why=reason, again_in_s=delay_s)
            return _end(message_id, "queued", error=reason)
        self._tries.pop(message_id, None)
        expected = isinstance(error, CallFailed | OSError | ValueError | _SwitchedOff)
        _log.error(
            "outbox.failed", kind=self.kind, message=message_id, why=reason, exc_info=None if expected else error
        )
        return _end(message_id, "failed", error=reason)


def _mailing(services: Services) -> Callable[[Any], None]:
    def send(message: Any) -> None:
        if not services.settings.mail_enabled:
            raise _SwitchedOff("E-mail is switched off.")
        services.mailer.send(message.recipient, message.subject, message.body)

    return send


def _posting(services: Services, engine: Engine) -> Callable[[Any], None]:
    def send(message: Any) -> None:
        with engine.connect() as connection:
            slack = slack_channel(connection)
        if slack is None:
            raise _SwitchedOff("Slack is switched off.")
        post_to_slack(slack.webhook_url, slack.channel, message.body, services.runner.client)

    return send


def _nobody_reached(error: Exception) -> bool:
    """Tell whether nothing can have been accepted.

    A plain OSError of smtplib is one of connecting or of STARTTLS; once it talks it raises errors of its own. A database
    that does not answer was asked where Slack is.
    """
    if isinstance(error, smtplib.SMTPException):
        return isinstance(error, smtplib.SMTPConnectError)
    return isinstance(error, NotConnected | SlackIsBusy | OSError | SQLAlchemyError)


def _reason(error: Exception) -> str:
    if isinstance(error, CallFailed | _SwitchedOff):
        return str(error)
    # A surrogate, as in the name of a file, would not go into the database.
    return f"{type(error).__name__}: {error}"[:_REASON_CHARS].encode(errors="replace").decode()


def _end(message_id: str, phase: str, *, sent_at: datetime | None = None, error: str | None = None) -> dict[str, Any]:
    return {"message": message_id, "phase": phase, "sent_at": sent_at, "error": error}
