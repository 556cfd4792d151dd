"""Who hears of a run or a pause besides the bell, read in the transaction that writes it."""

from sqlalchemy.ext.asyncio import AsyncSession

from scheduler.messages import PauseReaders, Readers, SlackChannel
from shared_models import Job
from shared_models.queries.notices import address_for_disabled_jobs
from shared_models.queries.runs import enabled_slack, mail_wishes, team_handle
from shared_rules.maintenance import EndingJob

__all__ = ["readers_of_pause", "readers_of_run"]


async def readers_of_run(session: AsyncSession, job: Job) -> Readers:
    return Readers(
        wishes=dict((await session.execute(mail_wishes(job.notification_emails))).all()),
        slack=await _slack(session),
        team_handle=await session.scalar(team_handle(job.pic_team)),
    )


async def readers_of_pause(session: AsyncSession, job: EndingJob) -> PauseReaders:
    return PauseReaders(
        owner_address=await session.scalar(address_for_disabled_jobs(job.created_by)),
        slack=await _slack(session),
        team_handle=await session.scalar(team_handle(job.pic_team)),
    )


async def _slack(session: AsyncSession) -> SlackChannel | None:
    row = await session.scalar(enabled_slack())
    return SlackChannel(row.webhook_url or "", row.channel) if row else None
