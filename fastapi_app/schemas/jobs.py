"""Bodies and answers of jobs and of the cron editor's questions."""

from typing import Any, Literal

from pydantic import Field, RootModel

from fastapi_app.schemas.wire import AnswerModel, Day, Identifier, Instant, LocalInstant, RequestModel

__all__ = [
    "CronPreview",
    "CronPreviewed",
    "CronQuestion",
    "CronValidated",
    "DeletedJob",
    "Job",
    "JobAnswer",
    "JobCreate",
    "JobDeleted",
    "JobList",
    "JobUpdate",
    "OneJob",
]


class Job(AnswerModel):
    id: Identifier
    name: str = Field(examples=["Nightly deploy"])
    cron_expression: str = Field(examples=["15 3 * * 1-5"])
    target_url: str | None = Field(examples=["https://hooks.example.com/deploy"])
    github_owner: str | None = Field(examples=["acme"])
    github_repo: str | None = Field(examples=["web"])
    github_workflow_name: str | None = Field(examples=["deploy.yml"])
    metadata: dict[str, Any] = Field(examples=[{"environment": "staging"}])
    category: str = Field(description="Slug", examples=["general"])
    end_date: Day
    pic_team: str | None = Field(description="Slug", examples=["core"])
    enable_email_notifications: bool
    notification_emails: list[str] = Field(examples=[["ops@example.com"]])
    notify_on_success: bool
    created_by: Identifier | None
    is_active: bool
    created_at: Instant
    updated_at: Instant
    last_execution_at: Instant | None
    next_execution_at: LocalInstant | None


class AllJobs(AnswerModel):
    count: int = Field(description="Of this answer")
    jobs: list[Job]


class JobPage(AllJobs):
    total: int = Field(description="Of all pages")
    page: int
    per_page: int
    total_pages: int


class JobList(RootModel[AllJobs | JobPage]):
    """A page if `page` or `per_page` was sent, else the whole list."""


class OneJob(AnswerModel):
    job: Job


class JobAnswer(AnswerModel):
    message: str
    job: Job


class DeletedJob(AnswerModel):
    id: Identifier
    name: str


class JobDeleted(AnswerModel):
    message: str
    deleted_job: DeletedJob


class _JobFields(RequestModel):
    target_url: str | None = Field(default=None, max_length=500, examples=["https://hooks.example.com/deploy"])
    github_owner: str | None = Field(
        default=None, max_length=255, description="DEFAULT_GITHUB_OWNER when absent", examples=["acme"]
    )
    github_repo: str | None = Field(default=None, max_length=255, examples=["web"])
    github_workflow_name: str | None = Field(default=None, max_length=255, examples=["deploy.yml"])
    metadata: dict[str, Any] | None = Field(default=None, examples=[{"environment": "staging"}])
    category: str | None = Field(default=None, description="Slug or name; general when absent", examples=["general"])
    pic_team: str | None = Field(default=None, description="Slug or name", examples=["core"])
    pic_team_slug: str | None = Field(default=None, description="The same as pic_team", examples=["core"])
    enable_email_notifications: bool | None = None
    notification_emails: list[str] | str | None = Field(
        default=None, description="A list, or one text with commas", examples=[["ops@example.com"]]
    )
    notify_on_success: bool | None = None
    is_active: bool | None = None


class JobCreate(_JobFields):
    name: str = Field(max_length=255, examples=["Nightly deploy"])
    cron_expression: str = Field(max_length=100, examples=["15 3 * * 1-5"])
    end_date: Day


class JobUpdate(_JobFields):
    name: str | None = Field(default=None, max_length=255, examples=["Nightly deploy"])
    cron_expression: str | None = Field(default=None, max_length=100, examples=["15 3 * * 1-5"])
    end_date: Day | None = None


class CronQuestion(RequestModel):
    expression: str = Field(examples=["0 2 * * *"])
    cron_expression: str | None = Field(default=None, description="The same as expression", examples=["0 2 * * *"])


class CronPreview(CronQuestion):
    count: int | None = Field(default=None, description="5 when absent; at most 20 are shown", examples=[5])


class CronValid(AnswerModel):
    valid: Literal[True]
    message: str
    cron_expression: str = Field(examples=["0 2 * * *"])
    description: str = Field(examples=["At 02:00 AM"])


class CronInvalid(AnswerModel):
    valid: Literal[False]
    error: str
    message: str = Field(examples=['Minute "60" is out of range 0-59.'])


class CronValidated(RootModel[CronValid | CronInvalid]):
    """Whether a job with this expression could be saved."""


class CronPreviewed(AnswerModel):
    cron_expression: str = Field(examples=["0 2 * * *"])
    timezone: str = Field(examples=["Asia/Tokyo"])
    next_runs: list[LocalInstant]
    count: int
