"""What the owner of the scheduler does besides jobs: when, about which days, and the words of its summaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from shared_rules.cron import next_fire
from shared_rules.date_range import DateRange
from shared_rules.mails import Mail
from shared_rules.maintenance import ENDING_SOON_DAYS

__all__ = [
    "DAILY_DIGEST",
    "DUTIES",
    "ENDING_SOON",
    "MAINTENANCE",
    "NOT_RUN_KEPT_DAYS",
    "SENT_KEPT_DAYS",
    "UNSENT_KEPT_DAYS",
    "WEEKLY_REPORT",
    "Duty",
    "EndingFigure",
    "Occasion",
    "RunFigures",
    "SummaryDuty",
    "mail_of_summary",
    "next_time",
    "occasion",
]

SENT_KEPT_DAYS: Final = 7
UNSENT_KEPT_DAYS: Final = 30
"""Messages that failed, or of which nobody knows, are kept longer: somebody may ask."""
NOT_RUN_KEPT_DAYS: Final = 90
"""So long a tick that was not run can be looked up."""

_MOST_LINES = 100
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Duty:
    """Something the owner does at the times of a cron expression in the scheduler zone. One missed for days is done once."""

    name: str
    expression: str

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Return the first time strictly after `moment`, in UTC."""
        return next_fire(self.expression, zone, moment).astimezone(UTC)


@dataclass(frozen=True)
class SummaryDuty(Duty):
    """A mail to each user whose preference is called as the duty: the runs of `days` days, and the ends of `ahead_days`."""

    title: str
    days: int
    ahead_days: int


MAINTENANCE: Final = Duty("maintenance", "5 0 * * *")
ENDING_SOON: Final = Duty("ending_soon", "0 9 * * mon")
DAILY_DIGEST: Final = SummaryDuty("daily_digest", "0 8 * * *", title="Daily digest", days=1, ahead_days=7)
WEEKLY_REPORT: Final = SummaryDuty(
    "weekly_report", "0 8 * * mon", title="Weekly report", days=7, ahead_days=ENDING_SOON_DAYS
)
DUTIES: Final[tuple[Duty, ...]] = (MAINTENANCE, DAILY_DIGEST, WEEKLY_REPORT, ENDING_SOON)
"""In the order in which they are done when several are due: what is over does not end soon any more."""


@dataclass(frozen=True)
class Occasion:
    """One doing of a duty. `first` and `last` are the dates of the times that it makes up for, mostly one and the same.

    All dates are in `zone`, the scheduler zone; `today` is later than `last` when the duty is done late.
    """

    duty: Duty
    first: date
    last: date
    today: date
    zone: ZoneInfo

    @property
    def key(self) -> str:
        """`maintenance:2026-11-22`: what is caused by it once is caused by it for good."""
        return f"{self.duty.name}:{self.last.isoformat()}"

    @property
    def since(self) -> datetime:
        """The beginning of the day on which it was last due, in UTC."""
        return datetime.combine(self.last, time(), self.zone).astimezone(UTC)

    def first_day(self, days: int) -> date:
        """Return the day with which a summary of `days` days begins: those it makes up for are in it too."""
        return self.first - days * _DAY

    @property
    def last_day(self) -> date:
        """The day with which a summary ends: the one before it was last due."""
        return self.last - _DAY

    def instants(self, days: int) -> DateRange:
        """Return the days of a summary as instants. Summaries follow each other without a gap and without an overlap."""
        start = datetime.combine(self.first_day(days), time(), self.zone)
        return DateRange(start.astimezone(UTC), self.since)


class RunFigures(Protocol):
    """How often a job ran in the days of a summary. Runs that go on count as runs."""

    name: Any
    runs: Any
    failures: Any


class EndingFigure(Protocol):
    """A job that ends soon."""

    name: Any
    end_date: Any


def occasion(duty: Duty, due_at: datetime, now: datetime, zone: ZoneInfo) -> Occasion:
    """Return what is done now for a duty that is due since `due_at`, which is not later than `now`."""
    last = due_at
    while (following := duty.next_after(last, zone)) <= now:
        last = following
    first_on, last_on, today = (moment.astimezone(zone).date() for moment in (due_at, last, now))
    return Occasion(duty, first_on, last_on, today, zone)


def next_time(duty: Duty, stored: datetime | None, now: datetime, zone: ZoneInfo, *, same_zone: bool) -> datetime:
    """Return when the duty is to be done (UTC), as a new owner sees it. What is due already stays due.

    A time further off than the one after the next was written by a clock that ran ahead, and would be waited for in vain.
    """
    following = duty.next_after(now, zone)
    if stored is None:
        return following
    credible = stored <= duty.next_after(following, zone)
    return stored if stored <= now or (same_zone and credible) else following


def mail_of_summary(
    occasion: Occasion, summary: SummaryDuty, to: str, runs: Sequence[RunFigures], ends: Sequence[EndingFigure]
) -> Mail | None:
    """Return the summary of one user's jobs, None when there is nothing to say. Most failures first, then the next ends."""
    if not runs and not ends:
        return None
    figures = _figures(sum(job.runs for job in runs), sum(job.failures for job in runs))
    days = _days(occasion.first_day(summary.days), occasion.last_day)
    preposition = "from" if " to " in days else "on"
    paragraphs = [f"Your jobs {preposition} {days} ({occasion.zone.key}): {figures}."]
    if runs:
        by_failures = sorted(runs, key=lambda job: (-job.failures, job.name))
        paragraphs.append(_list("Runs:", [f"{job.name}: {_figures(job.runs, job.failures)}" for job in by_failures]))
    if ends:
        by_end = sorted(ends, key=lambda job: (job.end_date, job.name))
        lines = [f"{job.name}: {job.end_date.isoformat()} ({_days_left(job, occasion.today)})" for job in by_end]
        paragraphs.append(_list("Next ends:", lines))
    return Mail(to, f"{summary.title}, {days}: {figures}", "\n\n".join(paragraphs) + "\n")


def _figures(runs: int, failures: int) -> str:
    return f"{_counted(runs, 'run')}, {failures or 'none'} failed" if runs else "no runs"


def _days(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"


def _days_left(job: EndingFigure, today: date) -> str:
    return f"{_counted((job.end_date - today).days, 'day')} left"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _list(head: str, lines: Sequence[str]) -> str:
    more = len(lines) - _MOST_LINES
    rest = [f"and {_counted(more, 'more job')}"] if more > 0 else []
    return "\n".join([head, *(f"- {line}" for line in [*lines[:_MOST_LINES], *rest])])
