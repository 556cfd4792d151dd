"""Answers about executions."""

from typing import Literal

from pydantic import Field

from fastapi_app.schemas.date_range import DateRange
from fastapi_app.schemas.wire import AnswerModel, Identifier, Instant

__all__ = [
    "Execution",
    "ExecutionAnswer",
    "ExecutionPage",
    "ExecutionStatistics",
    "JobExecution",
    "JobExecutions",
    "JobStatistics",
]


class Execution(AnswerModel):
    id: Identifier
    job_id: Identifier
    job_name: str = Field(examples=["Nightly deploy"])
    github_repo: str | None = Field(examples=["web"])
    status: Literal["success", "failed", "running"]
    trigger_type: Literal["scheduled", "manual"]
    started_at: Instant
    completed_at: Instant | None
    duration_seconds: float | None = Field(examples=[1.25])
    execution_type: Literal["github_actions", "webhook"]
    target: str | None = Field(
        description="URL, or owner/repository/workflow file", examples=["https://hooks.example.com/deploy"]
    )
    response_status: int | None = Field(examples=[200])
    error_message: str | None = Field(examples=[None])
    output: str | None = Field(description="The first 1000 characters", examples=["ok"])


class JobExecutions(AnswerModel):
    job_id: Identifier
    job_name: str
    total_executions: int = Field(description="Of this answer")
    executions: list[Execution]


class NamedJob(AnswerModel):
    id: Identifier
    name: str


class JobExecution(AnswerModel):
    job: NamedJob
    execution: Execution


class JobFigures(AnswerModel):
    total_executions: int
    success_count: int
    failed_count: int
    running_count: int
    success_rate: float = Field(description="Percent of the total, two decimals", examples=[66.67])
    average_duration_seconds: float | None = Field(description="Of the successes, two decimals", examples=[1.25])


class JobStatistics(AnswerModel):
    job_id: Identifier
    job_name: str
    statistics: JobFigures
    latest_execution: Execution | None


class ExecutionPage(AnswerModel):
    executions: list[Execution]
    total: int = Field(description="Of all pages")
    page: int
    limit: int
    total_pages: int


class ExecutionAnswer(AnswerModel):
    execution: Execution


class ExecutionStatistics(AnswerModel):
    total_executions: int
    successful_executions: int
    failed_executions: int
    running_executions: int
    success_rate: float = Field(description="Percent of the total, one decimal", examples=[66.7])
    average_duration_seconds: float = Field(description="Of those with a duration, two decimals", examples=[1.25])
    range: DateRange
