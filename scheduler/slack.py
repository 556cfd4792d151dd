"""Slack: one line of text to an incoming webhook, over the same checked way as every other outgoing call."""

from scheduler.outgoing import CallFailed, OutgoingClient

__all__ = ["SlackIsBusy", "post_to_slack"]


class SlackIsBusy(CallFailed):
    """Slack took nothing, and asks to be left alone for a while."""


def post_to_slack(webhook_url: str, channel: str | None, text: str, client: OutgoingClient) -> None:
    """Post the text; without a channel the webhook's own is used. Raise CallFailed, also unless Slack answers 2xx.

    The webhook's URL is a secret: no reason holds it.
    """
    body = {"text": text, "link_names": True} | ({"channel": channel} if channel else {})
    answer = client.send("POST", webhook_url, json=body)
    if answer.status == 429:
        raise SlackIsBusy("Slack answered with status 429.")
    if not 200 <= answer.status < 300:
        raise CallFailed(f"Slack answered with status {answer.status}.")
