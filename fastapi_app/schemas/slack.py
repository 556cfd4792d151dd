"""Bodies and answers of the Slack settings."""

from pydantic import Field

from fastapi_app.schemas.wire import AnswerModel, Identifier, Instant, RequestModel

__all__ = ["SlackAnswer", "SlackSettings", "SlackUpdate", "SlackUpdated"]

_URL = "https://hooks.slack.com/services/T000/B000/XXXX"


class SlackSettings(AnswerModel):
    id: Identifier
    is_enabled: bool
    webhook_url: str | None = Field(examples=[_URL])
    channel: str | None = Field(examples=["#jobs"])
    created_at: Instant
    updated_at: Instant


class SlackAnswer(AnswerModel):
    slack_settings: SlackSettings


class SlackUpdated(SlackAnswer):
    message: str


class SlackUpdate(RequestModel):
    is_enabled: bool | None = Field(default=None, examples=[True])
    webhook_url: str | None = Field(
        default=None,
        max_length=500,
        description="https; http as well outside production; blank is none",
        examples=[_URL],
    )
    channel: str | None = Field(
        default=None, max_length=255, description="Blank is the webhook's own", examples=["#jobs"]
    )
