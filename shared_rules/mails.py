"""Who is written to when a run ended, and what: e-mails and the Slack line as values. Nothing is sent from here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from shared_rules.execution import Outcome

__all__ = ["Mail", "MailPreferences", "Message", "NotifiedJob", "mails_after_run", "slack_after_run", "slack_text"]


class NotifiedJob(Protocol):
    """The columns of a job that decide its e-mails."""

    @property
    def name(self) -> str: ...
    @property
    def enable_email_notifications(self) -> bool: ...
    @property
    def notification_emails(self) -> Sequence[str]: ...
    @property
    def notify_on_success(self) -> bool: ...


class MailPreferences(Protocol):
    """What a user wants to hear about runs."""

    @property
    def email_on_job_success(self) -> bool: ...
    @property
    def email_on_job_failure(self) -> bool: ...


@dataclass(frozen=True)
class Mail:
    """One message to one recipient, plain text."""

    to: str
    subject: str
    body: str


@dataclass(frozen=True)
class Message:
    """What the outbox keeps until it is sent: a mail, or a line for Slack, which has neither recipient nor subject.

    Of all messages with one key only the first is ever sent.
    """

    key: str
    kind: Literal["mail", "slack"]
    body: str
    recipient: str | None = None
    subject: str | None = None

    @classmethod
    def of_mail(cls, key: str, mail: Mail) -> "Message":
        return cls(key, "mail", mail.body, mail.to, mail.subject)

    @classmethod
    def of_line(cls, key: str, line: str) -> "Message":
        return cls(key, "slack", line)


def mails_after_run(
    job: NotifiedJob, outcome: Outcome, preferences_by_email: Mapping[str, MailPreferences]
) -> list[Mail]:
    """Return the mails of one ended run, in the order of the recipients, each once.

    Keys of `preferences_by_email` are lower case; a recipient who is not in it is no user and gets every mail.
    """
    failed = outcome.status == "failed"
    if not job.enable_email_notifications or not (failed or job.notify_on_success):
        return []
    subject = f"Job {'failed' if failed else 'succeeded'}: {job.name}"
    body = _body(job.name, outcome)
    return [Mail(to, subject, body) for to in _wanted_by(job.notification_emails, preferences_by_email, failed=failed)]


def slack_after_run(job_name: str, outcome: Outcome, team_handle: str | None) -> str | None:
    """Return the line for Slack, None after a success. A job without a team has no handle in front."""
    if outcome.status != "failed":
        return None
    line = f"Job failed: {slack_text(job_name)}: {slack_text(outcome.error_message or 'no reason given')}"
    return f"{team_handle} {line}" if team_handle else line


def slack_text(text: str) -> str:
    """Return text in which Slack sees no mention and no link: a job's name or a target's answer must not make one."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _wanted_by(recipients: Sequence[str], preferences: Mapping[str, MailPreferences], *, failed: bool) -> list[str]:
    wanted: dict[str, str] = {}
    for to in recipients:
        known = preferences.get(to.lower())
        if known is None or (known.email_on_job_failure if failed else known.email_on_job_success):
            wanted.setdefault(to.lower(), to)
    return list(wanted.values())


def _body(job_name: str, outcome: Outcome) -> str:
    lines = [f'Job "{job_name}" {"failed" if outcome.status == "failed" else "completed successfully"}.']
    if outcome.error_message:
        lines += ["", f"Reason: {outcome.error_message}"]
    if outcome.response_status is not None:
        lines += ["", f"Status of the answer: {outcome.response_status}"]
    if outcome.output:
        lines += ["", "Answer:", outcome.output]
    return "\n".join(lines) + "\n"
