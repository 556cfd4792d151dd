"""Slack's webhook, spoken to like any other target."""

import ssl

import pytest

from scheduler.outgoing import CallFailed, OutgoingClient
from scheduler.slack import post_to_slack
from shared_rules.targets import TargetPolicy
from tests.sinks import HttpSink, Reply

SYSTEM_CERTIFICATES = ssl.create_default_context()


@pytest.fixture
def sink():
    with HttpSink() as sink:
        yield sink


def client(*, production: bool = False) -> OutgoingClient:
    return OutgoingClient(TargetPolicy(production), user_agent="changeover/test", ssl_context=SYSTEM_CERTIFICATES)


def test_the_text_is_posted(sink):
    post_to_slack(sink.url + "/services/s3cret", None, "@devops Job failed: 再構築: no", client())

    [received] = sink.wait_for(1)
    assert (received.method, received.path) == ("POST", "/services/s3cret")
    assert received.json == {"text": "@devops Job failed: 再構築: no", "link_names": True}


def test_a_channel_is_named_when_set(sink):
    post_to_slack(sink.url, "#alerts", "x", client())

    assert sink.wait_for(1)[0].json["channel"] == "#alerts"


def test_an_answer_other_than_2xx_is_a_failure_that_keeps_the_url_secret(sink):
    url = sink.at("/services/s3cret", Reply(404, b"no_service s3cret"))

    with pytest.raises(CallFailed) as failed:
        post_to_slack(url, None, "x", client())

    assert failed.value.reason == "Slack answered with status 404."


def test_slack_is_checked_like_every_target(sink):
    with pytest.raises(CallFailed) as failed:
        post_to_slack(sink.url, None, "x", client(production=True))

    assert (failed.value.reason, sink.received) == ("127.0.0.1 is not an allowed target.", [])
