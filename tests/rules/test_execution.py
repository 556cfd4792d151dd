"""Which call a job makes, what a caller may change for one run, and the texts of every end."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from shared_rules.errors import BadRequest, InvalidPayload, Refused
from shared_rules.execution import (
    GithubCall,
    Outcome,
    Overrides,
    WebhookCall,
    answer_test_run,
    answer_test_run_without_token,
    answer_unanswered_test_run,
    branch_ref,
    choose_call,
    outcome_of_failure,
    outcome_of_github,
    outcome_of_refusal,
    outcome_of_webhook,
    outcome_without_token,
    read_overrides,
    read_test_run,
)
from shared_rules.fields import Fields
from shared_rules.targets import TargetPolicy

DEVELOPMENT = TargetPolicy(production=False)
PRODUCTION = TargetPolicy(production=True)


@dataclass(frozen=True)
class Job:
    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None
    job_metadata: dict[str, Any] = field(default_factory=dict)


WEBHOOK = Job("https://hook.example.com/a", job_metadata={"env": "staging"})
GITHUB = Job(None, "acme", "web", "deploy", {"branch": "dev"})
BOTH = Job("https://hook.example.com/a", "acme", "web", "deploy.yaml")
CALL = GithubCall("acme", "web", "deploy", "dev")


def test_a_job_with_a_target_url_calls_it():
    assert choose_call(WEBHOOK) == WebhookCall("https://hook.example.com/a", {"env": "staging"})


def test_a_job_with_owner_repo_and_workflow_dispatches():
    assert choose_call(GITHUB) == GithubCall("acme", "web", "deploy.yml", "dev", {"branch": "dev"})


def test_github_wins_when_both_are_set():
    assert choose_call(BOTH) == GithubCall("acme", "web", "deploy.yaml", "main")


@pytest.mark.parametrize("missing", ["github_owner", "github_repo", "github_workflow_name"])
def test_github_needs_all_three(missing):
    names = {"github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy", missing: None}

    assert choose_call(Job("https://hook.example.com/a", **names)) == WebhookCall("https://hook.example.com/a")


def test_a_job_without_a_target_is_refused():
    with pytest.raises(BadRequest) as refused:
        choose_call(Job())

    assert refused.value.error == "Missing target configuration"


def test_a_stored_name_that_may_not_enter_a_url_is_refused():
    with pytest.raises(BadRequest) as refused:
        choose_call(Job(None, "acme", "..", "deploy"))

    assert refused.value.error == "Invalid GitHub configuration"
    assert outcome_of_refusal(refused.value) == Outcome("failed", error_message='".." is not a valid repository.')


def test_a_call_knows_its_type_and_target():
    webhook = choose_call(WEBHOOK)

    assert (webhook.execution_type, webhook.target) == ("webhook", "https://hook.example.com/a")
    assert (CALL.execution_type, CALL.target) == ("github_actions", "acme/web/deploy.yml")


def test_the_timeout_goes_with_the_call():
    assert choose_call(WEBHOOK).timeout_s == choose_call(GITHUB).timeout_s == 10
    assert choose_call(WEBHOOK, timeout_s=3).timeout_s == choose_call(GITHUB, timeout_s=3).timeout_s == 3


OVERRIDES = Overrides({"ref": "v2"}, "https://other.example.com/", "o2", "r2", "w2", "t2")


def test_overrides_of_a_webhook_job_change_url_and_metadata_only():
    assert choose_call(WEBHOOK, OVERRIDES) == WebhookCall("https://other.example.com/", {"ref": "v2"})


def test_overrides_of_a_github_job_change_names_and_metadata_only():
    assert choose_call(GITHUB, OVERRIDES) == GithubCall("o2", "r2", "w2.yml", "v2", {"ref": "v2"})


def test_an_empty_metadata_override_empties_and_none_keeps():
    assert choose_call(WEBHOOK, Overrides(metadata={})).metadata == {}
    assert choose_call(WEBHOOK, Overrides(metadata=None)).metadata == {"env": "staging"}


@pytest.mark.parametrize(
    ("metadata", "ref"),
    [
        ({}, "main"),
        ({"branchDetails": "a", "ref": "b", "branch": "c"}, "a"),
        ({"ref": "b", "branch": "c"}, "b"),
        ({"branch": "c"}, "c"),
        ({"branchDetails": "", "ref": "  ", "branch": " c "}, "c"),
        ({"branchDetails": None, "ref": 7, "branch": {"x": 1}}, "main"),
    ],
    ids=["none", "branchDetails first", "then ref", "then branch", "blanks skipped", "only strings count"],
)
def test_the_branch_comes_from_the_metadata(metadata, ref):
    assert branch_ref(metadata) == ref


def overrides(job: Job, body: dict[str, Any], policy: TargetPolicy = DEVELOPMENT) -> Overrides:
    return read_overrides(job, Fields(body), policy)


def test_nothing_sent_changes_nothing():
    assert overrides(WEBHOOK, {}) == overrides(GITHUB, {}) == Overrides()


def test_null_and_blank_count_as_not_sent():
    nothing = dict.fromkeys(("metadata", "inputs", "dispatch_url", "github_owner", "github_token", "target_url"))

    assert overrides(GITHUB, nothing) == overrides(WEBHOOK, nothing) == Overrides()
    assert overrides(GITHUB, {"github_owner": " ", "github_token": ""}) == Overrides()


def test_inputs_is_an_alias_of_metadata():
    assert overrides(WEBHOOK, {"inputs": {"a": 1}}).metadata == {"a": 1}
    assert overrides(WEBHOOK, {"metadata": {"b": 2}, "inputs": {"a": 1}}).metadata == {"b": 2}


@pytest.mark.parametrize("body", [{"metadata": []}, {"metadata": "x"}, {"inputs": 1}, {"metadata": False}])
@pytest.mark.parametrize("job", [WEBHOOK, GITHUB], ids=["webhook", "github"])
def test_metadata_must_be_an_object(job, body):
    with pytest.raises(InvalidPayload) as refused:
        overrides(job, body)

    assert refused.value.message == '"metadata" must be a JSON object.'


def test_fields_of_the_other_kind_are_ignored_whatever_their_type():
    strange = {"github_owner": 1, "github_repo": [], "github_workflow_name": {}, "dispatch_url": 2, "github_token": 3}

    assert overrides(WEBHOOK, strange) == Overrides()
    assert overrides(GITHUB, {"target_url": ["file:///etc/passwd"]}) == Overrides()


def test_a_webhook_job_may_be_sent_elsewhere():
    assert overrides(WEBHOOK, {"target_url": " https://x.example.com/ "}).target_url == "https://x.example.com/"


def test_a_github_job_may_be_sent_elsewhere():
    body = {"github_owner": "o2", "github_repo": "r2", "github_workflow_name": "w2.yml", "github_token": "t2"}

    assert overrides(GITHUB, body) == Overrides(None, None, "o2", "r2", "w2.yml", "t2")


def test_a_dispatch_url_wins_over_the_names():
    body = {"dispatch_url": "/o3/r3/actions/workflows/w3.yml", "github_owner": "o2", "github_repo": "r2"}

    assert overrides(GITHUB, body) == Overrides(None, None, "o3", "r3", "w3.yml")


@pytest.mark.parametrize(
    ("job", "body", "error"),
    [
        (WEBHOOK, {"target_url": 1}, "Invalid payload"),
        (WEBHOOK, {"target_url": "https://x.example.com/" + "a" * 500}, "Invalid payload"),
        (WEBHOOK, {"target_url": "file:///etc/passwd"}, "Invalid target_url"),
        (GITHUB, {"dispatch_url": "/o/r"}, "Invalid payload"),
        (GITHUB, {"dispatch_url": "/o/../actions/workflows/w"}, "Invalid GitHub configuration"),
        (GITHUB, {"github_owner": "a/b"}, "Invalid GitHub configuration"),
        (GITHUB, {"github_repo": ".."}, "Invalid GitHub configuration"),
        (GITHUB, {"github_workflow_name": "w.sh"}, "Invalid github_workflow_name"),
        (GITHUB, {"github_token": 5}, "Invalid payload"),
        (GITHUB, {"github_token": "a\nb"}, "Invalid payload"),
    ],
    ids=[
        "type",
        "length",
        "scheme",
        "dispatch URL",
        "its names",
        "owner",
        "repository",
        "suffix",
        "token",
        "two lines",
    ],
)
def test_a_malformed_override_is_refused_like_the_stored_field(job, body, error):
    with pytest.raises(Refused) as refused:
        overrides(job, body)

    assert refused.value.error == error


def test_an_override_may_not_leave_the_allowed_targets():
    with pytest.raises(BadRequest, match=r"^127\.0\.0\.1 is not an allowed target\.$"):
        overrides(WEBHOOK, {"target_url": "http://127.0.0.1:5001/"}, PRODUCTION)


def test_a_token_does_not_show_in_a_representation():
    assert "s3cret" not in repr(Overrides(github_token="s3cret"))


def trial(body: dict[str, Any], **settings: Any) -> WebhookCall | GithubCall:
    return read_test_run(Fields(body), DEVELOPMENT, **settings)


NAMES = {"github_owner": "acme", "github_repo": "web", "github_workflow_name": "deploy"}


def test_a_target_url_is_enough_for_a_test_run():
    assert trial({"target_url": "http://h/"}) == WebhookCall("http://h/")


def test_a_test_run_calls_the_target_url_even_when_github_is_there_too():
    body = {"target_url": "http://h/", "metadata": {"a": 1}, "github_owner": 5}

    assert trial(body) == WebhookCall("http://h/", {"a": 1})


def test_a_test_run_dispatches_without_a_target_url():
    assert trial({**NAMES, "metadata": {"ref": "dev"}}) == GithubCall("acme", "web", "deploy", "dev", {"ref": "dev"})


def test_a_test_run_takes_the_default_owner():
    body = {"github_repo": "web", "github_workflow_name": "deploy"}

    assert trial(body, default_owner="acme") == GithubCall("acme", "web", "deploy", "main")


@pytest.mark.parametrize(
    "body",
    [{}, {"target_url": " "}, {**NAMES, "github_repo": None}, {"github_repo": "web", "github_workflow_name": "w"}],
    ids=["nothing", "blank", "no repository", "no owner"],
)
def test_a_test_run_needs_a_target(body):
    with pytest.raises(BadRequest) as refused:
        trial(body)

    assert refused.value.body == {
        "error": "Missing target configuration",
        "message": "Provide target_url or GitHub config (github_owner, github_repo, github_workflow_name).",
    }


def test_a_test_run_refuses_metadata_first():
    with pytest.raises(BadRequest) as refused:
        trial({"metadata": [1]})

    assert refused.value.body == {"error": "Invalid metadata", "message": '"metadata" must be an object.'}


@pytest.mark.parametrize(
    ("sent", "used"),
    [(None, 10), (5, 5), (2.5, 2.5), (0, 1), (-3, 1), (31, 30), (10**400, 30)],
    ids=["absent", "kept", "fraction", "zero", "negative", "over", "huge"],
)
def test_the_timeout_of_a_test_run_is_moved_into_its_range(sent, used):
    assert trial({"target_url": "http://h/", "timeout_seconds": sent}).timeout_s == used
    assert trial({**NAMES, "timeout_seconds": sent}).timeout_s == used


@pytest.mark.parametrize("sent", ["5", True, [5]])
def test_the_timeout_of_a_test_run_must_be_a_number(sent):
    with pytest.raises(InvalidPayload, match=r'^"timeout_seconds" must be a number\.$'):
        trial({"target_url": "http://h/", "timeout_seconds": sent})


def test_a_test_run_may_not_leave_the_allowed_targets():
    with pytest.raises(BadRequest, match=r"^10\.0\.0\.1 is not an allowed target\.$"):
        read_test_run(Fields({"target_url": "https://10.0.0.1/"}), PRODUCTION)


@pytest.mark.parametrize("status", [200, 204, 299])
def test_a_webhook_that_answers_2xx_is_a_success(status):
    assert outcome_of_webhook(status, "o" * 2000) == Outcome("success", status, output="o" * 1000)


@pytest.mark.parametrize("status", [101, 304, 404, 500])
def test_any_other_answer_of_a_webhook_is_a_failure(status):
    assert outcome_of_webhook(status, "no") == Outcome("failed", status, f"Webhook returned status {status}", "no")


def test_a_webhook_without_an_answer_is_a_failure():
    wanted = Outcome("failed", None, "Webhook call failed: Connection refused.")

    assert outcome_of_failure(WebhookCall("http://h/"), "Connection refused.") == wanted


def test_a_dispatch_answered_204_is_a_success():
    wanted = Outcome("success", 204, output="Workflow triggered successfully on branch dev")

    assert outcome_of_github(CALL, 204, "") == wanted


@pytest.mark.parametrize("status", [200, 401, 422])
def test_any_other_answer_to_a_dispatch_is_a_failure(status):
    message = f"GitHub Actions dispatch failed. Status: {status}, Response: {'x' * 1000}"

    assert outcome_of_github(CALL, status, "x" * 1001) == Outcome("failed", status, message)


def test_a_dispatch_without_an_answer_is_a_failure():
    wanted = Outcome("failed", None, "GitHub Actions dispatch failed: Connection refused.")

    assert outcome_of_failure(CALL, "Connection refused.") == wanted


def test_without_a_token_nothing_can_be_dispatched():
    message = "GitHub token not configured. Cannot trigger workflow for job 'Nightly'"

    assert outcome_without_token("Nightly") == Outcome("failed", None, message)


@pytest.mark.parametrize(
    ("call", "status", "answer"),
    [
        (WebhookCall("http://h/"), 201, (True, "webhook", 201, "Webhook test run succeeded.")),
        (WebhookCall("http://h/"), 404, (False, "webhook", 404, "Webhook test run failed.")),
        (CALL, 204, (True, "github", 204, "GitHub workflow dispatch triggered.")),
        (CALL, 200, (False, "github", 200, "GitHub workflow dispatch failed.")),
    ],
    ids=["webhook", "webhook failed", "github", "github failed"],
)
def test_the_answer_of_a_test_run(call, status, answer):
    keys = ("ok", "type", "status_code", "message")

    assert list(answer_test_run(call, status).items()) == list(zip(keys, answer, strict=True))


def test_the_answer_of_a_test_run_without_an_answer():
    wanted = {"ok": False, "type": "webhook", "error": "Request failed", "message": "Connection refused."}

    assert answer_unanswered_test_run(WebhookCall("http://h/"), "Connection refused.") == wanted
    assert answer_unanswered_test_run(CALL, "Connection refused.") == wanted | {"type": "github"}


def test_the_answer_of_a_test_run_without_a_token():
    assert answer_test_run_without_token() == {
        "ok": False,
        "type": "github",
        "error": "GitHub token not configured",
        "message": "Set GITHUB_TOKEN in backend .env to test-run GitHub workflows.",
    }
