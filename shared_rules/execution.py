"""Running a job: which call is made, what its answer means, and the texts for both. Nothing is sent from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from shared_rules.errors import BadRequest, InvalidPayload, Refused
from shared_rules.fields import Fields
from shared_rules.job_fields import check_metadata_depth
from shared_rules.targets import (
    TargetPolicy,
    check_github_owner,
    check_github_repo,
    check_github_workflow,
    parse_dispatch_url,
    parse_target_url,
    workflow_file,
)

__all__ = [
    "OUTPUT_CHARS",
    "Call",
    "GithubCall",
    "Outcome",
    "Overrides",
    "RunnableJob",
    "WebhookCall",
    "answer_test_run",
    "answer_test_run_without_token",
    "answer_unanswered_test_run",
    "branch_ref",
    "choose_call",
    "is_github_job",
    "outcome_of_failure",
    "outcome_of_github",
    "outcome_of_refusal",
    "outcome_of_webhook",
    "outcome_without_token",
    "read_overrides",
    "read_test_run",
]

OUTPUT_CHARS = 1000
_DEFAULT_TIMEOUT_S = 10.0
_SHORTEST_TEST_S, _LONGEST_TEST_S = 1.0, 30.0
_NAME_CHARS = 255
_URL_CHARS = 500

_Names = tuple[str | None, str | None, str | None]


class RunnableJob(Protocol):
    """The columns of a job that decide its call."""

    @property
    def target_url(self) -> str | None: ...
    @property
    def github_owner(self) -> str | None: ...
    @property
    def github_repo(self) -> str | None: ...
    @property
    def github_workflow_name(self) -> str | None: ...
    @property
    def job_metadata(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class WebhookCall:
    """A POST of the metadata as JSON, or a GET where there is none."""

    url: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = _DEFAULT_TIMEOUT_S

    execution_type: Literal["webhook"] = field(default="webhook", init=False)

    @property
    def target(self) -> str:
        return self.url


@dataclass(frozen=True)
class GithubCall:
    """A workflow dispatch; `workflow` gets its suffix. Making one refuses a name that may not enter a URL."""

    owner: str
    repo: str
    workflow: str
    ref: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = _DEFAULT_TIMEOUT_S

    execution_type: Literal["github_actions"] = field(default="github_actions", init=False)

    def __post_init__(self) -> None:
        check_github_owner(self.owner)
        check_github_repo(self.repo)
        check_github_workflow(self.workflow)
        object.__setattr__(self, "workflow", workflow_file(self.workflow))

    @property
    def target(self) -> str:
        return f"{self.owner}/{self.repo}/{self.workflow}"


Call = WebhookCall | GithubCall


@dataclass(frozen=True)
class Overrides:
    """What a caller changes for one run. None keeps what the job has."""

    metadata: Mapping[str, Any] | None = None
    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None
    github_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Outcome:
    """How a run ended, in the columns of its execution."""

    status: Literal["success", "failed"]
    response_status: int | None = None
    error_message: str | None = None
    output: str | None = None


def is_github_job(job: RunnableJob) -> bool:
    """Tell whether owner, repo and workflow are all set: then GitHub wins over a target URL."""
    return bool(job.github_owner and job.github_repo and job.github_workflow_name)


def choose_call(job: RunnableJob, overrides: Overrides | None = None, *, timeout_s: float = _DEFAULT_TIMEOUT_S) -> Call:
    """Return the call a run of the job makes; overrides of the other kind of job are ignored.

    Raise the refusal of a stored name that may not enter a URL, or Missing target configuration.
    """
    wanted = overrides or Overrides()
    metadata = (job.job_metadata if wanted.metadata is None else wanted.metadata) or {}
    if is_github_job(job):
        return GithubCall(
            owner=wanted.github_owner or job.github_owner or "",
            repo=wanted.github_repo or job.github_repo or "",
            workflow=wanted.github_workflow_name or job.github_workflow_name or "",
            ref=branch_ref(metadata),
            inputs=metadata,
            timeout_s=timeout_s,
        )
    url = wanted.target_url or job.target_url
    if not url:
        raise BadRequest(
            "Missing target configuration",
            'Please provide either "target_url" or GitHub Actions configuration '
            "(github_owner, github_repo, github_workflow_name)",
        )
    return WebhookCall(url, metadata, timeout_s)


def branch_ref(metadata: Mapping[str, Any]) -> str:
    """Return the first of branchDetails, ref and branch that is a non-blank string, trimmed, else `main`."""
    for key in ("branchDetails", "ref", "branch"):
        value = metadata.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return "main"


def read_overrides(job: RunnableJob, fields: Fields, policy: TargetPolicy) -> Overrides:
    """Return what the body changes for this run; raise what a stored field of that value would be refused with.

    Fields of the other kind of job are not looked at. A dispatch URL wins over the three names, which must be good all the same.
    """
    metadata = _metadata_override(fields)
    if not is_github_job(job):
        return Overrides(metadata, target_url=_target_url(fields, policy))
    dispatch_url = fields.text("dispatch_url", _URL_CHARS)
    dispatched = parse_dispatch_url(dispatch_url) if dispatch_url else None
    named = _checked(*_github_names(fields))
    owner, repo, workflow = dispatched or named
    return Overrides(
        metadata,
        github_owner=owner,
        github_repo=repo,
        github_workflow_name=workflow,
        github_token=fields.text("github_token", _NAME_CHARS),
    )


def read_test_run(fields: Fields, policy: TargetPolicy, default_owner: str = "") -> Call:
    """Return the call a test run asks for; a target URL wins, then nothing else of the target is looked at."""
    metadata = fields.raw("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise BadRequest("Invalid metadata", '"metadata" must be an object.')
    metadata = metadata or {}
    check_metadata_depth(metadata)
    url = _target_url(fields, policy)
    if url:
        return WebhookCall(url, metadata, _test_timeout(fields))
    owner, repo, workflow = _github_names(fields)
    owner = owner or default_owner
    if not (owner and repo and workflow):
        raise BadRequest(
            "Missing target configuration",
            "Provide target_url or GitHub config (github_owner, github_repo, github_workflow_name).",
        )
    return GithubCall(owner, repo, workflow, branch_ref(metadata), metadata, _test_timeout(fields))


def outcome_of_webhook(status: int, text: str) -> Outcome:
    """Return the end of a webhook that answered; 2xx is a success."""
    output = text[:OUTPUT_CHARS]
    if 200 <= status < 300:
        return Outcome("success", status, output=output)
    return Outcome("failed", status, f"Webhook returned status {status}", output)


def outcome_of_github(call: GithubCall, status: int, text: str) -> Outcome:
    """Return the end of a dispatch that was answered; only 204 is a success."""
    if status == 204:
        return Outcome("success", status, output=f"Workflow triggered successfully on branch {call.ref}")
    said = text[:OUTPUT_CHARS]
    return Outcome("failed", status, f"GitHub Actions dispatch failed. Status: {status}, Response: {said}")


def outcome_of_failure(call: Call, reason: str) -> Outcome:
    """Return the end of a call that got no answer."""
    what = "Webhook call" if isinstance(call, WebhookCall) else "GitHub Actions dispatch"
    return Outcome("failed", error_message=f"{what} failed: {reason}")


def outcome_of_refusal(refusal: Refused) -> Outcome:
    """Return the end of a run whose stored target `choose_call` refused."""
    return Outcome("failed", error_message=refusal.message or refusal.error)


def outcome_without_token(job_name: str) -> Outcome:
    message = f"GitHub token not configured. Cannot trigger workflow for job '{job_name}'"
    return Outcome("failed", error_message=message)


def answer_test_run(call: Call, status: int) -> dict[str, Any]:
    """Return the body for a target that answered."""
    if isinstance(call, WebhookCall):
        ok = 200 <= status < 300
        message = "Webhook test run succeeded." if ok else "Webhook test run failed."
        return {"ok": ok, "type": "webhook", "status_code": status, "message": message}
    ok = status == 204
    message = "GitHub workflow dispatch triggered." if ok else "GitHub workflow dispatch failed."
    return {"ok": ok, "type": "github", "status_code": status, "message": message}


def answer_unanswered_test_run(call: Call, reason: str) -> dict[str, Any]:
    """Return the body for a target that did not answer."""
    kind = "webhook" if isinstance(call, WebhookCall) else "github"
    return {"ok": False, "type": kind, "error": "Request failed", "message": reason}


def answer_test_run_without_token() -> dict[str, Any]:
    return {
        "ok": False,
        "type": "github",
        "error": "GitHub token not configured",
        "message": "Set GITHUB_TOKEN in backend .env to test-run GitHub workflows.",
    }


def _metadata_override(fields: Fields) -> Mapping[str, Any] | None:
    """Return `metadata`, else its alias `inputs`; both get the text of the first, and both must be good."""
    sent = [value for name in ("metadata", "inputs") if (value := fields.raw(name)) is not None]
    for value in sent:
        if not isinstance(value, dict):
            raise InvalidPayload('"metadata" must be a JSON object.', field="metadata")
        check_metadata_depth(value)
    return sent[0] if sent else None


def _target_url(fields: Fields, policy: TargetPolicy) -> str | None:
    text = fields.text("target_url", _URL_CHARS)
    if text is None:
        return None
    url = parse_target_url(text)
    policy.check_url(url)
    return url


def _github_names(fields: Fields) -> _Names:
    """Return owner, repo and workflow as sent, None for what was not."""
    owner, repo, workflow = (
        fields.text(name, _NAME_CHARS) for name in ("github_owner", "github_repo", "github_workflow_name")
    )
    return owner, repo, workflow


def _checked(owner: str | None, repo: str | None, workflow: str | None) -> _Names:
    """Return the names; raise the refusal of the first that may not enter a URL."""
    if owner:
        check_github_owner(owner)
    if repo:
        check_github_repo(repo)
    if workflow:
        check_github_workflow(workflow)
    return owner, repo, workflow


def _test_timeout(fields: Fields) -> float:
    """Return `timeout_seconds` moved into 1-30; absent is 10."""
    wanted = fields.number("timeout_seconds")
    return _DEFAULT_TIMEOUT_S if wanted is None else float(min(max(wanted, _SHORTEST_TEST_S), _LONGEST_TEST_S))
