"""Slack settings: what an admin may set, and what the row shows."""

from typing import Any, Protocol

from shared_rules import wire
from shared_rules.errors import BadRequest
from shared_rules.fields import Fields
from shared_rules.targets import parse_target_url

__all__ = ["SlackRow", "slack_settings", "wanted_for_update"]

_URL_MAX_CHARS = 500
_CHANNEL_MAX_CHARS = 255


class SlackRow(Protocol):
    """The columns of the one row of settings."""

    id: Any
    is_enabled: Any
    webhook_url: Any
    channel: Any
    created_at: Any
    updated_at: Any


def slack_settings(row: SlackRow) -> dict[str, Any]:
    """`{"id", "is_enabled", "webhook_url", "channel", "created_at", "updated_at"}`"""
    return {
        "id": row.id,
        "is_enabled": row.is_enabled,
        "webhook_url": row.webhook_url,
        "channel": row.channel,
        "created_at": wire.instant(row.created_at),
        "updated_at": wire.instant(row.updated_at),
    }


def wanted_for_update(row: SlackRow | None, body: Fields, *, production: bool) -> dict[str, Any]:
    """Return the columns to set; what was not sent stays as it is in `row`, which is None before the first use.

    Raise Invalid settings when Slack would be enabled without a URL, or with one that may not be called.
    """
    wanted: dict[str, Any] = {}
    is_enabled = body.flag("is_enabled")
    if is_enabled is not None:
        wanted["is_enabled"] = is_enabled
    if "webhook_url" in body:
        wanted["webhook_url"] = body.text("webhook_url", _URL_MAX_CHARS)
    if "channel" in body:
        wanted["channel"] = body.text("channel", _CHANNEL_MAX_CHARS)
    enabled = wanted.get("is_enabled", row is not None and row.is_enabled)
    url = wanted.get("webhook_url", row and row.webhook_url)
    if enabled and url is None:
        raise BadRequest("Invalid settings", "webhook_url is required when Slack is enabled.")
    if url is not None and (enabled or "webhook_url" in wanted):
        _check_url(url, production=production)
    return wanted


def _check_url(url: str, *, production: bool) -> None:
    if not _is_web_url(url) or (production and not url.lower().startswith("https://")):
        raise BadRequest("Invalid settings", "webhook_url must be an https URL.")


def _is_web_url(url: str) -> bool:
    try:
        parse_target_url(url)
    except BadRequest:
        return False
    return True
