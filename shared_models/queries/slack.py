"""Statements about the one row of Slack settings."""

from sqlalchemy import Select, select

from shared_models.slack import SlackSettings

__all__ = ["slack_settings"]


def slack_settings() -> Select[SlackSettings]:
    return select(SlackSettings)
