"""Form and answer of the bulk upload."""

from pydantic import Field

from fastapi_app.schemas.wire import AnswerModel, Day, Identifier, RequestModel

__all__ = ["BulkForm", "BulkUploaded"]


class BulkForm(RequestModel):
    file: bytes = Field(description="CSV in UTF-8 with a header row, at most 10 MiB")
    default_github_owner: str | None = Field(
        default=None,
        max_length=255,
        description="Owner of repositories without one; DEFAULT_GITHUB_OWNER when absent",
        examples=["acme"],
    )
    dry_run: str | None = Field(
        default=None, description="1, true, yes, y or on: check the file, store nothing", examples=["true"]
    )


class CsvStats(AnswerModel):
    original_column_count: int
    original_row_count: int = Field(description="Rows after the header, blank ones too")
    removed_column_count: int = Field(description="Columns without a header")
    removed_empty_row_count: int


class RowError(AnswerModel):
    row: int = Field(description="As a spreadsheet counts: the header is 1", examples=[7])
    job_name: str | None = Field(examples=["Nightly deploy"])
    error: str = Field(examples=["Invalid cron expression"])
    message: str = Field(examples=['Minute "60" is out of range 0-59.'])


class UploadedJob(AnswerModel):
    id: Identifier
    name: str = Field(examples=["Nightly deploy"])
    is_active: bool


class CheckedJob(AnswerModel):
    name: str = Field(examples=["Nightly deploy"])
    is_active: bool
    cron_expression: str = Field(examples=["15 3 * * 1-5"])
    end_date: Day
    pic_team: str = Field(description="Slug", examples=["core"])


class BulkUploaded(AnswerModel):
    message: str
    dry_run: bool
    stats: CsvStats
    created_count: int = Field(description="On a dry run, how many jobs there would be")
    error_count: int
    errors: list[RowError] = Field(description="In the order of the file")
    jobs: list[UploadedJob] | list[CheckedJob] = Field(description="In the order of the file; without id on a dry run")
