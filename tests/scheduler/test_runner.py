"""Runs and test runs against a real target and a stand-in for GitHub's API."""

import ssl

import pytest

from scheduler.outgoing import Network
from scheduler.runner import Runner
from shared_rules.execution import GithubCall, Outcome, WebhookCall
from shared_rules.targets import TargetPolicy
from tests.sinks import HttpSink, Reply

SYSTEM_CERTIFICATES = ssl.create_default_context()
TOKEN = "ghp_c4n4ry"
DISPATCHES = "/repos/acme/web/actions/workflows/deploy.yml/dispatches"
DISPATCH = GithubCall("acme", "web", "deploy", "dev", {"branch": "dev", "env": "staging"})


@pytest.fixture
def sink():
    with HttpSink() as sink:
        yield sink


@pytest.fixture
def github():
    with HttpSink(Reply(404, b"Not Found")) as github:
        github.at(DISPATCHES, Reply(204, b""))
        yield github


def runner(github_api_url: str = "http://127.0.0.1:9", token: str = TOKEN, **options) -> Runner:
    settings = {"policy": TargetPolicy(production=False), "user_agent": "changeover/0.1.0"} | options
    policy = settings.pop("policy")
    return Runner(
        policy, github_api_url=github_api_url, github_token=token, ssl_context=SYSTEM_CERTIFICATES, **settings
    )


def run(runs: Runner, call, **options) -> Outcome:
    return runs.run(
        call, idempotency_key="job1:2026-11-22T00:00:00Z", execution_id="exec1", job_name="Nightly", **options
    )


def assert_marked(received) -> None:
    assert received.headers["idempotency-key"] == "job1:2026-11-22T00:00:00Z"
    assert received.headers["x-execution-id"] == "exec1"
    assert received.headers["user-agent"] == "changeover/0.1.0"


def test_a_webhook_with_metadata_is_a_post(sink):
    outcome = run(runner(), WebhookCall(sink.at("/hook", Reply(202, b"x" * 1200)), {"env": "staging"}))

    [received] = sink.wait_for(1)
    assert outcome == Outcome("success", 202, output="x" * 1000)
    assert (received.method, received.json) == ("POST", {"env": "staging"})
    assert_marked(received)


def test_a_webhook_without_metadata_is_a_get(sink):
    outcome = run(runner(), WebhookCall(sink.url))

    [received] = sink.wait_for(1)
    assert outcome == Outcome("success", 200, output="ok")
    assert (received.method, received.body) == ("GET", b"")
    assert_marked(received)


def test_a_webhook_that_answers_an_error_failed(sink):
    outcome = run(runner(), WebhookCall(sink.at("/hook", Reply(503, b"busy"))))

    assert outcome == Outcome("failed", 503, "Webhook returned status 503", "busy")


def test_a_webhook_that_cannot_be_reached_failed():
    outcome = run(runner(network=Network(lambda host: ())), WebhookCall("http://hook.test/"))

    assert outcome == Outcome("failed", error_message="Webhook call failed: The name could not be resolved.")


def test_a_webhook_that_takes_too_long_failed(sink):
    outcome = run(runner(), WebhookCall(sink.at("/slow", Reply(drip_s=0.02)), timeout_s=0.2))

    assert outcome == Outcome("failed", error_message="Webhook call failed: Timed out after 0.2 s.")


def test_a_webhook_that_is_not_allowed_failed_without_a_call(sink):
    outcome = run(runner(policy=TargetPolicy(production=True)), WebhookCall(sink.url))

    assert outcome == Outcome("failed", error_message="Webhook call failed: 127.0.0.1 is not an allowed target.")
    assert sink.received == []


def test_a_webhook_never_sees_the_github_token(sink, github):
    runs = runner(github.url)

    run(runs, WebhookCall(sink.url, {"a": 1}), github_token_override="ghp_other")
    runs.test_run(WebhookCall(sink.url), run_id="r1")

    for received in sink.wait_for(2):
        assert "authorization" not in received.headers
        assert TOKEN not in repr(received)
        assert "ghp_other" not in repr(received)


def test_a_dispatch_is_what_github_asks_for(github):
    outcome = run(runner(github.url), DISPATCH)

    [received] = github.wait_for(1)
    assert outcome == Outcome("success", 204, output="Workflow triggered successfully on branch dev")
    assert (received.method, received.path) == ("POST", DISPATCHES)
    assert received.json == {"ref": "dev", "inputs": {"branch": "dev", "env": "staging"}}
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["accept"] == "application/vnd.github+json"
    assert received.headers["x-github-api-version"] == "2022-11-28"
    assert received.headers["content-type"] == "application/json"
    assert_marked(received)


def test_the_api_may_live_below_a_path(github):
    github.at("/api/v3" + DISPATCHES, Reply(204, b""))

    assert run(runner(github.url + "/api/v3/"), DISPATCH).status == "success"


def test_a_caller_s_token_is_used_instead_of_ours(github):
    run(runner(github.url), DISPATCH, github_token_override="ghp_other")

    assert github.wait_for(1)[0].headers["authorization"] == "Bearer ghp_other"


def test_a_token_read_with_its_line_break_still_works(github):
    assert run(runner(github.url, token=f"{TOKEN}\n"), DISPATCH).status == "success"


def test_a_dispatch_github_refuses_failed(github):
    github.at(DISPATCHES, Reply(422, b'{"message":"No ref found"}'))

    message = 'GitHub Actions dispatch failed. Status: 422, Response: {"message":"No ref found"}'
    assert run(runner(github.url), DISPATCH) == Outcome("failed", 422, message)


def test_a_token_that_is_echoed_is_not_stored(github):
    github.at(DISPATCHES, Reply(401, f"Bad credentials: {TOKEN}".encode()))

    outcome = run(runner(github.url), DISPATCH)

    assert TOKEN not in repr(outcome)
    assert "Bad credentials: [token]" in outcome.error_message


@pytest.mark.parametrize("token", ["ghp_☃", "ghp_\nX-Evil: 1"], ids=["not ASCII", "two lines"])
def test_a_token_that_cannot_be_sent_is_not_repeated(github, token):
    outcome = run(runner(github.url), DISPATCH, github_token_override=token)

    message = "GitHub Actions dispatch failed: The request holds characters that cannot be sent."
    assert outcome == Outcome("failed", error_message=message)
    assert github.received == []


def test_without_a_token_nothing_is_dispatched(github):
    outcome = run(runner(github.url, token=""), DISPATCH)

    message = "GitHub token not configured. Cannot trigger workflow for job 'Nightly'"
    assert (outcome, github.received) == (Outcome("failed", error_message=message), [])


def test_a_dispatch_that_is_redirected_keeps_its_token_at_home(github, sink):
    github.at(DISPATCHES, Reply.redirect(sink.url + "/stolen", 307))

    run(runner(github.url), DISPATCH)

    assert "authorization" not in sink.wait_for(1)[0].headers


def test_in_production_the_operator_s_api_is_trusted_and_its_redirects_are_not(github, sink):
    runs = runner(github.url, policy=TargetPolicy(production=True))

    assert run(runs, DISPATCH).status == "success"
    github.at(DISPATCHES, Reply.redirect(f"http://localhost:{sink.port}/", 307))
    outcome = run(runs, DISPATCH)

    assert outcome.error_message == "GitHub Actions dispatch failed: localhost is not an allowed target."
    assert sink.received == []


def test_a_test_run_says_what_the_webhook_answered(sink):
    runs = runner()

    good = runs.test_run(WebhookCall(sink.url, {"a": 1}), run_id="r1")
    bad = runs.test_run(WebhookCall(sink.at("/bad", Reply(500))), run_id="r2")

    assert good == {"ok": True, "type": "webhook", "status_code": 200, "message": "Webhook test run succeeded."}
    assert bad == {"ok": False, "type": "webhook", "status_code": 500, "message": "Webhook test run failed."}
    marks = [(got.headers["idempotency-key"], got.headers["x-execution-id"]) for got in sink.wait_for(2)]
    assert marks == [("r1", "r1"), ("r2", "r2")]


def test_a_test_run_without_an_answer_says_why(sink):
    answer = runner().test_run(WebhookCall(sink.at("/slow", Reply(hangs=True)), timeout_s=0.2), run_id="r1")

    assert answer == {"ok": False, "type": "webhook", "error": "Request failed", "message": "Timed out after 0.2 s."}


def test_a_test_run_dispatches(github):
    answer = runner(github.url).test_run(DISPATCH, run_id="r1")

    message = "GitHub workflow dispatch triggered."
    assert answer == {"ok": True, "type": "github", "status_code": 204, "message": message}


def test_a_test_run_needs_the_token_of_the_settings(github):
    answer = runner(github.url, token="").test_run(DISPATCH, run_id="r1")

    assert (answer["error"], github.received) == ("GitHub token not configured", [])
