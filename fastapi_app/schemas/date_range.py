"""The range of instants of a list or a count: its query parameters and its echo."""

from typing import Final

from pydantic import Field

from fastapi_app.docs import query_parameter
from fastapi_app.schemas.wire import AnswerModel, Instant

__all__ = ["DATE_REFUSALS", "FROM_TO", "DateRange"]

FROM_TO: Final = [
    query_parameter(
        "from", "Inclusive; YYYY-MM-DD (UTC) or an RFC 3339 date-time, UTC without offset", example="2026-11-15"
    ),
    query_parameter("to", "Exclusive, but a YYYY-MM-DD counts as the whole day", example="2026-11-22T18:00:00+09:00"),
]
DATE_REFUSALS: Final = ["Invalid date", "Invalid date range"]


class DateRange(AnswerModel):
    """The two instants used, null where open."""

    start: Instant | None = Field(alias="from")
    to: Instant | None
