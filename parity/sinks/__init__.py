"""Where a replayed stack's outgoing calls and mails end: servers on the loopback interface that note them as effects."""

from parity.sinks.http import HttpSink
from parity.sinks.mail import MailSink

__all__ = ["HttpSink", "MailSink"]
