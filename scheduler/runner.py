"""Running a call: what is sent to a webhook or to GitHub, and the answer handed to the rules. Knows no database."""

import ssl
from collections.abc import Mapping
from typing import Any

import httpx2

from scheduler.outgoing import Answer, CallFailed, Network, OutgoingClient
from shared_rules.execution import (
    Call,
    GithubCall,
    Outcome,
    WebhookCall,
    answer_test_run,
    answer_test_run_without_token,
    answer_unanswered_test_run,
    outcome_of_failure,
    outcome_of_github,
    outcome_of_webhook,
    outcome_without_token,
)
from shared_rules.targets import TargetPolicy

__all__ = ["Runner"]


class Runner:
    """Runs calls, from any thread. `client` calls targets, Slack too; the host of GitHub's API is trusted."""

    def __init__(
        self,
        policy: TargetPolicy,
        *,
        github_api_url: str,
        github_token: str,
        user_agent: str,
        network: Network | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        context = ssl_context or httpx2.create_ssl_context()
        self._github_api_url = github_api_url.rstrip("/")
        self._github_token = github_token.strip()
        self.client = OutgoingClient(policy, user_agent=user_agent, network=network, ssl_context=context)
        self._github = OutgoingClient(
            policy.trusting(github_api_url), user_agent=user_agent, network=network, ssl_context=context
        )

    def run(
        self,
        call: Call,
        *,
        idempotency_key: str,
        execution_id: str,
        job_name: str,
        github_token_override: str | None = None,
    ) -> Outcome:
        """Return how the run ended; whatever the target does, it does not raise."""
        marks = {"Idempotency-Key": idempotency_key, "X-Execution-Id": execution_id}
        token = github_token_override or self._github_token
        if isinstance(call, GithubCall) and not token:
            return outcome_without_token(job_name)
        try:
            answer = self._send(call, marks, token)
        except CallFailed as failure:
            return outcome_of_failure(call, failure.reason)
        if isinstance(call, GithubCall):
            return outcome_of_github(call, answer.status, answer.text.replace(token, "[token]"))
        return outcome_of_webhook(answer.status, answer.text)

    def test_run(self, call: Call, *, run_id: str) -> dict[str, Any]:
        """Return the body that answers a test run; `run_id` marks the call as an execution's id does."""
        if isinstance(call, GithubCall) and not self._github_token:
            return answer_test_run_without_token()
        try:
            answer = self._send(call, {"Idempotency-Key": run_id, "X-Execution-Id": run_id}, self._github_token)
        except CallFailed as failure:
            return answer_unanswered_test_run(call, failure.reason)
        return answer_test_run(call, answer.status)

    def _send(self, call: Call, marks: Mapping[str, str], token: str) -> Answer:
        if isinstance(call, GithubCall):
            return self._dispatch(call, marks, token)
        return self._post_webhook(call, marks)

    def _post_webhook(self, call: WebhookCall, marks: Mapping[str, str]) -> Answer:
        if not call.metadata:
            return self.client.send("GET", call.url, headers=marks, timeout_s=call.timeout_s)
        return self.client.send("POST", call.url, headers=marks, json=dict(call.metadata), timeout_s=call.timeout_s)

    def _dispatch(self, call: GithubCall, marks: Mapping[str, str], token: str) -> Answer:
        path = f"repos/{call.owner}/{call.repo}/actions/workflows/{call.workflow}/dispatches"
        headers = {
            **marks,
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        body = {"ref": call.ref, "inputs": dict(call.inputs)}
        url = f"{self._github_api_url}/{path}"
        return self._github.send("POST", url, headers=headers, json=body, timeout_s=call.timeout_s)
