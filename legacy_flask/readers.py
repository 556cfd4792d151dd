"""Who hears of a run or a pause besides the bell, read in the transaction that writes it."""

from flask_sqlalchemy.session import Session
from sqlalchemy.orm import scoped_session

from scheduler.messages import PauseReaders, Readers, SlackChannel
from shared_models import Job
from shared_models.queries.notices import address_for_disabled_jobs
from shared_models.queries.runs import enabled_slack, mail_wishes, team_handle
from shared_rules.maintenance import EndingJob

__all__ = ["readers_of_pause", "readers_of_run"]


def readers_of_run(session: scoped_session[Session], job: Job) -> Readers:
    return Readers(
        wishes=dict(session.execute(mail_wishes(job.notification_emails)).all()),
        slack=_slack(session),
        team_handle=session.scalar(team_handle(job.pic_team)),
    )


def readers_of_pause(session: scoped_session[Session], job: EndingJob) -> PauseReaders:
    return PauseReaders(
        owner_address=session.scalar(address_for_disabled_jobs(job.created_by)),
        slack=_slack(session),
        team_handle=session.scalar(team_handle(job.pic_team)),
    )


def _slack(session: scoped_session[Session]) -> SlackChannel | None:
    row = session.scalar(enabled_slack())
    return SlackChannel(row.webhook_url or "", row.channel) if row else None
