"""The one set of tables. Both stacks, the scheduler and the migrations use these models and no others."""

from shared_models.base import Base, new_id
from shared_models.category import JobCategory
from shared_models.execution import JobExecution
from shared_models.job import Job, JobSchedule
from shared_models.message import OutboxMessage
from shared_models.notification import Notification
from shared_models.preferences import UserNotificationPreferences, UserUiPreferences
from shared_models.scheduler import SchedulerDuty, SchedulerHandover, SchedulerLease, SchedulerNode
from shared_models.slack import SlackSettings
from shared_models.team import PicTeam
from shared_models.token import LoginFailure, RevokedToken
from shared_models.user import User

__all__ = [
    "Base",
    "Job",
    "JobCategory",
    "JobExecution",
    "JobSchedule",
    "LoginFailure",
    "Notification",
    "OutboxMessage",
    "PicTeam",
    "RevokedToken",
    "SchedulerDuty",
    "SchedulerHandover",
    "SchedulerLease",
    "SchedulerNode",
    "SlackSettings",
    "User",
    "UserNotificationPreferences",
    "UserUiPreferences",
    "new_id",
]
