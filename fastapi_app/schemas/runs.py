"""Bodies and answers of running a job by hand and of trying a target."""

from typing import Any, Literal

from pydantic import Field

from fastapi_app.schemas.executions import Execution
from fastapi_app.schemas.wire import AnswerModel, Identifier, RequestModel

__all__ = ["Execute", "ExecuteAnswer", "TestRun", "TestRunAnswer"]


class Execute(RequestModel):
    """Changes for this run only; those of the other kind of job are ignored."""

    metadata: dict[str, Any] | None = Field(default=None, examples=[{"environment": "staging"}])
    inputs: dict[str, Any] | None = Field(default=None, description="Counts where metadata is absent")
    target_url: str | None = Field(default=None, max_length=500, examples=["https://hooks.example.com/deploy"])
    dispatch_url: str | None = Field(default=None, examples=["/acme/web/actions/workflows/deploy.yml"])
    github_owner: str | None = Field(default=None, max_length=255, examples=["acme"])
    github_repo: str | None = Field(default=None, max_length=255, examples=["web"])
    github_workflow_name: str | None = Field(default=None, max_length=255, examples=["deploy.yml"])
    github_token: str | None = Field(default=None, max_length=255, description="Instead of the system's own")


class ExecuteAnswer(AnswerModel):
    message: str
    job_id: Identifier
    execution: Execution


class TestRun(RequestModel):
    """A target URL wins over GitHub."""

    target_url: str | None = Field(default=None, max_length=500, examples=["https://hooks.example.com/deploy"])
    github_owner: str | None = Field(default=None, max_length=255, examples=["acme"])
    github_repo: str | None = Field(default=None, max_length=255, examples=["web"])
    github_workflow_name: str | None = Field(default=None, max_length=255, examples=["deploy.yml"])
    metadata: dict[str, Any] | None = Field(default=None, examples=[{"environment": "staging"}])
    timeout_seconds: float | None = Field(default=None, description="Moved into 1-30; 10 when absent", examples=[10])


class TestRunAnswer(AnswerModel):
    """`status_code` where the target answered, `error` where it did not."""

    ok: bool
    type: Literal["webhook", "github"]
    status_code: int | None = None
    error: str | None = None
    message: str
