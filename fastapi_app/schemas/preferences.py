"""Bodies and answers of users' preferences."""

from pydantic import Field

from fastapi_app.schemas.wire import AnswerModel, Identifier, Instant, RequestModel

__all__ = [
    "Columns",
    "NotificationPreferences",
    "PreferencesAnswer",
    "PreferencesUpdate",
    "UiPreferences",
    "UiPreferencesAnswer",
    "UiPreferencesUpdate",
]


class NotificationPreferences(AnswerModel):
    id: Identifier
    user_id: Identifier
    email_on_job_success: bool
    email_on_job_failure: bool
    email_on_job_disabled: bool
    browser_notifications: bool
    daily_digest: bool
    weekly_report: bool
    created_at: Instant
    updated_at: Instant


class PreferencesAnswer(AnswerModel):
    message: str
    preferences: NotificationPreferences


class PreferencesUpdate(RequestModel):
    email_on_job_success: bool | None = Field(default=None, examples=[False])
    email_on_job_failure: bool | None = None
    email_on_job_disabled: bool | None = None
    browser_notifications: bool | None = None
    daily_digest: bool | None = Field(default=None, examples=[True])
    weekly_report: bool | None = None


class Columns(AnswerModel):
    pic_team: bool
    end_date: bool
    cron_expression: bool
    target_url: bool
    last_execution_at: bool


class UiPreferences(AnswerModel):
    jobs_table_columns: Columns


class UiPreferencesAnswer(AnswerModel):
    preferences: UiPreferences


class UiPreferencesUpdate(RequestModel):
    jobs_table_columns: dict[str, bool | None] = Field(
        description="Any of pic_team, end_date (shown by default), cron_expression, target_url, last_execution_at (hidden)",
        examples=[{"cron_expression": True}],
    )
