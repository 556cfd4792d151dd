"""Who hears of a run besides the bell: the e-mails and the Slack line.

After what a request did they are handed to the courier once it is committed (`send_...`); what the scheduler did is told
by way of the outbox, in the same transaction (`messages_...`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from scheduler.services import Services
from scheduler.slack import post_to_slack
from shared_models.queries import outbox as queries
from shared_rules.execution import Outcome
from shared_rules.mails import Mail, MailPreferences, Message, NotifiedJob, mails_after_run, slack_after_run
from shared_rules.maintenance import EndingJob, mail_of_pause, slack_of_pause

__all__ = [
    "PauseReaders",
    "Readers",
    "SlackChannel",
    "messages_after_pause",
    "messages_after_run",
    "readers_of_runs",
    "send_after_pause",
    "send_after_run",
    "send_mail",
    "slack_channel",
]

# RFC 5321; jobs may be older than the rule that would refuse a longer one, and no column has to hold it.
_LONGEST_ADDRESS: Final = 254


class JobOfTeam(NotifiedJob, Protocol):
    """A job with the columns that decide who hears of its runs."""

    @property
    def id(self) -> Any: ...
    @property
    def pic_team(self) -> str | None: ...


@dataclass(frozen=True)
class SlackChannel:
    """Where Slack messages go; None as channel is the webhook's own."""

    webhook_url: str
    channel: str | None


@dataclass(frozen=True)
class Readers:
    """What the database knows about those who might hear of a run. Wishes are by lower-case address."""

    wishes: Mapping[str, MailPreferences]
    slack: SlackChannel | None = None
    team_handle: str | None = None


@dataclass(frozen=True)
class PauseReaders:
    """What the database knows about those who hear of a pause. The address is the owner's, if the owner wants a mail."""

    owner_address: str | None
    slack: SlackChannel | None
    team_handle: str | None


def send_after_run(services: Services, job: NotifiedJob, outcome: Outcome, readers: Readers) -> None:
    """Hand over what the end of a run sends. A server that fails is logged and fails nothing else."""
    for mail in mails_after_run(job, outcome, readers.wishes):
        send_mail(services, mail)
    line = slack_after_run(job.name, outcome, readers.team_handle)
    if line is not None:
        _send_to_slack(services, readers.slack, line, job.name)


def send_after_pause(services: Services, job: EndingJob, readers: PauseReaders) -> None:
    """Hand over what is sent when a job was paused because its end date passed."""
    if readers.owner_address is not None:
        send_mail(services, mail_of_pause(job, readers.owner_address))
    line = slack_of_pause(job, readers.team_handle, services.settings.frontend_base_url)
    _send_to_slack(services, readers.slack, line, job.name)


def messages_after_run(job: NotifiedJob, outcome: Outcome, readers: Readers, key: str) -> list[Message]:
    """Return what `send_after_run` would send. `key` is the execution's id: told once, however often it is recorded."""
    mails = [mail for mail in mails_after_run(job, outcome, readers.wishes) if len(mail.to) <= _LONGEST_ADDRESS]
    messages = [Message.of_mail(f"{key}:{mail.to.lower()}", mail) for mail in mails]
    line = slack_after_run(job.name, outcome, readers.team_handle)
    if line is not None and readers.slack is not None:
        messages.append(Message.of_line(f"{key}:slack", line))
    return messages


def messages_after_pause(job: EndingJob, readers: PauseReaders, frontend_base_url: str, key: str) -> list[Message]:
    """Return what `send_after_pause` would send. `key` names the job and this pause of it."""
    messages = []
    if readers.owner_address is not None:
        messages.append(Message.of_mail(f"{key}:owner", mail_of_pause(job, readers.owner_address)))
    if readers.slack is not None:
        line = slack_of_pause(job, readers.team_handle, frontend_base_url)
        messages.append(Message.of_line(f"{key}:slack", line))
    return messages


def readers_of_runs(connection: Connection, jobs: Collection[JobOfTeam]) -> dict[str, Readers]:
    """Return by job id who might hear of these jobs' runs: three statements, however many jobs there are."""
    addresses = {email.lower() for job in jobs for email in job.notification_emails or ()}
    wishes = {row.email: row for row in connection.execute(queries.wishes_about_runs(addresses))}
    handles = dict(connection.execute(queries.team_handles()).all())
    slack = slack_channel(connection)
    return {job.id: Readers(wishes, slack, handles.get(job.pic_team or "")) for job in jobs}


def slack_channel(connection: Connection) -> SlackChannel | None:
    """Return where Slack messages go by now; None while Slack is switched off."""
    row = connection.execute(queries.slack_channel()).one_or_none()
    return None if row is None else SlackChannel(row.webhook_url, row.channel)


def send_mail(services: Services, mail: Mail) -> None:
    services.courier.submit(partial(services.mailer.send, mail.to, mail.subject, mail.body), f"mail: {mail.subject}")


def _send_to_slack(services: Services, slack: SlackChannel | None, line: str, job_name: str) -> None:
    if slack is not None:
        post = partial(post_to_slack, slack.webhook_url, slack.channel, line, services.runner.client)
        services.courier.submit(post, f"Slack message about job {job_name}")
