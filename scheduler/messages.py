"""Who hears of a run besides the bell: the e-mails and the Slack line, handed to the courier after the commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from scheduler.services import Services
from scheduler.slack import post_to_slack
from shared_rules.execution import Outcome
from shared_rules.mails import Mail, MailPreferences, NotifiedJob, mails_after_run, slack_after_run
from shared_rules.maintenance import EndingJob, mail_of_pause, slack_of_pause

__all__ = ["PauseReaders", "Readers", "SlackChannel", "send_after_pause", "send_after_run", "send_mail"]


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


def send_mail(services: Services, mail: Mail) -> None:
    services.courier.submit(partial(services.mailer.send, mail.to, mail.subject, mail.body), f"mail: {mail.subject}")


def _send_to_slack(services: Services, slack: SlackChannel | None, line: str, job_name: str) -> None:
    if slack is not None:
        post = partial(post_to_slack, slack.webhook_url, slack.channel, line, services.runner.client)
        services.courier.submit(post, f"Slack message about job {job_name}")
